"""TagReads: concurrent reads, sent together as ReadBulk commands."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import check_seconds, check_tags
from mxgateway._watching.recovery import TRANSIENT
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
)
from mxgateway.tags.batching import Batcher, SharedCall, is_too_large
from mxgateway.tags.reading import TagReading

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.bulk import BulkReadResult
    from mxgateway.session import Session
    from mxgateway.tags.supervisor import Supervisor

__all__ = ["TagReads"]

_RETRY_SECONDS: Final = 0.05
# How long the worker waits at most for the value of a tag that sends none.
_MAX_WORKER_SECONDS: Final = 5.0
_CONCURRENT_CALLS: Final = 4
_TAGS_PER_CALL: Final = 1_000
_MIN_TIMEOUT_SECONDS: Final = 0.001


class _Read:
    """The tags of one caller, and the future that the caller waits for."""

    __slots__ = ("call", "deadline", "error", "readings", "seconds", "size", "tags")

    def __init__(self, tags: Sequence[str], seconds: float, loop: asyncio.AbstractEventLoop) -> None:
        self.tags: Final = tags
        self.seconds: Final = seconds
        self.deadline: Final = loop.time() + seconds
        self.size: Final = 0
        self.readings: Final[asyncio.Future[tuple[TagReading, ...]]] = loop.create_future()
        # Why the last attempt failed.
        self.error: MxGatewayError | None = None
        self.call: SharedCall[Sequence[BulkReadResult]] | None = None

    @property
    def count(self) -> int:
        return len(self.tags)

    @property
    def ended(self) -> bool:
        return self.readings.done()

    def fail(self, error: MxGatewayError) -> None:
        if not self.readings.done():
            self.readings.set_exception(error)


class TagReads:
    """Reads tags for many callers at once, and retries after a transient failure."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._loop = asyncio.get_running_loop()
        self._supervisor = supervisor
        self._batcher: Batcher[float, _Read] = Batcher(
            self._send,
            _Read.fail,
            max_calls=_CONCURRENT_CALLS,
            max_entries=_TAGS_PER_CALL,
            max_bytes=0,
            name="mxgateway tags read",
        )

    async def read(self, tags: Sequence[str], seconds: float) -> tuple[TagReading, ...]:
        """Return a reading per tag, in the same order. See `TagClient.read`."""
        check_tags(tags)
        self._supervisor.check()
        read = _Read(tags, check_seconds("timeout", seconds), self._loop)
        timer = self._loop.call_at(read.deadline, self._time_out, read)
        # A tag that sends no value must not use up the time of the others.
        self._batcher.submit(min(_MAX_WORKER_SECONDS, seconds / 2), read)
        try:
            return await read.readings
        finally:
            timer.cancel()
            if read.call is not None:
                read.call.release()

    async def close(self, failure: MxGatewayError) -> None:
        """Fail every read with an error."""
        await self._batcher.stop(failure)

    async def _send(self, worker_seconds: float, reads: Sequence[_Read]) -> None:
        session, server_handle = await self._supervisor.session()
        reads = [read for read in reads if not read.ended]
        if not reads:
            return
        tags = [tag for read in reads for tag in read.tags]
        seconds = max(max(read.deadline for read in reads) - self._loop.time(), _MIN_TIMEOUT_SECONDS)
        call = SharedCall(_read_bulk(session, server_handle, tags, worker_seconds, seconds), len(reads))
        for read in reads:
            read.call = call
        try:
            results = await call.reply()
        except (*TRANSIENT, MxGatewayCommandError) as error:
            await self._retry(worker_seconds, reads, error)
        else:
            if results is not None:
                _distribute(reads, tuple(map(TagReading, tags, results)))
        finally:
            for read in reads:
                read.call = None

    async def _retry(self, worker_seconds: float, reads: Sequence[_Read], error: MxGatewayError) -> None:
        """Read again what failed for a transient reason, and separately if one caller's tags may be the cause."""
        permanent = isinstance(error, MxGatewayCommandError) or is_too_large(error)
        if permanent and len(reads) == 1:
            reads[0].fail(error)
            return
        for read in reads:
            read.error = error
            read.call = None
        await asyncio.sleep(_RETRY_SECONDS)
        if len(reads) > 1 and (permanent or isinstance(error, MxGatewayLimitError)):
            middle = len(reads) // 2
            for part in (reads[:middle], reads[middle:]):
                await self._send(worker_seconds, part)
        else:
            for read in reads:
                if not read.ended:
                    self._batcher.submit(worker_seconds, read)

    def _time_out(self, read: _Read) -> None:
        if read.error is not None:
            reason = f"the last attempt failed: {read.error}"
        else:
            reason = "no reply arrived" if self._supervisor.ready else "the connection is lost"
        facts = ErrorFacts(method="ReadBulk", target=self._supervisor.endpoint, timeout=read.seconds)
        read.fail(MxGatewayTimeoutError(f"no reading within {read.seconds:g} s, {reason}", facts))


async def _read_bulk(
    session: Session, server_handle: int, tags: Sequence[str], worker_seconds: float, seconds: float
) -> Sequence[BulkReadResult]:
    """Read tags, in as many parts as it takes to receive the values."""
    try:
        return await session.read_bulk(server_handle, tags, worker_timeout=worker_seconds, timeout=seconds)
    except MxGatewayLimitError as error:
        if len(tags) == 1 or not is_too_large(error):
            raise
    middle = len(tags) // 2
    return [
        *await _read_bulk(session, server_handle, tags[:middle], worker_seconds, seconds),
        *await _read_bulk(session, server_handle, tags[middle:], worker_seconds, seconds),
    ]


def _distribute(reads: Sequence[_Read], readings: tuple[TagReading, ...]) -> None:
    begin = 0
    for read in reads:
        end = begin + read.count
        if not read.ended:
            read.readings.set_result(readings[begin:end])
        begin = end
