"""Trend: the selected tag in full, and a plot of its last values."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from textual.containers import Vertical
from textual.widgets import Static
from textual_plot import HiResMode, PlotWidget

from mxgateway_cli.output.formatting import format_value, time_of, value_of
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from mxgateway_cli.explore.models.clock import Clock
    from mxgateway_cli.explore.models.tags import WatchedTag

__all__ = ["Trend"]

_MIN_SPAN_SECONDS: Final = 30.0
_MAX_SPAN_SECONDS: Final = 600.0
_LEFT_MARGIN: Final = 10


class _Plot(PlotWidget, can_focus=False):
    """A plot that follows the values, so that there is nothing to zoom."""

    def __init__(self) -> None:
        super().__init__(allow_pan_and_zoom=False)

    def on_mount(self) -> None:
        """Leave room for one line of ticks and one label."""
        self.margin_top = 0
        self.margin_bottom = 2
        self.margin_left = _LEFT_MARGIN


class Trend(Vertical):
    """The selected tag.

    Args:
        clock: The time.
        line: The colour of the line.
    """

    def __init__(self, clock: Clock, *, line: str) -> None:
        super().__init__(id="trend")
        self._line = line
        self._clock = clock
        self._drawn: tuple[object, ...] = ()
        self._text = Static(id="selected", markup=False)
        self._plot = _Plot()
        self.border_title = "Trend"

    def compose(self) -> ComposeResult:
        """Create the line of text and the plot."""
        yield self._text
        yield self._plot

    def show(self, name: str | None, tag: WatchedTag | None) -> None:
        """Show a tag as it is now. The plot moves once a second."""
        second = int(self._clock.monotonic())
        last = None if tag is None else tag.row.last
        stale = None if tag is None else tag.row.stale_since
        drawn = (name, last, stale, second, self.size)
        # A timer may draw before the plot has its parts, or after it has lost them because the screen closes.
        if drawn == self._drawn or not self._plot.query("#legend"):
            return
        self._drawn = drawn
        self.border_title = "Trend" if name is None else printable(name)
        self._text.update("no tag is selected" if tag is None else self._describe(tag), layout=False)
        self._draw(tag)

    def _describe(self, tag: WatchedTag) -> str:
        row = tag.row
        if row.last is None or not row.has_value or row.refusal:
            return printable(row.reason)
        quality = str(row.last.quality)
        shown = f"STALE, was {quality}" if row.stale_since is not None else quality
        when = time_of(row.last)
        time_text = "" if when is None else self._clock.time_of_day(when)
        parts = [format_value(row.last, self._clock.zone), shown, time_text, row.reason]
        return printable("  ".join(part for part in parts if part))

    def _draw(self, tag: WatchedTag | None) -> None:
        plot = self._plot
        plot.clear()
        now = self._clock.monotonic()
        points = [] if tag is None else [each for each in tag.history if now - each[0] <= _MAX_SPAN_SECONDS]
        if tag is not None and tag.history and not points:
            points = [(now - _MAX_SPAN_SECONDS, tag.history[-1][1])]
        plot.display = bool(points)
        if tag is None or not points:
            return
        if tag.row.stale_since is None:
            # The value holds until the next one arrives.
            points.append((now, points[-1][1]))
        if tag.row.last is not None and isinstance(value_of(tag.row.last), int):
            points = _steps(points)
        span = min(_MAX_SPAN_SECONDS, max(_MIN_SPAN_SECONDS, now - points[0][0]))
        low, high = min(value for _, value in points), max(value for _, value in points)
        margin = (high / 2 - low / 2) * 0.1 or max(abs(high) * 0.1, 1.0)
        plot.set_xlimits(-span, 0.0)
        plot.set_ylimits(low - margin, high + margin)
        plot.set_xlabel("seconds")
        plot.plot(
            [moment - now for moment, _ in points],
            [value for _, value in points],
            line_style=self._line,
            hires_mode=HiResMode.BRAILLE,
        )


def _steps(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the corners of a line that changes at once: a whole number has no values in between."""
    corners = points[:1]
    for (_, before), (moment, value) in itertools.pairwise(points):
        corners += [(moment, before), (moment, value)]
    return corners
