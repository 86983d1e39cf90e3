"""Alarms as JSON records and as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxgateway import ActiveAlarm, AlarmProviderStatus, AlarmSnapshotComplete, AlarmTransition
from mxgateway_cli.output.formatting import format_time
from mxgateway_cli.output.records import message_record

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import AlarmFeedItem
    from mxgateway_cli.output.console import Output

__all__ = ["print_active_alarm", "print_feed_item"]


def print_active_alarm(output: Output, alarm: ActiveAlarm, *, flush: bool = True) -> None:
    """Print an active alarm."""
    if output.as_json:
        output.json(_alarm_record(alarm), flush=flush)
    else:
        output.line(_active_line(alarm), _active_style(alarm), flush=flush)


def print_feed_item(output: Output, item: AlarmFeedItem, *, flush: bool = True) -> None:
    """Print an item of the alarm feed."""
    if output.as_json:
        output.json(_feed_record(item), flush=flush)
    else:
        output.line(_feed_line(item), _feed_style(item), flush=flush)


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


def _feed_line(item: AlarmFeedItem) -> str:
    match item:
        case ActiveAlarm():
            return _active_line(item)
        case AlarmTransition():
            return _line(item, item.transition_kind.words, _operator(item))
        case AlarmSnapshotComplete():
            return "end of the active alarms; changes follow"
        case AlarmProviderStatus():
            degraded = ", degraded" if item.degraded else ""
            reason = f": {item.reason}" if item.reason else ""
            return f"alarm provider: {item.mode.words}{degraded}{reason}"
        case _:
            return "message of an unknown kind; --json shows its content"


def _active_line(alarm: ActiveAlarm) -> str:
    return _line(alarm, alarm.current_state.words, _operator(alarm))


def _line(alarm: ActiveAlarm | AlarmTransition, state: str, operator: str) -> str:
    description = f" {alarm.description}" if alarm.description else ""
    return f"{_time(alarm)} {state} {alarm.alarm_full_reference} severity {alarm.severity}{description}{operator}"


def _operator(alarm: ActiveAlarm | AlarmTransition) -> str:
    comment = f": {alarm.operator_comment}" if alarm.operator_comment else ""
    return f" ({alarm.operator_user}{comment})" if alarm.operator_user or comment else ""


def _time(alarm: ActiveAlarm | AlarmTransition) -> str:
    when: datetime | None
    try:
        when = alarm.transition_timestamp or alarm.original_raise_timestamp
    except ValueError:
        when = None
    return format_time(when)


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
