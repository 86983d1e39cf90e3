"""Objects of the client as JSON records with protobuf JSON names."""

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
    """Return an event as the record of its message; see `message_record`."""
    return message_record(event.raw, f"the event with workerSequence {event.sequence}")


def message_record(message: Message, description: str) -> dict[str, Any]:
    """Return the protobuf JSON of a message.

    64-bit integers are strings, enums are their names, times are RFC 3339 in UTC. Fields without presence are always
    included, so that a quality of 0 is visible; messages and `optional` fields are included if they were sent.

    Args:
        message: The message.
        description: What the message is, for the error.

    Raises:
        CommandFailure: A timestamp is outside the years 1 to 9999, which protobuf JSON cannot represent.
    """
    try:
        record: dict[str, Any] = json_format.MessageToDict(message, always_print_fields_with_no_presence=True)
    except (ValueError, json_format.Error) as error:
        raise CommandFailure(f"{description} cannot be printed as JSON: {error}", ExitStatus.FAILED) from error
    return record


def time_record(when: datetime) -> str:
    """Return a time as protobuf JSON: RFC 3339 in UTC."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def enum_record(prefix: str, member: IntEnum) -> str | int:
    """Return an enum member as protobuf JSON: its full name, or the number if this version does not know a name."""
    return member.value if member.name == f"UNRECOGNIZED_{member.value}" else f"{prefix}_{member.name}"


def status_record(status: MxStatus) -> dict[str, Any]:
    """Return a status as the protobuf JSON of its message."""
    return {
        "success": status.success,
        "category": enum_record("MX_STATUS_CATEGORY", status.category),
        "detectedBy": enum_record("MX_STATUS_SOURCE", status.detected_by),
        "detail": status.detail,
        "rawCategory": status.raw_category,
        "rawDetectedBy": status.raw_detected_by,
        "diagnosticText": status.diagnostic_text,
    }
