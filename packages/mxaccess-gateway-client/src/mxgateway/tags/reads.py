"""The reads of a TagClient: those that are asked for at the same time are one ReadBulk."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import check_tags
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
)
from mxgateway.tags.batches import Batches
from mxgateway.tags.reading import TagReading
from mxgateway.tags.requests import Call, Deadlines, Request, own_copy
from mxgateway.tags.supervisor import PASSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.tags.supervisor import Supervisor

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
    """One caller's tags, and a reading for each, in the same order.

    Attributes:
        tags: what to read.
        last: why the last attempt failed.
    """

    __slots__ = ("_reads", "last", "tags")
    __name__ = "TagClient.read"

    def __init__(self, reads: TagReads, tags: Sequence[str], seconds: float) -> None:
        super().__init__(reads.loop, seconds, len(tags))
        self.tags: Final = tags
        self.last: MxGatewayError | None = None
        self._reads = reads

    def begin(self) -> None:
        """Ask for the tags."""
        self._reads.ask(self)

    def leave(self) -> None:
        """Ask for them no longer."""
        self._reads.leave(self)


class TagReads:
    """Reads for many callers at once, and asks again what failed for a passing reason."""

    def __init__(self, supervisor: Supervisor, target: str) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self._supervisor = supervisor
        self._target = target
        self._deadlines: Deadlines[TagRead] = Deadlines(self._too_late)
        self._batches: Batches[float, TagRead] = Batches(
            self._carry, self._fail, calls=_CALLS_AT_ONCE, entries=_TAGS_AT_ONCE, size=0, name="mxgateway tags read"
        )

    def ask(self, read: TagRead) -> None:
        """Let a read travel with others.

        Raises:
            MxGatewayError: what stands in the way for good.
        """
        check_tags(read.tags)
        self._supervisor.check()
        self._deadlines.begin(read)
        # A tag that tells nothing must not use up the time of the others.
        self._batches.ask(min(_SILENCE, read.seconds / 2), read)

    def leave(self, read: TagRead) -> None:
        """Wait for a read no longer, whether it was sent or not."""
        self._deadlines.end(read)
        if read.call is not None:
            read.call.leave()

    async def close(self, failure: MxGatewayError) -> None:
        """End every read with an error."""
        self._batches.stop()
        for read in self._deadlines.take_all():
            self._fail(read, own_copy(failure))
        await self._batches.stopped()

    async def _carry(self, worker_timeout: float, reads: Sequence[TagRead]) -> None:
        session, server_handle = await self._supervisor.session()
        reads = [read for read in reads if not read.done()]
        if not reads:
            return
        tags = [tag for read in reads for tag in read.tags]
        seconds = max(max(read.deadline for read in reads) - self.loop.time(), _SHORTEST)
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
                self._fail(reads[0], error)
        else:
            if results is not None:
                self._hand_out(reads, tuple(map(TagReading, tags, results)))

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
        if read.call is not None:
            read.call.leave()
        self._fail(read, MxGatewayTimeoutError(f"no reading within {read.seconds:g} s, {reason}", facts))

    def _hand_out(self, reads: Sequence[TagRead], readings: tuple[TagReading, ...]) -> None:
        begin = 0
        for read in reads:
            end = begin + read.entries
            if not read.done():
                self._deadlines.end(read)
                read.set_result(readings[begin:end])
            begin = end

    def _fail(self, read: TagRead, error: MxGatewayError) -> None:
        if not read.done():
            self._deadlines.end(read)
            read.set_exception(error)
