"""Columns of a batch of records, for sinks that store columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.recording.row import data_type_name, row_of, typed_value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from google.protobuf.timestamp_pb2 import Timestamp

    from mxgateway.recording.record import TagRecord

__all__ = ["COLUMNS", "arrow_schema", "columns_of"]

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

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_INTEGERS: Final = frozenset({"bool_value", "int32_value", "int64_value"})
_REALS: Final = frozenset({"float_value", "double_value"})
_OK: Final = pb.MX_STATUS_CATEGORY_OK
# The years 1 to 9999.
_MIN_SECONDS: Final = -62_135_596_800
_MAX_SECONDS: Final = 253_402_300_799


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
    rows = [_quick(record) or _thorough(record) for record in records]
    return dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


def _quick(record: TagRecord) -> tuple[Any, ...] | None:
    """Return the fields of a record that is like most: a change of a scalar without a failed status."""
    event = record.event
    value = event.value
    arm = value.WhichOneof("kind")
    integer: int | None = None
    real: float | None = None
    text: str | None = None
    if arm in _INTEGERS:
        integer = int(getattr(value, arm))
    elif arm in _REALS:
        real = getattr(value, arm)
    elif arm == "string_value":
        text = value.string_value
    else:
        return None
    if value.is_null or record.detail or any(status.category != _OK for status in event.statuses):
        return None
    source, gateway = event.source_timestamp, event.gateway_receive_timestamp
    if not (_MIN_SECONDS <= source.seconds <= _MAX_SECONDS and _MIN_SECONDS <= gateway.seconds <= _MAX_SECONDS):
        return None
    return (
        "change",
        record.tag,
        integer,
        real,
        text,
        None,
        data_type_name(value.data_type),
        event.quality,
        _microseconds(source) if event.HasField("source_timestamp") else None,
        _microseconds(gateway) if event.HasField("gateway_receive_timestamp") else None,
        record.received_nanoseconds // 1000,
        event.session_id,
        event.worker_sequence,
        record.repeated,
        "",
    )


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


def _microseconds(timestamp: Timestamp) -> int:
    return timestamp.seconds * 1_000_000 + timestamp.nanos // 1000
