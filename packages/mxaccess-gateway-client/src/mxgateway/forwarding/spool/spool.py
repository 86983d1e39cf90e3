"""Spool: records that wait until a broker has acknowledged them."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.forwarding.spool.batches import Loss, SpooledBatch, SpoolLimits
from mxgateway.forwarding.spool.encoding import size_of, time_of
from mxgateway.forwarding.spool.file import SpoolFile
from mxgateway.forwarding.spool.memory import SpoolMemory

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from mxgateway.recording import TagRecord
    from mxgateway.tags import SavedSession

__all__ = ["Spool"]

Result = TypeVar("Result")

_logger = logging.getLogger("mxgateway.forwarding")

# Greater than the number of every batch in a file.
_NEWEST: Final = 2**62


class Spool:
    """Keeps records until they are acknowledged. It is a sink, so that a Recorder can write into it.

    Durable: committed to an SQLite file, or in memory if there is none. When it is full, the oldest records are
    dropped, and a gap record in their place says how many changes and of which time. While the file cannot be written,
    because the disk is full for example, new records wait in memory, within the same limit. The spool also keeps the
    session of the TagClient, so that the next start can continue it.

    Args:
        path: The SQLite file, or None to keep the records in memory only.
        max_bytes: The most bytes of records that wait.
        max_seconds: The greatest age of a waiting record, in seconds; None for any age.
        job: What the records are for. A file that another job has written is refused. None accepts any.

    Raises:
        MxGatewayConfigurationError: A limit is not positive.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        max_bytes: int = 1_000_000_000,
        max_seconds: float | None = None,
        job: str | None = None,
    ) -> None:
        if max_bytes <= 0 or (max_seconds is not None and max_seconds <= 0):
            raise MxGatewayConfigurationError("the limits of a spool must be positive")
        self._path = None if path is None else Path(path)
        self._limits = SpoolLimits(max_bytes=max_bytes, max_seconds=max_seconds)
        self._file = SpoolMemory() if self._path is None else SpoolFile(self._path, job)
        # The Recorder adds records while the oldest ones are delivered.
        self._one_at_a_time = threading.Lock()
        self._added = asyncio.Event()
        self._removed = asyncio.Event()
        # The number of the batch that is being delivered, which is not dropped, and that of the last acknowledged one.
        self._delivering = 0
        self._acknowledged = 0
        # The records and bytes that are acknowledged but could not be removed yet.
        self._unremoved = (0, 0)
        # What could not be written to the file yet, and the changes that were dropped because that became too much.
        self._unwritten: deque[Sequence[TagRecord]] = deque()
        self._unwritten_loss: Loss | None = None
        self._dropped = 0
        self._is_failing = False
        # Whether the oldest of them is being delivered, and the number that it has got in the file meanwhile.
        self._delivers_unwritten = False
        self._written_as = 0
        self._session: SavedSession | None = None
        self._is_session_saved = True

    @property
    def records(self) -> int:
        """How many records wait."""
        return self._file.records - self._unremoved[0] + sum(map(len, self._unwritten))

    @property
    def bytes(self) -> int:
        """How many bytes of records wait."""
        return self._file.bytes - self._unremoved[1] + sum(map(size_of, self._unwritten))

    @property
    def dropped(self) -> int:
        """How many changes were dropped because the spool was full."""
        return self._file.dropped + self._dropped

    @property
    def owner(self) -> str:
        """A random id, which the file keeps."""
        return self._file.owner

    @property
    def saved_session(self) -> SavedSession | None:
        """The session that the records come from and that can be continued; None if there is none."""
        return self._session

    async def open(self) -> datetime | None:
        """Open the file, and return when its last record was received, delivered or not; None if there was none.

        Raises:
            MxGatewayConfigurationError: The file belongs to another job, or to a newer version.
            OSError: The file cannot be opened, or another program uses it.
        """
        received = await asyncio.to_thread(self._file.open)
        self._session = self._file.saved_session
        return None if received is None else time_of(received)

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Add records and return when they are committed. If the spool is full, the oldest are dropped.

        If the file cannot be written they wait in memory; a warning of the logger `mxgateway.forwarding` says so.
        """
        # The caller may use its list again.
        await self._run(lambda: self._add([tuple(records)]))
        self._added.set()

    async def save_session(self, session: SavedSession | None) -> None:
        """Keep the session that the following records come from, for the next start. None forgets it."""
        self._session = session
        self._is_session_saved = False
        await self._run(lambda: self._add([]))
        self._added.set()

    async def next(self) -> SpooledBatch | None:
        """Return the oldest batch that is not acknowledged, or None if there is none.

        Raises:
            OSError: The file cannot be read.
        """
        return await self._run(self._next)

    async def wait(self) -> None:
        """Wait until records have been added, or a session has been saved, since the last call."""
        await self._added.wait()
        self._added.clear()

    async def wait_for_removal(self) -> None:
        """Wait until a batch has been removed since the last call."""
        await self._removed.wait()
        self._removed.clear()

    async def acknowledge(self, batch: SpooledBatch) -> None:
        """Remove a batch, because its receiver has made it durable."""
        await self._run(lambda: self._acknowledge(batch))
        self._removed.set()

    async def discard(self) -> None:
        """Remove all records that wait, and the session.

        Raises:
            OSError: The file cannot be written.
        """
        await self._run(self._file.clear)
        self._session = None

    async def close(self) -> None:
        """Close the file. What waits in it stays there for the next start. Closing twice is allowed."""
        await asyncio.to_thread(self._file.close)

    async def _run(self, work: Callable[[], Result]) -> Result:
        """Run work in a thread, and wait for its end even if cancelled: a thread cannot be stopped.

        In memory it is quicker than a thread: that would wait for the interpreter while events arrive.
        """
        if self._path is None:
            return self._in_turn(work)
        running = asyncio.ensure_future(asyncio.to_thread(self._in_turn, work))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait([running])
            raise

    def _in_turn(self, work: Callable[[], Result]) -> Result:
        with self._one_at_a_time:
            return work()

    def _add(self, batches: Sequence[Sequence[TagRecord]]) -> None:
        waiting, numbers = [*self._unwritten, *batches], [0]
        try:
            if not self._is_session_saved:
                self._file.save_session(self._session)
                self._is_session_saved = True
            if waiting:
                numbers = self._file.add(
                    waiting,
                    self._limits,
                    loss=self._unwritten_loss,
                    acknowledged=self._acknowledged,
                    delivering=self._delivering,
                )
                self._unremoved = (0, 0)
        except OSError as error:
            self._keep_in_memory(batches, error)
            return
        if self._is_failing:
            self._is_failing = False
            _logger.warning("the spool %s can be written again", self._path)
        if self._unwritten:
            if self._delivers_unwritten and not self._written_as:
                self._written_as = self._delivering = numbers[0]
            self._unwritten.clear()
            self._unwritten_loss = None

    def _keep_in_memory(self, batches: Sequence[Sequence[TagRecord]], error: OSError) -> None:
        if not self._is_failing:
            self._is_failing = True
            _logger.warning("records wait in memory: %s", error)
        self._unwritten.extend(batches)
        oldest = 1 if self._delivers_unwritten and not self._written_as else 0
        while self.bytes > self._limits.max_bytes and len(self._unwritten) > oldest + 1:
            records = self._unwritten[oldest]
            del self._unwritten[oldest]
            loss = Loss.of(records)
            self._dropped += loss.changes
            self._unwritten_loss = loss if self._unwritten_loss is None else self._unwritten_loss.and_later(loss)

    def _next(self) -> SpooledBatch | None:
        batch = self._file.next(self._acknowledged)
        if batch is not None:
            self._delivering = batch.number
            return batch
        if not self._unwritten:
            return None
        records = self._unwritten[0]
        loss = self._file.take_loss(_NEWEST)
        if loss is None:
            loss = self._unwritten_loss
        elif self._unwritten_loss is not None:
            loss = loss.and_later(self._unwritten_loss)
        if loss is not None:
            records = (loss.record(), *records)
            self._unwritten[0] = records
            self._unwritten_loss = None
        self._delivers_unwritten = True
        return SpooledBatch(number=0, records=records)

    def _acknowledge(self, batch: SpooledBatch) -> None:
        number = batch.number
        if not number:
            number, self._written_as, self._delivers_unwritten = self._written_as, 0, False
            if not number:
                self._unwritten.popleft()
                return
        self._acknowledged = number
        try:
            self._file.remove(number)
        except OSError as error:
            # They are not delivered again, unless the program ends before the file can be written.
            self._unremoved = self._file.size_up_to(number)
            _logger.info("acknowledged records stay in the spool for now: %s", error)
        else:
            self._unremoved = (0, 0)
