"""Panels: which trends share a diagram, and the lines of each trend by their quality."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from mxgateway_cli.jobs.plot.thinning import thin

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mxgateway_cli.jobs.plot.trend import Point, Trend

__all__ = ["BAD", "GOOD", "UNCERTAIN", "Line", "coordinates", "lines_of", "longest_slope", "panels_of"]

GOOD: Final = "good"
UNCERTAIN: Final = "uncertain"
BAD: Final = "bad"

_MOST_IN_PANEL: Final = 6
# Trends whose values lie further apart than this many times their own range would be flat in one diagram.
_MOST_RANGES: Final = 4.0
# A number with fewer changes is something that is set, such as a setpoint.
_FEW_POINTS: Final = 10
# A longer wait than this part of the whole time, and than some usual ones, is no slope: the value stayed the same.
_LONG_WAIT: Final = 1 / 60
_USUAL_WAITS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A part of a trend without a gap, of one quality.

    Attributes:
        kind: GOOD, UNCERTAIN or BAD.
        points: Its values.
        end: Until when the last value holds.
    """

    kind: str
    points: Sequence[Point]
    end: datetime


def panels_of(trends: Sequence[Trend]) -> list[list[Trend]]:
    """Return the trends by diagram: numbers of the same attribute share one if they are in the same range."""
    panels: list[list[Trend]] = []
    for trend in trends:
        for panel in panels:
            if _fits(trend, panel):
                panel.append(trend)
                break
        else:
            panels.append([trend])
    return panels


def lines_of(trend: Trend) -> Iterator[Line]:
    """Yield the lines of a trend. A part without a number is a line without points of numbers."""
    for segment, end in trend.segments():
        points = thin(segment)
        begin = 0
        for index in range(1, len(points) + 1):
            if index == len(points) or _is_other(points[index - 1], points[index]):
                until = end if index == len(points) else points[index].time
                yield Line(kind=_kind(points[begin]), points=points[begin:index], end=until)
                begin = index


def coordinates(line: Line, longest: float) -> tuple[list[datetime], list[float]]:
    """Return the times and numbers of a line, with steps where the wait is longer than this number of seconds."""
    times: list[datetime] = []
    numbers: list[float] = []
    for point in line.points:
        number = point.number
        if number is None:
            continue
        if times and (point.time - times[-1]).total_seconds() > longest:
            times.append(point.time)
            numbers.append(numbers[-1])
        times.append(point.time)
        numbers.append(number)
    if times:
        times.append(line.end)
        numbers.append(numbers[-1])
    return times, numbers


def longest_slope(trend: Trend) -> float:
    """Return for how many seconds at most two values are joined by a slope. A longer wait is a step."""
    waits = [(after.time - before.time).total_seconds() for before, after in pairwise(trend.points)]
    if trend.is_integer or len(trend.points) < _FEW_POINTS:
        return -1.0
    whole = (trend.end - trend.begin).total_seconds()
    return max(whole * _LONG_WAIT, _USUAL_WAITS * statistics.median(waits))


def _fits(trend: Trend, panel: Sequence[Trend]) -> bool:
    first = panel[0]
    if len(panel) == _MOST_IN_PANEL or trend.is_boolean or first.is_boolean:
        return False
    if trend.is_integer is not first.is_integer or _attribute(trend) != _attribute(first):
        return False
    ranges = [(min(each.numbers), max(each.numbers)) for each in (*panel, trend)]
    # Divided first: the difference of two large numbers may be infinite.
    whole = max(high for _, high in ranges) / 2 - min(low for low, _ in ranges) / 2
    return whole <= _MOST_RANGES * max(high / 2 - low / 2 for low, high in ranges)


def _attribute(trend: Trend) -> str:
    return trend.tag.partition(".")[2]


def _kind(point: Point) -> str:
    return GOOD if point.quality.is_good else UNCERTAIN if point.quality.is_uncertain else BAD


def _is_other(before: Point, point: Point) -> bool:
    return _kind(before) != _kind(point) or (before.number is None) != (point.number is None)
