"""Recorder: from a watch to a sink, in batches, with every loss as a record."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mxgateway.errors import MxGatewayConfigurationError, MxGatewayError, MxGatewayUsageError
from mxgateway.recording.record import RecordKind, TagRecord
from mxgateway.recording.row import iso_time
from mxgateway.recording.sink import KeepsSession
from mxgateway.tags import OverflowPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from mxgateway.recording.sink import Sink
    from mxgateway.tags import TagClient, TagWatch, WatchItem

__all__ = ["Recorder", "RecorderOptions", "RecorderStatistics"]

# A session that cannot be saved at present is looked at again after this time.
_SESSION_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class RecorderOptions:
    """How a Recorder collects records.

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
    """What a Recorder has done so far.

    Attributes:
        written: Records that the sink has made durable.
        changes: How many of those are changes.
        gaps: How many of those say that changes are missing.
        lost: How many of those say that the connection or the session was lost.
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


class Recorder:
    """Writes the changes of tags to a sink, and every loss among them.

    An async context manager: entering opens the sink and begins the watch, leaving closes both.

        async with Recorder(tags, CsvSink("values.csv"), "TestChildObject.TestInt") as recorder:
            await recorder.run(duration=60)

    Args:
        client: The TagClient that watches the tags.
        sink: Where the records are written.
        tags: The names of the tags.
        options: See RecorderOptions.
    """

    def __init__(self, client: TagClient, sink: Sink, *tags: str, options: RecorderOptions | None = None) -> None:
        self.options: Final = options or RecorderOptions()
        self.statistics: Final = RecorderStatistics()
        self._client = client
        self._sink = sink
        self._keeper = sink if isinstance(sink, KeepsSession) else None
        # `session_changes` of the client when the session was saved last.
        self._saved_changes = -1
        # When the last record was received: no two have the same time.
        self._last_nanoseconds = 0
        self._watch: TagWatch = client.watch(
            *tags, queue_size=self.options.buffer_size, overflow=OverflowPolicy.DROP_OLDEST
        )
        self._stopped = False
        self._running = False
        self._waiting: asyncio.Timeout | None = None

    async def __aenter__(self) -> Self:
        """Open the sink and begin the watch. A session that the sink has kept is continued, if that is possible.

        Raises:
            OSError: A file cannot be opened.
            MxGatewayError: See TagWatch.
        """
        last = await self._sink.open()
        try:
            saved = None if self._keeper is None else self._keeper.saved_session
            resumed = saved is not None and await self._client.resume(saved)
            if last is not None and not resumed:
                await self._write([interruption(last, time.time_ns())])
            await self._watch.__aenter__()
        except BaseException:
            await self._close_sink()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.close()
        await self._close_sink()

    async def run(self, *, duration: float | None = None, max_records: int | None = None) -> RecorderStatistics:
        """Record until `stop` is called, `duration` seconds have passed, or `max_records` changes are written.

        Then, and also when this call is cancelled, the records that have arrived are written first.

        Raises:
            MxGatewayUsageError: It runs already.
            MxGatewayError: The watch has ended with this error; the records before it are written.
            OSError: The sink cannot write. The records of the last batch may be missing.
        """
        if self._running:
            raise MxGatewayUsageError("the recorder runs already")
        self._running = True
        timer = None if duration is None else asyncio.get_running_loop().call_later(duration, self.stop)
        batch: list[TagRecord] = []
        try:
            while not self._stopped:
                left = None if max_records is None else max_records - self.statistics.changes
                await self._collect(batch, left)
                await self._flush(batch)
                if max_records is not None and self.statistics.changes >= max_records:
                    return self.statistics
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
        return self.statistics

    def stop(self) -> None:
        """End `run` once the records that have arrived are written."""
        self._stopped = True
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def _collect(self, batch: list[TagRecord], most: int | None) -> None:
        """Add records to a batch until it is full, or until its first one has waited for `flush_interval`."""
        limit = self.options.batch_size if most is None else min(self.options.batch_size, most)
        loop = asyncio.get_running_loop()
        end: float | None = None
        try:
            while len(batch) < limit and not self._stopped:
                deadline = end if batch else self._session_deadline()
                async with asyncio.timeout_at(deadline) as self._waiting:
                    items = await self._watch.take(limit - len(batch))
                if not items:
                    # The recorder has been left, which closes the watch.
                    self._stopped = True
                batch += self._records(items)
                end = end or loop.time() + self.options.flush_interval
        except TimeoutError:
            pass
        finally:
            self._waiting = None

    async def _write_rest(self, batch: list[TagRecord]) -> None:
        while self._watch.pending:
            batch += self._records(await self._watch.take(self.options.batch_size))
        await self._flush(batch)

    async def _flush(self, batch: list[TagRecord]) -> None:
        if not batch:
            await self._save_session()
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

    async def _write(self, records: Sequence[TagRecord]) -> None:
        # A successor must be able to name the tags of the records that follow these.
        await self._save_session()
        await self._sink.write(records)
        statistics = self.statistics
        statistics.written += len(records)
        statistics.changes += sum(record.kind is RecordKind.CHANGE for record in records)
        statistics.gaps += sum(record.kind is RecordKind.GAP for record in records)
        statistics.lost += sum(record.kind is RecordKind.LOST for record in records)
        statistics.dropped = self._watch.dropped
        statistics.batches += 1
        statistics.last_written = datetime.now(UTC)

    async def _save_session(self) -> None:
        """Let the sink keep the session, if it keeps sessions and has not kept this one."""
        if self._keeper is None or not self._is_session_outdated():
            return
        changes, session = self._client.session_changes, self._client.saved_session()
        if session is not None:
            self._saved_changes = changes
        if session is not None or self._keeper.saved_session is not None:
            await self._keeper.save_session(session)

    def _is_session_outdated(self) -> bool:
        return self._keeper is not None and self._client.session_changes != self._saved_changes

    def _session_deadline(self) -> float | None:
        """Return when to stop waiting for records, because the session is to be saved even if none arrive."""
        return asyncio.get_running_loop().time() + _SESSION_SECONDS if self._is_session_outdated() else None

    async def _close_sink(self) -> None:
        await self._sink.close()

    def _records(self, items: Sequence[WatchItem]) -> list[TagRecord]:
        """Return the records of items that were received together."""
        # A nanosecond apart, even if the clock is coarse: the time identifies a record that is no change.
        now = max(time.time_ns(), self._last_nanoseconds + 1)
        self._last_nanoseconds = now + len(items)
        return [TagRecord.of(item, now + number) for number, item in enumerate(items)]


def interruption(last: datetime, until: int) -> TagRecord:
    """Return the gap between an older recording and one that began at these nanoseconds since 1970."""
    record = TagRecord(kind=RecordKind.GAP, received_nanoseconds=until)
    begin, end = (iso_time(each) for each in (last, record.received_time))
    record.detail = f"nothing was recorded from {begin} to {end}; the present values follow"
    return record
