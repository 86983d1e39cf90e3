"""Records, and writing them to a sink, for tests of recordings."""

from __future__ import annotations

from datetime import UTC, datetime

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxValueInput, to_mx_value
from mxgateway.recording import RecordKind, Sink, TagRecord

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
NANOSECONDS = 1_767_323_045_678_900_000
LOST = TagRecord(kind=RecordKind.LOST, received_nanoseconds=NANOSECONDS, detail="the gateway is away")


def change(value: MxValueInput, sequence: int = 1, tag: str = "A.B") -> TagRecord:
    """Return the record of a change with this value."""
    event = pb.MxEvent(session_id="session-1", worker_sequence=sequence, quality=192, value=to_mx_value(value))
    event.source_timestamp.FromDatetime(WHEN)
    return TagRecord(kind=RecordKind.CHANGE, received_nanoseconds=NANOSECONDS, tag=tag, event=event)


async def write(sink: Sink, *records: TagRecord) -> datetime | None:
    """Open a sink, write records, close it, and return what opening said of the last record."""
    last = await sink.open()
    try:
        await sink.write(records)
    finally:
        await sink.close()
    return last
