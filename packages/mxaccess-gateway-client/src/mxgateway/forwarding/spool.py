"""Spool: records that wait until a broker has acknowledged them, in SQLite."""

from __future__ import annotations

import asyncio
import sqlite3
import struct
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from filelock import FileLock, Timeout
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.errors import MxGatewayConfigurationError, MxGatewayUsageError
from mxgateway.recording import RecordKind, TagRecord

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

__all__ = ["Spool", "SpooledBatch"]

Result = TypeVar("Result")

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS batch (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  received INTEGER NOT NULL,
  records INTEGER NOT NULL,
  content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS acknowledged (id INTEGER PRIMARY KEY CHECK (id = 1), received INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS loss (
  batch INTEGER NOT NULL, changes INTEGER NOT NULL, begin INTEGER NOT NULL, end INTEGER NOT NULL
);
"""
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_RECENT_BATCHES: Final = 20
_KINDS: Final[tuple[RecordKind, ...]] = tuple(RecordKind)
# Kind, received nanoseconds, whether it is repeated, and the sizes of tag, detail and event in bytes.
_HEAD: Final = struct.Struct("<BQ?III")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledBatch:
    """Records that were received together.

    Attributes:
        number: The number of the batch; it rises.
        records: The records, oldest first.
    """

    number: int
    records: Sequence[TagRecord]


class Spool:
    """Keeps records until they are acknowledged. It is a sink, so that a Recorder can write into it.

    Durable: committed to the file, or in memory if there is none. When it is full, the oldest records are dropped, and
    a gap record in their place says how many changes and of which time.

    Args:
        path: The SQLite file, or None to keep the records in memory only.
        max_bytes: The most bytes of records that wait.
        max_seconds: The greatest age of a waiting record, in seconds; None for any age.

    Attributes:
        bytes: How many bytes of records wait.
        records: How many records wait.
        dropped: How many changes were dropped because the spool was full.

    Raises:
        MxGatewayConfigurationError: A limit is not positive.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = 1_000_000_000,
        max_seconds: float | None = None,
    ) -> None:
        if max_bytes <= 0 or (max_seconds is not None and max_seconds <= 0):
            raise MxGatewayConfigurationError("the limits of a spool must be positive")
        self._path = None if path is None else Path(path)
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._lock = None if self._path is None else FileLock(f"{self._path}.lock", timeout=0, thread_local=False)
        self._connection: sqlite3.Connection | None = None
        # The Recorder adds records while the oldest ones are delivered.
        self._one_at_a_time = threading.Lock()
        self._added = asyncio.Event()
        self._removed = asyncio.Event()
        # The number of the batch that is being delivered: it is not dropped.
        self._delivering = 0
        # The records of the newest batches, so that a broker that keeps up costs no decoding.
        self._recent: OrderedDict[int, Sequence[TagRecord]] = OrderedDict()
        self.bytes: int = 0
        self.records: int = 0
        self.dropped: int = 0

    async def open(self) -> datetime | None:
        """Open the file, and return when its last record was received, delivered or not; None if there was none.

        Raises:
            OSError: The file cannot be opened, or another program uses it.
        """
        await asyncio.to_thread(self._open)
        newest = "SELECT max(received) FROM (SELECT received FROM batch UNION ALL SELECT received FROM acknowledged)"
        (received,) = await self._run(lambda connection: connection.execute(newest).fetchone())
        return None if received is None else _EPOCH + timedelta(microseconds=received // 1000)

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Add records and return when they are committed. If the spool is full, the oldest are dropped.

        Raises:
            OSError: The file cannot be written.
        """
        await self._run(lambda connection: self._add(connection, records))
        self._added.set()

    async def next(self, after: int = 0) -> SpooledBatch | None:
        """Return the oldest batch with a number greater than `after`, or None if there is none.

        Raises:
            OSError: The file cannot be read.
        """
        return await self._run(lambda connection: self._next(connection, after))

    async def wait(self) -> None:
        """Wait until records have been added since the last call."""
        await self._added.wait()
        self._added.clear()

    async def wait_for_removal(self) -> None:
        """Wait until a batch has been removed since the last call."""
        await self._removed.wait()
        self._removed.clear()

    async def acknowledge(self, batch: SpooledBatch) -> None:
        """Remove a batch, because its receiver has made it durable.

        Raises:
            OSError: The file cannot be written.
        """
        received = batch.records[-1].received_nanoseconds

        def remove(connection: sqlite3.Connection) -> None:
            self._remove(connection, batch.number)
            connection.execute("INSERT OR REPLACE INTO acknowledged (id, received) VALUES (1, ?)", (received,))

        await self._run(remove)
        self._removed.set()

    async def close(self) -> None:
        """Close the file. What waits in it stays there for the next start. Closing twice is allowed."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(connection.close)
            if self._lock is not None:
                self._lock.release()

    def _open(self) -> None:
        if self._lock is not None:
            lock_file = Path(self._lock.lock_file)
            lock_file.parent.mkdir(parents=True, exist_ok=True)
            lock_file.touch()
            try:
                self._lock.acquire()
            except Timeout:
                raise OSError(f"another program uses the spool {self._path} at present") from None
        # One call after the other uses the connection, though not always in the same thread.
        connection = sqlite3.connect(self._path or ":memory:", check_same_thread=False, isolation_level=None)
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.executescript(_SCHEMA)
            totals = "SELECT coalesce(sum(records), 0), coalesce(sum(length(content)), 0) FROM batch"
            self.records, self.bytes = connection.execute(totals).fetchone()
        except sqlite3.Error as error:
            connection.close()
            if self._lock is not None:
                self._lock.release()
            raise OSError(f"{self._path} is not a spool: {error}") from error
        self._connection = connection

    async def _run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run a transaction in a thread, and wait for its end even if cancelled: a thread cannot be stopped."""
        running = asyncio.ensure_future(asyncio.to_thread(self._transaction, work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _transaction(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        with self._one_at_a_time:
            connection = self._connection
            if connection is None:
                raise MxGatewayUsageError("the spool is not open")
            try:
                connection.execute("BEGIN")
                with connection:
                    return work(connection)
            except sqlite3.Error as error:
                raise OSError(f"cannot use the spool {self._path}: {error}") from error

    def _add(self, connection: sqlite3.Connection, records: Sequence[TagRecord]) -> None:
        content = _encode(records)
        row = (records[-1].received_nanoseconds, len(records), content)
        cursor = connection.execute("INSERT INTO batch (received, records, content) VALUES (?, ?, ?)", row)
        # The caller may use its list again.
        self._recent[cursor.lastrowid or 0] = tuple(records)
        while len(self._recent) > _RECENT_BATCHES:
            self._recent.popitem(last=False)
        self.bytes += len(content)
        self.records += len(records)
        oldest = "SELECT id, received, content FROM batch WHERE id > ? ORDER BY id LIMIT 1"
        while row := connection.execute(oldest, (self._delivering,)).fetchone():
            number, received, content = row
            if self.bytes <= self._max_bytes and not self._is_too_old(received):
                return
            self._drop(connection, number, _decode(content))

    def _is_too_old(self, received: int) -> bool:
        return self._max_seconds is not None and time.time_ns() - received > self._max_seconds * 1e9

    def _drop(self, connection: sqlite3.Connection, number: int, records: Sequence[TagRecord]) -> None:
        changes = sum(record.kind is RecordKind.CHANGE for record in records)
        row = (number, changes, records[0].received_nanoseconds, records[-1].received_nanoseconds)
        connection.execute("INSERT INTO loss (batch, changes, begin, end) VALUES (?, ?, ?, ?)", row)
        self._remove(connection, number)
        self.dropped += changes

    def _next(self, connection: sqlite3.Connection, after: int) -> SpooledBatch | None:
        oldest = "SELECT id, content FROM batch WHERE id > ? ORDER BY id LIMIT 1"
        row = connection.execute(oldest, (after,)).fetchone()
        if row is None:
            return None
        number, content = row
        records = self._recent.pop(number, None) or _decode(content)
        self._delivering = max(self._delivering, number)
        losses = "SELECT sum(changes), min(begin), max(end) FROM loss WHERE batch < ?"
        changes, begin, end = connection.execute(losses, (number,)).fetchone()
        if changes is not None:
            # The gap becomes part of the batch, so that both are delivered or neither.
            records = [_gap(changes, begin, end), *records]
            with_gap = _encode(records)
            update = "UPDATE batch SET records = ?, content = ? WHERE id = ?"
            connection.execute(update, (len(records), with_gap, number))
            connection.execute("DELETE FROM loss WHERE batch < ?", (number,))
            self.records += 1
            self.bytes += len(with_gap) - len(content)
        return SpooledBatch(number=number, records=records)

    def _remove(self, connection: sqlite3.Connection, number: int) -> None:
        self._recent.pop(number, None)
        row = connection.execute("SELECT records, length(content) FROM batch WHERE id = ?", (number,)).fetchone()
        if row is not None:
            connection.execute("DELETE FROM batch WHERE id = ?", (number,))
            self.records -= row[0]
            self.bytes -= row[1]


def _gap(changes: int, begin: int, end: int) -> TagRecord:
    first, last = (
        TagRecord(kind=RecordKind.GAP, received_nanoseconds=each).received_time.isoformat(timespec="milliseconds")
        for each in (begin, end)
    )
    detail = f"{changes} changes received from {first} to {last} were dropped because the spool was full"
    return TagRecord(kind=RecordKind.GAP, received_nanoseconds=end, detail=detail)


def _encode(records: Sequence[TagRecord]) -> bytes:
    parts: list[bytes] = []
    for record in records:
        tag, detail, event = record.tag.encode(), record.detail.encode(), record.event.SerializeToString()
        kind = _KINDS.index(record.kind)
        parts += (
            _HEAD.pack(kind, record.received_nanoseconds, record.repeated, len(tag), len(detail), len(event)),
            tag,
            detail,
            event,
        )
    return b"".join(parts)


def _decode(content: bytes) -> list[TagRecord]:
    records: list[TagRecord] = []
    position = 0
    while position < len(content):
        head: tuple[int, int, bool, int, int, int] = _HEAD.unpack_from(content, position)
        kind, received, repeated, *sizes = head
        position += _HEAD.size
        tag, detail, event = (content[position + sum(sizes[:i]) : position + sum(sizes[: i + 1])] for i in range(3))
        position += sum(sizes)
        records.append(
            TagRecord(
                kind=_KINDS[kind],
                received_nanoseconds=received,
                tag=tag.decode(),
                event=pb.MxEvent.FromString(event),
                repeated=repeated,
                detail=detail.decode(),
            )
        )
    return records
