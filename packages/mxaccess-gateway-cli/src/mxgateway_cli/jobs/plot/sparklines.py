"""Trends as lines of a terminal."""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_any, format_time
from mxgateway_cli.output.layouts import Layout, print_all
from mxgateway_cli.output.records import time_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway_cli.jobs.plot.trend import Trend
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["print_sparklines", "sparkline"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_GAP: Final = "·"
_WIDTH: Final = 40


def sparkline(trend: Trend, width: int = _WIDTH) -> str:
    """Return a trend as bars over its time, each the last value until then; a dot where changes are missing."""
    numbers = trend.numbers
    if not numbers:
        return ""
    low, high = min(numbers), max(numbers)
    begin, end = trend.points[0].time, trend.points[-1].time
    step = (end - begin) / width
    gaps = trend.gaps()
    bars: list[str] = []
    position, number = 0, None
    for column in range(width):
        until = begin + step * (column + 1)
        while position < len(trend.points) and (trend.points[position].time <= until or column == width - 1):
            number = trend.points[position].number
            position += 1
        is_missing = any(first < until - step / 2 < last for first, last in gaps)
        bars.append(_GAP if is_missing or number is None else _bar(number, low, high))
    return "".join(bars)


def print_sparklines(output: Output, trends: Sequence[Trend]) -> None:
    """Print a line for each trend."""
    print_all(output, _TRENDS, trends)


def _bar(number: float, low: float, high: float) -> str:
    # Divided first: the difference of two large numbers may be infinite.
    span = high / 2 - low / 2
    return _BARS[round((number / 2 - low / 2) / span * (len(_BARS) - 1))] if span else _BARS[0]


def _extremes(trend: Trend) -> tuple[float | None, float | None, float | None]:
    numbers = trend.numbers
    if not numbers:
        return None, None, None
    convert = bool if trend.is_boolean else int if trend.is_integer else float
    low, high, last = (convert(number) for number in (min(numbers), max(numbers), numbers[-1]))
    return low, high, last


def _times(trend: Trend) -> tuple[datetime, datetime]:
    return trend.points[0].time, trend.points[-1].time


def _cells(trend: Trend) -> Sequence[object]:
    low, high, last = (_short(number) for number in _extremes(trend))
    return (trend.tag, sparkline(trend), low, high, last, len(trend.points), len(trend.breaks) or None, *_times(trend))


def _short(number: float | None) -> object:
    return float(f"{number:.7g}") if isinstance(number, float) and math.isfinite(number) else number


def _line(trend: Trend, zone: Zone = UTC) -> str:
    begin, end = (format_time(when, zone) for when in _times(trend))
    low, high, last = (format_any(_short(number)) for number in _extremes(trend))
    gaps = f", {len(trend.breaks)} gaps" if trend.breaks else ""
    figures = f"min {low}, max {high}, last {last}, {len(trend.points)} values{gaps}"
    return f"{trend.tag} {sparkline(trend)} {figures}, {begin} to {end}"


def _record(trend: Trend) -> dict[str, Any]:
    low, high, last = _extremes(trend)
    begin, end = _times(trend)
    return {
        "tag": trend.tag,
        "values": len(trend.points),
        "gaps": len(trend.breaks),
        "min": low,
        "max": high,
        "last": last,
        "begin": time_record(begin),
        "end": time_record(end),
    }


_TRENDS: Final[Layout[Trend]] = Layout(
    columns=(
        Column(name="tag", style="cyan"),
        Column(name="trend"),
        Column(name="min"),
        Column(name="max"),
        Column(name="last"),
        Column(name="values"),
        Column(name="gaps", is_optional=True),
        Column(name="begin"),
        Column(name="end"),
    ),
    cells=_cells,
    line=_line,
    values=lambda trend: (sparkline(trend),),
    record=_record,
)
