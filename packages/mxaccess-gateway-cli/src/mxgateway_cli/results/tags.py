"""Readings and watch items of tags as lines, rows and JSON records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from mxgateway import TagChange, TagReading, TagRefused, WatchGap, WatchItem, WatchLost, WatchRestored
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.formatting import format_time, format_timestamp, format_value, time_of, value_of
from mxgateway_cli.output.layouts import Layout, print_all
from mxgateway_cli.output.records import message_record, time_record
from mxgateway_cli.results.events import quality_style

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["READINGS", "WATCH_ITEMS", "TagSample", "change_reason", "lost_reason", "print_readings", "status_line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSample:
    """What is known of a watched tag at one moment, for a snapshot.

    Attributes:
        tag: The tag.
        time: The moment, in UTC.
        change: The last change of the tag, or None if it has no value yet.
        is_stale: Whether the value may have changed since: the connection is lost, or changes are missing.
    """

    tag: str
    time: datetime
    change: TagChange | None
    is_stale: bool


def print_readings(output: Output, readings: Sequence[TagReading]) -> None:
    """Print a reading of each tag.

    Raises:
        PartialFailure: At least one tag could not be read. All readings are printed before.
    """
    print_all(output, READINGS, readings)
    failed = [reading for reading in readings if not reading.result.was_successful]
    if failed:
        first = f"{failed[0].tag}: {_refusal(failed[0])}"
        raise PartialFailure(f"cannot read {len(failed)} of {len(readings)} tags; {first}", ExitStatus.MXACCESS)


def status_line(item: WatchItem | TagSample, zone: Zone = UTC) -> str:
    """Return an item of a watch as a line."""
    match item:
        case TagSample():
            return _sample_line(item, zone)
        case TagChange():
            reason = change_reason(item)
            failed = f"; {reason}" if reason else ""
            value = format_value(item, zone)
            return f"{format_timestamp(item, zone)} {item.tag} {item.quality} {value}{failed}"
        case TagRefused():
            return f"refused: {item.tag}: {item.error_message}"
        case WatchLost():
            return f"lost: values are stale until the connection is restored: {lost_reason(item)}"
        case WatchRestored(resumed=True):
            return "restored: no changes were missed"
        case WatchRestored():
            since = "" if item.missed_since is None else f" since {format_time(item.missed_since, zone)}"
            return f"restored: in a new session at {item.endpoint}; changes{since} were missed"
        case WatchGap(dropped=0):
            return "gap: the gateway no longer had the missed changes; the current values follow"
        case WatchGap():
            return f"gap: {item.dropped} changes were dropped because they arrived faster than they could be printed"


def change_reason(change: TagChange) -> str:
    """Return why a value is not good according to MXAccess, or an empty text."""
    return "; ".join(str(status) for status in change.statuses if status.failed)


def _reading_cells(reading: TagReading) -> Sequence[object]:
    if not reading.result.was_successful:
        return (reading.tag, None, None, None, _refusal(reading))
    return (reading.tag, value_of(reading), reading.quality, time_of(reading), None)


def _reading_line(reading: TagReading, zone: Zone) -> str:
    if not reading.result.was_successful:
        return f"{reading.tag} FAILED {_refusal(reading)}"
    return f"{reading.tag} {format_timestamp(reading, zone)} {reading.quality} {format_value(reading, zone)}"


def _reading_values(reading: TagReading) -> Iterable[object]:
    # An empty line for a tag without a value: the lines stay in the order of the tags.
    return (value_of(reading) if reading.result.was_successful else None,)


def _reading_record(reading: TagReading) -> dict[str, Any]:
    return {"tag": reading.tag, **message_record(reading.result.raw, f"the value of {reading.tag}")}


def _reading_style(reading: TagReading) -> str:
    return quality_style(reading.quality) if reading.result.was_successful else "bold red"


def _refusal(reading: TagReading) -> str:
    failed = [str(status) for status in reading.statuses if status.failed]
    return reading.result.error_message or "; ".join(failed) or "no reason given"


def _sample_line(sample: TagSample, zone: Zone) -> str:
    when, change = format_time(sample.time, zone), sample.change
    if change is None:
        return f"{when} {sample.tag} no value yet"
    reason = change_reason(change)
    failed = f"; {reason}" if reason else ""
    stale = " (stale)" if sample.is_stale else ""
    return f"{when} {sample.tag} {change.quality}{stale} {format_value(change, zone)}{failed}"


def _watch_cells(item: WatchItem | TagSample) -> Sequence[object]:
    kind = _KINDS[type(item)]
    if isinstance(item, TagSample):
        return _sample_cells(item)
    if isinstance(item, TagChange):
        reason = change_reason(item)
        return (kind, item.tag, value_of(item), item.quality, time_of(item), item.repeated, None, reason)
    tag = item.tag if isinstance(item, TagRefused) else None
    reason = item.error_message if isinstance(item, TagRefused) else status_line(item).partition(": ")[2]
    return (kind, tag, None, None, None, None, None, reason)


def _sample_cells(sample: TagSample) -> Sequence[object]:
    change = sample.change
    if change is None:
        return ("sample", sample.tag, None, None, sample.time, None, None, "no value yet")
    reason = change_reason(change)
    return ("sample", sample.tag, value_of(change), change.quality, sample.time, None, sample.is_stale, reason)


def _watch_values(item: WatchItem | TagSample) -> Iterable[object]:
    if isinstance(item, TagSample):
        # An empty line for a tag without a value: the lines of a snapshot stay in the order of the tags.
        return (None if item.change is None else value_of(item.change),)
    return (value_of(item),) if isinstance(item, TagChange) else ()


def _watch_record(item: WatchItem | TagSample) -> dict[str, Any]:
    """Return an item of a watch as a JSON record; `kind` says what it is."""
    match item:
        case TagSample():
            return _sample_record(item)
        case TagChange():
            event = message_record(item.raw, f"the value of {item.tag}")
            return {"kind": "change", "tag": item.tag, "repeated": item.repeated, "event": event}
        case TagRefused():
            return {"kind": "refused", "tag": item.tag, "errorMessage": item.error_message}
        case WatchLost():
            return {"kind": "lost", "reason": lost_reason(item)}
        case WatchRestored():
            missed = {} if item.missed_since is None else {"missedSince": time_record(item.missed_since)}
            return {"kind": "restored", "resumed": item.resumed, "endpoint": item.endpoint, **missed}
        case WatchGap():
            return {"kind": "gap", "dropped": item.dropped}


def _sample_record(sample: TagSample) -> dict[str, Any]:
    record: dict[str, Any] = {"kind": "sample", "tag": sample.tag}
    record |= {"time": time_record(sample.time), "stale": sample.is_stale}
    if sample.change is not None:
        record["event"] = message_record(sample.change.raw, f"the value of {sample.tag}")
    return record


def _watch_style(item: WatchItem | TagSample) -> str:
    if isinstance(item, TagSample):
        return "dim yellow" if item.change is None or item.is_stale else quality_style(item.change.quality)
    return quality_style(item.quality) if isinstance(item, TagChange) else "bold red"


def lost_reason(lost: WatchLost) -> str:
    """Return why a watch is lost, on one line."""
    failure = describe_gateway_error(lost.error)
    return " ".join((failure.message if failure else str(lost.error)).split())


_KINDS: Final = {
    TagChange: "change",
    TagSample: "sample",
    TagRefused: "refused",
    WatchLost: "lost",
    WatchRestored: "restored",
    WatchGap: "gap",
}

READINGS: Final[Layout[TagReading]] = Layout(
    columns=(
        Column(name="tag"),
        Column(name="value", is_flexible=True),
        Column(name="quality"),
        Column(name="time"),
        Column(name="reason", is_flexible=True, is_optional=True, spans=True),
    ),
    cells=_reading_cells,
    line=_reading_line,
    values=_reading_values,
    record=_reading_record,
    style=_reading_style,
)
"""The layout of readings."""

WATCH_ITEMS: Final[Layout[WatchItem | TagSample]] = Layout(
    columns=(
        Column(name="kind"),
        Column(name="tag"),
        Column(name="value"),
        Column(name="quality"),
        Column(name="time"),
        Column(name="repeated"),
        Column(name="stale"),
        Column(name="reason"),
    ),
    cells=_watch_cells,
    line=status_line,
    values=_watch_values,
    record=_watch_record,
    style=_watch_style,
)
"""The layout of the items of a watch."""
