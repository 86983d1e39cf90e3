"""Types of tags, and the conversion of their values to and from MxValue.

Independent of `mxgateway.values`, so that a bug there cannot hide behind the same bug here.
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

from mxgateway.testing.plant.native_numbers import native_data_type

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = [
    "MAX_ARRAY_LENGTH",
    "NO_VALUE",
    "Scalar",
    "TagType",
    "Value",
    "WrongType",
    "count_elements",
    "decode_array",
    "decode_scalar",
    "decode_timestamp",
    "encode",
    "timestamp",
]

Scalar: TypeAlias = bool | int | float | str | bytes | datetime
Value: TypeAlias = Scalar | tuple[Scalar, ...] | None

MAX_ARRAY_LENGTH = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WrongType(Exception):
    """The attribute cannot hold the value."""


class TagType(Enum):
    """The type of a tag."""

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
        """How values of this type are represented in COM, in messages and in Python."""
        return _TRAITS[self]

    @property
    def default(self) -> Scalar:
        """The value of unset array elements: false, 0, an empty string, or the epoch."""
        return self.traits.default

    def check(self, value: object) -> Scalar:
        """Return the value as this type stores it.

        Raises:
            WrongType: this type cannot hold the value.
        """
        checked = self.traits.check(value)
        if checked is None:
            raise WrongType(f"{value!r} ({type(value).__name__}) is not a valid {self.value}")
        return checked


@dataclass(frozen=True, slots=True)
class Traits:
    """How values of one type are represented in COM, in messages and in Python.

    Attributes:
        data_type: the MXAccess data type.
        variant_type: the COM variant type.
        arm: the field of MxValue that holds a value.
        default: the value of unset array elements.
        check: returns the value as it is stored, or None if the type cannot hold it.
        arms: the fields of MxValue that a write may use.
    """

    data_type: pb.MxDataType.ValueType
    variant_type: str
    arm: str
    default: Scalar
    check: Callable[[object], Scalar | None]
    arms: frozenset[str]

    @property
    def data_type_name(self) -> str:
        """The name of the data type, such as `Integer`."""
        return pb.MxDataType.Name(self.data_type).removeprefix("MX_DATA_TYPE_").title()

    @property
    def array_arm(self) -> str:
        """The field of MxArray that holds an array, such as `int32_values`."""
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
        # Round to 32 bits, so that a test reads the same value here as from a message.
        rounded: float = struct.unpack("<f", struct.pack("<f", double))[0]
    except OverflowError:
        return None
    return rounded


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
    # A variant that the worker cannot convert: it sends the bytes and a diagnostic.
    TagType.UNCONVERTIBLE: Traits(pb.MX_DATA_TYPE_UNKNOWN, "VT_UNKNOWN", "raw_value", b"", _bytes, frozenset()),
}

NO_VALUE = pb.MxValue(data_type=pb.MX_DATA_TYPE_NO_DATA, variant_type="VT_EMPTY", is_null=True)


def timestamp(moment: datetime) -> Timestamp:
    """Convert an aware datetime to a message."""
    since = moment - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def encode(tag_type: TagType, value: Value, dimensions: tuple[int, ...] = ()) -> pb.MxValue:
    """Encode a value as the worker sends it. `dimensions` may be left out for an array of one dimension."""
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
        # Select the field even if the array is empty, so that its element type is known.
        wrapper.SetInParent()
        wrapper.values.extend(_to_wire(element) for element in value)
    elif isinstance(value, datetime):
        message.variant_type = traits.variant_type
        message.timestamp_value.FromDatetime(value)
    else:
        message.variant_type = traits.variant_type
        setattr(message, traits.arm, value)
    if tag_type is TagType.UNCONVERTIBLE:
        message.raw_diagnostic = f"cannot convert the variant type {traits.variant_type}"
    return message


def decode_scalar(message: pb.MxValue, tag_type: TagType) -> Scalar:
    """Decode the value of a write for a tag of this type. Integers are accepted by floats and by wider integers.

    Raises:
        WrongType: the value is an array, null, of another type, or out of range.
    """
    arm = message.WhichOneof("kind")
    if message.is_null or arm is None:
        raise WrongType(f"null cannot be written to an attribute of type {tag_type.value}")
    if arm not in tag_type.traits.arms:
        raise WrongType(f"{arm} cannot be written to an attribute of type {tag_type.value}")
    return tag_type.check(_from_wire(getattr(message, arm)))


def count_elements(message: pb.MxValue) -> int | None:
    """Return how many elements the array of a write has. Return None if the value is not an array of known type."""
    arm = message.WhichOneof("kind")
    if arm == "sparse_array_value":
        return message.sparse_array_value.total_length
    values = message.array_value.WhichOneof("values")
    return None if values is None else len(getattr(message.array_value, values).values)


def decode_array(
    message: pb.MxValue, tag_type: TagType, dimensions: tuple[int, ...] | None = None
) -> tuple[Scalar, ...]:
    """Decode the whole array of a write, which must have the given dimensions, or may have any length if None.

    Raises:
        WrongType: the value is not an array, is of another type, or has other dimensions.
    """
    arm = message.WhichOneof("kind")
    if arm == "sparse_array_value":
        values = _fill_sparse_array(message.sparse_array_value, tag_type)
    elif arm == "array_value":
        values = _decode_elements(message.array_value, tag_type)
    else:
        raise WrongType("the value must be an array, because an array is written as a whole")
    if dimensions is not None:
        written = tuple(message.array_value.dimensions) if arm == "array_value" else ()
        if len(values) != math.prod(dimensions) or (len(written) > 1 and written != dimensions):
            raise WrongType(f"the value must have the shape {dimensions}, not {written or (len(values),)}")
    return values


def decode_timestamp(message: pb.MxValue) -> datetime:
    """Decode the timestamp of Write2 and WriteSecured2.

    Raises:
        WrongType: the value is not a time.
    """
    return cast("datetime", decode_scalar(message, TagType.TIME))


def _decode_elements(array: pb.MxArray, tag_type: TagType) -> tuple[Scalar, ...]:
    arm = array.WhichOneof("values")
    if arm is None or arm.removesuffix("s") not in tag_type.traits.arms:
        raise WrongType(f"an array in {arm} cannot be written to an attribute of type {tag_type.value}")
    return tuple(
        tag_type.check(_from_wire(element)) for element in cast("Sequence[object]", getattr(array, arm).values)
    )


def _fill_sparse_array(sparse: pb.MxSparseArray, tag_type: TagType) -> tuple[Scalar, ...]:
    if sparse.total_length > MAX_ARRAY_LENGTH:
        raise WrongType(f"an array has at most {MAX_ARRAY_LENGTH} elements, not {sparse.total_length}")
    values = [tag_type.default] * sparse.total_length
    for element in sparse.elements:
        if element.index >= sparse.total_length:
            raise WrongType(f"index {element.index} is out of range for an array of {sparse.total_length} elements")
        values[element.index] = decode_scalar(element.value, tag_type)
    return tuple(values)


def _to_wire(value: Scalar) -> object:
    return timestamp(value) if isinstance(value, datetime) else value


def _from_wire(value: object) -> object:
    if not isinstance(value, Timestamp):
        return value
    try:
        return value.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise WrongType(f"timestamp out of range: {value.seconds} s, {value.nanos} ns") from error
