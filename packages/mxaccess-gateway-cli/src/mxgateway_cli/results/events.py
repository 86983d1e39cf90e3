"""Events as lines, rows and JSON records."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from mxgateway import AlarmTransition, BufferedDataChange, DataChange, MxEvent, Quality, ReplayGap, WriteComplete
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_time, format_value, value_of
from mxgateway_cli.output.layouts import Layout
from mxgateway_cli.output.records import event_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from mxgateway import MxEventFamily, MxStatus
    from mxgateway_cli.output.formatting import Zone

__all__ = ["EVENTS", "event_details", "event_line", "family_name", "quality_style"]


def event_line(event: MxEvent, zone: Zone = UTC) -> str:
    """Return an event as a line: sequence, time, family, item and details."""
    if isinstance(event, ReplayGap):
        return (
            f"events were lost: requested the events after {event.requested_after_sequence}, "
            f"but the oldest one available is {event.oldest_available_sequence}"
        )
    item = f"{event.server_handle}/{event.item_handle}"
    when = format_time(_time(event), zone)
    return f"{event.sequence} {when} {family_name(event.family)} {item} {event_details(event, zone)}".rstrip()


def quality_style(quality: Quality) -> str:
    """Return the colour of a quality."""
    return "green" if quality.is_good else "yellow" if quality.is_uncertain else "red"


def event_details(event: MxEvent, zone: Zone = UTC) -> str:
    """Return the details of an event, which depend on its family: value and quality, outcome, or alarm."""
    if isinstance(event, (DataChange, BufferedDataChange)):
        return f"{event.quality} {format_value(event, zone)}{_failed(event.statuses)}"
    return _outcome(event)


def _outcome(event: MxEvent) -> str:
    """Return the details of an event that has no value."""
    if isinstance(event, AlarmTransition):
        return f"{event.alarm_full_reference} {event.transition_kind.words}, severity {event.severity}"
    if isinstance(event, WriteComplete):
        return "written" if event.succeeded else f"refused{_failed(event.statuses)}"
    return ""


def _event_style(event: MxEvent) -> str:
    if isinstance(event, ReplayGap):
        return "bold red"
    if isinstance(event, WriteComplete):
        return "green" if event.succeeded else "red"
    if isinstance(event, (DataChange, BufferedDataChange)):
        return quality_style(event.quality)
    return ""


def _event_cells(event: MxEvent) -> Sequence[object]:
    if isinstance(event, ReplayGap):
        return (None, None, "ReplayGap", None, None, None, None, event_line(event))
    has_value = isinstance(event, (DataChange, BufferedDataChange))
    return (
        event.sequence,
        _time(event),
        family_name(event.family),
        event.server_handle,
        event.item_handle,
        value_of(event) if has_value else None,
        event.quality if has_value else None,
        _failed(event.statuses).removeprefix("; ") if has_value else _outcome(event),
    )


def _event_values(event: MxEvent) -> Iterable[object]:
    return (value_of(event),) if isinstance(event, (DataChange, BufferedDataChange)) else ()


def _failed(statuses: tuple[MxStatus, ...]) -> str:
    return "".join(f"; {status}" for status in statuses if status.failed)


def family_name(family: MxEventFamily) -> str:
    """Return the name of an event in MXAccess, such as OnDataChange."""
    return "".join(word.capitalize() for word in family.name.split("_"))


def _time(event: MxEvent) -> datetime | None:
    """Return the timestamp of the source, or that of the worker if the source has none."""
    try:
        return event.timestamp or event.worker_timestamp
    except ValueError:
        return None


EVENTS: Final[Layout[MxEvent]] = Layout(
    columns=(
        Column(name="sequence"),
        Column(name="time"),
        Column(name="event"),
        Column(name="server handle"),
        Column(name="item handle"),
        Column(name="value", is_flexible=True),
        Column(name="quality"),
        Column(name="details", is_flexible=True, is_optional=True),
    ),
    cells=_event_cells,
    line=event_line,
    values=_event_values,
    record=event_record,
    style=_event_style,
)
"""The layout of events."""
