"""Text from the command line to the MxValue of exactly the type that was asked for."""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import click

from mxgateway import MxDataType, MxValue, to_mx_value
from mxgateway_cli.input.quoting import quoted
from mxgateway_cli.input.value_types import ARRAY_SUFFIX

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["parse_timestamp", "parse_value"]

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]+")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|[+-]?inf(?:inity)?|nan", re.IGNORECASE)
_TRUE = frozenset({"true", "1"})
_FALSE = frozenset({"false", "0"})

Scalar: TypeAlias = bool | int | float | str | datetime


class _JsonNumber(str):
    """A number of a JSON array, by its digits: so that none of them gets lost on the way."""

    __slots__ = ()


def parse_value(value_type: str, text: str) -> MxValue:
    """Give the value that a text stands for.

    Raises:
        click.UsageError: the text doesn't fit the type; the message names both.
    """
    try:
        if value_type.endswith(ARRAY_SUFFIX):
            return _array(value_type.removesuffix(ARRAY_SUFFIX), text)
        return _scalar(value_type, text)
    except (TypeError, ValueError) as error:
        problem = str(error)
    except RecursionError:
        problem = "it is nested too deep"
    raise click.UsageError(f"the value {quoted(text)} is no {value_type}: {problem}")


def parse_timestamp(text: str) -> datetime:
    """Give the time of `--timestamp`.

    Raises:
        click.UsageError: it is none, or has no time zone.
    """
    try:
        return _timestamp(text)
    except ValueError as error:
        problem = str(error)
    raise click.UsageError(f"the timestamp {quoted(text)} is none: {problem}")


def _scalar(name: str, text: str) -> MxValue:
    value = _PARSERS[name](text)
    message = to_mx_value(value, _DATA_TYPES[name])
    if name == "int64" and isinstance(value, int):
        message.int64_value = value
    return message


def _array(name: str, text: str) -> MxValue:
    elements = _elements(text)
    values = _parsed(name, elements)
    message = to_mx_value(values, _DATA_TYPES[name])
    array = message.array_value
    if name == "int64" and array.WhichOneof("values") != "int64_values":
        numbers = list(array.int32_values.values)
        array.int64_values.SetInParent()
        array.int64_values.values.extend(numbers)
    return message


def _elements(text: str) -> list[object]:
    if not text.strip():
        return []
    if not text.lstrip().startswith("["):
        return [element.strip() for element in text.split(",")]
    try:
        elements: list[object] = json.loads(
            text, parse_int=_JsonNumber, parse_float=_JsonNumber, parse_constant=_JsonNumber
        )
    except ValueError as error:
        raise ValueError(f"it begins like a JSON array, but: {error}") from None
    return elements


def _parsed(name: str, elements: list[object]) -> list[Any]:
    return [_element(name, index, element) for index, element in enumerate(elements)]


def _element(name: str, index: int, element: object) -> Any:
    if isinstance(element, list):
        return _parsed(name, cast("list[object]", element))
    try:
        return _PARSERS[name](_element_text(name, element))
    except ValueError as error:
        raise ValueError(f"element {index}: {error}") from None


def _element_text(name: str, element: object) -> str:
    """Give the text of a JSON element that may stand for this type."""
    if isinstance(element, bool) and name == "bool":
        return json.dumps(element)
    if isinstance(element, str) and not (name == "string" and isinstance(element, _JsonNumber)):
        return element
    raise ValueError(f"{json.dumps(element)} is no {name}")


def _bool(text: str) -> bool:
    word = text.strip().lower()
    if word not in _TRUE | _FALSE:
        raise ValueError("give true or false, 1 or 0")
    return word in _TRUE


def _int32(text: str) -> int:
    return _whole_number(text, 32)


def _int64(text: str) -> int:
    return _whole_number(text, 64)


def _whole_number(text: str, bits: int) -> int:
    if not _WHOLE_NUMBER.fullmatch(text.strip()):
        raise ValueError("give a whole number in decimal digits")
    smallest, largest = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    # More digits than any 64 bit number has: not worth counting.
    if len(text.strip()) > 64 or not smallest <= int(text) <= largest:
        raise ValueError(f"it lies outside {smallest} to {largest}")
    return int(text)


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text.strip()):
        raise ValueError("give a number, with a point for the fraction")
    number = float(text)
    if math.isinf(number) and "inf" not in text.lower():
        raise ValueError("it is too large for a double")
    return number


def _timestamp(text: str) -> datetime:
    try:
        when = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError("give an ISO 8601 time with its time zone, for example 2026-01-05T08:00:00Z") from None
    if when.tzinfo is None:
        raise ValueError("it has no time zone: put Z behind it for UTC, or an offset such as +01:00")
    try:
        return when.astimezone(UTC)
    except OverflowError:
        raise ValueError("it lies outside the years 1 to 9999 in UTC") from None


_PARSERS: dict[str, Callable[[str], Scalar]] = {
    "bool": _bool,
    "int32": _int32,
    "int64": _int64,
    "float": _float,
    "double": _float,
    "string": str,
    "timestamp": _timestamp,
}
_DATA_TYPES = {
    "bool": MxDataType.BOOLEAN,
    "int32": MxDataType.INTEGER,
    "int64": MxDataType.INTEGER,
    "float": MxDataType.FLOAT,
    "double": MxDataType.DOUBLE,
    "string": MxDataType.STRING,
    "timestamp": MxDataType.TIME,
}
