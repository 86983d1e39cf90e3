"""The rows of the two tables: watched tags, and active alarms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway_cli.explore.models.clock import short_age
from mxgateway_cli.explore.widgets.row_table import TREND
from mxgateway_cli.jobs.watch.rows import TREND_WIDTH
from mxgateway_cli.output.live.table import LiveColumn, LiveRow
from mxgateway_cli.results.alarms import alarm_time, is_acknowledged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import ActiveAlarm
    from mxgateway_cli.explore.models.alarms import AlarmList
    from mxgateway_cli.explore.models.clock import Clock
    from mxgateway_cli.explore.models.tags import WatchedTags

__all__ = ["AlarmRows", "TagRows"]

_VALUE_WIDTH: Final = 11
_QUALITY_WIDTH: Final = 10

_TAG_COLUMNS: Final = (
    LiveColumn(heading="tag", width=14, importance=9, is_cut_in_middle=True, grows=True),
    LiveColumn(heading="value", width=_VALUE_WIDTH, importance=9, is_right_aligned=True),
    LiveColumn(heading="quality", width=_QUALITY_WIDTH, importance=9),
    LiveColumn(heading="age", width=5, importance=8, is_right_aligned=True),
    LiveColumn(heading=TREND, width=TREND_WIDTH - 2, importance=7),
)
_ALARM_COLUMNS: Final = (
    LiveColumn(heading="state", width=6, importance=9),
    LiveColumn(heading="sev", width=4, importance=7, is_right_aligned=True),
    LiveColumn(heading="time", width=10, importance=8),
    LiveColumn(heading="alarm", width=16, importance=9, is_cut_in_middle=True, grows=True),
    LiveColumn(heading="description", width=20, importance=6),
)


class TagRows:
    """The watched tags as rows."""

    def __init__(self, tags: WatchedTags, clock: Clock) -> None:
        self._tags = tags
        self._clock = clock

    def keys(self) -> Sequence[str]:
        """Return the names of the tags."""
        return tuple(self._tags.by_name)

    def columns(self, width: int) -> Sequence[LiveColumn]:  # noqa: ARG002 - the same columns at every width
        """Return the columns."""
        return _TAG_COLUMNS

    def empty_text(self) -> str:
        """Return how to watch a tag."""
        return "Enter on an attribute of the Galaxy watches it; n takes a name"

    def row(self, key: str) -> LiveRow:
        """Return value, quality, age and trend of a tag. The quality of a stale value is never shown."""
        tag = self._tags.by_name[key]
        row = tag.row
        stale = "" if row.stale_since is None else f"stale {short_age(self._clock.monotonic() - row.stale_since)}"
        if row.last is None or not row.has_value or row.refusal:
            is_waiting = row.last is None and not row.refusal and not stale
            rest = f"{stale}: {row.reason}" if stale else row.reason
            return LiveRow(cells=(key,), rest=rest, style="dim" if is_waiting else "warning" if stale else "error")
        quality = row.last.quality
        word = str(quality).partition(" ")[0]
        seconds = tag.age(self._clock)
        style = "warning" if stale or quality.is_uncertain else "" if quality.is_good else "error"
        cells = (
            key,
            row.value(self._clock.zone),
            stale or word,
            "" if seconds is None else short_age(seconds),
            row.trend()[-(TREND_WIDTH - 2) :],
        )
        return LiveRow(cells=cells, style=style)


class AlarmRows:
    """The active alarms as rows."""

    def __init__(self, alarms: AlarmList, clock: Clock) -> None:
        self._alarms = alarms
        self._clock = clock

    def keys(self) -> Sequence[str]:
        """Return the full references of the alarms."""
        return tuple(alarm.alarm_full_reference for alarm in self._alarms.active)

    def columns(self, width: int) -> Sequence[LiveColumn]:  # noqa: ARG002 - the same columns at every width
        """Return the columns."""
        return _ALARM_COLUMNS

    def empty_text(self) -> str:
        """Return why there are no alarms."""
        alarms = self._alarms
        return alarms.problem or ("no active alarms" if alarms.is_complete else "waiting for the active alarms")

    def row(self, key: str) -> LiveRow:
        """Return state, severity, time, name and description of an alarm."""
        alarm = self._alarms.find(key)
        return LiveRow(cells=(), rest="cleared", style="dim") if alarm is None else self._row(alarm)

    def _row(self, alarm: ActiveAlarm) -> LiveRow:
        when = alarm_time(alarm)
        is_acked = is_acknowledged(alarm)
        is_outdated = self._alarms.lost_since is not None
        cells = (
            "acked" if is_acked else "active",
            str(alarm.severity),
            "-" if when is None else self._clock.time_of_day(when),
            alarm.alarm_full_reference.partition("!")[2] or alarm.alarm_full_reference,
            alarm.description,
        )
        return LiveRow(cells=cells, style="dim" if is_outdated else "warning" if is_acked else "error")
