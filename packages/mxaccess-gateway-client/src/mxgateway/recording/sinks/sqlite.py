"""SqliteSink: a table of records."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from mxgateway.recording.row import Row, row_of, typed_value
from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mxgateway.recording.record import TagRecord

__all__ = ["SqliteSink"]

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
_INSERT: Final = (
    "INSERT OR IGNORE INTO record (kind, tag, value_integer, value_real, value_text, value_blob, data_type, quality, "
    "source_time, gateway_time, received_time, session_id, sequence, repeated, detail) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


class SqliteSink(FileSink):
    """Writes a table `record` of SQLite, with one column for each type of value.

    Durable: committed, in WAL mode with `synchronous = FULL`. A boolean is an integer; a time is ISO 8601 in UTC, and
    an array is JSON, both in `value_text`: `data_type` tells them apart. A change that the table has already, by its
    session id and sequence, is not stored twice.
    """

    suffix: ClassVar[str] = ".sqlite"
    _connection: sqlite3.Connection

    def _open(self, path: Path) -> datetime | None:
        # One call after the other uses the connection, though not always in the same thread.
        self._connection = sqlite3.connect(path, check_same_thread=False)
        try:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
            self._connection.executescript(_SCHEMA)
            (last,) = self._connection.execute("SELECT max(received_time) FROM record").fetchone()
            self._measure()
        except sqlite3.Error as error:
            self._connection.close()
            raise OSError(f"{path} is not a recording in SQLite: {error}") from error
        return None if last is None else datetime.fromisoformat(last)

    def _write(self, records: Sequence[TagRecord]) -> None:
        try:
            with self._connection:
                self._connection.executemany(_INSERT, [_columns(row_of(record)) for record in records])
            self._measure()
        except (sqlite3.Error, OverflowError) as error:
            raise OSError(f"cannot write to {self.path}: {error}") from error

    def _close(self) -> None:
        self._connection.close()

    def _measure(self) -> None:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()
        self._set_size(pages * page_size)


def _columns(row: Row) -> tuple[object, ...]:
    return (row.kind, row.tag, *typed_value(row.value), *row[3:])
