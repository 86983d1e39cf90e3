"""TagTable: how the records of tags are stored."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Final

from mxgateway.recording.columns import COLUMNS, columns_of
from mxgateway.recording.record import RecordKind, TagRecord
from mxgateway.recording.row import Row, iso_of_microseconds, json_line, row_of, text_of
from mxgateway.recording.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["TAG_TABLE"]

_REPEATED_COLUMN: Final = Row._fields.index("repeated")
_TIMES: Final = tuple(name for name, kind in COLUMNS.items() if kind == "time")
_BOOLEANS: Final = {None: "", True: "true", False: "false"}
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS record (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  tag TEXT NOT NULL,
  value_integer INTEGER,
  value_real REAL,
  value_text TEXT,
  value_blob BLOB,
  data_type TEXT,
  quality INTEGER,
  source_time TEXT,
  gateway_time TEXT,
  received_time TEXT NOT NULL,
  session_id TEXT,
  sequence INTEGER,
  repeated INTEGER,
  detail TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS record_identity ON record (session_id, sequence) WHERE kind = 'change';
CREATE INDEX IF NOT EXISTS record_tag_time ON record (tag, source_time);
"""


class _TagTable(Table[TagRecord]):
    subject: ClassVar[str] = "tags"
    kinds: ClassVar[frozenset[str]] = frozenset(RecordKind)
    csv_columns: ClassVar[tuple[str, ...]] = Row._fields
    columns: ClassVar[Mapping[str, str]] = COLUMNS
    sqlite_table: ClassVar[str] = "record"
    sqlite_schema: ClassVar[str] = _SCHEMA

    def csv_rows(self, records: Sequence[TagRecord]) -> Iterable[Sequence[object]]:
        rows = map(row_of, records)
        return (
            (*row[:2], text_of(row.value), *row[3:_REPEATED_COLUMN], _BOOLEANS[row.repeated], row.detail)
            for row in rows
        )

    def json_lines(self, records: Sequence[TagRecord]) -> Iterable[str]:
        return map(json_line, records)

    def sqlite_rows(self, records: Sequence[TagRecord]) -> Iterable[Sequence[object]]:
        columns = columns_of(records)
        for name in _TIMES:
            columns[name] = list(map(iso_of_microseconds, columns[name]))
        for index, number in enumerate(columns["value_real"]):
            if number is not None and math.isnan(number):
                # SQLite stores NaN as NULL.
                columns["value_real"][index], columns["value_text"][index] = None, "NaN"
        return zip(*columns.values(), strict=True)

    def arrow_columns(self, records: Sequence[TagRecord]) -> Mapping[str, list[Any]]:
        return columns_of(records)


TAG_TABLE: Final = _TagTable()
"""The records of a Recorder."""
