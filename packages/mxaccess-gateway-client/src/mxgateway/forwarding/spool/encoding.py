"""How a spool stores records and the session they come from."""

from __future__ import annotations

import json
import struct
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.recording import RecordKind, TagRecord
from mxgateway.tags import SavedSession

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["decode_records", "decode_session", "encode_records", "encode_session", "size_of", "time_of"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_KINDS: Final[tuple[RecordKind, ...]] = tuple(RecordKind)
# Kind, received nanoseconds, whether it is repeated, and the sizes of tag, detail and event in bytes.
_HEAD: Final = struct.Struct("<BQ?III")


def encode_records(records: Sequence[TagRecord]) -> bytes:
    """Return records as bytes."""
    parts: list[bytes] = []
    for record in records:
        tag, detail, event = record.tag.encode(), record.detail.encode(), record.event.SerializeToString()
        kind = _KINDS.index(record.kind)
        parts += (
            _HEAD.pack(kind, record.received_nanoseconds, record.repeated, len(tag), len(detail), len(event)),
            tag,
            detail,
            event,
        )
    return b"".join(parts)


def size_of(records: Sequence[TagRecord]) -> int:
    """Return how many bytes `encode_records` makes of records."""
    size = len(records) * _HEAD.size
    for record in records:
        size += record.event.ByteSize() + len(record.tag.encode()) + len(record.detail.encode())
    return size


def decode_records(content: bytes) -> list[TagRecord]:
    """Return the records that `encode_records` has encoded."""
    records: list[TagRecord] = []
    position = 0
    while position < len(content):
        head: tuple[int, int, bool, int, int, int] = _HEAD.unpack_from(content, position)
        kind, received, repeated, *sizes = head
        position += _HEAD.size
        tag, detail, event = (content[position + sum(sizes[:i]) : position + sum(sizes[: i + 1])] for i in range(3))
        position += sum(sizes)
        records.append(
            TagRecord(
                kind=_KINDS[kind],
                received_nanoseconds=received,
                tag=tag.decode(),
                event=pb.MxEvent.FromString(event),
                repeated=repeated,
                detail=detail.decode(),
            )
        )
    return records


def encode_session(session: SavedSession) -> str:
    """Return a session as JSON. The position in it is not part of that."""
    fields = {
        "endpoint": session.endpoint,
        "session_id": session.session_id,
        "server_handle": session.server_handle,
        "supervisory": session.supervisory,
        "item_handles": dict(session.item_handles),
    }
    return json.dumps(fields, ensure_ascii=False)


def decode_session(text: str, sequence: int, received_nanoseconds: int) -> SavedSession:
    """Return the session that `encode_session` has encoded, with the position that it has reached."""
    return SavedSession(**json.loads(text), sequence=sequence, heard=time_of(received_nanoseconds))


def time_of(nanoseconds: int) -> datetime:
    """Return the time of nanoseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
