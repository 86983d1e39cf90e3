"""The library's types as JSON objects with protobuf JSON names."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any

from google.protobuf import json_format

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus

if TYPE_CHECKING:
    from datetime import datetime
    from enum import IntEnum

    from google.protobuf.message import Message

    from mxgateway import MxEvent, MxStatus

__all__ = ["enum_record", "event_record", "message_record", "status_record", "time_record"]


def event_record(event: MxEvent) -> dict[str, Any]:
    """Give an event as `message_record` gives its message."""
    return message_record(event.raw, f"the event with workerSequence {event.sequence}")


def message_record(message: Message, what: str) -> dict[str, Any]:
    """Give the protobuf JSON of a message.

    64 bit integers are texts, enums are their names, times are RFC 3339 in UTC. A field that can't be told from unset
    is always there, so that a quality of 0 is seen; a message or an `optional` field is there when it was sent.

    Raises:
        CommandFailure: a timestamp of it lies outside the years 1 to 9999, which JSON has no form for.
    """
    try:
        record: dict[str, Any] = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    except (ValueError, json_format.Error) as error:
        raise CommandFailure(f"{what} has no JSON form: {error}", ExitStatus.FAILED) from error
    return record


def time_record(when: datetime) -> str:
    """Give a time as protobuf JSON has it: RFC 3339 in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def enum_record(prefix: str, member: IntEnum) -> str | int:
    """Give an enum's member as protobuf JSON has it: its full name, or the number that this version can't name."""
    return member.value if member.name == f"UNRECOGNIZED_{member.value}" else f"{prefix}_{member.name}"


def status_record(status: MxStatus) -> dict[str, Any]:
    """Give a status as the protobuf JSON of its message."""
    return {
        "success": status.success,
        "category": enum_record("MX_STATUS_CATEGORY", status.category),
        "detectedBy": enum_record("MX_STATUS_SOURCE", status.detected_by),
        "detail": status.detail,
        "rawCategory": status.raw_category,
        "rawDetectedBy": status.raw_detected_by,
        "diagnosticText": status.diagnostic_text,
    }
