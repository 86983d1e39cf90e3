"""Parsers for lists: elements separated by commas, or a JSON array if an element contains a comma."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

import click

from mxgateway_cli.input.value_types import ARRAY_SUFFIX
from mxgateway_cli.input.values import parse_value, quote

if TYPE_CHECKING:
    from mxgateway import MxValue

__all__ = ["parse_handles", "parse_references", "parse_values"]

_HANDLE_RANGE: Final = range(-(2**31), 2**31)
_HANDLE: Final = re.compile(r"[+-]?[0-9]{1,10}")


def parse_references(_: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Return the references of `A.B,C.D`. The callback of an option.

    Raises:
        click.BadParameter: A reference is empty.
    """
    if text is None:
        return None
    references = tuple(part.strip() for part in text.split(","))
    if not all(references):
        raise click.BadParameter(
            f"{quote(text)} contains an empty reference: give references separated by commas", param=parameter
        )
    return references


def parse_handles(_: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Return the handles of `1,2,3`. The callback of an option.

    Raises:
        click.BadParameter: A part is not a signed 32-bit integer.
    """
    parts = [part.strip() for part in text.split(",")]
    handles = tuple(int(part) for part in parts if _HANDLE.fullmatch(part))
    if len(handles) != len(parts) or not all(handle in _HANDLE_RANGE for handle in handles):
        raise click.BadParameter(
            f"{quote(text)} is not a list of handles: give 32-bit integers separated by commas", param=parameter
        )
    return handles


def parse_values(value_type: str, text: str, count: int) -> list[MxValue]:
    """Return the values of a bulk write, one for each of `count` entries.

    Raises:
        click.UsageError: The number of values is wrong, or a value doesn't fit the type.
    """
    try:
        texts = _split(value_type, text)
    except RecursionError:
        texts = None
    if texts is None:
        raise click.UsageError(f"--values {quote(text)} is nested too deeply")
    if len(texts) != count:
        raise click.UsageError(f"--values has {len(texts)} values for {count} item handles: give one value per handle")
    return [parse_value(value_type, each) for each in texts]


def _split(value_type: str, text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        if value_type.endswith(ARRAY_SUFFIX):
            raise click.UsageError(f"--values of type {value_type} must be a JSON array of arrays: [[1, 2], [3, 4]]")
        return [part.strip() for part in text.split(",")]
    try:
        elements = cast("list[object]", json.loads(text))
    except ValueError as error:
        problem = str(error)
    else:
        return [_element_text(value_type, element) for element in elements]
    raise click.UsageError(f"--values starts like a JSON array, but is not valid JSON: {problem}")


def _element_text(value_type: str, element: object) -> str:
    """Return the text of one element for `parse_value`."""
    wants_array = value_type.endswith(ARRAY_SUFFIX)
    if isinstance(element, list) == wants_array:
        if isinstance(element, str):
            return element
        if wants_array or value_type != "string":
            return json.dumps(element)
    raise click.UsageError(f"invalid {value_type} in --values: {json.dumps(element)}")
