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

__all__ = [
    "Row",
    "data_type_name",
    "has_failed",
    "iso_of_microseconds",
    "iso_time",
    "json_line",
    "json_value",
    "row_of",
    "text_of",
    "typed_value",
]

TypedValue: TypeAlias = tuple[int | None, float | None, str | None, bytes | None]
"""A value in the column of its type: integer, real, text or blob."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SCALARS: Final = frozenset({"bool_value", "int32_value", "int64_value", "float_value", "double_value", "string_value"})
_OK: Final = pb.MX_STATUS_CATEGORY_OK
# The end of the year 9999.
_MAX_SECONDS: Final = 253_402_300_800


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
    if has_failed(event):
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


def has_failed(event: pb.MxEvent) -> bool:
    """Return whether a status of an event is not OK."""
    statuses = event.statuses
    count = len(statuses)
    # Nearly all have one: a loop would take longer.
    if count == 1:
        return statuses[0].category != _OK
    return count > 1 and any(status.category != _OK for status in statuses)


@cache
def data_type_name(number: int) -> str:
    """Return the name of a data type by its number."""
    return MxDataType(number).name


def iso_time(when: datetime) -> str:
    """Return a time as ISO 8601 in UTC, with microseconds and a `Z`."""
    return when.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def iso_of_microseconds(microseconds: int | None) -> str | None:
    """Return a time in microseconds since 1970 in the same way."""
    if microseconds is None:
        return None
    return f"{_second(microseconds // 1_000_000)}.{microseconds % 1_000_000:06d}Z"


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


def json_line(record: TagRecord) -> str:
    """Return a record as a JSON object with the names of the columns in camelCase, on one line.

    What does not apply is left out. Written by hand, because this is most of the cost of forwarding a change.
    """
    return _quick_line(record) or _line_of(row_of(record))


def _quick_line(record: TagRecord) -> str | None:
    """Return the line of a record that is like most: a change of a plain value without a failed status."""
    event = record.event
    message = event.value
    arm = message.WhichOneof("kind")
    if arm == "int32_value" or arm == "int64_value":
        text = repr(message.int32_value if arm == "int32_value" else message.int64_value)
    elif arm == "double_value" or arm == "float_value":
        number = message.double_value if arm == "double_value" else message.float_value
        if not math.isfinite(number):
            return None
        text = repr(number)
    elif arm == "bool_value":
        text = "true" if message.bool_value else "false"
    else:
        return None
    source, gateway = event.source_timestamp, event.gateway_receive_timestamp
    source_seconds, gateway_seconds = source.seconds, gateway.seconds
    # A time that is missing is rare: the thorough way looks at it.
    is_odd = not (0 < source_seconds < _MAX_SECONDS and 0 < gateway_seconds < _MAX_SECONDS)
    if is_odd or message.is_null or record.detail or record.kind is not RecordKind.CHANGE or has_failed(event):
        return None
    seconds, nanoseconds = divmod(record.received_nanoseconds, 1_000_000_000)
    return (
        f'{{"kind": "change", "tag": {_quoted(record.tag)}, "value": {text}, '
        f'"dataType": "{data_type_name(message.data_type)}", "quality": {event.quality}, '
        f'"sourceTime": "{_second(source_seconds)}.{source.nanos // 1000:06d}Z", '
        f'"gatewayTime": "{_second(gateway_seconds)}.{gateway.nanos // 1000:06d}Z", '
        f'"receivedTime": "{_second(seconds)}.{nanoseconds // 1000:06d}Z", '
        f'"sessionId": {_quoted(event.session_id)}, "sequence": {event.worker_sequence}, '
        f'"repeated": {"true" if record.repeated else "false"}}}'
    )


def _line_of(row: Row) -> str:
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
_quoted = lru_cache(maxsize=100_000)(_text)


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
