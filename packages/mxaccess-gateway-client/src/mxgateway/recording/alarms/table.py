"""AlarmTable: how the records of alarms are stored and read back."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mxgateway.recording.alarms.record import AlarmRecord, AlarmRecordKind
from mxgateway.recording.row import iso_time
from mxgateway.recording.table import Table
from mxgateway.status import AlarmConditionState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["ALARM_TABLE", "record_of_columns", "record_of_csv", "record_of_json"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS: Final[Mapping[str, str]] = {
    "kind": "text",
    "alarm": "text",
    "state": "text",
    "severity": "integer",
    "category": "text",
    "description": "text",
    "current_value": "text",
    "limit_value": "text",
    "operator_user": "text",
    "operator_comment": "text",
    "source_object": "text",
    "alarm_type": "text",
    "raise_time": "time",
    "transition_time": "time",
    "received_time": "time",
    "from_snapshot": "boolean",
    "degraded": "boolean",
    "detail": "text",
}
_KEYS: Final = {name: re.sub("_(.)", lambda match: match[1].upper(), name) for name in _COLUMNS}
_SQLITE_TYPES: Final = {"text": "TEXT", "time": "TEXT", "integer": "INTEGER", "boolean": "INTEGER"}
_SCHEMA: Final = (
    "CREATE TABLE IF NOT EXISTS alarm (id INTEGER PRIMARY KEY, "
    + ", ".join(f"{name} {_SQLITE_TYPES[kind]}" for name, kind in _COLUMNS.items())
    + ");\nCREATE INDEX IF NOT EXISTS alarm_time ON alarm (alarm, transition_time);\n"
)


class _AlarmTable(Table[AlarmRecord]):
    subject: ClassVar[str] = "alarms"
    kinds: ClassVar[frozenset[str]] = frozenset(AlarmRecordKind)
    csv_columns: ClassVar[tuple[str, ...]] = tuple(_COLUMNS)
    columns: ClassVar[Mapping[str, str]] = _COLUMNS
    sqlite_table: ClassVar[str] = "alarm"
    sqlite_schema: ClassVar[str] = _SCHEMA

    def csv_rows(self, records: Sequence[AlarmRecord]) -> Iterable[Sequence[object]]:
        return [[_cell(value) for value in _plain(record)] for record in records]

    def json_lines(self, records: Sequence[AlarmRecord]) -> Iterable[str]:
        for record in records:
            fields = zip(_KEYS.values(), map(_with_text_time, _plain(record)), strict=True)
            yield json.dumps({key: value for key, value in fields if value not in {None, ""}}, ensure_ascii=False)

    def sqlite_rows(self, records: Sequence[AlarmRecord]) -> Iterable[Sequence[object]]:
        return [[_with_text_time(value) for value in _plain(record)] for record in records]

    def arrow_columns(self, records: Sequence[AlarmRecord]) -> Mapping[str, list[Any]]:
        rows = [[_with_microseconds(value) for value in _plain(record)] for record in records]
        return {name: [row[index] for row in rows] for index, name in enumerate(_COLUMNS)}


def record_of_columns(columns: Mapping[str, Any]) -> AlarmRecord:
    """Return the record of the columns of SQLite or Parquet.

    Raises:
        ValueError, KeyError: It is none.
    """
    received = _time(columns["received_time"])
    if received is None:
        raise ValueError("it has no received_time")
    severity, from_snapshot, degraded = (columns[name] for name in ("severity", "from_snapshot", "degraded"))
    return AlarmRecord(
        kind=AlarmRecordKind(columns["kind"]),
        state=_state(columns["state"]),
        severity=None if severity is None else int(severity),
        raise_time=_time(columns["raise_time"]),
        transition_time=_time(columns["transition_time"]),
        received_time=received,
        from_snapshot=None if from_snapshot is None else bool(from_snapshot),
        degraded=None if degraded is None else bool(degraded),
        **{name: columns[name] or "" for name in _TEXTS},
    )


def record_of_csv(columns: Mapping[str, str]) -> AlarmRecord:
    """Return the record of a line of CSV.

    Raises:
        ValueError, KeyError: It is none.
    """
    booleans = {"true": True, "false": False, "": None}
    typed: dict[str, Any] = {name: columns[name] or None for name in _COLUMNS}
    typed |= {name: booleans[columns[name]] for name in ("from_snapshot", "degraded")}
    return record_of_columns(typed)


def record_of_json(line: str | bytes) -> AlarmRecord:
    """Return the record of a line of JSON.

    Raises:
        ValueError, KeyError: It is none.
    """
    keys: dict[str, Any] = json.loads(line)
    return record_of_columns({name: keys.get(key) for name, key in _KEYS.items()})


_TEXTS: Final = tuple(name for name, kind in _COLUMNS.items() if kind == "text" and name not in {"kind", "state"})


def _plain(record: AlarmRecord) -> list[Any]:
    """Return the fields of a record, with enums as their names."""
    state = None if record.state is None else record.state.name
    fields: list[Any] = [getattr(record, name) for name in _COLUMNS]
    fields[:3] = [record.kind.value, record.alarm, state]
    return fields


def _cell(value: object) -> object:
    return ("true" if value else "false") if isinstance(value, bool) else _with_text_time(value)


def _with_text_time(value: object) -> object:
    return iso_time(value) if isinstance(value, datetime) else value


def _with_microseconds(value: object) -> object:
    return (value - _EPOCH) // timedelta(microseconds=1) if isinstance(value, datetime) else value


def _time(value: str | datetime | None) -> datetime | None:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    return None if value is None else value.astimezone(UTC)


def _state(name: str | None) -> AlarmConditionState | None:
    if name is None:
        return None
    if name in AlarmConditionState.__members__:
        return AlarmConditionState[name]
    # A number that the contract did not have yet is named by itself.
    return AlarmConditionState(int(name.rpartition("_")[2]))


ALARM_TABLE: Final = _AlarmTable()
"""The records of an AlarmRecorder."""
