"""An event as a line for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import AlarmTransition, BufferedDataChange, DataChange, MxEvent, Quality, ReplayGap, WriteComplete
from mxgateway_cli.output.readings import shown_moment, shown_value

if TYPE_CHECKING:
    from mxgateway import MxStatus

__all__ = ["event_line", "event_style", "quality_style", "told"]


def event_line(event: MxEvent) -> str:
    """Give what matters of an event: sequence, time, family, item, and what the family has to tell."""
    if isinstance(event, ReplayGap):
        return (
            f"events were lost: asked for those after {event.requested_after_sequence}, "
            f"the oldest still there is {event.oldest_available_sequence}"
        )
    item = f"{event.server_handle}/{event.item_handle}"
    return f"{event.sequence} {_time(event)} {_family(event)} {item} {told(event)}".rstrip()


def event_style(event: MxEvent) -> str:
    """Give the colour of an event's line on a terminal."""
    if isinstance(event, ReplayGap):
        return "bold red"
    if isinstance(event, WriteComplete):
        return "green" if event.succeeded else "red"
    if isinstance(event, (DataChange, BufferedDataChange)):
        return quality_style(event.quality)
    return ""


def quality_style(quality: Quality) -> str:
    """Give the colour of a quality."""
    return "green" if quality.is_good else "yellow" if quality.is_uncertain else "red"


def told(event: MxEvent) -> str:
    """Give what an event's family has to tell: value and quality, or the outcome."""
    if isinstance(event, AlarmTransition):
        return f"{event.alarm_full_reference} {event.transition_kind.words}, severity {event.severity}"
    if isinstance(event, WriteComplete):
        return "written" if event.succeeded else f"refused{_failed(event.statuses)}"
    if isinstance(event, (DataChange, BufferedDataChange)):
        return f"{event.quality} {shown_value(event)}{_failed(event.statuses)}"
    return ""


def _failed(statuses: tuple[MxStatus, ...]) -> str:
    return "".join(f"; {status}" for status in statuses if status.failed)


def _family(event: MxEvent) -> str:
    """The event as MXAccess calls it: OnDataChange."""
    return "".join(word.capitalize() for word in event.family.name.split("_"))


def _time(event: MxEvent) -> str:
    """When the source had it, or else the worker."""
    try:
        when = event.timestamp or event.worker_timestamp
    except ValueError:
        when = None
    return shown_moment(when)
