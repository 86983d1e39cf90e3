"""Alarms as lines, rows and JSON records."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from mxgateway import ActiveAlarm, AlarmFeedItem, AlarmProviderStatus, AlarmSnapshotComplete, AlarmTransition
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.layouts import Layout
from mxgateway_cli.output.records import message_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mxgateway_cli.output.formatting import Zone

__all__ = ["ACTIVE_ALARMS", "ALARM_FEED"]


def _alarm_record(alarm: ActiveAlarm) -> dict[str, Any]:
    return message_record(alarm.raw, f"the alarm {alarm.alarm_full_reference}")


def _feed_record(item: AlarmFeedItem) -> dict[str, Any]:
    """Return the item as the protobuf JSON of its AlarmFeedMessage."""
    match item:
        case ActiveAlarm():
            return {"activeAlarm": _alarm_record(item)}
        case AlarmTransition():
            description = f"the alarm {item.alarm_full_reference}"
            return {"transition": message_record(item.raw.on_alarm_transition, description)}
        case AlarmSnapshotComplete():
            return {"snapshotComplete": True}
        case AlarmProviderStatus():
            return {"providerStatus": message_record(item.raw, "the status of the alarm provider")}
        case _:
            return message_record(item.raw, "the message")


def _feed_line(item: AlarmFeedItem, zone: Zone = UTC) -> str:
    match item:
        case ActiveAlarm():
            return _active_line(item, zone)
        case AlarmTransition():
            return _line(item, item.transition_kind.words, zone)
        case AlarmSnapshotComplete():
            return "end of the active alarms; changes follow"
        case AlarmProviderStatus():
            degraded = ", degraded" if item.degraded else ""
            reason = f": {item.reason}" if item.reason else ""
            return f"alarm provider: {item.mode.words}{degraded}{reason}"
        case _:
            return "message of an unknown kind; --json shows its content"


def _active_line(alarm: ActiveAlarm, zone: Zone = UTC) -> str:
    return _line(alarm, alarm.current_state.words, zone)


def _line(alarm: ActiveAlarm | AlarmTransition, state: str, zone: Zone) -> str:
    when = format_time(_time(alarm), zone)
    description = f" {alarm.description}" if alarm.description else ""
    comment = f": {alarm.operator_comment}" if alarm.operator_comment else ""
    operator = f" ({alarm.operator_user}{comment})" if alarm.operator_user or comment else ""
    return f"{when} {state} {alarm.alarm_full_reference} severity {alarm.severity}{description}{operator}"


def _feed_cells(item: AlarmFeedItem) -> Sequence[object]:
    match item:
        case ActiveAlarm():
            return ("active alarm", *_active_cells(item))
        case AlarmTransition():
            return ("transition", *_cells(item, item.transition_kind.words))
        case AlarmSnapshotComplete():
            return ("snapshot complete", None, None, None, None, _feed_line(item), None, None)
        case AlarmProviderStatus():
            return ("provider status", None, None, None, None, _feed_line(item), None, None)
        case _:
            return ("unknown", None, None, None, None, _feed_line(item), None, None)


def _active_cells(alarm: ActiveAlarm) -> Sequence[object]:
    return _cells(alarm, alarm.current_state.words)


def _cells(alarm: ActiveAlarm | AlarmTransition, state: str) -> Sequence[object]:
    operator, comment = alarm.operator_user, alarm.operator_comment
    return (
        _time(alarm),
        state,
        alarm.alarm_full_reference,
        alarm.severity,
        alarm.description,
        operator,
        comment,
    )


def _feed_values(item: AlarmFeedItem) -> Iterable[object]:
    return (item.alarm_full_reference,) if isinstance(item, (ActiveAlarm, AlarmTransition)) else ()


def _time(alarm: ActiveAlarm | AlarmTransition) -> datetime | None:
    try:
        return alarm.transition_timestamp or alarm.original_raise_timestamp
    except ValueError:
        return None


def _active_style(alarm: ActiveAlarm) -> str:
    return "red" if alarm.current_state.name == "ACTIVE" else "yellow"


def _feed_style(item: AlarmFeedItem) -> str:
    match item:
        case ActiveAlarm():
            return _active_style(item)
        case AlarmTransition():
            return {"RAISE": "red", "RETRIGGER": "red", "CLEAR": "green"}.get(item.transition_kind.name, "yellow")
        case AlarmProviderStatus():
            return "bold red" if item.degraded else "dim"
        case _:
            return "dim"


_COLUMNS: Final = tuple(
    Column(name=name) for name in ("time", "state", "alarm", "severity", "description", "operator", "comment")
)

ACTIVE_ALARMS: Final[Layout[ActiveAlarm]] = Layout(
    columns=_COLUMNS,
    cells=_active_cells,
    line=_active_line,
    values=lambda alarm: (alarm.alarm_full_reference,),
    record=_alarm_record,
    style=_active_style,
)
"""The layout of active alarms."""

ALARM_FEED: Final[Layout[AlarmFeedItem]] = Layout(
    columns=(Column(name="kind"), *_COLUMNS),
    cells=_feed_cells,
    line=_feed_line,
    values=_feed_values,
    record=_feed_record,
    style=_feed_style,
)
"""The layout of the alarm feed."""
