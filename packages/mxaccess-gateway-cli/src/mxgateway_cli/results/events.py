"""Events as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import AlarmTransition, BufferedDataChange, DataChange, MxEvent, Quality, ReplayGap, WriteComplete
from mxgateway_cli.output.formatting import format_time, format_value

if TYPE_CHECKING:
    from mxgateway import MxStatus

__all__ = ["event_details", "event_line", "event_style", "quality_style"]


def event_line(event: MxEvent) -> str:
    """Return an event as a line: sequence, time, family, item and details."""
    if isinstance(event, ReplayGap):
        return (
            f"events were lost: requested the events after {event.requested_after_sequence}, "
            f"but the oldest one available is {event.oldest_available_sequence}"
        )
    item = f"{event.server_handle}/{event.item_handle}"
    return f"{event.sequence} {_time(event)} {_family(event)} {item} {event_details(event)}".rstrip()


def event_style(event: MxEvent) -> str:
    """Return the colour of an event's line on a terminal."""
    if isinstance(event, ReplayGap):
        return "bold red"
    if isinstance(event, WriteComplete):
        return "green" if event.succeeded else "red"
    if isinstance(event, (DataChange, BufferedDataChange)):
        return quality_style(event.quality)
    return ""


def quality_style(quality: Quality) -> str:
    """Return the colour of a quality."""
    return "green" if quality.is_good else "yellow" if quality.is_uncertain else "red"


def event_details(event: MxEvent) -> str:
    """Return the details of an event, which depend on its family: value and quality, outcome, or alarm."""
    if isinstance(event, AlarmTransition):
        return f"{event.alarm_full_reference} {event.transition_kind.words}, severity {event.severity}"
    if isinstance(event, WriteComplete):
        return "written" if event.succeeded else f"refused{_failed(event.statuses)}"
    if isinstance(event, (DataChange, BufferedDataChange)):
        return f"{event.quality} {format_value(event)}{_failed(event.statuses)}"
    return ""


def _failed(statuses: tuple[MxStatus, ...]) -> str:
    return "".join(f"; {status}" for status in statuses if status.failed)


def _family(event: MxEvent) -> str:
    """Return the name of the event in MXAccess, such as OnDataChange."""
    return "".join(word.capitalize() for word in event.family.name.split("_"))


def _time(event: MxEvent) -> str:
    """Return the timestamp of the source, or that of the worker if the source has none."""
    try:
        when = event.timestamp or event.worker_timestamp
    except ValueError:
        when = None
    return format_time(when)
