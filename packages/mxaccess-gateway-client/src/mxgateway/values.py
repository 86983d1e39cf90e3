"""Python values to MxValue and back."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias, TypeGuard, cast

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["MxScalar", "MxValue", "MxValueInput", "MxValueOutput", "SparseArray", "from_mx_value", "to_mx_value"]

MxValue: TypeAlias = pb.MxValue
"""The generated message of a value, for what Python's own types can't say: an int64 that would fit in 32 bits."""

MxScalar: TypeAlias = bool | int | float | str | bytes | datetime

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST: Final = datetime.min.replace(tzinfo=UTC) - _EPOCH
_LAST: Final = datetime.max.replace(tzinfo=UTC) - _EPOCH
# What a COM SAFEARRAY can have; deeper nesting would only serve a hostile peer.
_MOST_DIMENSIONS: Final = 60
# Looked at first: what can be told without asking whether it is a sequence.
_SINGLE: Final = (int, float, str, datetime)


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseArray:
    """An array of which only some elements are named (`MxSparseArray`).

    Written, it replaces the whole array of the attribute: the gateway fills the indices it does not name with
    defaults (false, 0, an empty text, the epoch).

    Attributes:
        element_data_type: the type of the elements.
        total_length: the number of elements of the whole array.
        elements: the named elements by index; indices start at 0, although `[N]` in a tag name starts at 1.

    Raises:
        ValueError: an index lies outside `total_length`.
    """

    element_data_type: MxDataType
    total_length: int
    elements: Mapping[int, MxScalar | None]

    def __post_init__(self) -> None:
        if not 0 <= self.total_length < 2**32:
            raise ValueError(f"total_length {self.total_length} is not between 0 and 4294967295")
        for index in self.elements:
            if not 0 <= index < self.total_length:
                raise ValueError(f"index {index} is outside the array of {self.total_length} elements (indices from 0)")
        object.__setattr__(self, "elements", MappingProxyType(dict(self.elements)))

    def __reduce__(self) -> tuple[Callable[..., SparseArray], tuple[MxDataType, int, dict[int, MxScalar | None]]]:
        return _sparse_array, (self.element_data_type, self.total_length, dict(self.elements))


# Nested as deep as an array has dimensions. Every output is an input: what was read can be written back.
_Rows: TypeAlias = Sequence["MxScalar | _Rows"]
_Lists: TypeAlias = list["MxScalar | _Lists"]
MxValueInput: TypeAlias = MxScalar | _Rows | SparseArray | pb.MxValue | None
MxValueOutput: TypeAlias = MxScalar | _Lists | SparseArray | None


def to_mx_value(value: MxValueInput, data_type: MxDataType | None = None) -> pb.MxValue:
    """Give the MxValue that stands for a Python value.

    Without `data_type` the Python type decides: bool is BOOLEAN; int is INTEGER in 32 bit where it fits, else in 64;
    float is DOUBLE; str is STRING; bytes is a raw value; an aware datetime is TIME (sent in UTC, microseconds kept);
    None is null. A sequence of one of them is an array with one dimension, nested sequences of equal length have
    several (row by row); a SparseArray names only some elements. An MxValue is copied as it is.

    With `data_type` the value must fit that type without loss, but for float digits that FLOAT can't hold.

    Raises:
        TypeError: the Python type has no MxValue, doesn't fit `data_type`, or a sequence holds several types.
        ValueError: the value doesn't fit: a naive datetime, an int over 64 bits (or over 32 or 64 for the type asked
            for), an empty sequence without `data_type`, a ragged one, a float too large for FLOAT.
    """
    message = pb.MxValue()
    fill_mx_value(message, value, data_type)
    return message


def fill_mx_value(message: pb.MxValue, value: MxValueInput, data_type: MxDataType | None = None) -> None:
    """Fill an empty MxValue in place, as `to_mx_value` would make it."""
    if value is None:
        message.is_null = True
        message.data_type = pb.MX_DATA_TYPE_NO_DATA if data_type is None else _number(data_type)
    elif isinstance(value, pb.MxValue):
        if data_type is not None and value.data_type != int(data_type):
            raise TypeError(f"the MxValue has data type {MxDataType(value.data_type).name}, not {data_type.name}")
        message.CopyFrom(value)
    elif isinstance(value, SparseArray):
        _fill_sparse_array(message, value, data_type)
    elif isinstance(value, _SINGLE) or not _is_array(value):
        form = _form(value) if data_type is None else _form_of_type(data_type, value)
        form.set_scalar(message, value)
    else:
        _fill_array(message, value, data_type)


def from_mx_value(message: pb.MxValue) -> MxValueOutput:
    """Give the Python value that an MxValue stands for.

    Null, or a value of no kind at all, is None. Timestamps become aware datetimes in UTC, cut to microseconds. An
    array is a list; one with several dimensions is a list of lists, row by row, unless its dimensions don't fit the
    number of its values: then it is the flat list. A raw value, which the worker could not convert, is its bytes;
    `raw_diagnostic` of the message says why.

    Raises:
        ValueError: a timestamp lies outside the years 1 to 9999, or a sparse array contradicts itself.
    """
    kind = None if message.is_null else message.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "timestamp_value":
        return to_datetime(message.timestamp_value)
    if kind == "array_value":
        return _from_array(message.array_value)
    if kind == "sparse_array_value":
        return _from_sparse_array(message.sparse_array_value)
    plain: MxValueOutput = getattr(message, kind)
    return plain


def show_mx_value(message: pb.MxValue) -> str:
    """Give a value as a repr shows it, whatever it is: a repr must not raise."""
    try:
        return repr(from_mx_value(message))
    except ValueError as error:
        return f"<{error}>"


def to_datetime(timestamp: Timestamp) -> datetime:
    """Give the aware UTC datetime of a Timestamp, cut to microseconds."""
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        seconds = timestamp.seconds
    raise ValueError(f"the timestamp of {seconds} seconds since 1970 lies outside the years 1 to 9999")


def datetime_field(message: Message, field: str) -> datetime | None:
    """Give the aware UTC datetime of a message's Timestamp field, or None where it is not set."""
    return to_datetime(getattr(message, field)) if message.HasField(field) else None


def fill_timestamp(message: Timestamp, when: datetime) -> None:
    """Fill a Timestamp from an aware datetime."""
    if when.tzinfo is None or when.utcoffset() is None:
        raise ValueError(f"{when!r} has no time zone: give an aware datetime, for example with tzinfo=timezone.utc")
    delta = when - _EPOCH
    if not _FIRST <= delta <= _LAST:
        raise ValueError(f"{when!r} lies outside the years 1 to 9999 in UTC")
    message.seconds = delta.days * 86400 + delta.seconds
    message.nanos = delta.microseconds * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Form:
    """How one Python type lies in an MxValue."""

    data_type: pb.MxDataType.ValueType
    scalar: str
    array: str
    check: Callable[[object], object]

    def set_scalar(self, message: pb.MxValue, value: object) -> None:
        checked = self.check(value)
        message.data_type = self.data_type
        if isinstance(checked, datetime):
            fill_timestamp(message.timestamp_value, checked)
        else:
            setattr(message, self.scalar, checked)


def _check_bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise TypeError(f"{value!r} is not a bool")


def _fits(value: int, bits: int) -> bool:
    # Not `in range(...)`: that counts through the range for a member of an IntEnum.
    return -(1 << bits - 1) <= value < 1 << bits - 1


def _check_int(value: object, bits: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{value!r} is not an int")
    if not _fits(value, bits):
        raise ValueError(f"{value} does not fit in {bits} bits")
    return int(value)


def _check_int32(value: object) -> int:
    return _check_int(value, 32)


def _check_int64(value: object) -> int:
    return _check_int(value, 64)


def _check_double(value: object) -> float:
    if isinstance(value, float):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        try:
            exact = float(value) == value
        except OverflowError:
            exact = False
        if not exact:
            raise ValueError(f"{value} is an int that no double holds exactly")
        return float(value)
    raise TypeError(f"{value!r} is not a float")


def _check_float(value: object) -> float:
    number = _check_double(value)
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        stored = math.inf
    if math.isinf(stored) and not math.isinf(number):
        raise ValueError(f"{value!r} is too large for a 32 bit float")
    if isinstance(value, int) and stored != value:
        raise ValueError(f"{value} is an int that no 32 bit float holds exactly")
    return number


def _check_str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a str")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{value!r} holds a lone surrogate, which no message can carry") from None
    # Not str(value): for a member of a (str, Enum) that is its name.
    return str.__str__(value)


def _check_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    raise TypeError(f"{value!r} is not bytes")


def _check_datetime(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is not a datetime")
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"{value!r} has no time zone: give an aware datetime, for example with tzinfo=timezone.utc")
    return value


_BOOL = _Form(data_type=pb.MX_DATA_TYPE_BOOLEAN, scalar="bool_value", array="bool_values", check=_check_bool)
_INT = _Form(data_type=pb.MX_DATA_TYPE_INTEGER, scalar="int32_value", array="int32_values", check=_check_int32)
_LONG = _Form(data_type=pb.MX_DATA_TYPE_INTEGER, scalar="int64_value", array="int64_values", check=_check_int64)
_FLOAT = _Form(data_type=pb.MX_DATA_TYPE_FLOAT, scalar="float_value", array="float_values", check=_check_float)
_DOUBLE = _Form(data_type=pb.MX_DATA_TYPE_DOUBLE, scalar="double_value", array="double_values", check=_check_double)
_STRING = _Form(data_type=pb.MX_DATA_TYPE_STRING, scalar="string_value", array="string_values", check=_check_str)
_RAW = _Form(data_type=pb.MX_DATA_TYPE_UNKNOWN, scalar="raw_value", array="raw_values", check=_check_bytes)
_TIME = _Form(data_type=pb.MX_DATA_TYPE_TIME, scalar="timestamp_value", array="timestamp_values", check=_check_datetime)

_TYPED = {
    MxDataType.BOOLEAN: _BOOL,
    MxDataType.FLOAT: _FLOAT,
    MxDataType.DOUBLE: _DOUBLE,
    MxDataType.STRING: _STRING,
    MxDataType.TIME: _TIME,
    MxDataType.UNKNOWN: _RAW,
}
_TEXT_TYPES = frozenset(
    {
        MxDataType.REFERENCE_TYPE,
        MxDataType.INTERNATIONALIZED_STRING,
        MxDataType.BIG_STRING,
        MxDataType.QUALIFIED_STRUCT,
    }
)
_ENUM_TYPES = frozenset(
    {
        MxDataType.STATUS_TYPE,
        MxDataType.DATA_TYPE_ENUM,
        MxDataType.SECURITY_CLASSIFICATION_ENUM,
        MxDataType.DATA_QUALITY_TYPE,
        MxDataType.QUALIFIED_ENUM,
    }
)


def _form(value: object) -> _Form:
    """The form of a value by its own type."""
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return _INT if _fits(value, 32) else _LONG
    if isinstance(value, float):
        return _DOUBLE
    if isinstance(value, str):
        return _STRING
    if isinstance(value, bytes):
        return _RAW
    if isinstance(value, datetime):
        return _TIME
    raise TypeError(
        f"{value!r} of type {type(value).__name__} has no MxValue: give None, bool, int, float, str, bytes, an aware "
        "datetime, a sequence of one of them, a SparseArray or an MxValue"
    )


def _form_of_type(data_type: MxDataType, value: object) -> _Form:
    """The form that a data type asks for, given one value of it."""
    typed = _TYPED.get(data_type)
    if typed is not None:
        return typed
    if data_type is MxDataType.INTEGER:
        return _LONG if isinstance(value, int) and not _fits(value, 32) else _INT
    if data_type in _TEXT_TYPES or (data_type in _ENUM_TYPES and isinstance(value, str)):
        return _replaced(_STRING, data_type)
    if data_type in _ENUM_TYPES:
        return _replaced(_INT, data_type)
    raise TypeError(f"no Python value can be made into {data_type.name}: give an MxValue")


def _replaced(form: _Form, data_type: MxDataType) -> _Form:
    return _Form(data_type=_number(data_type), scalar=form.scalar, array=form.array, check=form.check)


def _number(data_type: MxDataType) -> pb.MxDataType.ValueType:
    return cast("pb.MxDataType.ValueType", int(data_type))


def _is_array(value: object) -> TypeGuard[Sequence[object]]:
    # Of the sequences that are no arrays, bytearray and memoryview would pass for arrays of integers.
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))


def _fill_array(message: pb.MxValue, value: Sequence[object], data_type: MxDataType | None) -> None:
    dimensions, flat = _flatten(value)
    if not flat and data_type is None:
        raise ValueError("an empty sequence has no type of its own: give data_type")
    form = _array_form(flat, data_type)
    message.data_type = form.data_type
    array = message.array_value
    array.element_data_type = form.data_type
    array.dimensions.extend(dimensions)
    target = getattr(array, form.array)
    target.SetInParent()
    for index, element in enumerate(flat):
        try:
            checked = form.check(element)
        except (TypeError, ValueError) as error:
            raise type(error)(f"element {index}: {error}") from None
        if isinstance(checked, datetime):
            fill_timestamp(target.values.add(), checked)
        else:
            target.values.append(checked)


def _array_form(flat: Sequence[object], data_type: MxDataType | None) -> _Form:
    first = flat[0] if flat else 0
    form = _form(first) if data_type is None else _form_of_type(data_type, first)
    if form is _INT and any(isinstance(element, int) and not _fits(element, 32) for element in flat):
        return _LONG
    return form


def _flatten(value: Sequence[object], depth: int = 1) -> tuple[list[int], list[object]]:
    """The dimensions of nested sequences, and their elements row by row."""
    if depth > _MOST_DIMENSIONS:
        raise ValueError(f"the sequences are nested more than {_MOST_DIMENSIONS} deep, as no array is")
    rows = [_flatten(row, depth + 1) for row in value if _is_array(row)]
    if not rows:
        return [len(value)], list(value)
    if len(rows) != len(value):
        raise TypeError("a sequence holds both sequences and single values")
    dimensions, _ = rows[0]
    for index, (others, _) in enumerate(rows):
        if others != dimensions:
            raise ValueError(f"row {index} has the dimensions {others}, row 0 has {dimensions}")
    return [len(value), *dimensions], [element for _, row in rows for element in row]


def _fill_sparse_array(message: pb.MxValue, value: SparseArray, data_type: MxDataType | None) -> None:
    if data_type is not None and data_type != value.element_data_type:
        raise TypeError(f"the sparse array holds {value.element_data_type.name}, not {data_type.name}")
    message.data_type = _number(value.element_data_type)
    sparse = message.sparse_array_value
    sparse.element_data_type = message.data_type
    sparse.total_length = value.total_length
    for index in sorted(value.elements):
        element = sparse.elements.add()
        element.index = index
        fill_mx_value(element.value, value.elements[index], value.element_data_type)


def _sparse_array(
    element_data_type: MxDataType, total_length: int, elements: dict[int, MxScalar | None]
) -> SparseArray:
    return SparseArray(element_data_type=element_data_type, total_length=total_length, elements=elements)


def _from_sparse_array(sparse: pb.MxSparseArray) -> SparseArray:
    elements: dict[int, MxScalar | None] = {}
    for element in sparse.elements:
        value = from_mx_value(element.value)
        if isinstance(value, (list, SparseArray)):
            raise ValueError(f"element {element.index} of the sparse array holds an array")
        elements[element.index] = value
    return SparseArray(
        element_data_type=MxDataType(sparse.element_data_type), total_length=sparse.total_length, elements=elements
    )


def _from_array(array: pb.MxArray) -> _Lists:
    kind = array.WhichOneof("values")
    if kind is None:
        return []
    values = getattr(array, kind).values
    flat: _Lists = [to_datetime(value) for value in values] if kind == "timestamp_values" else list(values)
    dimensions = array.dimensions
    if not (flat and 2 <= len(dimensions) <= _MOST_DIMENSIONS and math.prod(dimensions) == len(flat)):
        return flat
    nested: _Lists = flat
    for size in reversed(dimensions[1:]):
        nested = [nested[start : start + size] for start in range(0, len(nested), size)]
    return nested
