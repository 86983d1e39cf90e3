"""Parsers for values and timestamps. A value becomes an MxValue of exactly the requested type."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast

import click

from mxgateway_cli.input.value_types import ARRAY_SUFFIX, concrete_types

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway import MxValue

__all__ = ["parse_timestamp", "parse_value", "quote"]

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0"})
_DECIMAL_TYPES: Final = frozenset({"float", "double"})
_MAX_INTEGER_CHARACTERS: Final = 64
_MAX_QUOTED_CHARACTERS: Final = 80

Scalar: TypeAlias = bool | int | float | str | datetime


class _JsonNumber(str):
    """A number of a JSON array, kept as text so that no digit is lost."""

    __slots__ = ()


class _ScalarType(NamedTuple):
    """A type of the command line.

    Attributes:
        parse: Parses a value; raises ValueError with what is expected.
        data_type: The name of the MxDataType to send.
    """

    parse: Callable[[str], Scalar]
    data_type: str


def parse_value(value_type: str, text: str, *, decimal_comma: bool = False) -> MxValue:
    """Return the value that a text stands for.

    Args:
        value_type: A name that `find_type` returns.
        text: The text.
        decimal_comma: Whether float and double numbers have a decimal comma instead of a decimal point.

    Raises:
        click.UsageError: The text doesn't fit the type; the message names both.
    """
    problem = ""
    for name in concrete_types(value_type):
        base = name.removesuffix(ARRAY_SUFFIX)
        is_array = name != base
        try:
            plain = _with_decimal_point(text, is_array=is_array) if decimal_comma and base in _DECIMAL_TYPES else text
            return _array(base, plain) if is_array else _scalar(base, plain)
        except (TypeError, ValueError) as error:
            problem = str(error)
        except RecursionError:
            problem = "it is nested too deeply"
    raise click.UsageError(f"invalid {value_type} {quote(text)}: {problem}")


def parse_timestamp(text: str) -> datetime:
    """Return the time of a `--timestamp`, in UTC.

    Raises:
        click.UsageError: The text is not an ISO 8601 time with a time zone.
    """
    try:
        return _timestamp(text)
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"invalid timestamp {quote(text)}: {problem}")


def quote(text: str) -> str:
    """Return user input in quotes for a message, shortened if it is very long."""
    if len(text) <= _MAX_QUOTED_CHARACTERS:
        return repr(text)
    return f"{text[:_MAX_QUOTED_CHARACTERS]!r}... ({len(text)} characters)"


def _with_decimal_point(text: str, *, is_array: bool) -> str:
    """Return a number with a decimal comma as a number with a decimal point."""
    if is_array:
        if text.lstrip().startswith("["):
            return text
        raise ValueError("with --decimal-comma an array must be a JSON array: [1.5, 2.5]")
    if "." in text:
        raise ValueError("use a decimal comma, and no separator of thousands")
    return text.replace(",", ".")


def _scalar(name: str, text: str) -> MxValue:
    value = _SCALAR_TYPES[name].parse(text)
    message = _to_mx_value(value, name)
    if name == "int64" and isinstance(value, int):
        message.int64_value = value
    return message


def _array(name: str, text: str) -> MxValue:
    message = _to_mx_value(_parse_elements(name, _split(text)), name)
    array = message.array_value
    if name == "int64" and array.WhichOneof("values") != "int64_values":
        numbers = list(array.int32_values.values)
        array.int64_values.SetInParent()
        array.int64_values.values.extend(numbers)
    return message


def _to_mx_value(value: Any, name: str) -> MxValue:
    # Imported late so that --help doesn't load grpc.
    from mxgateway import MxDataType, to_mx_value  # noqa: PLC0415

    return to_mx_value(value, MxDataType[_SCALAR_TYPES[name].data_type])


def _split(text: str) -> list[object]:
    if not text.strip():
        return []
    if not text.lstrip().startswith("["):
        return [element.strip() for element in text.split(",")]
    try:
        elements: list[object] = json.loads(
            text, parse_int=_JsonNumber, parse_float=_JsonNumber, parse_constant=_JsonNumber
        )
    except ValueError as error:
        raise ValueError(f"it starts like a JSON array, but is not valid JSON: {error}") from None
    return elements


def _parse_elements(name: str, elements: list[object]) -> list[Any]:
    return [_parse_element(name, index, element) for index, element in enumerate(elements)]


def _parse_element(name: str, index: int, element: object) -> Any:
    if isinstance(element, list):
        return _parse_elements(name, cast("list[object]", element))
    try:
        return _SCALAR_TYPES[name].parse(_element_text(name, element))
    except ValueError as error:
        raise ValueError(f"element {index}: {error}") from None


def _element_text(name: str, element: object) -> str:
    """Return the text of a JSON element, if JSON elements of its kind may have this type."""
    if isinstance(element, bool) and name == "bool":
        return json.dumps(element)
    if isinstance(element, str) and not (name == "string" and isinstance(element, _JsonNumber)):
        return element
    raise ValueError(f"invalid {name} {json.dumps(element)}")


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("use true, false, 1 or 0")
    return word in _TRUE


def _int32(text: str) -> int:
    return _whole_number(text, 32)


def _int64(text: str) -> int:
    return _whole_number(text, 64)


def _whole_number(text: str, bits: int) -> int:
    if not _WHOLE_NUMBER.fullmatch(text.strip()):
        raise ValueError("use a whole number in decimal digits")
    smallest, largest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    # The length is checked first because int() is slow for very long texts, and raises an error of its own.
    if len(text.strip()) > _MAX_INTEGER_CHARACTERS or not smallest <= int(text) <= largest:
        raise ValueError(f"it must be between {smallest} and {largest}")
    return int(text)


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("use a number with a decimal point")
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise ValueError("it is too large for a double")
    return number


def _timestamp(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("use an ISO 8601 time with a time zone, for example 2026-01-05T08:00:00Z") from None
    if when.tzinfo is None:
        raise ValueError("it has no time zone: append Z for UTC, or an offset such as +01:00")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError("it must be within the years 1 to 9999 in UTC") from None


_SCALAR_TYPES: Final = {
    "bool": _ScalarType(_bool, "BOOLEAN"),
    "int32": _ScalarType(_int32, "INTEGER"),
    "int64": _ScalarType(_int64, "INTEGER"),
    "float": _ScalarType(_float, "FLOAT"),
    "double": _ScalarType(_float, "DOUBLE"),
    "string": _ScalarType(str, "STRING"),
    "timestamp": _ScalarType(_timestamp, "TIME"),
}
