"""Bars: numbers as characters of different heights, for sparklines."""

from __future__ import annotations

from typing import Final

__all__ = ["bar"]

_BARS: Final = "▁▂▃▄▅▆▇█"


def bar(number: float, low: float, high: float) -> str:
    """Return a number between the least and the greatest one as a bar."""
    # Divided first: the difference of two large numbers may be infinite.
    span = high / 2 - low / 2
    return _BARS[round((number / 2 - low / 2) / span * (len(_BARS) - 1))] if span else _BARS[0]
