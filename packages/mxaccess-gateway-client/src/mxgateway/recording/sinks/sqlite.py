"""SqliteSink: a table of records."""

from __future__ import annotations

import itertools
import sqlite3
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar, Final

from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from mxgateway.recording.alarms.record import AlarmRecord
    from mxgateway.recording.record import TagRecord

__all__ = ["SqliteSink"]

# SQLite gives up the interpreter lock for each statement, and gets it back late while events arrive: so a statement
# inserts many rows. It can have 32,766 fields.
_ROWS_PER_STATEMENT: Final = 500


class SqliteSink(FileSink):
    """Writes a table of SQLite: `record`, with one column for each type of value, or `alarm`.

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
            self._connection.executescript(self._table.sqlite_schema)
            newest = f"SELECT max(received_time) FROM {self._table.sqlite_table}"  # noqa: S608 - ours
            (last,) = self._connection.execute(newest).fetchone()
            self._measure()
        except sqlite3.Error as error:
            self._connection.close()
            raise OSError(f"{path} is not a recording in SQLite: {error}") from error
        return None if last is None else datetime.fromisoformat(last)

    def _write(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        columns = self._table.columns
        place = f"({', '.join('?' * len(columns))})"
        insert = f"INSERT OR IGNORE INTO {self._table.sqlite_table} ({', '.join(columns)})"
        try:
            with self._connection:
                for rows in _parts(self._table.sqlite_rows(records)):
                    places = ", ".join([place] * len(rows))
                    fields = tuple(itertools.chain.from_iterable(rows))
                    self._connection.execute(f"{insert} VALUES {places}", fields)
            self._measure()
        except (sqlite3.Error, OverflowError) as error:
            raise OSError(f"cannot write to {self.path}: {error}") from error

    def _close(self) -> None:
        self._connection.close()

    def _measure(self) -> None:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (page_size,) = self._connection.execute("PRAGMA page_size").fetchone()
        self._set_size(pages * page_size)


def _parts(rows: Iterable[Sequence[object]]) -> Iterator[list[Sequence[object]]]:
    """Yield rows in lists of what one statement inserts."""
    rows = iter(rows)
    while part := list(itertools.islice(rows, _ROWS_PER_STATEMENT)):
        yield part
