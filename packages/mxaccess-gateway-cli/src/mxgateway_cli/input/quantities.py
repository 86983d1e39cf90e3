"""Durations and sizes with their units, as option types."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import click

if TYPE_CHECKING:
    # Generic for type checkers and since click 8.4 only.
    NumberType = click.ParamType[float]
else:
    NumberType = click.ParamType

__all__ = ["DURATION", "SIZE", "parse_milliseconds"]

_QUANTITY: Final = re.compile(r"((?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:e[+-]?[0-9]+)?) *([a-z]*)", re.IGNORECASE)
# The system calls that wait take 64-bit integers of nanoseconds.
_MAX_NUMBER: Final = 1e18


class _Quantity(NumberType):
    """A number with one of several units, converted to the smallest sensible one."""

    def __init__(self, name: str, units: dict[str, float], default_unit: str, example: str) -> None:
        self.name = name
        self._units = units
        self._default_unit = default_unit
        self._example = example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number in the unit of the factor 1."""
        if not isinstance(value, str):
            return float(value)
        match = _QUANTITY.fullmatch(value.strip())
        factor = None if match is None else self._units.get(match[2].lower() or self._default_unit)
        if match is None or factor is None:
            units = ", ".join(self._units)
            self.fail(f"{value!r} is not a {self.name}: use for example {self._example}; units: {units}", param, ctx)
        number = float(match[1]) * factor
        if number <= 0:
            self.fail(f"the {self.name} must be more than 0", param, ctx)
        if number > _MAX_NUMBER:
            self.fail(f"the {self.name} is too large", param, ctx)
        return number


DURATION: Final = _Quantity("duration", {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}, "s", "5s or 1.5h")
"""Seconds, for example of `90`, `90s`, `1.5m`, `2h` or `500ms`."""

SIZE: Final = _Quantity(
    "size",
    {"b": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30},
    "b",
    "500kB or 100MB",
)
"""Bytes, for example of `1000`, `500kB`, `100MB` or `1GiB`."""


def parse_milliseconds(_: click.Context, __: click.Parameter, milliseconds: int) -> float:
    """Return the seconds of a number of milliseconds. The callback of an option."""
    return milliseconds / 1000
