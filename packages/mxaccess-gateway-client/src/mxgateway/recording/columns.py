"""Columns of a batch of records, for sinks that store columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mxgateway.recording.record import RecordKind
from mxgateway.recording.row import data_type_name, has_failed, row_of, typed_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from mxgateway.recording.record import TagRecord

__all__ = ["COLUMNS", "STREAM_ID", "arrow_schema", "columns_of"]

COLUMNS: Final = {
    "kind": "text",
    "tag": "text",
    "value_integer": "integer",
    "value_real": "real",
    "value_text": "text",
    "value_blob": "bytes",
    "data_type": "text",
    "quality": "small",
    "source_time": "time",
    "gateway_time": "time",
    "received_time": "time",
    "session_id": "text",
    "sequence": "integer",
    "repeated": "boolean",
    "detail": "text",
}
"""Column name -> what it holds. Times are microseconds since 1970 in UTC."""

STREAM_ID: Final = b"mxgateway.recording"
"""The key of the id of a stream of Arrow, and of the last stream that a Parquet file has, in the metadata of both."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS: Final = frozenset({"bool_value", "int32_value", "int64_value"})
_REALS: Final = frozenset({"float_value", "double_value"})
# The end of the year 9999.
_MAX_SECONDS: Final = 253_402_300_800


def arrow_schema(pa: Any, columns: Mapping[str, str] = COLUMNS) -> Any:
    """Return columns as a schema of pyarrow, which is the first argument."""
    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "small": pa.int32(),
        "real": pa.float64(),
        "bytes": pa.binary(),
        "time": pa.timestamp("us", tz="UTC"),
        "boolean": pa.bool_(),
    }
    return pa.schema([(name, types[kind]) for name, kind in columns.items()])


def columns_of(records: Sequence[TagRecord]) -> dict[str, list[Any]]:
    """Return the fields of records column by column, with None for what does not apply.

    It reads the messages directly: a row for each record would take twice as long.
    """
    count = len(records)
    events = [record.event for record in records]
    integers: list[int | None] = [None] * count
    reals: list[float | None] = [None] * count
    texts: list[str | None] = [None] * count
    data_types: list[str | None] = []
    odd: list[int] = []
    for index, (record, event) in enumerate(zip(records, events, strict=True)):
        # Looked up once: each access to a message within a message makes an object.
        value = event.value
        data_types.append(data_type_name(value.data_type))
        arm = value.WhichOneof("kind")
        if arm in _INTEGERS:
            integers[index] = int(getattr(value, arm))
        elif arm in _REALS:
            reals[index] = getattr(value, arm)
        elif arm == "string_value":
            texts[index] = value.string_value
        else:
            odd.append(index)
            continue
        if value.is_null or record.detail or has_failed(event) or record.kind is not RecordKind.CHANGE:
            odd.append(index)
    sources = [_microseconds(event.source_timestamp) for event in events]
    gateways = [_microseconds(event.gateway_receive_timestamp) for event in events]
    odd += [index for index in range(count) if sources[index] is None or gateways[index] is None]
    columns: list[list[Any]] = [
        ["change"] * count,
        [record.tag for record in records],
        integers,
        reals,
        texts,
        [None] * count,
        data_types,
        [event.quality for event in events],
        sources,
        gateways,
        [record.received_nanoseconds // 1000 for record in records],
        [event.session_id for event in events],
        [event.worker_sequence for event in events],
        [record.repeated for record in records],
        [""] * count,
    ]
    for index in odd:
        for column, field in zip(columns, _thorough(records[index]), strict=True):
            column[index] = field
    return dict(zip(COLUMNS, columns, strict=True))


def _thorough(record: TagRecord) -> tuple[Any, ...]:
    """Return the fields of any record."""
    row = row_of(record)
    return (
        row.kind,
        row.tag,
        *typed_value(row.value),
        row.data_type,
        row.quality,
        _since_epoch(row.source_time),
        _since_epoch(row.gateway_time),
        record.received_nanoseconds // 1000,
        row.session_id,
        row.sequence,
        row.repeated,
        row.detail,
    )


def _since_epoch(iso: str | None) -> int | None:
    return None if iso is None else (datetime.fromisoformat(iso) - _EPOCH) // timedelta(microseconds=1)


def _microseconds(timestamp: Timestamp) -> int | None:
    """Return a time as microseconds; None if it is missing, or so odd that the thorough way has to look at it."""
    seconds = timestamp.seconds
    return seconds * 1_000_000 + timestamp.nanos // 1000 if 0 < seconds < _MAX_SECONDS else None
