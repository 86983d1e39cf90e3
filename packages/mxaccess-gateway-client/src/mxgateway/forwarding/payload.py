"""Payload: records as the bytes of messages."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording import RecordKind
from mxgateway.recording.row import json_line, json_value, row_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.recording import TagRecord

__all__ = ["Payload", "encode_records", "payload_schema", "record_id"]

_SCHEMAS: Final = {"json": "record.schema.json", "vtq": "vtq.schema.json"}


class Payload(StrEnum):
    """What a message contains."""

    JSON = "json"
    """The record as JSON, with the keys of JSON Lines; several records in one message are JSON Lines."""
    PROTOBUF = "protobuf"
    """The event of the gateway, `mxaccess_gateway.v1.MxEvent`; a record that is no change is JSON."""
    VTQ = "vtq"
    """JSON of value, time and quality alone, as AVEVA's own MQTT products publish it; other records are JSON."""


def encode_records(records: Sequence[TagRecord], payload: Payload) -> bytes:
    """Return records as one message; more than one only as JSON."""
    if payload is Payload.JSON:
        return "\n".join(map(json_line, records)).encode()
    (record,) = records
    if record.kind is not RecordKind.CHANGE:
        return json_line(record).encode()
    if payload is Payload.PROTOBUF:
        return record.event.SerializeToString()
    return json.dumps(_vtq(record), ensure_ascii=False).encode()


def payload_schema(payload: Payload) -> dict[str, Any]:
    """Return the JSON Schema of a payload, for programs that read the messages.

    Each line of a message with several records is a record, and records that are no change are JSON in every payload.

    Raises:
        MxGatewayConfigurationError: The payload is not JSON.
    """
    name = _SCHEMAS.get(payload)
    if name is None:
        raise MxGatewayConfigurationError(f"the payload {payload} has no JSON Schema: it is a protobuf message")
    schema: dict[str, Any] = json.loads((files("mxgateway.forwarding") / "schemas" / name).read_text("utf-8"))
    return schema


def record_id(record: TagRecord) -> str:
    """Return what identifies a record: `<session id>:<sequence>` for a change.

    A repeated value, and a record that is no change, have the nanoseconds of their arrival in their id.
    """
    if record.kind is RecordKind.CHANGE:
        identity = f"{record.event.session_id}:{record.event.worker_sequence}"
        return f"{identity}:{record.received_nanoseconds}" if record.repeated else identity
    return f"{record.kind}:{record.tag}:{record.received_nanoseconds}"


def _vtq(record: TagRecord) -> dict[str, Any]:
    row = row_of(record)
    return {"value": json_value(row.value), "timestamp": row.source_time, "quality": row.quality}
