"""Items of a watch of alarms as lines, rows and JSON records."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from mxgateway import (
    AlarmChange,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmWatchItem,
    WatchGap,
    WatchLost,
    WatchRestored,
)
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.layouts import Layout
from mxgateway_cli.output.records import message_record, time_record
from mxgateway_cli.results.alarms import ALARM_COLUMNS, alarm_cells, alarm_line, alarm_record, provider_line
from mxgateway_cli.results.tags import lost_reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mxgateway_cli.output.formatting import Zone

__all__ = ["ALARM_WATCH_ITEMS", "alarm_watch_line"]


def alarm_watch_line(item: AlarmWatchItem, zone: Zone = UTC) -> str:
    """Return an item of a watch of alarms as a line."""
    match item:
        case AlarmChange():
            found = f" [in the list of active alarms: {item.alarm.current_state.words}]" if item.from_snapshot else ""
            return alarm_line(item.alarm, item.kind.value, zone) + found
        case AlarmSnapshotComplete():
            return "end of the active alarms; changes follow"
        case AlarmProviderStatus():
            return provider_line(item)
        case WatchLost():
            return f"lost: the active alarms may be outdated until the feed is restored: {lost_reason(item)}"
        case WatchRestored():
            return f"restored: at {item.endpoint}; what changed in the meantime follows"
        case WatchGap():
            return f"gap: {item.dropped} changes were dropped because they arrived faster than they could be printed"
        case _:
            return "message of an unknown kind; --json shows its content"


def _record(item: AlarmWatchItem) -> dict[str, Any]:
    """Return an item as a JSON record; `kind` says what it is."""
    match item:
        case AlarmChange():
            record: dict[str, Any] = {
                "kind": item.kind.value,
                "alarmFullReference": item.alarm_full_reference,
                "fromSnapshot": item.from_snapshot,
                "alarm": alarm_record(item.alarm),
            }
            return record if item.previous is None else {**record, "previous": alarm_record(item.previous)}
        case AlarmSnapshotComplete():
            return {"kind": "snapshot-complete"}
        case AlarmProviderStatus():
            return {"kind": "provider", "providerStatus": message_record(item.raw, "the status of the alarm provider")}
        case WatchLost():
            return {"kind": "lost", "reason": lost_reason(item)}
        case WatchRestored():
            missed = {} if item.missed_since is None else {"missedSince": time_record(item.missed_since)}
            return {"kind": "restored", "resumed": item.resumed, "endpoint": item.endpoint, **missed}
        case WatchGap():
            return {"kind": "gap", "dropped": item.dropped}
        case _:
            return {"kind": "unknown", "message": message_record(item.raw, "the message")}


def _cells(item: AlarmWatchItem) -> Sequence[object]:
    if isinstance(item, AlarmChange):
        return (item.kind.value, item.from_snapshot, *alarm_cells(item.alarm, item.alarm.current_state.words))
    kind = _record(item)["kind"]
    text = alarm_watch_line(item)
    return (kind, None, None, None, None, None, text.partition(": ")[2] or text, None, None)


def _values(item: AlarmWatchItem) -> Iterable[object]:
    return (item.alarm_full_reference,) if isinstance(item, AlarmChange) else ()


def _style(item: AlarmWatchItem) -> str:
    match item:
        case AlarmChange():
            return {"raised": "red", "cleared": "green"}.get(item.kind.value, "yellow")
        case WatchLost() | WatchRestored() | WatchGap():
            return "bold red"
        case AlarmProviderStatus(degraded=True):
            return "bold red"
        case _:
            return "dim"


ALARM_WATCH_ITEMS: Final[Layout[AlarmWatchItem]] = Layout(
    columns=(Column(name="kind"), Column(name="from snapshot"), *ALARM_COLUMNS),
    cells=_cells,
    line=alarm_watch_line,
    values=_values,
    record=_record,
    style=_style,
)
"""The layout of the items of a watch of alarms."""
