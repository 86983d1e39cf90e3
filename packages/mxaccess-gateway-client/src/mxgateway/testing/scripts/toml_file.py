"""Scripts in TOML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, cast

from mxgateway.testing.scripts.errors import ScriptError
from mxgateway.testing.scripts.steps import InstructionStep, make_step
from mxgateway.testing.state.toml_table import Table, TomlMistake, parse_toml
from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_toml_script"]

_STEPS = "steps"
_HEADER = re.compile(r"^[ \t]*\[\[[ \t]*steps[ \t]*\]\]", re.MULTILINE)


def read_toml_script(path: Path) -> tuple[InstructionStep, ...]:
    """Read the steps of a script.

    Raises:
        OSError: the file cannot be read.
        ScriptError: the file is invalid. The message names the file, the line or key, and the problem.
    """
    data = path.read_bytes()
    try:
        document = Table(parse_toml(data))
        tables = cast("list[object]", document.pop(_STEPS, list) or [])
        document.check_no_keys_left()
    except TomlMistake as error:
        raise ScriptError(f"{path}: {error}") from error
    if not tables:
        raise ScriptError(f"{path}: it has no steps: a step begins with the line [[steps]]")
    places = [f"{path}: {place}" for place in _places(decode_text(data), len(tables))]
    return tuple(_step(table, place) for table, place in zip(tables, places, strict=True))


def _places(text: str, count: int) -> list[str]:
    """Return the places of the steps: their lines, unless they are written in another way, and their numbers."""
    lines = [text.count("\n", 0, found.start()) + 1 for found in _HEADER.finditer(text)]
    numbers = [f"steps[{number}]" for number in range(1, count + 1)]
    if len(lines) != count:
        return numbers
    return [f"line {line}: {number}" for line, number in zip(lines, numbers, strict=True)]


def _step(table: object, place: str) -> InstructionStep:
    if not isinstance(table, dict):
        raise ScriptError(f"{place} must be a table, not {table!r}")
    values = dict(cast("dict[str, object]", table))
    return make_step(values.pop("do", None), (), values, place=place)
