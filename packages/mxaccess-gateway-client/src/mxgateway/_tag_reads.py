"""The reads of a TagClient: those that are asked for at the same time are one ReadBulk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mxgateway._supervisor import PASSING
from mxgateway._tag_batches import Batches
from mxgateway._tag_reading import TagReading
from mxgateway._tag_requests import Call, Deadlines, Request, own_copy
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway._supervisor import Supervisor

__all__ = ["TagReads"]

# Reads that failed for a passing reason are asked again, after this many seconds at the least.
_READ_AGAIN: Final = 0.05
# Seconds that the worker waits for a tag which tells nothing.
_SILENCE: Final = 5.0
_CALLS_AT_ONCE: Final = 4
# The tags of one caller are never split here: whoever asks for more at once gets them in one call.
_TAGS_AT_ONCE: Final = 1_000
_SHORTEST: Final = 0.001


class TagRead(Request["tuple[TagReading, ...]"]):
    """One caller's tags.

    Attributes:
        tags: what to read.
        last: why the last attempt failed.
    """

    __slots__ = ("last", "tags")

    def __init__(self, loop: asyncio.AbstractEventLoop, tags: Sequence[str], seconds: float) -> None:
        super().__init__(loop, seconds, len(tags), 0)
        self.tags: Final = tags
        self.last: MxGatewayError | None = None


class TagReads:
    """Reads for many callers at once, and asks again what failed for a passing reason."""

    def __init__(self, supervisor: Supervisor, target: str) -> None:
        self._supervisor = supervisor
        self._target = target
        self._loop = asyncio.get_running_loop()
        self._deadlines: Deadlines[TagRead] = Deadlines(self._too_late)
        self._batches: Batches[float, TagRead] = Batches(
            self._carry, _fail, calls=_CALLS_AT_ONCE, entries=_TAGS_AT_ONCE, size=0, name="mxgateway tags read"
        )

    def ask(self, tags: Sequence[str], seconds: float) -> TagRead:
        """Ask for tags; the `result` has a reading for each, in the same order. Whoever awaited it calls `leave`.

        Raises:
            MxGatewayError: what stands in the way for good.
        """
        self._supervisor.check()
        read = TagRead(self._loop, tags, seconds)
        self._deadlines.begin(read)
        # A tag that tells nothing must not use up the time of the others.
        self._batches.ask(min(_SILENCE, seconds / 2), read)
        return read

    def leave(self, read: TagRead) -> None:
        """Wait for a read no longer, whether it has its result or not."""
        self._deadlines.end(read)
        if read.call is not None:
            # Cancelled or too late: what has its answer travels no more.
            read.call.leave()

    async def close(self, failure: MxGatewayError) -> None:
        """End every read with an error."""
        self._batches.stop()
        for read in self._deadlines.take_all():
            _fail(read, own_copy(failure))
        await self._batches.stopped()

    async def _carry(self, worker_timeout: float, reads: Sequence[TagRead]) -> None:
        session, server_handle = await self._supervisor.session()
        reads = [read for read in reads if not read.result.done()]
        if not reads:
            return
        tags = [tag for read in reads for tag in read.tags]
        seconds = max(max(read.deadline for read in reads) - self._loop.time(), _SHORTEST)
        try:
            results = await Call(reads).make(
                session.read_bulk(server_handle, tags, worker_timeout=worker_timeout, timeout=seconds)
            )
        except PASSING as error:
            await self._carry_again(worker_timeout, reads, error)
        except MxGatewayCommandError as error:
            if len(reads) > 1:
                await self._carry_again(worker_timeout, reads, error)
            else:
                _fail(reads[0], error)
        else:
            if results is not None:
                _hand_out(reads, tuple(map(TagReading, tags, results)))

    async def _carry_again(self, worker_timeout: float, reads: Sequence[TagRead], error: MxGatewayError) -> None:
        """Ask once more, and apart where one caller's tags may have failed the call of all."""
        for read in reads:
            read.last = error
        await asyncio.sleep(_READ_AGAIN)
        if len(reads) > 1 and isinstance(error, MxGatewayLimitError | MxGatewayCommandError):
            middle = len(reads) // 2
            for part in (reads[:middle], reads[middle:]):
                await self._carry(worker_timeout, part)
        else:
            for read in reads:
                self._batches.ask(worker_timeout, read)

    def _too_late(self, read: TagRead) -> None:
        if read.last is not None:
            reason = f"the last attempt said: {read.last}"
        else:
            reason = "no answer came" if self._supervisor.ready else "the connection is away"
        facts = ErrorFacts(method="ReadBulk", target=self._target, timeout=read.seconds)
        _fail(read, MxGatewayTimeoutError(f"no reading within {read.seconds:g} s, {reason}", facts))


def _hand_out(reads: Sequence[TagRead], readings: tuple[TagReading, ...]) -> None:
    begin = 0
    for read in reads:
        end = begin + read.entries
        if not read.result.done():
            read.result.set_result(readings[begin:end])
        begin = end


def _fail(read: TagRead, error: MxGatewayError) -> None:
    if not read.result.done():
        read.result.set_exception(error)
