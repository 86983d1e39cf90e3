"""Trends as a picture: PNG, SVG, or a page of HTML that contains the SVG."""

from __future__ import annotations

import html
import io
import warnings
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway_cli.jobs.plot.panels import GOOD, UNCERTAIN, coordinates, lines_of, longest_slope, panels_of
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway_cli.jobs.plot.trend import Trend
    from mxgateway_cli.output.formatting import Zone

__all__ = ["check_picture", "draw"]

_SUFFIXES: Final = (".png", ".svg", ".html")
_MAX_PANELS: Final = 20
_MOST_MARKS: Final = 12
_WIDTH_INCHES: Final = 11.0
_INCHES_PER_PANEL: Final = 1.9
_INCHES_PER_SWITCH: Final = 1.0
# Apart from the colours of quality, also for eyes that see less of red and green.
_COLORS: Final = ("#1f5fa8", "#009e73", "#7b3fa0", "#56b4e9", "#6b4c2a", "#4d4d4d")
_ORANGE: Final = "#d98200"
_RED: Final = "#c0271d"
_MISSING: Final = "#c9c9c9"
_GAPS: Final = "changes are missing"
_UNCERTAIN_QUALITY: Final = "uncertain quality"
_BAD_QUALITY: Final = "bad quality"
_EXPLAINED: Final = frozenset({_GAPS, _UNCERTAIN_QUALITY, _BAD_QUALITY})
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
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    # The same trends make the same file.
    "svg.hashsalt": "mxgw-py",
}
# From years to seconds: the labels of ticks, of ticks at the beginning of the next larger unit, and the date beside the
# axis. Those of matplotlib show bare minutes and seconds.
_TIME_FORMATS: Final = {
    "formats": ["%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M", "%H:%M:%S.%f"],
    "zero_formats": ["", "%Y", "%Y-%m", "%m-%d", "%H:%M", "%H:%M:%S"],
    "offset_formats": ["", "", "%Y", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d"],
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
    """Draw diagrams below each other, with the same axis of time.

    Raises:
        click.UsageError: There are too many.
        OSError: The file cannot be written.
    """
    panels = panels_of(trends)
    if len(panels) > _MAX_PANELS:
        raise click.UsageError(f"a picture has room for {_MAX_PANELS} diagrams, not for {len(panels)}: give --only")
    matplotlib = _matplotlib()
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        # A tag may have characters that the font lacks.
        warnings.simplefilter("ignore", UserWarning)
        figure = _figure(panels, zone)
        # Without the time of drawing: the same trends make the same file.
        match path.suffix.lower():
            case ".png":
                figure.savefig(path, dpi=150)
            case ".svg":
                figure.savefig(path, format="svg", metadata={"Date": None})
            case _:
                svg = io.StringIO()
                figure.savefig(svg, format="svg", metadata={"Date": None})
                title = html.escape(", ".join(printable(trend.tag) for trend in trends))
                # The head of an SVG file has no place in a page.
                inlined = svg.getvalue()[svg.getvalue().index("<svg") :]
                path.write_text(_PAGE.format(title=title, svg=inlined), encoding="utf-8")


def _figure(panels: Sequence[Sequence[Trend]], zone: Zone) -> Any:
    figures, dates = _module("matplotlib.figure"), _module("matplotlib.dates")
    heights = [_INCHES_PER_SWITCH if panel[0].is_boolean else _INCHES_PER_PANEL for panel in panels]
    figure = figures.Figure(figsize=(_WIDTH_INCHES, sum(heights) + 0.9), layout="constrained")
    axes = figure.subplots(len(panels), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for each, panel in zip(axes, panels, strict=True):
        _draw_panel(each, panel)
    first, last = panels[0][0].begin, max(trend.end for panel in panels for trend in panel)
    margin = max((last - first) * 0.01, timedelta(seconds=0.5 if first == last else 0))
    axes[-1].set_xlim(first - margin, last + margin)
    # That of this computer changes with the season.
    shown: Any = zone or _module("dateutil.tz").tzlocal()
    locator = dates.AutoDateLocator(tz=shown, minticks=4, maxticks=10)
    axes[-1].xaxis.set_major_locator(locator)
    axes[-1].xaxis.set_major_formatter(dates.ConciseDateFormatter(locator, tz=shown, **_TIME_FORMATS))
    axes[-1].set_xlabel(_zone_name(last, zone))
    _add_legend(figure, axes)
    return figure


def _add_legend(figure: Any, axes: Sequence[Any]) -> None:
    """Explain what is missing or not good, where there is any of it."""
    pairs = [pair for each in axes for pair in zip(*each.get_legend_handles_labels(), strict=True)]
    handles = {label: handle for handle, label in pairs if label in _EXPLAINED}
    if handles:
        labels = sorted(handles)
        figure.legend([handles[label] for label in labels], labels, loc="outside upper right", ncols=3, frameon=False)


def _draw_panel(axes: Any, panel: Sequence[Trend]) -> None:
    first = panel[0]
    shared = len(panel) > 1
    title = first.tag.partition(".")[2] if shared else first.tag
    axes.set_title(printable(title), parse_math=False)
    named = [_draw_trend(axes, trend, color) for trend, color in zip(panel, _COLORS, strict=False)]
    if shared:
        names = [printable(trend.tag.partition(".")[0]) for trend in panel]
        legend = axes.legend(
            named, names, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(names), frameon=False, borderpad=0
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
    for begin, end in sorted({gap for trend in panel for gap in trend.gaps()}):
        axes.axvspan(begin, end, facecolor="#efefef", edgecolor=_MISSING, hatch="////", linewidth=0, label=_GAPS)
    tickers = _module("matplotlib.ticker")
    if first.is_boolean:
        axes.set_yticks([0, 1], ["false", "true"])
        axes.set_ylim(-0.25, 1.25)
    else:
        axes.yaxis.set_major_locator(tickers.MaxNLocator(nbins=5, integer=first.is_integer))
        axes.ticklabel_format(axis="y", useOffset=False)
        axes.margins(y=0.1)


def _draw_trend(axes: Any, trend: Trend, color: str) -> Any:
    """Draw the lines of a trend, and return one of them for a legend."""
    (named,) = axes.plot([], [], color=color, linewidth=1.6)
    longest = longest_slope(trend)
    for line in lines_of(trend):
        times, numbers = coordinates(line, longest)
        if line.kind == GOOD:
            axes.plot(times, numbers, color=color, linewidth=1.6, solid_capstyle="butt")
            continue
        label, shade = (_UNCERTAIN_QUALITY, _ORANGE) if line.kind == UNCERTAIN else (_BAD_QUALITY, _RED)
        begin = line.points[0].time
        axes.axvspan(begin, line.end, color=shade, alpha=0.10, linewidth=0)
        if times:
            axes.plot(times, numbers, color=color, linewidth=1.2, linestyle=(0, (3, 2)), alpha=0.7)
            # The last point is only where the line ends.
            step = max(1, len(times) // _MOST_MARKS)
            marked, transform = (times[:-1:step], numbers[:-1:step]), axes.transData
        else:
            # There is no value to draw a mark at.
            marked, transform = ([begin], [0.06]), axes.get_xaxis_transform()
        marker = "D" if line.kind == UNCERTAIN else "X"
        axes.plot(
            *marked,
            linestyle="",
            marker=marker,
            markersize=4.5,
            color=shade,
            markeredgewidth=0,
            label=label,
            transform=transform,
        )
    return named


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
