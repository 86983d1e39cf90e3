"""Collector: what a watch delivers, written in batches by a recorder until that is to end."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from mxgateway.errors import MxGatewayConfigurationError, MxGatewayError, MxGatewayUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

__all__ = ["Collector", "RecorderOptions", "RecorderStatistics", "Watch"]

ItemT = TypeVar("ItemT")
RecordT = TypeVar("RecordT")
ItemT_co = TypeVar("ItemT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """How a recorder collects records.

    Attributes:
        batch_size: The most records that are written together.
        flush_interval: How long a record is held back for others at most, in seconds. A program that is killed loses
            at most the records of this time, and those that are being written.
        buffer_size: How many changes wait while the sink is slow. If there are more, the oldest are dropped, and a gap
            record says how many.

    Raises:
        MxGatewayConfigurationError: A number is not positive.
    """

    batch_size: int = 5000
    flush_interval: float = 1.0
    buffer_size: int = 100_000

    def __post_init__(self) -> None:
        for name in ("batch_size", "flush_interval", "buffer_size"):
            if not getattr(self, name) > 0:
                raise MxGatewayConfigurationError(f"{name} must be positive, not {getattr(self, name)!r}")


@dataclass(slots=True, kw_only=True)
class RecorderStatistics:
    """What a recorder has done so far.

    Attributes:
        written: Records that the sink has made durable.
        changes: How many of those are changes.
        gaps: How many of those say that changes are missing.
        lost: How many of those say that the connection, the session or the alarm feed was lost.
        dropped: Changes that were dropped because the sink was slow.
        batches: How often the sink was called.
        last_written: When the sink last made records durable, in UTC.
    """

    written: int = 0
    changes: int = 0
    gaps: int = 0
    lost: int = 0
    dropped: int = 0
    batches: int = 0
    last_written: datetime | None = None

    @property
    def losses(self) -> int:
        """Records that report missing changes, or that some may be missing: gaps and lost connections."""
        return self.gaps + self.lost

    def count(self, kinds: Sequence[str], *, dropped: int) -> None:
        """Count records of these kinds, which are durable now."""
        gaps, lost = kinds.count("gap"), kinds.count("lost")
        self.written += len(kinds)
        self.changes += sum(map(kinds.count, _CHANGES))
        self.gaps += gaps
        self.lost += lost
        self.dropped = dropped
        self.batches += 1
        self.last_written = datetime.now(UTC)


_CHANGES: Final = ("change", "raised", "acknowledged", "changed", "cleared")


class Watch(Protocol[ItemT_co]):
    """A watch, of tags or of alarms."""

    @property
    def pending(self) -> int:
        """How many items wait to be received."""
        ...

    async def take(self, limit: int) -> Sequence[ItemT_co]:
        """Wait for items and return them; an empty sequence is the end of the watch."""
        ...


class Collector(Generic[ItemT, RecordT]):
    """Takes the items of a watch and hands their records on in batches, each once.

    Args:
        watch: The watch.
        options: When a batch is complete.
        statistics: What was written already.
        records: Returns the records of items that were received together.
        write: Writes a batch, and returns when it is durable.
        idle: Is called when no records have arrived until `idle_deadline`.
        idle_deadline: Returns when to stop waiting for the first record of a batch, in the time of the event loop; None
            is never.
    """

    def __init__(
        self,
        watch: Watch[ItemT],
        options: RecorderOptions,
        statistics: RecorderStatistics,
        *,
        records: Callable[[Sequence[ItemT]], list[RecordT]],
        write: Callable[[Sequence[RecordT]], Coroutine[Any, Any, None]],
        idle: Callable[[], Coroutine[Any, Any, None]] | None = None,
        idle_deadline: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._watch: Final = watch
        self._options: Final = options
        self._statistics: Final = statistics
        self._records: Final = records
        self._write: Final = write
        self._idle: Final = idle
        self._idle_deadline: Final = idle_deadline
        self._stopped = False
        self._running = False
        self._waiting: asyncio.Timeout | None = None

    async def run(self, duration: float | None, max_changes: int | None) -> None:
        """Write until `stop` is called, `duration` seconds have passed, or `max_changes` changes are written.

        Then, and also when this call is cancelled, the records that have arrived are written first.

        Raises:
            MxGatewayUsageError: It runs already.
            MxGatewayError: The watch has ended with this error; the records before it are written.
        """
        if self._running:
            raise MxGatewayUsageError("the recorder runs already")
        self._running = True
        timer = None if duration is None else asyncio.get_running_loop().call_later(duration, self.stop)
        batch: list[RecordT] = []
        try:
            while not self._stopped:
                left = None if max_changes is None else max_changes - self._statistics.changes
                await self._collect(batch, left)
                await self._flush(batch)
                if max_changes is not None and self._statistics.changes >= max_changes:
                    return
            await self._write_rest(batch)
        except asyncio.CancelledError:
            await self._write_rest(batch)
            raise
        except MxGatewayError:
            # The watch has ended; what it delivered before is kept.
            await self._flush(batch)
            raise
        finally:
            self._running = False
            if timer is not None:
                timer.cancel()

    def stop(self) -> None:
        """End `run` once the records that have arrived are written."""
        self._stopped = True
        if self._waiting is not None and not self._waiting.expired():
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _collect(self, batch: list[RecordT], most: int | None) -> None:
        """Add records to a batch until it is full, or until its first one has waited for `flush_interval`."""
        limit = self._options.batch_size if most is None else min(self._options.batch_size, most)
        loop = asyncio.get_running_loop()
        end: float | None = None
        try:
            while len(batch) < limit and not self._stopped:
                deadline = end if batch else self._idle_deadline()
                async with asyncio.timeout_at(deadline) as self._waiting:
                    items = await self._watch.take(limit - len(batch))
                if not items:
                    # The recorder has been left, which closes the watch.
                    self._stopped = True
                batch += self._records(items)
                end = end or loop.time() + self._options.flush_interval
        except TimeoutError:
            pass
        finally:
            self._waiting = None

    async def _write_rest(self, batch: list[RecordT]) -> None:
        while self._watch.pending:
            batch += self._records(await self._watch.take(self._options.batch_size))
        await self._flush(batch)

    async def _flush(self, batch: list[RecordT]) -> None:
        if not batch:
            if self._idle is not None:
                await self._idle()
            return
        writing = asyncio.create_task(self._write(batch), name="mxgateway recorder write")
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            # A thread cannot be cancelled: what it writes must not be written again.
            await writing
            batch.clear()
            raise
        batch.clear()
