"""Readings and watch items of tags as JSON records and as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mxgateway import TagChange, TagReading, TagRefused, WatchGap, WatchLost, WatchRestored
from mxgateway_cli.errors import PartialFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.failures.gateway import describe_gateway_error
from mxgateway_cli.output.formatting import format_timestamp, format_value
from mxgateway_cli.output.records import message_record
from mxgateway_cli.output.tables import Row, print_rows
from mxgateway_cli.results.events import quality_style

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import WatchItem
    from mxgateway_cli.output.console import Output

__all__ = ["print_readings", "print_watch_item", "status_line", "watch_record"]


def print_readings(output: Output, readings: Sequence[TagReading]) -> None:
    """Print a reading of each tag.

    Raises:
        PartialFailure: At least one tag could not be read. All readings are printed before.
    """
    if output.as_json:
        for reading in readings:
            output.json({"tag": reading.tag, **message_record(reading.result.raw, f"the value of {reading.tag}")})
    else:
        print_rows(output, ("tag", "value", "quality", "time"), [_reading_row(reading) for reading in readings])
    failed = [reading for reading in readings if not reading.result.was_successful]
    if failed:
        first = f"{failed[0].tag}: {_refusal(failed[0])}"
        raise PartialFailure(f"cannot read {len(failed)} of {len(readings)} tags; {first}", ExitStatus.MXACCESS)


def watch_record(item: WatchItem) -> dict[str, Any]:
    """Return an item of a watch as a JSON record; `kind` says what it is."""
    match item:
        case TagChange():
            event = message_record(item.raw, f"the value of {item.tag}")
            return {"kind": "change", "tag": item.tag, "repeated": item.repeated, "event": event}
        case TagRefused():
            return {"kind": "refused", "tag": item.tag, "errorMessage": item.error_message}
        case WatchLost():
            return {"kind": "lost", "reason": _reason(item)}
        case WatchRestored():
            return {"kind": "restored", "resumed": item.resumed}
        case WatchGap():
            return {"kind": "gap", "dropped": item.dropped}


def print_watch_item(output: Output, item: WatchItem, *, flush: bool = True) -> None:
    """Print an item of a watch on one line."""
    if output.as_json:
        output.json(watch_record(item), flush=flush)
    elif isinstance(item, TagChange):
        output.line(_change_line(item), quality_style(item.quality), flush=flush)
    else:
        output.line(status_line(item), "bold red", flush=flush)


def status_line(item: WatchItem) -> str:
    """Return the line of an item that reports the status of the watch."""
    match item:
        case TagChange():
            return _change_line(item)
        case TagRefused():
            return f"refused: {item.tag}: {item.error_message}"
        case WatchLost():
            return f"lost: values are stale until the connection is restored: {_reason(item)}"
        case WatchRestored(resumed=True):
            return "restored: no changes were missed"
        case WatchRestored():
            return "restored: in a new session; changes in the meantime were missed"
        case WatchGap(dropped=0):
            return "gap: the gateway no longer had the missed changes; the current values follow"
        case WatchGap():
            return f"gap: {item.dropped} changes were dropped because they arrived faster than they could be printed"


def _reading_row(reading: TagReading) -> Row:
    if not reading.result.was_successful:
        reason = _refusal(reading)
        return Row(cells=(reading.tag, reason, "", ""), line=f"{reading.tag} FAILED {reason}", style="bold red")
    value, quality, when = format_value(reading), str(reading.quality), format_timestamp(reading)
    return Row(
        cells=(reading.tag, value, quality, when),
        line=f"{reading.tag} {when} {quality} {value}",
        style=quality_style(reading.quality),
    )


def _refusal(reading: TagReading) -> str:
    failed = [str(status) for status in reading.statuses if status.failed]
    return reading.result.error_message or "; ".join(failed) or "no reason given"


def _change_line(change: TagChange) -> str:
    failed = "".join(f"; {status}" for status in change.statuses if status.failed)
    return f"{format_timestamp(change)} {change.tag} {change.quality} {format_value(change)}{failed}"


def _reason(lost: WatchLost) -> str:
    failure = describe_gateway_error(lost.error)
    return " ".join((failure.message if failure else str(lost.error)).split())
