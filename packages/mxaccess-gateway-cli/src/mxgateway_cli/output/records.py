"""Objects of the client as JSON records with protobuf JSON names."""

from __future__ import annotations

import functools
from datetime import UTC
from typing import TYPE_CHECKING, Any, cast

from google.protobuf import json_format

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.fields import JsonText

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from google.protobuf.descriptor import Descriptor
    from google.protobuf.message import Message

    from mxgateway import MxEvent, MxStatus
    from mxgateway.protocol import OpenEnum

__all__ = ["enum_record", "event_record", "message_record", "status_record", "time_record"]


def event_record(event: MxEvent) -> dict[str, Any]:
    """Return an event as the record of its message; see `message_record`."""
    return message_record(event.raw, f"the event with workerSequence {event.sequence}")


def message_record(message: Message, description: str) -> dict[str, Any]:
    """Return the protobuf JSON of a message, with the keys in the order of the contract.

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
    return _in_contract_order(record, cast("Descriptor", message.DESCRIPTOR))


def time_record(when: datetime) -> str:
    """Return a time as protobuf JSON: RFC 3339 in UTC."""
    return JsonText(when.astimezone(UTC).isoformat().replace("+00:00", "Z"), when)


def enum_record(prefix: str, member: OpenEnum, *, shown: str | None = None) -> str | int:
    """Return an enum member as protobuf JSON: its full name, or the number if this version does not know a name.

    Args:
        prefix: What the full name begins with.
        member: The member.
        shown: What people see; by default the name in words.
    """
    if member.name == f"UNRECOGNIZED_{member.value}":
        return member.value
    return JsonText(f"{prefix}_{member.name}", shown or member.words)


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


def _in_contract_order(record: Mapping[str, Any], descriptor: Descriptor) -> dict[str, Any]:
    """Return a record with its keys in the order of the fields in the .proto file; protobuf puts defaults last."""
    ordered: dict[str, Any] = {}
    for name, message in _fields(descriptor):
        if name not in record:
            continue
        value = record[name]
        if message is None:
            ordered[name] = value
        elif isinstance(value, list):
            ordered[name] = [_in_contract_order(each, message) for each in cast("list[dict[str, Any]]", value)]
        else:
            ordered[name] = _in_contract_order(value, message)
    return ordered


@functools.cache
def _fields(descriptor: Descriptor) -> tuple[tuple[str, Descriptor | None], ...]:
    """Return the JSON name of each field, and the message if it is a JSON object of its own with ordered keys."""
    return tuple((field.json_name, _nested(field.message_type)) for field in descriptor.fields)


def _nested(message: Descriptor | None) -> Descriptor | None:
    # A map has no order, and Google's own messages, such as Timestamp, are not JSON objects.
    if message is None or message.GetOptions().map_entry or message.file.package == "google.protobuf":
        return None
    return message
