"""What a tag can hold, and how it travels as an MxValue.

Written without a look at `mxgateway.values`, so that a mistake there can't hide behind the same mistake here.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias, cast

from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "LONGEST_ARRAY",
    "NO_VALUE",
    "Scalar",
    "TagType",
    "Value",
    "WrongType",
    "decode_array",
    "decode_scalar",
    "decode_timestamp",
    "encode",
    "native_data_type",
    "timestamp",
]

Scalar: TypeAlias = bool | int | float | str | bytes | datetime
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None

LONGEST_ARRAY = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrongType(Exception):
    """A value doesn't fit the attribute that it is meant for."""


class TagType(Enum):
    """The type of a tag: what MXAccess calls it, which COM variant carries it, and which arm of MxValue."""

    BOOLEAN = "boolean"
    BYTE = "byte"
    SHORT = "short"
    INTEGER = "integer"
    LONG = "long"
    FLOAT = "float"
    DOUBLE = "double"
    STRING = "string"
    TIME = "time"
    UNCONVERTIBLE = "unconvertible"

    @property
    def traits(self) -> Traits:
        """What the wire and Python make of this type."""
        return _TRAITS[self]

    @property
    def default(self) -> Scalar:
        """What an element has that nobody named: false, 0, an empty text, the epoch."""
        return self.traits.default

    def check(self, value: object) -> Scalar:
        """Give the value as this type holds it.

        Raises:
            WrongType: this type can't hold it.
        """
        checked = self.traits.check(value)
        if checked is None:
            raise WrongType(f"{value!r} ({type(value).__name__}) is no value of type {self.value}")
        return checked


@dataclass(frozen=True, slots=True)
class Traits:
    """How a type stands on the wire."""

    data_type: pb.MxDataType.ValueType
    variant_type: str
    arm: str
    default: Scalar
    check: Callable[[object], Scalar | None]
    arms: frozenset[str]

    @property
    def data_type_name(self) -> str:
        """The name that people know: `Integer`."""
        return pb.MxDataType.Name(self.data_type).removeprefix("MX_DATA_TYPE_").title()

    @property
    def array_arm(self) -> str:
        """The arm of MxArray: `int32_values` for `int32_value`."""
        return f"{self.arm}s"


def _boolean(value: object) -> Scalar | None:
    return value if isinstance(value, bool) else None


def _integer(lowest: int, highest: int) -> Callable[[object], Scalar | None]:
    def check(value: object) -> Scalar | None:
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        return None

    return check


def _double(value: object) -> Scalar | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return None


def _float(value: object) -> Scalar | None:
    double = _double(value)
    if not isinstance(double, float) or not math.isfinite(double):
        return double
    try:
        # As 32 bits hold it, so that what is read back is what the wire will bring.
        held: float = struct.unpack("<f", struct.pack("<f", double))[0]
    except OverflowError:
        return None
    return held


def _string(value: object) -> Scalar | None:
    return value if isinstance(value, str) else None


def _time(value: object) -> Scalar | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None


def _bytes(value: object) -> Scalar | None:
    return value if isinstance(value, bytes) else None


_INTEGERS = frozenset({"int32_value", "int64_value"})
_NUMBERS = _INTEGERS | {"float_value", "double_value"}

_TRAITS = {
    TagType.BOOLEAN: Traits(
        pb.MX_DATA_TYPE_BOOLEAN, "VT_BOOL", "bool_value", False, _boolean, frozenset({"bool_value"})
    ),
    TagType.BYTE: Traits(pb.MX_DATA_TYPE_INTEGER, "VT_UI1", "int32_value", 0, _integer(0, 255), _INTEGERS),
    TagType.SHORT: Traits(
        pb.MX_DATA_TYPE_INTEGER, "VT_I2", "int32_value", 0, _integer(-(1 << 15), (1 << 15) - 1), _INTEGERS
    ),
    TagType.INTEGER: Traits(
        pb.MX_DATA_TYPE_INTEGER, "VT_I4", "int32_value", 0, _integer(-(1 << 31), (1 << 31) - 1), _INTEGERS
    ),
    TagType.LONG: Traits(
        pb.MX_DATA_TYPE_INTEGER, "VT_I8", "int64_value", 0, _integer(-(1 << 63), (1 << 63) - 1), _INTEGERS
    ),
    TagType.FLOAT: Traits(pb.MX_DATA_TYPE_FLOAT, "VT_R4", "float_value", 0.0, _float, _NUMBERS),
    TagType.DOUBLE: Traits(pb.MX_DATA_TYPE_DOUBLE, "VT_R8", "double_value", 0.0, _double, _NUMBERS),
    TagType.STRING: Traits(pb.MX_DATA_TYPE_STRING, "VT_BSTR", "string_value", "", _string, frozenset({"string_value"})),
    TagType.TIME: Traits(
        pb.MX_DATA_TYPE_TIME, "VT_DATE", "timestamp_value", _EPOCH, _time, frozenset({"timestamp_value"})
    ),
    # Something that the worker can't convert: it comes as bytes, with a word about why.
    TagType.UNCONVERTIBLE: Traits(pb.MX_DATA_TYPE_UNKNOWN, "VT_UNKNOWN", "raw_value", b"", _bytes, frozenset()),
}

NO_VALUE = pb.MxValue(data_type=pb.MX_DATA_TYPE_NO_DATA, variant_type="VT_EMPTY", is_null=True)


def native_data_type(data_type: pb.MxDataType.ValueType) -> int:
    """MXAccess's own number, which begins with 0 for no data."""
    return data_type - pb.MX_DATA_TYPE_NO_DATA


def timestamp(moment: datetime) -> Timestamp:
    """Give an aware datetime as a message."""
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def encode(tag_type: TagType, value: Value, dimensions: tuple[int, ...] = ()) -> pb.MxValue:
    """Give a value as the worker sends it. An array of one dimension needs no `dimensions`."""
    traits = tag_type.traits
    if value is None:
        return pb.MxValue(
            data_type=traits.data_type,
            variant_type="VT_EMPTY",
            is_null=True,
            raw_data_type=native_data_type(traits.data_type),
        )
    message = pb.MxValue(data_type=traits.data_type, raw_data_type=native_data_type(traits.data_type))
    if isinstance(value, tuple):
        message.variant_type = f"VT_ARRAY|{traits.variant_type}"
        array = message.array_value
        array.element_data_type = traits.data_type
        array.variant_type = traits.variant_type
        array.raw_element_data_type = native_data_type(traits.data_type)
        array.dimensions.extend(dimensions or (len(value),))
        wrapper = getattr(array, traits.array_arm)
        # An empty array still says of what.
        wrapper.SetInParent()
        wrapper.values.extend(_on_the_wire(element) for element in value)
    elif isinstance(value, datetime):
        message.variant_type = traits.variant_type
        message.timestamp_value.FromDatetime(value)
    else:
        message.variant_type = traits.variant_type
        setattr(message, traits.arm, value)
    if tag_type is TagType.UNCONVERTIBLE:
        message.raw_diagnostic = f"the variant type {traits.variant_type} has no counterpart"
    return message


def decode_scalar(message: pb.MxValue, tag_type: TagType) -> Scalar:
    """Give what a write brings, as a tag of this type holds it. An integer fits in a float, and in a wider integer.

    Raises:
        WrongType: it is an array, null, of another type, or too large.
    """
    arm = message.WhichOneof("kind")
    if message.is_null or arm is None:
        raise WrongType(f"null is no value of type {tag_type.value}")
    if arm not in tag_type.traits.arms:
        raise WrongType(f"a value that comes as {arm} can't be written to an attribute of type {tag_type.value}")
    return tag_type.check(_from_wire(getattr(message, arm)))


def decode_array(message: pb.MxValue, tag_type: TagType, dimensions: tuple[int, ...]) -> tuple[Scalar, ...]:
    """Give the whole array that a write brings. An array of one dimension takes the length of what is written.

    Raises:
        WrongType: it is no array, of another type, or of another shape than an array of several dimensions needs.
    """
    arm = message.WhichOneof("kind")
    if arm == "sparse_array_value":
        values = _filled_up(message.sparse_array_value, tag_type)
    elif arm == "array_value":
        values = _elements(message.array_value, tag_type)
    else:
        raise WrongType("an array is written as a whole: the value is no array")
    if len(dimensions) > 1:
        written = tuple(message.array_value.dimensions) if arm == "array_value" else ()
        if len(values) != math.prod(dimensions) or (len(written) > 1 and written != dimensions):
            raise WrongType(f"the array has the shape {dimensions}, the value has {written or (len(values),)}")
    return values


def decode_timestamp(message: pb.MxValue) -> datetime:
    """Give the time that Write2 brings.

    Raises:
        WrongType: it is no time.
    """
    return cast("datetime", decode_scalar(message, TagType.TIME))


def _elements(array: pb.MxArray, tag_type: TagType) -> tuple[Scalar, ...]:
    arm = array.WhichOneof("values")
    if arm is None or arm.removesuffix("s") not in tag_type.traits.arms:
        raise WrongType(f"an array that comes as {arm} can't be written to an attribute of type {tag_type.value}")
    return tuple(
        tag_type.check(_from_wire(element)) for element in cast("Sequence[object]", getattr(array, arm).values)
    )


def _filled_up(sparse: pb.MxSparseArray, tag_type: TagType) -> tuple[Scalar, ...]:
    if sparse.total_length > LONGEST_ARRAY:
        raise WrongType(f"an array of {sparse.total_length} elements is longer than {LONGEST_ARRAY}")
    values = [tag_type.default] * sparse.total_length
    for element in sparse.elements:
        if element.index >= sparse.total_length:
            raise WrongType(f"index {element.index} is outside an array of {sparse.total_length} elements")
        values[element.index] = decode_scalar(element.value, tag_type)
    return tuple(values)


def _on_the_wire(value: Scalar) -> object:
    return timestamp(value) if isinstance(value, datetime) else value


def _from_wire(value: object) -> object:
    if not isinstance(value, Timestamp):
        return value
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise WrongType(f"no time that can be told: {value.seconds} s, {value.nanos} ns") from error
