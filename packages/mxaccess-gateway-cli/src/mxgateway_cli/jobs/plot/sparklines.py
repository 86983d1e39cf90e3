"""Trends as lines of a terminal."""

from __future__ import annotations

import math
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from rich.cells import cell_len

from mxgateway_cli.output.bars import bar
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_any, format_time
from mxgateway_cli.output.layouts import Layout, print_all
from mxgateway_cli.output.records import time_record
from mxgateway_cli.output.settings import OutputFormat
from mxgateway_cli.output.tables import TableRow, table_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from mxgateway_cli.jobs.plot.trend import Trend
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["print_sparklines", "sparkline"]

_GAP: Final = "·"
_BAD: Final = "x"
_WIDTH: Final = 40
_MIN_WIDTH: Final = 10
_MAX_WIDTH: Final = 120


def sparkline(trend: Trend, width: int = _WIDTH) -> str:
    """Return a trend as bars, each the last value until then.

    A dot is a time of which changes are missing or that has no value, an x one of bad quality.
    """
    numbers = trend.numbers
    low, high = min(numbers, default=0.0), max(numbers, default=0.0)
    step = (trend.end - trend.begin) / width
    gaps = trend.gaps()
    bars: list[str] = []
    position, last = 0, None
    for column in range(width):
        until = trend.begin + step * (column + 1)
        while position < len(trend.points) and (trend.points[position].time <= until or column == width - 1):
            last = trend.points[position]
            position += 1
        if last is None or any(first < until - step / 2 < end for first, end in gaps):
            bars.append(_GAP)
        elif last.quality.is_bad:
            bars.append(_BAD)
        else:
            bars.append(_GAP if last.number is None else bar(last.number, low, high))
    return "".join(bars)


def print_sparklines(output: Output, trends: Sequence[Trend]) -> None:
    """Print a line for each trend, on a terminal with the time of all of them below."""
    if output.format is not OutputFormat.TABLE:
        print_all(output, _layout(_WIDTH), trends)
        return
    # As wide as the terminal allows, beside the other columns.
    plain = table_lines(_layout(0).columns, [TableRow(cells=_cells(each, 0)) for each in trends], zone=None, width=0)
    width = output.console.width - max(cell_len(line.plain) for line in plain) - 2
    width = min(max(width, _MIN_WIDTH), _MAX_WIDTH)
    print_all(output, _layout(width), trends)
    begin, end = trends[0].begin, max(each.end for each in trends)
    output.line(f"{format_time(begin, output.zone)} to {format_time(end, output.zone)}", "dim")
    legend = f"{_GAP} changes missing  {_BAD} bad quality"
    output.line(f"a character is {_duration((end - begin) / width)}  {legend}", "dim")


def _duration(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    for limit, divisor, unit in ((0.1, 0.001, "ms"), (100, 1, "s"), (100 * 60, 60, "min"), (48 * 3600, 3600, "h")):
        if seconds < limit:
            return f"{seconds / divisor:.3g} {unit}"
    return f"{seconds / 86400:.3g} d"


def _extremes(trend: Trend) -> tuple[float | None, float | None, float | None]:
    numbers = trend.numbers
    if not numbers:
        return None, None, None
    convert = bool if trend.is_boolean else int if trend.is_integer else float
    low, high, last = (convert(number) for number in (min(numbers), max(numbers), numbers[-1]))
    return low, high, last


def _cells(trend: Trend, width: int) -> Sequence[object]:
    low, high, last = (_short(number) for number in _extremes(trend))
    bad = sum(point.quality.is_bad for point in trend.points)
    bars = sparkline(trend, width) if width else ""
    return (trend.tag, bars, low, high, last, trend.changes, len(trend.breaks) or None, bad or None)


def _short(number: float | None) -> object:
    return float(f"{number:.7g}") if isinstance(number, float) and math.isfinite(number) else number


def _line(trend: Trend, zone: Zone = UTC) -> str:
    begin, end = (format_time(when, zone) for when in (trend.begin, trend.end))
    low, high, last = (format_any(_short(number)) for number in _extremes(trend))
    gaps = f", gaps {len(trend.breaks)}" if trend.breaks else ""
    figures = f"min {low}, max {high}, last {last}, changes {trend.changes}{gaps}"
    each = _duration((trend.end - trend.begin) / _WIDTH)
    return f"{trend.tag} {sparkline(trend)} {figures}, {begin} to {end}, each {each}"


def _record(trend: Trend) -> dict[str, Any]:
    low, high, last = _extremes(trend)
    return {
        "tag": trend.tag,
        "changes": trend.changes,
        "gaps": len(trend.breaks),
        "bad": sum(point.quality.is_bad for point in trend.points),
        "min": low,
        "max": high,
        "last": last,
        "begin": time_record(trend.begin),
        "end": time_record(trend.end),
    }


def _layout(width: int) -> Layout[Trend]:
    return Layout(
        columns=(
            Column(name="tag", style="cyan"),
            Column(name="trend"),
            Column(name="min"),
            Column(name="max"),
            Column(name="last"),
            Column(name="changes"),
            Column(name="gaps", is_optional=True),
            Column(name="bad", is_optional=True),
        ),
        cells=lambda trend: _cells(trend, width),
        line=_line,
        values=lambda trend: (sparkline(trend, width),),
        record=_record,
    )
