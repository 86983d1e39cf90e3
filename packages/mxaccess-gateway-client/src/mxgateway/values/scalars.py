"""Check single Python values and choose how an MxValue holds them."""

from __future__ import annotations

import math
import struct
import sys
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeGuard, cast

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType
from mxgateway.values.timestamps import check_aware, fill_timestamp

if TYPE_CHECKING:
    from collections.abc import Callable
    from decimal import Decimal

__all__ = ["INT", "LONG", "ScalarForm", "form_for_data_type", "form_for_value", "needs_64_bits", "to_number"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalarForm:
    """How an MxValue holds values of one Python type.

    Attributes:
        data_type: MXAccess data type of the message.
        scalar: field of MxValue for a single value.
        array: field of MxArray for an array of such values.
        check: function that returns the value to send, or raises TypeError or ValueError.
    """

    data_type: pb.MxDataType.ValueType
    scalar: str
    array: str
    check: Callable[[object], object]

    def fill(self, message: pb.MxValue, value: object) -> None:
        """Fill an MxValue with a single value."""
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
    # `value in range(...)` would iterate over the whole range if value is a member of an IntEnum.
    return -(1 << bits - 1) <= value < 1 << bits - 1


def _is_decimal(value: object) -> TypeGuard[Decimal]:
    # Importing `decimal` takes a millisecond. If it is not imported, the value cannot be a Decimal.
    decimal = sys.modules.get("decimal")
    return decimal is not None and isinstance(value, decimal.Decimal)


def needs_64_bits(value: object) -> bool:
    """Return whether a value is a whole number that 32 bits cannot hold."""
    return (isinstance(value, int) or (_is_decimal(value) and value.is_finite())) and not -(1 << 31) <= value < 1 << 31


def _check_int(value: object, bits: int) -> int:
    if _is_decimal(value):
        from mxgateway.values.decimals import to_exact_int  # noqa: PLC0415 - see _is_decimal

        value = to_exact_int(value)
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
            raise ValueError(f"{value} cannot be represented exactly as a double")
        return float(value)
    if _is_decimal(value):
        from mxgateway.values.decimals import to_exact_float  # noqa: PLC0415 - see _is_decimal

        return to_exact_float(value)
    raise TypeError(f"{value!r} is not a float")


def _check_float(value: object) -> float:
    number = _check_double(value)
    try:
        (stored,) = struct.unpack("<f", struct.pack("<f", number))
    except OverflowError:
        stored = math.inf
    if math.isinf(stored) and not math.isinf(number):
        raise ValueError(f"{value!r} is too large for a 32-bit float")
    if isinstance(value, int) and stored != value:
        raise ValueError(f"{value} cannot be represented exactly as a 32-bit float")
    return number


def _check_str(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not a str")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{value!r} contains a lone surrogate, which cannot be encoded as UTF-8") from None
    # str(value) would return the name of the member if value is a member of a (str, Enum).
    return str.__str__(value)


def _check_bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    raise TypeError(f"{value!r} is not bytes")


def _check_datetime(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"{value!r} is not a datetime")
    if type(value) is not datetime:
        value = _plain_datetime(value)
    return check_aware(value)


def _plain_datetime(value: datetime) -> datetime:
    """Return a datetime of a subclass, such as a pandas Timestamp, as a datetime."""
    if value != value:
        raise ValueError("NaT is not a time")
    if getattr(value, "nanosecond", 0):
        raise ValueError(f"{value} has more digits than microseconds: round it, for example with floor('us')")
    return datetime(
        value.year,
        value.month,
        value.day,
        value.hour,
        value.minute,
        value.second,
        value.microsecond,
        tzinfo=value.tzinfo,
        fold=value.fold,
    )


def _check_timedelta(value: object) -> float:
    if not isinstance(value, timedelta):
        raise TypeError(f"{value!r} is not a timedelta")
    if getattr(value, "nanoseconds", 0):
        raise ValueError(f"{value} has more digits than microseconds: round it, for example with floor('us')")
    exact = timedelta(days=value.days, seconds=value.seconds, microseconds=value.microseconds)
    seconds = exact.total_seconds()
    try:
        survives = timedelta(seconds=seconds) == exact
    except OverflowError:
        survives = False
    if not survives:
        raise ValueError(f"{value} cannot be represented exactly as seconds in a double")
    return seconds


_BOOL = ScalarForm(data_type=pb.MX_DATA_TYPE_BOOLEAN, scalar="bool_value", array="bool_values", check=_check_bool)
INT = ScalarForm(data_type=pb.MX_DATA_TYPE_INTEGER, scalar="int32_value", array="int32_values", check=_check_int32)
LONG = ScalarForm(data_type=pb.MX_DATA_TYPE_INTEGER, scalar="int64_value", array="int64_values", check=_check_int64)
_FLOAT = ScalarForm(data_type=pb.MX_DATA_TYPE_FLOAT, scalar="float_value", array="float_values", check=_check_float)
_DOUBLE = ScalarForm(
    data_type=pb.MX_DATA_TYPE_DOUBLE, scalar="double_value", array="double_values", check=_check_double
)
_STRING = ScalarForm(data_type=pb.MX_DATA_TYPE_STRING, scalar="string_value", array="string_values", check=_check_str)
_RAW = ScalarForm(data_type=pb.MX_DATA_TYPE_UNKNOWN, scalar="raw_value", array="raw_values", check=_check_bytes)
_TIME = ScalarForm(
    data_type=pb.MX_DATA_TYPE_TIME, scalar="timestamp_value", array="timestamp_values", check=_check_datetime
)
# The contract has no field for a duration. System Platform itself shows an elapsed time as a float of seconds.
_ELAPSED_TIME = ScalarForm(
    data_type=pb.MX_DATA_TYPE_ELAPSED_TIME, scalar="double_value", array="double_values", check=_check_timedelta
)

_FORM_OF_DATA_TYPE = {
    MxDataType.BOOLEAN: _BOOL,
    MxDataType.FLOAT: _FLOAT,
    MxDataType.DOUBLE: _DOUBLE,
    MxDataType.STRING: _STRING,
    MxDataType.TIME: _TIME,
    MxDataType.ELAPSED_TIME: _ELAPSED_TIME,
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


def form_for_value(value: object) -> ScalarForm:
    """Return the form for a value according to its Python type."""
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return LONG if needs_64_bits(value) else INT
    if isinstance(value, float):
        return _DOUBLE
    if isinstance(value, str):
        return _STRING
    if isinstance(value, bytes):
        return _RAW
    if isinstance(value, datetime):
        return _TIME
    if isinstance(value, timedelta):
        return _ELAPSED_TIME
    if _is_decimal(value):
        raise TypeError(f"{value!r} may become a number of several types: pass data_type, such as MxDataType.DOUBLE")
    raise TypeError(
        f"{value!r} of type {type(value).__name__} cannot be converted to an MxValue: use None, bool, int, float, str, "
        "bytes, an aware datetime, a timedelta, a sequence or an array of one of these types, a SparseArray or an "
        "MxValue"
    )


def form_for_data_type(data_type: MxDataType, value: object) -> ScalarForm:
    """Return the form for a data type. `value` decides where the type allows several forms."""
    typed = _FORM_OF_DATA_TYPE.get(data_type)
    if typed is not None:
        return typed
    if data_type is MxDataType.INTEGER:
        return LONG if needs_64_bits(value) else INT
    if data_type in _TEXT_TYPES or (data_type in _ENUM_TYPES and isinstance(value, str)):
        return _with_data_type(_STRING, data_type)
    if data_type in _ENUM_TYPES:
        return _with_data_type(INT, data_type)
    raise TypeError(f"no Python type can be converted to {data_type.name}: pass an MxValue")


def _with_data_type(form: ScalarForm, data_type: MxDataType) -> ScalarForm:
    return ScalarForm(data_type=to_number(data_type), scalar=form.scalar, array=form.array, check=form.check)


def to_number(data_type: MxDataType) -> pb.MxDataType.ValueType:
    """Return a data type as the type that the generated code expects."""
    return cast("pb.MxDataType.ValueType", int(data_type))
