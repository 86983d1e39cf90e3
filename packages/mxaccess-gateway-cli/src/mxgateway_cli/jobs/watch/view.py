"""WatchView: the live table of watched tags, below the state of the connection."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, overload

from rich.text import Text

from mxgateway import TagChange, TagRefused, WatchGap, WatchLost, WatchRestored
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.jobs.watch.rows import TREND_WIDTH, VALUE_WIDTH, TagRow, age
from mxgateway_cli.output.formatting import format_time, format_timestamp
from mxgateway_cli.output.live.table import LiveColumn, LiveRow, LiveTable, all_lines
from mxgateway_cli.output.texts import printable
from mxgateway_cli.results.events import quality_style
from mxgateway_cli.results.tags import TagSample

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway import MxGatewayError, WatchItem
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.live.region import Frame

__all__ = ["WatchView"]

_PAUSE_KEY: Final = "p"
_QUALITY_WIDTH: Final = 14
_NARROW_QUALITY_WIDTH: Final = 10
_NARROW_TERMINAL: Final = 80
_TIME_OF_DAY_WIDTH: Final = 12
_MIN_REASON_WIDTH: Final = 12
_STALE_STYLE: Final = "dim yellow"
_LOST_STYLE: Final = "bold red"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """A moment, for a time and for an age."""

    when: datetime
    monotonic: float

    @classmethod
    def now(cls) -> _Moment:
        """Return the present moment."""
        return cls(when=datetime.now(UTC), monotonic=time.monotonic())

    def age(self) -> str:
        """Return how long ago it was, in words."""
        return age(time.monotonic() - self.monotonic)


class WatchView:
    """The content of the terminal during a watch.

    The first lines show the state of the connection. While it is lost, and until the value of a tag arrives again,
    the row of the tag is marked as stale, with its age.
    """

    def __init__(self, tags: Sequence[str], output: Output, *, endpoint: str) -> None:
        self._output = output
        start = _Moment.now()
        self._rows = {tag: TagRow(tag=tag, started=start.monotonic) for tag in tags}
        self._endpoint = endpoint
        self._table = LiveTable()
        self._tag_width = max(len("tag"), *(len(printable(tag)) for tag in self._rows))
        self._lost: WatchLost | None = None
        self._lost_since = start
        self._notice = ""
        self._has_bars = output.console.encoding.startswith("utf")
        # While the table is paused: since when, and its rows of that moment.
        self._paused: tuple[_Moment, list[LiveRow]] | None = None

    def add(self, item: WatchItem | TagSample) -> None:
        """Show an item of the watch."""
        now = _Moment.now()
        match item:
            case TagChange():
                self._rows[item.tag].add(item, now.monotonic)
                self._rows[item.tag].mark(now.monotonic, is_stale=False)
            case TagSample():
                if item.change is not None:
                    self._rows[item.tag].add(item.change, now.monotonic)
                self._rows[item.tag].mark(now.monotonic, is_stale=item.is_stale)
            case TagRefused():
                self._rows[item.tag].refusal = f"refused: {item.error_message}"
            case WatchLost():
                self._lost, self._lost_since = item, now
                self._mark_all(now, is_stale=True)
            case WatchRestored():
                self._restore(item, now)
            case WatchGap():
                self._notice = f"changes are missing since {self._time(now)}; the current values follow"
                self._mark_all(now, is_stale=True)

    def confirm(self, item: WatchItem | TagSample) -> None:
        """Mark the shown value of a tag as current: an item that differs too little has arrived."""
        if isinstance(item, (TagChange, TagSample)):
            is_stale = isinstance(item, TagSample) and item.is_stale
            self._rows[item.tag].mark(time.monotonic(), is_stale=is_stale)

    @property
    def is_typing(self) -> bool:
        """Return False: there is nothing to type."""
        return False

    def press(self, key: str) -> None:
        """Pause or continue on p; scroll on the arrow and page keys."""
        if key != _PAUSE_KEY:
            self._table.press(key)
        elif self._paused is None:
            self._paused = (_Moment.now(), list(self._live_rows(self._output.console.width)))
        else:
            self._paused = None

    def lines(self, frame: Frame) -> Sequence[Text]:
        """Return the state, as many rows as fit, and a line on messages and keys."""
        rows = self._live_rows(frame.width) if self._paused is None else self._paused[1]
        head, foot = self._head(), self._foot(frame)
        table = self._table.lines(
            self._columns(frame.width),
            rows,
            frame.width,
            frame.height - len(head) - len(foot),
            can_scroll=frame.has_keyboard,
        )
        return [*head, *table, *foot]

    def final_lines(self, width: int) -> Sequence[Text]:
        """Return the last values of all tags, and if the connection is lost its state."""
        head = [] if self._lost is None else self._state()
        return [*head, *all_lines(self._columns(width), self._live_rows(width), width)]

    def _head(self) -> list[Text]:
        paused = "" if self._paused is None else f", PAUSED for {self._paused[0].age()}"
        return [Text(f"{self._title}{paused}", style="bold"), *self._state()]

    def _state(self) -> list[Text]:
        if self._lost is None:
            return [Text("connected"), Text(self._notice, style="yellow")]
        since = f"connection lost at {self._time(self._lost_since)}, {self._lost_since.age()} ago"
        reason = f"{self._reason(self._lost.error)}; reconnecting, the values are stale"
        return [Text(since, style=_LOST_STYLE), Text(reason, style="yellow")]

    def _foot(self, frame: Frame) -> list[Text]:
        lines: list[Text] = []
        if frame.messages:
            count = f"{len(frame.messages)} messages; the last one: " if frame.messages[1:] else ""
            last = frame.messages[-1].removeprefix("mxgw-py: ")
            lines.append(Text(f"{count}{last}", style="dim"))
        if frame.has_keyboard:
            lines.append(Text("p continues, q quits" if self._paused else "p pauses, q quits", style="dim"))
        return lines

    def _columns(self, width: int) -> list[LiveColumn]:
        columns = self._wide_columns()
        if sum(column.width for column in columns) + 2 * (len(columns) - 1) <= width:
            return columns
        quality_width = _NARROW_QUALITY_WIDTH if width < _NARROW_TERMINAL else _QUALITY_WIDTH
        narrow = {"time": _TIME_OF_DAY_WIDTH, "quality": quality_width}
        return [replace(column, width=narrow.get(column.heading, column.width)) for column in columns]

    def _wide_columns(self) -> list[LiveColumn]:
        columns = [
            LiveColumn(heading="tag", width=self._tag_width, importance=9, is_cut_in_middle=True),
            LiveColumn(heading="value", width=VALUE_WIDTH, importance=9),
            LiveColumn(heading="quality", width=_QUALITY_WIDTH, importance=9),
            LiveColumn(heading="time", width=len(self._time(_Moment.now())), importance=6),
            LiveColumn(heading="changes", width=8, importance=2, is_right_aligned=True),
            LiveColumn(heading="rate", width=9, importance=3, is_right_aligned=True),
        ]
        if self._has_bars:
            columns.append(LiveColumn(heading="trend", width=TREND_WIDTH, importance=4))
        return [*columns, LiveColumn(heading="reason", width=_MIN_REASON_WIDTH, importance=1, grows=True)]

    def _live_rows(self, width: int) -> Sequence[LiveRow]:
        """Return the rows, each of which is built when it is drawn: most of a thousand tags are out of sight."""
        now = time.monotonic()
        # Whether there is room for times with their date and offset next to the other columns.
        is_wide = self._columns(width) == self._wide_columns()
        return _Rows(list(self._rows.values()), lambda row: self._live_row(row, now, is_wide=is_wide))

    def _live_row(self, row: TagRow, now: float, *, is_wide: bool) -> LiveRow:
        change = row.last
        stale = "" if row.stale_since is None else f"stale {age(now - row.stale_since)}"
        if change is None or not row.has_value or row.refusal:
            prefix = f"{stale}: " if stale else ""
            style = _STALE_STYLE if stale else "dim" if change is None and not row.refusal else "red"
            return LiveRow(cells=(row.tag,), rest=f"{prefix}{row.reason}", style=style)
        word, _, extra = str(change.quality).partition(", ")
        when = format_timestamp(change, self._output.zone)
        value = row.value(self._output.zone)
        cells = (
            row.tag,
            value.rjust(VALUE_WIDTH) if row.is_number else value,
            stale or (f"{word})" if extra else word),
            when if is_wide else when.partition("T")[2][:_TIME_OF_DAY_WIDTH],
            str(row.changes),
            row.rate(now),
            *((row.trend(),) if self._has_bars else ()),
            row.reason,
        )
        return LiveRow(cells=cells, style=_STALE_STYLE if stale else quality_style(change.quality))

    def _mark_all(self, now: _Moment, *, is_stale: bool) -> None:
        for row in self._rows.values():
            row.mark(now.monotonic, is_stale=is_stale)

    def _restore(self, restored: WatchRestored, now: _Moment) -> None:
        self._lost = None
        self._endpoint = restored.endpoint
        missed = "no changes were missed" if restored.resumed else "changes in the meantime were missed"
        self._notice = f"restored at {self._time(now)} after {self._lost_since.age()}; {missed}"
        if restored.resumed:
            self._mark_all(now, is_stale=False)

    @property
    def _title(self) -> str:
        count = len(self._rows)
        return f"watching {count} {'tag' if count == 1 else 'tags'} on {self._endpoint}"

    def _time(self, moment: _Moment) -> str:
        return format_time(moment.when, self._output.zone)

    def _reason(self, error: MxGatewayError) -> str:
        """Return why the connection is lost; with `--debug` in full, otherwise without the call and the session."""
        failure = describe_gateway_error(error) if self._output.diagnostics.debug else None
        text = failure.message if failure else f"{error.summary}; {error.hint}" if error.hint else error.summary
        return printable(" ".join(text.split()))


class _Rows(Sequence[LiveRow]):
    """Rows that are built when they are used."""

    def __init__(self, rows: list[TagRow], build: Callable[[TagRow], LiveRow]) -> None:
        self._rows = rows
        self._build = build

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> LiveRow: ...

    @overload
    def __getitem__(self, index: slice) -> list[LiveRow]: ...

    def __getitem__(self, index: int | slice) -> LiveRow | list[LiveRow]:
        if isinstance(index, slice):
            return [self._build(row) for row in self._rows[index]]
        return self._build(self._rows[index])
