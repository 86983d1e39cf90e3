"""The send queue of one server stream."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mxgateway.testing.state.refusals import Refused

__all__ = ["Subscription"]

Message = TypeVar("Message")


class Subscription(Generic[Message]):
    """A queue of messages for one server stream, and the way the stream ends.

    With `keep_last` the queue holds at most that many messages and drops the oldest.
    """

    def __init__(self, first: Iterable[Message], keep_last: int | None = None) -> None:
        self._queue = deque(first, keep_last)
        self._finished = False
        self._failure: Refused | None = None
        self._changed = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The number of queued messages."""
        return len(self._queue)

    def put(self, message: Message) -> None:
        """Queue a message. Does nothing if the stream has failed."""
        if self._failure is None:
            self._queue.append(message)
            self._changed.set()

    def finish(self) -> None:
        """End the stream after all queued messages."""
        self._finished = True
        self._changed.set()

    def fail(self, failure: Refused) -> None:
        """Drop all queued messages and end the stream with `failure`."""
        self._queue.clear()
        self._failure = failure
        self._changed.set()

    async def next(self) -> Message | None:
        """Wait for the next message and return it. Return None at the end of the stream.

        Raises:
            Refused: the stream failed.
        """
        while True:
            if self._failure is not None:
                raise self._failure
            if self._queue:
                return self._queue.popleft()
            if self._finished:
                return None
            self._changed.clear()
            await self._changed.wait()
