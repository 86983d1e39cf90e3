"""SpoolFile: the SQLite file of a spool."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from filelock import FileLock, Timeout

from mxgateway.errors import MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.forwarding.spool.batches import Loss, SpooledBatch
from mxgateway.forwarding.spool.encoding import (
    decode_records,
    decode_session,
    encode_records,
    encode_session,
)
from mxgateway.recording import RecordKind, TagRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mxgateway.forwarding.spool.batches import SpoolLimits
    from mxgateway.tags import SavedSession

__all__ = ["SpoolFile"]

Result = TypeVar("Result")

_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batch (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  received INTEGER NOT NULL,
  records INTEGER NOT NULL,
  content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS loss (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  batch INTEGER NOT NULL,
  changes INTEGER NOT NULL,
  begin INTEGER NOT NULL,
  end INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS position (
  id INTEGER PRIMARY KEY CHECK (id = 1), received INTEGER NOT NULL, session TEXT NOT NULL, sequence INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS job (
  id INTEGER PRIMARY KEY CHECK (id = 1), owner TEXT NOT NULL, name TEXT NOT NULL, session TEXT
);
"""
_RECENT_BATCHES: Final = 20


@dataclass(slots=True)
class _Totals:
    records: int
    bytes: int
    dropped: int


class SpoolFile:
    """The batches of a spool in an SQLite file. A failed method has changed nothing.

    One thread may use it at a time. Every method but `close` raises OSError if the file cannot be used.

    Attributes:
        bytes: The bytes of the batches in it.
        records: The records in it.
        dropped: How many changes were dropped because there was no room.
        owner: A random id that the file keeps.
        saved_session: The session that was saved in it and can be continued.
    """

    def __init__(self, path: Path, job: str | None) -> None:
        self._path = path
        self._job = job
        self._lock: Final = FileLock(f"{path}.lock", timeout=0, thread_local=False)
        self._connection: sqlite3.Connection | None = None
        # The records of the newest batches, so that a broker that keeps up costs no decoding.
        self._recent: OrderedDict[int, Sequence[TagRecord]] = OrderedDict()
        # The ids of losses that are reported, even if they are in the file still.
        self._reported: set[int] = set()
        self.bytes: int = 0
        self.records: int = 0
        self.dropped: int = 0
        self.owner: str = ""
        self.saved_session: SavedSession | None = None

    def open(self) -> int | None:
        """Open the file, and return when its last record was received; None if there was none.

        Raises:
            MxGatewayConfigurationError: The file belongs to another job, or to a newer version.
        """
        lock_file = Path(self._lock.lock_file)
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock_file.touch()
        try:
            self._lock.acquire()
        except Timeout:
            raise OSError(f"another program uses the spool {self._path} at present") from None
        opened = False
        try:
            # One call after the other uses the connection, though not always in the same thread.
            self._connection = sqlite3.connect(self._path, check_same_thread=False, isolation_level=None)
            received = self._prepare(self._connection)
            opened = True
        except sqlite3.Error as error:
            raise OSError(f"{self._path} is not a spool: {error}") from error
        finally:
            if not opened:
                self.close()
        return received

    def close(self) -> None:
        """Close the file. Closing twice is allowed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._lock.release()

    def add(
        self,
        batches: Sequence[Sequence[TagRecord]],
        limits: SpoolLimits,
        *,
        loss: Loss | None,
        acknowledged: int,
        delivering: int,
    ) -> list[int]:
        """Add batches and what was lost before them, and return their numbers.

        The batches up to `acknowledged` are removed. If there is no room, the oldest of the others are dropped, but not
        the one that is being delivered.
        """

        def work(connection: sqlite3.Connection, totals: _Totals) -> list[int]:
            _remove(connection, totals, 0, acknowledged)
            if loss is not None:
                (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM batch").fetchone()
                _add_loss(connection, newest, loss)
            numbers: list[int] = []
            for records in batches:
                content = encode_records(records)
                row = (records[-1].received_nanoseconds, len(records), content)
                insert = "INSERT INTO batch (received, records, content) VALUES (?, ?, ?)"
                numbers.append(connection.execute(insert, row).lastrowid or 0)
                _set_position(connection, records)
                totals.records += len(records)
                totals.bytes += len(content)
            oldest = "SELECT id, received, content FROM batch WHERE id > ? ORDER BY id LIMIT 1"
            while row := connection.execute(oldest, (delivering,)).fetchone():
                number, received, content = row
                if totals.bytes <= limits.max_bytes and not limits.are_over(received):
                    break
                dropped = Loss.of(decode_records(content))
                _add_loss(connection, number, dropped)
                _remove(connection, totals, number, number)
                totals.dropped += dropped.changes
            return numbers

        numbers = self._transaction(work)
        for number, records in zip(numbers, batches, strict=True):
            self._recent[number] = records
        while len(self._recent) > _RECENT_BATCHES:
            self._recent.popitem(last=False)
        return numbers

    def next(self, after: int) -> SpooledBatch | None:
        """Return the oldest batch with a number above `after`, or None if there is none."""
        row = self._read("SELECT id, content FROM batch WHERE id > ? ORDER BY id LIMIT 1", (after,))
        if row is None:
            return None
        number, content = row
        records = self._recent.pop(number, None) or decode_records(content)
        loss = self.take_loss(number)
        if loss is not None:
            # The gap becomes part of the batch, so that both are delivered or neither.
            records = [loss.record(), *records]
            with_gap = encode_records(records)

            def work(connection: sqlite3.Connection, totals: _Totals) -> None:
                update = "UPDATE batch SET records = ?, content = ? WHERE id = ?"
                connection.execute(update, (len(records), with_gap, number))
                connection.executemany("DELETE FROM loss WHERE id = ?", [(number,) for number in self._reported])
                totals.records += 1
                totals.bytes += len(with_gap) - len(content)

            # If the file cannot be written now, the gap is reported all the same.
            with contextlib.suppress(OSError):
                self._transaction(work)
                self._reported.clear()
        return SpooledBatch(number=number, records=records)

    def remove(self, number: int) -> None:
        """Remove a batch and those before it."""
        self._transaction(lambda connection, totals: _remove(connection, totals, 0, number))

    def take_loss(self, before: int) -> Loss | None:
        """Return what was lost before a batch and is not reported yet. It counts as reported then."""
        losses = "SELECT id, changes, begin, end FROM loss WHERE batch < ?"
        rows = [row for row in self._read_all(losses, (before,)) if row[0] not in self._reported]
        if not rows:
            return None
        numbers, changes, begins, ends = zip(*rows, strict=True)
        self._reported.update(numbers)
        return Loss(changes=sum(changes), begin=min(begins), end=max(ends))

    def size_up_to(self, number: int) -> tuple[int, int]:
        """Return the records and bytes of a batch and those before it."""
        sizes = "SELECT coalesce(sum(records), 0), coalesce(sum(length(content)), 0) FROM batch WHERE id <= ?"
        records, size = self._read(sizes, (number,)) or (0, 0)
        return records, size

    def save_session(self, session: SavedSession | None) -> None:
        """Keep a session for the next start."""
        text = None if session is None else encode_session(session)
        self._transaction(lambda connection, _: connection.execute("UPDATE job SET session = ?", (text,)))

    def clear(self) -> None:
        """Remove all batches and the session."""

        def work(connection: sqlite3.Connection, totals: _Totals) -> None:
            for table in ("batch", "loss", "position"):
                connection.execute(f"DELETE FROM {table}")  # noqa: S608 - these names are ours
            connection.execute("UPDATE job SET session = NULL")
            totals.records = totals.bytes = 0

        self._transaction(work)
        self._recent.clear()
        self.saved_session = None

    def _prepare(self, connection: sqlite3.Connection) -> int | None:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > _VERSION:
            raise MxGatewayConfigurationError(
                f"the spool {self._path} was written by a newer version: use that version, or another file"
            )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {_VERSION}")
        job = "INSERT OR IGNORE INTO job (id, owner, name) VALUES (1, ?, ?)"
        connection.execute(job, (secrets.token_hex(8), self._job or ""))
        self.owner, name, session = connection.execute("SELECT owner, name, session FROM job").fetchone()
        if self._job is not None and name and name != self._job:
            raise MxGatewayConfigurationError(
                f"the spool {self._path} belongs to {name}, not to {self._job}: use a file for each"
            )
        totals = "SELECT coalesce(sum(records), 0), coalesce(sum(length(content)), 0) FROM batch"
        self.records, self.bytes = connection.execute(totals).fetchone()
        position = connection.execute("SELECT received, session, sequence FROM position").fetchone()
        if position is None:
            return None
        received: int = position[0]
        if session is not None:
            saved = decode_session(session, position[2], received)
            self.saved_session = saved if saved.session_id == position[1] else None
        return received

    def _read(self, query: str, parameters: tuple[int, ...]) -> tuple[Any, ...] | None:
        return next(iter(self._read_all(query, parameters)), None)

    def _read_all(self, query: str, parameters: tuple[int, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._opened.execute(query, parameters).fetchall()
        except sqlite3.Error as error:
            raise OSError(f"cannot read the spool {self._path}: {error}") from error

    def _transaction(self, work: Callable[[sqlite3.Connection, _Totals], Result]) -> Result:
        connection, totals = self._opened, _Totals(self.records, self.bytes, self.dropped)
        try:
            connection.execute("BEGIN")
            with connection:
                result = work(connection, totals)
        except sqlite3.Error as error:
            raise OSError(f"cannot write the spool {self._path}: {error}") from error
        self.records, self.bytes, self.dropped = totals.records, totals.bytes, totals.dropped
        return result

    @property
    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise MxGatewayUsageError("the spool is not open")
        return self._connection


def _add_loss(connection: sqlite3.Connection, batch: int, loss: Loss) -> None:
    row = (batch, loss.changes, loss.begin, loss.end)
    connection.execute("INSERT INTO loss (batch, changes, begin, end) VALUES (?, ?, ?, ?)", row)


def _remove(connection: sqlite3.Connection, totals: _Totals, first: int, last: int) -> None:
    sizes = "SELECT coalesce(sum(records), 0), coalesce(sum(length(content)), 0) FROM batch WHERE id BETWEEN ? AND ?"
    records, size = connection.execute(sizes, (first, last)).fetchone()
    connection.execute("DELETE FROM batch WHERE id BETWEEN ? AND ?", (first, last))
    totals.records -= records
    totals.bytes -= size


def _set_position(connection: sqlite3.Connection, records: Sequence[TagRecord]) -> None:
    received = records[-1].received_nanoseconds
    last = next((each for each in reversed(records) if each.kind is RecordKind.CHANGE), None)
    if last is None:
        update = "INSERT INTO position VALUES (1, ?, '', 0) ON CONFLICT DO UPDATE SET received = excluded.received"
        connection.execute(update, (received,))
    else:
        replace = "INSERT OR REPLACE INTO position (id, received, session, sequence) VALUES (1, ?, ?, ?)"
        connection.execute(replace, (received, last.session_id, last.sequence))
