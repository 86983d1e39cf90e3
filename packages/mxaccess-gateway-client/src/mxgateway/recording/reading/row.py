"""RecordedRow: one row of a recording that was read back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from mxgateway.recording.record import RecordKind
from mxgateway.status import MxDataType, Quality

if TYPE_CHECKING:
    from mxgateway.values import MxValueOutput

__all__ = ["RecordedRow", "microseconds", "row_of_columns", "row_of_csv", "row_of_json"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_REALS: Final = frozenset({MxDataType.FLOAT, MxDataType.DOUBLE, MxDataType.ELAPSED_TIME})
_TEXTS: Final = frozenset({MxDataType.STRING, MxDataType.BIG_STRING, MxDataType.INTERNATIONALIZED_STRING})


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRow:
    """One row of a recording: a change of a tag, or what happened to the recording itself.

    Times are aware, in UTC, with microseconds. What does not apply to the kind is None.

    Attributes:
        kind: What the row reports.
        tag: The tag as it was named; empty if the row is about all tags.
        value: The value of a change, as TagRecord has it. A file of text has no more than the text of raw bytes.
        data_type: The data type of the value.
        quality: The OPC DA quality of the value.
        source_time: The time of the value according to its source.
        gateway_time: When the gateway received the change.
        received_time: When the recording program received it.
        session_id: The session of the change.
        sequence: The number of the change in its session.
        repeated: Whether the value may be the same as before.
        detail: The reason, and what is missing; empty for most changes.
    """

    kind: RecordKind
    tag: str
    value: MxValueOutput
    data_type: MxDataType | None
    quality: Quality | None
    source_time: datetime | None
    gateway_time: datetime | None
    received_time: datetime
    session_id: str | None
    sequence: int | None
    repeated: bool | None
    detail: str


def row_of_columns(columns: dict[str, Any]) -> RecordedRow:
    """Return the row of the columns of SQLite or Parquet."""
    data_type = _data_type(columns["data_type"])
    tag: str = columns["tag"]
    integer, real, text, blob = (columns[f"value_{kind}"] for kind in ("integer", "real", "text", "blob"))
    value: Any = None
    if integer is not None:
        value = bool(integer) if data_type == MxDataType.BOOLEAN else integer
    elif real is not None or blob is not None:
        value = real if blob is None else blob
    elif text is not None:
        value = _value_of_text(text, data_type, tag)
    quality, repeated = columns["quality"], columns["repeated"]
    return RecordedRow(
        kind=RecordKind(columns["kind"]),
        tag=tag,
        value=value,
        data_type=data_type,
        quality=None if quality is None else Quality(quality),
        source_time=_time(columns["source_time"]),
        gateway_time=_time(columns["gateway_time"]),
        received_time=_time(columns["received_time"]) or _EPOCH,
        session_id=columns["session_id"],
        sequence=columns["sequence"],
        repeated=None if repeated is None else bool(repeated),
        detail=columns["detail"],
    )


def row_of_csv(columns: dict[str, str]) -> RecordedRow:
    """Return the row of a line of CSV.

    Raises:
        ValueError, KeyError: It is none.
    """
    data_type, tag, text = _data_type(columns["data_type"] or None), columns["tag"], columns["value"]
    is_value = bool(text) or data_type in _TEXTS
    return RecordedRow(
        kind=RecordKind(columns["kind"]),
        tag=tag,
        value=_value_of_text(text, data_type, tag) if is_value else None,
        data_type=data_type,
        quality=Quality(int(columns["quality"])) if columns["quality"] else None,
        source_time=_time(columns["source_time"] or None),
        gateway_time=_time(columns["gateway_time"] or None),
        received_time=datetime.fromisoformat(columns["received_time"]),
        session_id=columns["session_id"] or None,
        sequence=int(columns["sequence"]) if columns["sequence"] else None,
        repeated=columns["repeated"] == "true" if columns["repeated"] else None,
        detail=columns["detail"],
    )


def row_of_json(line: str | bytes) -> RecordedRow:
    """Return the row of a line of JSON, or of a message that a Forwarder has sent as JSON.

    Raises:
        ValueError, KeyError: It is none.
    """
    keys: dict[str, Any] = json.loads(line)
    data_type = _data_type(keys.get("dataType"))
    quality = keys.get("quality")
    return RecordedRow(
        kind=RecordKind(keys["kind"]),
        tag=keys.get("tag", ""),
        value=_value_of_json(keys.get("value"), data_type),
        data_type=data_type,
        quality=None if quality is None else Quality(quality),
        source_time=_time(keys.get("sourceTime")),
        gateway_time=_time(keys.get("gatewayTime")),
        received_time=datetime.fromisoformat(keys["receivedTime"]),
        session_id=keys.get("sessionId"),
        sequence=keys.get("sequence"),
        repeated=keys.get("repeated"),
        detail=keys.get("detail", ""),
    )


def _data_type(name: str | None) -> MxDataType | None:
    if name is None:
        return None
    # A number that the contract did not have yet is named by itself.
    return MxDataType[name] if name in MxDataType.__members__ else MxDataType(int("".join(filter(str.isdigit, name))))


def _time(value: str | datetime | None) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return None if value is None else value.astimezone(UTC)


def _value_of_text(text: str, data_type: MxDataType | None, tag: str) -> Any:
    """Return the value that `text_of` or `typed_value` has written as text."""
    if tag.endswith("[]") or (data_type not in _TEXTS and text.startswith(("[", "{"))):
        return _value_of_json(json.loads(text), data_type)
    if data_type == MxDataType.BOOLEAN:
        return text == "true"
    if data_type == MxDataType.INTEGER:
        return int(text)
    if data_type in _REALS:
        return float(text)
    return _value_of_json(text, data_type)


def _value_of_json(value: Any, data_type: MxDataType | None) -> Any:
    """Return the value that `json_value` has made."""
    if isinstance(value, list):
        return [_value_of_json(each, data_type) for each in value]  # pyright: ignore[reportUnknownVariableType]
    if isinstance(value, str) and data_type in _REALS:
        return float(value)
    if isinstance(value, str) and data_type == MxDataType.TIME:
        return datetime.fromisoformat(value)
    if isinstance(value, int) and data_type in _REALS:
        return float(value)
    return value


def microseconds(when: datetime | None) -> int | None:
    """Return a time as microseconds since 1970."""
    return None if when is None else (when - _EPOCH) // timedelta(microseconds=1)
