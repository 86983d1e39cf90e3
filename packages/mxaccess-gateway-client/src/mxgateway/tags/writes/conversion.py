"""Convert a value to the type of the tag that it is written to, only if nothing is lost."""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Final

from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError
from mxgateway.status import MxDataType
from mxgateway.values import from_mx_value, to_mx_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.values import MxScalar, MxValueOutput
    from mxgateway.values.types import MxLists

__all__ = ["converted"]

_BOOLEAN_WORDS: Final = {"true": True, "1": True, "false": False, "0": False}
# Text that an integer or a number would be written as. Leading zeros and signs mean a code, not a number.
_INTEGER: Final = re.compile(r"-?[1-9][0-9]{0,18}|0")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?")
_DIGITS_AFTER_MICROSECONDS: Final = re.compile(r"[.,][0-9]{6}0*[1-9]")


def converted(tag: str, value: pb.MxValue, known: pb.MxValue, *, target: str) -> pb.MxValue | None:
    """Return a value converted to the type that its tag is known to have. None means that it is sent as it is.

    Booleans, numbers, texts and times are converted, and arrays of them element by element. A null, a raw value, an
    elapsed time, and a tag of any other type are left to MXAccess, and so is a single value for an array.

    Raises:
        MxGatewayConfigurationError: the value is not exactly one of that type.
    """
    if value.data_type == known.data_type or value.is_null or value.data_type not in _CONVERTERS:
        return None
    data_type = MxDataType(known.data_type)
    convert = _CONVERTERS.get(data_type)
    if convert is None:
        return None
    python = from_mx_value(value)
    if isinstance(python, list) != known.HasField("array_value") or value.HasField("sparse_array_value"):
        return None
    try:
        return to_mx_value(_convert_all(python, convert), data_type)
    except (TypeError, ValueError) as error:
        reason = str(error)
    hint = "write a value of this type, or pass data_type to send it unconverted"
    facts = ErrorFacts(method="Write", target=target, hint=hint)
    raise MxGatewayConfigurationError(f"{tag} was not written: its type is {data_type.name}, and {reason}", facts)


def _convert_all(value: MxValueOutput, convert: Callable[[object], MxScalar]) -> MxScalar | MxLists:
    if not isinstance(value, list):
        return convert(value)
    elements: MxLists = []
    for index, element in enumerate(value):
        try:
            elements.append(_convert_all(element, convert))
        except ValueError as error:
            raise ValueError(f"element {index}: {error}") from None
    return elements


def _to_boolean(value: object) -> bool:
    if isinstance(value, str):
        word = _BOOLEAN_WORDS.get(value.lower())
        if word is not None:
            return word
    elif value in {0, 1}:
        return bool(value)
    raise ValueError(f"{value!r} is neither true nor false")


def _to_integer(value: object) -> int:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        return int(value)
    # A boolean is 1 or 0.
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise ValueError(f"{value!r} is not a whole number")


def _to_number(value: object) -> float:
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        from decimal import Decimal  # noqa: PLC0415 - takes a millisecond, which few programs need

        from mxgateway.values.decimals import to_exact_float  # noqa: PLC0415 - imports decimal

        return to_exact_float(Decimal(value))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    raise ValueError(f"{value!r} is not a number")


def _to_text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise ValueError(f"{value!r} has no single form as text: format it before")


def _to_time(value: object) -> datetime:
    if isinstance(value, str) and not _DIGITS_AFTER_MICROSECONDS.search(value):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    raise ValueError(f"{value!r} is not a time in ISO 8601 up to microseconds, such as 2026-01-31T08:00:00+01:00")


_CONVERTERS: Final[Mapping[int, Callable[[object], MxScalar]]] = {
    MxDataType.BOOLEAN: _to_boolean,
    MxDataType.INTEGER: _to_integer,
    MxDataType.FLOAT: _to_number,
    MxDataType.DOUBLE: _to_number,
    MxDataType.STRING: _to_text,
    MxDataType.TIME: _to_time,
}
