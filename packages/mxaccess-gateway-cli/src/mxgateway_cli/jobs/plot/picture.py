"""Trends as a picture: PNG, SVG, or a page of HTML that contains the SVG."""

from __future__ import annotations

import html
import io
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway import Quality
from mxgateway_cli.jobs.plot.thinning import thin

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.jobs.plot.trend import Point, Trend
    from mxgateway_cli.output.formatting import Zone

__all__ = ["check_picture", "draw"]

_SUFFIXES: Final = (".png", ".svg", ".html")
_MAX_TRENDS: Final = 20
_WIDTH_INCHES: Final = 11.0
_INCHES_PER_TREND: Final = 1.9
_LINE: Final = "#1f5fa8"
_UNCERTAIN: Final = "#d98200"
_BAD: Final = "#c0271d"
_MISSING: Final = "#b9b9b9"
_STYLE: Final = {
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#8a8a8a",
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.fonttype": "none",
    # The same trends make the same file.
    "svg.hashsalt": "mxgw-py",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font-family: system-ui, sans-serif; background: #fff; }}
svg {{ width: 100%; height: auto; }}
</style>
{svg}
</html>
"""


def check_picture(path: str) -> Path:
    """Check that a picture can be made, before anything is measured.

    Raises:
        click.UsageError: The suffix is unknown, the folder does not exist, or matplotlib is not installed.
    """
    picture = Path(path)
    if picture.suffix.lower() not in _SUFFIXES:
        raise click.UsageError(f"--to {path}: the name must end in {', '.join(_SUFFIXES)}")
    if not picture.absolute().parent.is_dir():
        raise click.UsageError(f"--to {path}: the folder {picture.parent} does not exist")
    _matplotlib()
    return picture


def draw(trends: Sequence[Trend], path: Path, zone: Zone) -> None:
    """Draw one diagram for each trend, below each other with the same axis of time.

    Raises:
        click.UsageError: There are too many.
        OSError: The file cannot be written.
    """
    if len(trends) > _MAX_TRENDS:
        raise click.UsageError(f"a picture has room for {_MAX_TRENDS} tags, not for {len(trends)}: give --only")
    matplotlib = _matplotlib()
    with matplotlib.rc_context(_STYLE):
        figure = _figure(trends, zone)
        # Without the time of drawing: the same trends make the same file.
        match path.suffix.lower():
            case ".png":
                figure.savefig(path, dpi=150)
            case ".svg":
                figure.savefig(path, format="svg", metadata={"Date": None})
            case _:
                svg = io.StringIO()
                figure.savefig(svg, format="svg", metadata={"Date": None})
                title = html.escape(", ".join(trend.tag for trend in trends))
                # The head of an SVG file has no place in a page.
                inlined = svg.getvalue()[svg.getvalue().index("<svg") :]
                path.write_text(_PAGE.format(title=title, svg=inlined), encoding="utf-8")


def _figure(trends: Sequence[Trend], zone: Zone) -> Any:
    figures: Any = _module("matplotlib.figure")
    dates: Any = _module("matplotlib.dates")
    height = _INCHES_PER_TREND * len(trends) + 0.7
    figure = figures.Figure(figsize=(_WIDTH_INCHES, height), layout="constrained")
    axes = figure.subplots(len(trends), 1, sharex=True, squeeze=False)[:, 0]
    # matplotlib takes the time zone of the diagram for its ticks; None is that of this computer.
    shown = zone or datetime.now(UTC).astimezone().tzinfo
    last = max(trend.points[-1].time for trend in trends)
    for each, trend in zip(axes, trends, strict=True):
        _draw_trend(each, trend, last)
    locator = dates.AutoDateLocator(tz=shown, minticks=4, maxticks=10)
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=shown))
    axes[-1].set_xlabel(_zone_name(last, zone))
    handles = {label: handle for each in axes for handle, label in zip(*each.get_legend_handles_labels(), strict=True)}
    if handles:
        figure.legend(handles.values(), handles.keys(), loc="outside upper right", ncols=3, frameon=False)
    return figure


def _draw_trend(axes: Any, trend: Trend, last: datetime) -> None:
    axes.set_title(trend.tag)
    gaps = trend.gaps()
    style = "steps-post" if trend.is_integer else "default"
    for segment, end in zip(trend.segments(), [*(begin for begin, _ in gaps), last], strict=True):
        points = thin(segment)
        times = [point.time for point in points]
        numbers = [float("nan") if point.number is None else point.number for point in points]
        # The value holds until the next one, or until that may be missing.
        times.append(max(end, times[-1]))
        numbers.append(numbers[-1])
        marker = "o" if len(points) == 1 else ""
        axes.plot(times, numbers, drawstyle=style, color=_LINE, linewidth=1.4, marker=marker, markersize=3)
    for begin, end in gaps:
        axes.axvspan(begin, end, color=_MISSING, alpha=0.35, linewidth=0, label="changes are missing")
        axes.axvline(begin, color=_MISSING, linewidth=0.8)
    for quality, color, marker in (("uncertain quality", _UNCERTAIN, "D"), ("bad quality", _BAD, "X")):
        marked = [point for point in thin(trend.points) if point.number is not None and _kind(point) == quality]
        if marked:
            times, numbers = [point.time for point in marked], [point.number for point in marked]
            axes.plot(times, numbers, linestyle="", marker=marker, markersize=5, color=color, label=quality)
    if trend.is_boolean:
        axes.set_yticks([0, 1], ["false", "true"])
        axes.set_ylim(-0.2, 1.2)
    axes.margins(x=0.01)


def _kind(point: Point) -> str:
    quality = Quality(point.quality)
    return "" if quality.is_good else "uncertain quality" if quality.is_uncertain else "bad quality"


def _zone_name(when: datetime, zone: Zone) -> str:
    local = when.astimezone(zone)
    offset = local.strftime("%z")
    name = local.tzname() or ""
    if offset in {"+0000", ""} and name in {"UTC", ""}:
        return "time in UTC"
    return f"time in {name} (UTC{offset[:3]}:{offset[3:]})"


def _matplotlib() -> Any:
    return _module("matplotlib")


def _module(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        text = "pictures need matplotlib: pipx inject mxaccess-gateway-cli matplotlib"
        raise click.UsageError(text) from error
