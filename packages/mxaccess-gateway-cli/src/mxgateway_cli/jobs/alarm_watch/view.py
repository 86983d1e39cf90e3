"""AlarmView: the live table of the active alarms, the state of the connection above it, the prompt below it."""

from __future__ import annotations

import itertools
import time
from collections import deque
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from rich.text import Text

from mxgateway import WatchGap, WatchLost, WatchRestored
from mxgateway_cli.jobs.alarm_watch.prompt import AcknowledgePrompt
from mxgateway_cli.output.formatting import in_zone
from mxgateway_cli.output.live.table import LiveColumn, LiveRow, LiveTable, all_lines
from mxgateway_cli.output.texts import printable
from mxgateway_cli.results.alarm_watch import alarm_watch_line
from mxgateway_cli.results.alarms import alarm_order, alarm_time, is_acknowledged, provider_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import ActiveAlarm, AlarmWatch, AlarmWatchItem
    from mxgateway_cli.jobs.alarm_watch.acknowledging import Acknowledgements
    from mxgateway_cli.output.formatting import Zone
    from mxgateway_cli.output.live.region import Frame

__all__ = ["AlarmView"]

_MAX_NOTES: Final = 3
_DAY_SECONDS: Final = 86400
_HINT: Final = "number and Enter acknowledge, arrows scroll, q quits"

_COLUMNS: Final = (
    LiveColumn(heading="#", width=4, importance=5, is_right_aligned=True),
    LiveColumn(heading="state", width=6, importance=4),
    LiveColumn(heading="severity", width=8, importance=2, is_right_aligned=True),
    LiveColumn(heading="time", width=10, importance=3),
    LiveColumn(heading="alarm", width=24, importance=5, is_cut_in_middle=True, grows=True),
    LiveColumn(heading="description", width=20, importance=1),
)


class AlarmView:
    """The content of the terminal during a watch of alarms.

    Alarms that are not acknowledged come first, the latest first. An alarm keeps its number until it is cleared, and a
    number is never used again, so that a number that is being typed cannot become that of another alarm.

    Args:
        watch: The watch.
        acknowledgements: Acknowledges the alarms that the user chooses.
        zone: The time zone in which times are shown.
    """

    def __init__(self, watch: AlarmWatch, acknowledgements: Acknowledgements, zone: Zone = UTC) -> None:
        self._watch = watch
        self._acknowledgements = acknowledgements
        self._zone = zone
        self._table = LiveTable()
        self._numbers: dict[str, int] = {}
        self._next_number = itertools.count(1)
        self._lost_since = ""
        self._notes: deque[str] = deque(maxlen=_MAX_NOTES)
        self._prompt = AcknowledgePrompt(self._find, self._acknowledge, self._note)

    @property
    def is_typing(self) -> bool:
        """Whether the user is typing a number or a comment."""
        return self._prompt.is_active

    def add(self, item: AlarmWatchItem) -> None:
        """Take an item of the watch. The table and the state show all but losses and gaps, which become notes."""
        match item:
            case WatchLost():
                self._lost_since = self._now()
                self._note(alarm_watch_line(item))
            case WatchRestored() | WatchGap():
                self._note(alarm_watch_line(item))
            case _:
                pass

    def press(self, key: str) -> None:
        """Type into the prompt, or scroll."""
        if not self._prompt.press(key):
            self._table.press(key)

    def lines(self, frame: Frame) -> Sequence[Text]:
        """Return the state, as many alarms as fit, the last notes and the prompt."""
        head, foot = self._head(), self._foot(frame)
        height = frame.height - len(head) - len(foot)
        table = self._table.lines(_COLUMNS, self._rows(), frame.width, height, can_scroll=frame.has_keyboard)
        # The prompt stays at the bottom, whatever the number of alarms.
        return [*head, *table, *(Text() for _ in range(height - len(table))), *foot]

    def final_lines(self, width: int) -> Sequence[Text]:
        """Return the state, all alarms and the last notes."""
        notes = [Text(note, style="yellow") for note in self._notes]
        return [*self._head(), *all_lines(_COLUMNS, self._rows(), width), *notes]

    def _head(self) -> list[Text]:
        watch = self._watch
        waiting = sum(not is_acknowledged(alarm) for alarm in watch.active.values())
        count = f"{len(watch.active)} active, {waiting} not acknowledged"
        if watch.lost is not None and self._lost_since:
            state = Text(f"LOST at {self._lost_since}, may be outdated: {count}", style="bold red")
        elif not watch.complete:
            state = Text(f"{count} on {self._watch.endpoint}", style="dim")
        else:
            state = Text(f"connected, {count} on {self._watch.endpoint}", style="red" if waiting else "green")
        provider = watch.provider
        if provider is None or not provider.degraded:
            return [state]
        return [state, Text(printable(provider_line(provider)), style="bold red")]

    def _foot(self, frame: Frame) -> list[Text]:
        lines = [Text(note, style="yellow") for note in self._notes]
        if frame.messages:
            lines.append(Text(f"{len(frame.messages)} messages, printed at the end", style="dim"))
        if frame.has_keyboard:
            # The end of a long comment is what the user is typing.
            typed = [Text(line[-frame.width :], style="bold") for line in self._prompt.lines()]
            lines += typed or [Text(_HINT, style="dim")]
        return lines

    def _rows(self) -> list[LiveRow]:
        active = self._watch.active
        self._numbers = {reference: number for reference, number in self._numbers.items() if reference in active}
        for reference in active:
            if reference not in self._numbers:
                self._numbers[reference] = next(self._next_number)
        return [self._row(alarm) for alarm in sorted(active.values(), key=alarm_order)]

    def _row(self, alarm: ActiveAlarm) -> LiveRow:
        acknowledged = is_acknowledged(alarm)
        when = alarm_time(alarm)
        cells = (
            str(self._numbers[alarm.alarm_full_reference]),
            "acked" if acknowledged else "active",
            str(alarm.severity),
            "-" if when is None else self._clock(when),
            alarm.alarm_full_reference,
            alarm.description,
        )
        style = "dim yellow" if self._watch.lost is not None else "yellow" if acknowledged else "red"
        return LiveRow(cells=cells, style=style)

    def _find(self, number: int) -> str | None:
        """Return the alarm with a number, or None if there is none."""
        return next((reference for reference, each in self._numbers.items() if each == number), None)

    def _acknowledge(self, reference: str, comment: str) -> None:
        self._acknowledgements.start(reference, comment, self._note)

    def _note(self, text: str) -> None:
        self._notes.append(f"{self._now()} {printable(text)}")

    def _now(self) -> str:
        return self._clock(datetime.now(UTC))

    def _clock(self, when: datetime) -> str:
        """Return the time of day, or the date of a time that is more than a day ago."""
        is_recent = abs(time.time() - when.timestamp()) < _DAY_SECONDS
        return in_zone(when, self._zone).strftime("%H:%M:%S" if is_recent else "%Y-%m-%d")
