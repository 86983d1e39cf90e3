"""Fewer points, where more of them than a picture has columns would only take time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.jobs.plot.trend import Point

__all__ = ["thin"]

_MAX_POINTS: Final = 8_000


def thin(points: Sequence[Point], most: int = _MAX_POINTS) -> Sequence[Point]:
    """Return the first, last, least and greatest value of each of many equal parts, so that no peak is lost."""
    if len(points) <= most:
        return points
    size = len(points) * 4 // most + 1
    kept: list[Point] = []
    for begin in range(0, len(points), size):
        part = range(begin, min(begin + size, len(points)))
        numbered = [index for index in part if points[index].number is not None]
        by_number = sorted(numbered, key=lambda index: points[index].number or 0.0)
        kept += [points[index] for index in sorted({part[0], part[-1], *by_number[:1], *by_number[-1:]})]
    return kept
