"""Row: the fields of a record as plain values, in the order of every file, and their text."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.recording.record import RecordKind
from mxgateway.status import MxDataType
from mxgateway.values import SparseArray, from_mx_value

if TYPE_CHECKING:
    from google.protobuf.timestamp_pb2 import Timestamp

    from mxgateway.recording.record import TagRecord
    from mxgateway.values import MxValueOutput

__all__ = ["Row", "data_type_name", "iso_time", "json_line", "json_value", "row_of", "text_of", "typed_value"]

TypedValue: TypeAlias = tuple[int | None, float | None, str | None, bytes | None]
"""A value in the column of its type: integer, real, text or blob."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SCALARS: Final = frozenset({"bool_value", "int32_value", "int64_value", "float_value", "double_value", "string_value"})
_OK: Final = pb.MX_STATUS_CATEGORY_OK


class Row(NamedTuple):
    """The fields of a record; the names are the columns of CSV, SQLite and Parquet.

    A field that does not apply is None: of a `gap`, for example, all but `kind`, `received_time` and `detail`. Times
    are ISO 8601 in UTC with microseconds.
    """

    kind: str
    tag: str
    value: MxValueOutput
    data_type: str | None
    quality: int | None
    source_time: str | None
    gateway_time: str | None
    received_time: str
    session_id: str | None
    sequence: int | None
    repeated: bool | None
    detail: str


def row_of(record: TagRecord) -> Row:
    """Return the fields of a record.

    A time outside the years 1 to 9999 becomes None, and `detail` says so: it must not end a recording.
    """
    nanoseconds = record.received_nanoseconds
    received = f"{_second(nanoseconds // 1_000_000_000)}.{nanoseconds % 1_000_000_000 // 1000:06d}Z"
    if record.kind is not RecordKind.CHANGE:
        return Row(
            record.kind.value, record.tag, None, None, None, None, None, received, None, None, None, record.detail
        )
    event = record.event
    message = event.value
    problems = [record.detail] if record.detail else []
    arm = message.WhichOneof("kind")
    value: MxValueOutput = None
    if arm in _SCALARS and not message.is_null:
        value = getattr(message, arm)
    else:
        try:
            value = from_mx_value(message)
        except ValueError as error:
            problems.append(f"value: {error}")
    source = gateway = None
    if event.HasField("source_timestamp"):
        source = _iso_timestamp(event.source_timestamp, "source_time", problems)
    if event.HasField("gateway_receive_timestamp"):
        gateway = _iso_timestamp(event.gateway_receive_timestamp, "gateway_time", problems)
    if any(status.category != _OK for status in event.statuses):
        problems += [str(status) for status in record.statuses if status.failed]
    return Row(
        "change",
        record.tag,
        value,
        data_type_name(message.data_type),
        event.quality,
        source,
        gateway,
        received,
        event.session_id,
        event.worker_sequence,
        record.repeated,
        "; ".join(problems) if problems else "",
    )


@cache
def data_type_name(number: int) -> str:
    """Return the name of a data type by its number."""
    return MxDataType(number).name


def iso_time(when: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with microseconds and a `Z`."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _iso_timestamp(timestamp: Timestamp, name: str, problems: list[str]) -> str | None:
    try:
        return f"{_second(timestamp.seconds)}.{timestamp.nanos // 1000:06d}Z"
    except OverflowError:
        problems.append(f"{name}: {timestamp.seconds} seconds since 1970 are outside the years 1 to 9999")
        return None


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    # Many changes share a second.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat()[:19]


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


def json_line(row: Row) -> str:
    """Return a row as a JSON object with the names of the columns in camelCase, on one line.

    What does not apply is left out. Written by hand, because this is most of the cost of forwarding a change.
    """
    head = f'{{"kind": "{row.kind}"'
    if row.tag:
        head = f'{head}, "tag": {_quoted(row.tag)}'
    tail = f', "detail": {_text(row.detail)}}}' if row.detail else "}"
    if row.kind != "change":
        return f'{head}, "receivedTime": "{row.received_time}"{tail}'
    value = row.value
    text = repr(value) if type(value) is int else _text(json_value(value))
    source = f', "sourceTime": "{row.source_time}"' if row.source_time else ""
    gateway = f', "gatewayTime": "{row.gateway_time}"' if row.gateway_time else ""
    return (
        f'{head}, "value": {text}, "dataType": "{row.data_type}", "quality": {row.quality}{source}{gateway}, '
        f'"receivedTime": "{row.received_time}", "sessionId": {_quoted(row.session_id)}, "sequence": {row.sequence}, '
        f'"repeated": {"true" if row.repeated else "false"}{tail}'
    )


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


# Many records have the same tag and session.
_quoted = lru_cache(maxsize=10_000)(_text)


def text_of(value: MxValueOutput) -> str:
    """Return a value as text for a column of text; None is empty, and an array is JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, bool | list | SparseArray):
        return _text(json_value(value))
    return str(json_value(value))


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
        return None, None, _text(json_value(value)), None
    return None, None, iso_time(value), None
