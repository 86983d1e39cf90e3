"""Alarms as lines, rows and JSON records."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

from mxgateway import (
    ActiveAlarm,
    AlarmConditionState,
    AlarmFeedItem,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmTransition,
)
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.layouts import Layout
from mxgateway_cli.output.records import message_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mxgateway_cli.output.formatting import Zone

__all__ = [
    "ACTIVE_ALARMS",
    "ALARM_COLUMNS",
    "ALARM_FEED",
    "alarm_cells",
    "alarm_line",
    "alarm_order",
    "alarm_record",
    "alarm_time",
    "is_acknowledged",
    "provider_line",
]


def alarm_record(alarm: ActiveAlarm) -> dict[str, Any]:
    """Return an alarm as the protobuf JSON of its ActiveAlarmSnapshot."""
    return message_record(alarm.raw, f"the alarm {alarm.alarm_full_reference}")


def _feed_record(item: AlarmFeedItem) -> dict[str, Any]:
    """Return the item as the protobuf JSON of its AlarmFeedMessage."""
    match item:
        case ActiveAlarm():
            return {"activeAlarm": alarm_record(item)}
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
            return alarm_line(item, item.transition_kind.words, zone)
        case AlarmSnapshotComplete():
            return "end of the active alarms; changes follow"
        case AlarmProviderStatus():
            return provider_line(item)
        case _:
            return "message of an unknown kind; --json shows its content"


def provider_line(status: AlarmProviderStatus) -> str:
    """Return the status of the alarm provider as a line."""
    degraded = ", degraded" if status.degraded else ""
    reason = f": {status.reason}" if status.reason else ""
    return f"alarm provider: {status.mode.words}{degraded}{reason}"


def _active_line(alarm: ActiveAlarm, zone: Zone = UTC) -> str:
    return alarm_line(alarm, alarm.current_state.words, zone)


def alarm_line(alarm: ActiveAlarm | AlarmTransition, state: str, zone: Zone) -> str:
    """Return an alarm as a line, with this text as its state."""
    when = format_time(alarm_time(alarm), zone)
    description = f" {alarm.description}" if alarm.description else ""
    comment = f": {alarm.operator_comment}" if alarm.operator_comment else ""
    operator = f" ({alarm.operator_user}{comment})" if alarm.operator_user or comment else ""
    return f"{when} {state} {alarm.alarm_full_reference} severity {alarm.severity}{description}{operator}"


def _feed_cells(item: AlarmFeedItem) -> Sequence[object]:
    match item:
        case ActiveAlarm():
            return ("active alarm", *_active_cells(item))
        case AlarmTransition():
            return ("transition", *alarm_cells(item, item.transition_kind.words))
        case AlarmSnapshotComplete():
            return ("snapshot complete", None, None, None, None, _feed_line(item), None, None)
        case AlarmProviderStatus():
            return ("provider status", None, None, None, None, _feed_line(item), None, None)
        case _:
            return ("unknown", None, None, None, None, _feed_line(item), None, None)


def _active_cells(alarm: ActiveAlarm) -> Sequence[object]:
    return alarm_cells(alarm, alarm.current_state.words)


def alarm_cells(alarm: ActiveAlarm | AlarmTransition, state: str) -> Sequence[object]:
    """Return the values of ALARM_COLUMNS, with this text as the state."""
    operator, comment = alarm.operator_user, alarm.operator_comment
    return (
        alarm_time(alarm),
        state,
        alarm.alarm_full_reference,
        alarm.severity,
        alarm.description,
        operator,
        comment,
    )


def _feed_values(item: AlarmFeedItem) -> Iterable[object]:
    return (item.alarm_full_reference,) if isinstance(item, (ActiveAlarm, AlarmTransition)) else ()


def alarm_time(alarm: ActiveAlarm | AlarmTransition) -> datetime | None:
    """Return when the alarm last changed, or None if that is unknown or cannot be represented."""
    is_cleared = isinstance(alarm, ActiveAlarm) and alarm.current_state is AlarmConditionState.INACTIVE
    try:
        # A raised alarm may have only the time at which it was raised.
        return alarm.transition_timestamp or (None if is_cleared else alarm.original_raise_timestamp)
    except ValueError:
        return None


def is_acknowledged(alarm: ActiveAlarm) -> bool:
    """Return whether the alarm is active and acknowledged."""
    return alarm.current_state is AlarmConditionState.ACTIVE_ACKED


def alarm_order(alarm: ActiveAlarm) -> tuple[bool, float, str]:
    """Return the sort key that puts alarms that are not acknowledged first, and the latest first."""
    when = alarm_time(alarm)
    return is_acknowledged(alarm), 0.0 if when is None else -when.timestamp(), alarm.alarm_full_reference


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


ALARM_COLUMNS: Final = tuple(
    Column(name=name) for name in ("time", "state", "alarm", "severity", "description", "operator", "comment")
)
"""The columns of an alarm."""

ACTIVE_ALARMS: Final[Layout[ActiveAlarm]] = Layout(
    columns=ALARM_COLUMNS,
    cells=_active_cells,
    line=_active_line,
    values=lambda alarm: (alarm.alarm_full_reference,),
    record=alarm_record,
    style=_active_style,
)
"""The layout of active alarms."""

ALARM_FEED: Final[Layout[AlarmFeedItem]] = Layout(
    columns=(Column(name="kind"), *ALARM_COLUMNS),
    cells=_feed_cells,
    line=_feed_line,
    values=_feed_values,
    record=_feed_record,
    style=_feed_style,
)
"""The layout of the alarm feed."""
