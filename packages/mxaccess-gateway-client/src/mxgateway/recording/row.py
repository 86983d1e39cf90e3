"""Row: the fields of a record as plain Python values, in the order of every file."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from mxgateway.recording.record import RecordKind
from mxgateway.values import SparseArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.recording.record import TagRecord
    from mxgateway.values import MxValueOutput

__all__ = ["Row", "iso_time", "json_record", "json_value", "row_of", "text_of", "typed_value"]


TypedValue: TypeAlias = tuple[int | None, float | None, str | None, bytes | None]
"""A value in the column of its type: integer, real, text or blob."""


class Row(NamedTuple):
    """The fields of a record; the names are the columns of CSV, SQLite and Parquet.

    A field that does not apply is None: of a `gap`, for example, all but `kind`, `received_time` and `detail`.
    """

    kind: str
    tag: str
    value: MxValueOutput
    data_type: str | None
    quality: int | None
    source_time: datetime | None
    gateway_time: datetime | None
    received_time: datetime
    session_id: str | None
    sequence: int | None
    repeated: bool | None
    detail: str


def row_of(record: TagRecord) -> Row:
    """Return the fields of a record.

    A time outside the years 1 to 9999 becomes None, and `detail` says so: it must not end a recording.
    """
    if record.kind is not RecordKind.CHANGE:
        return Row(
            record.kind, record.tag, None, None, None, None, None, record.received_time, None, None, None, record.detail
        )
    problems: list[str] = []
    if record.detail:
        problems.append(record.detail)
    value = _converted(lambda: record.value, "value", problems)
    source_time = _converted(lambda: record.source_time, "source_time", problems)
    gateway_time = _converted(lambda: record.gateway_time, "gateway_time", problems)
    return Row(
        RecordKind.CHANGE,
        record.tag,
        value,
        record.data_type.name,
        record.event.quality,
        source_time,
        gateway_time,
        record.received_time,
        record.event.session_id,
        record.event.worker_sequence,
        record.repeated,
        "; ".join([*problems, *(str(status) for status in record.statuses if status.failed)]),
    )


def _converted(convert: Callable[[], Any], name: str, problems: list[str]) -> Any:
    try:
        return convert()
    except ValueError as error:
        problems.append(f"{name}: {error}")
        return None


def iso_time(when: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with microseconds and a `Z`."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def json_value(value: MxValueOutput) -> Any:
    """Return a value as JSON represents it.

    Times are ISO 8601 in UTC, bytes are base64, and numbers that JSON lacks are "NaN", "Infinity" and "-Infinity".
    """
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, datetime):
        return iso_time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    if isinstance(value, list):
        return [json_value(element) for element in value]
    if isinstance(value, SparseArray):
        return {str(index): json_value(element) for index, element in value.elements.items()}
    return value


def text_of(value: MxValueOutput) -> str:
    """Return a value as text for a column of text; None is empty, and an array is JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool | list | SparseArray):
        return json.dumps(json_value(value), ensure_ascii=False)
    return str(json_value(value))


def json_record(row: Row) -> dict[str, Any]:
    """Return a row as a JSON object with the names of the columns in camelCase. What does not apply is left out."""
    record: dict[str, Any] = {"kind": str(row.kind)}
    if row.tag:
        record["tag"] = row.tag
    if row.kind == RecordKind.CHANGE:
        record["value"] = json_value(row.value)
        record["dataType"] = row.data_type
        record["quality"] = row.quality
        if row.source_time is not None:
            record["sourceTime"] = iso_time(row.source_time)
        if row.gateway_time is not None:
            record["gatewayTime"] = iso_time(row.gateway_time)
    record["receivedTime"] = iso_time(row.received_time)
    if row.kind == RecordKind.CHANGE:
        record["sessionId"] = row.session_id
        record["sequence"] = row.sequence
        record["repeated"] = row.repeated
    if row.detail:
        record["detail"] = row.detail
    return record


def typed_value(value: MxValueOutput) -> TypedValue:
    """Return a value in the column of its type: integer, real, text or blob."""
    if value is None:
        return None, None, None, None
    if isinstance(value, int):
        return int(value), None, None, None
    if isinstance(value, float):
        # SQLite stores NaN as NULL.
        return (None, None, "NaN", None) if math.isnan(value) else (None, value, None, None)
    if isinstance(value, bytes):
        return None, None, None, value
    if isinstance(value, str):
        return None, None, value, None
    if isinstance(value, list | SparseArray):
        return None, None, json.dumps(json_value(value), ensure_ascii=False), None
    return None, None, iso_time(value), None
