"""Several things in one option: separated by commas, or in a JSON array when one of them has a comma in it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

import click

from mxgateway_cli.input.quoting import quoted
from mxgateway_cli.input.value_types import ARRAY_SUFFIX

if TYPE_CHECKING:
    from mxgateway import MxValue

__all__ = ["as_handles", "as_references", "parse_values"]

_HANDLES: Final = range(-(2**31), 2**31)
_HANDLE: Final = re.compile(r"[+-]?[0-9]{1,10}")


def as_references(_: click.Context, parameter: click.Parameter, text: str | None) -> tuple[str, ...] | None:
    """Give the references of `A.B,C.D`: the callback of an option."""
    if text is None:
        return None
    references = tuple(part.strip() for part in text.split(","))
    if not all(references):
        raise click.BadParameter(
            f"{quoted(text)} names nothing at one place: give references with commas between them", param=parameter
        )
    return references


def as_handles(_: click.Context, parameter: click.Parameter, text: str) -> tuple[int, ...]:
    """Give the handles of `1,2,3`: the callback of an option."""
    parts = [part.strip() for part in text.split(",")]
    handles = tuple(int(part) for part in parts if _HANDLE.fullmatch(part))
    if len(handles) != len(parts) or not all(handle in _HANDLES for handle in handles):
        raise click.BadParameter(
            f"{quoted(text)} is no list of handles: give whole numbers with commas between them", param=parameter
        )
    return handles


def parse_values(value_type: str, text: str, count: int) -> list[MxValue]:
    """Give the values of a bulk write, one for each of `count` entries.

    Raises:
        click.UsageError: there are more or fewer, or one doesn't fit the type.
    """
    try:
        texts = _texts(value_type, text)
    except RecursionError:
        texts = None
    if texts is None:
        raise click.UsageError(f"--values {quoted(text)} is nested too deep")
    if len(texts) != count:
        raise click.UsageError(f"--values has {len(texts)} values for the {count} of --item-handles: give one for each")
    # Imported here: --help must not have to wait for grpc.
    from mxgateway_cli.input.values import parse_value  # noqa: PLC0415

    return [parse_value(value_type, each) for each in texts]


def _texts(value_type: str, text: str) -> list[str]:
    if not text.lstrip().startswith("["):
        if value_type.endswith(ARRAY_SUFFIX):
            raise click.UsageError(f"--values of the type {value_type} are a JSON array of arrays: [[1, 2], [3, 4]]")
        return [part.strip() for part in text.split(",")]
    try:
        elements = cast("list[object]", json.loads(text))
    except ValueError as error:
        problem = str(error)
    else:
        return [_text(value_type, element) for element in elements]
    raise click.UsageError(f"--values begins like a JSON array, but: {problem}")


def _text(value_type: str, element: object) -> str:
    """Give the text of one value that may stand for this type."""
    wants_array = value_type.endswith(ARRAY_SUFFIX)
    if isinstance(element, list) == wants_array:
        if isinstance(element, str):
            return element
        if wants_array or value_type != "string":
            return json.dumps(element)
    raise click.UsageError(f"--values holds {json.dumps(element)}, which is no {value_type}")
