"""What one server stream still has to send."""

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
    """A queue of messages, and how it ends. With `keep_last` the oldest make way for the newest."""

    def __init__(self, first: Iterable[Message], keep_last: int | None = None) -> None:
        self._queue = deque(first, keep_last)
        self._finished = False
        self._failure: Refused | None = None
        self._news = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many messages are to be sent."""
        return len(self._queue)

    def put(self, message: Message) -> None:
        """Send this as well, unless the stream has failed."""
        if self._failure is None:
            self._queue.append(message)
            self._news.set()

    def finish(self) -> None:
        """End once everything is sent."""
        self._finished = True
        self._news.set()

    def fail(self, failure: Refused) -> None:
        """End at once."""
        self._queue.clear()
        self._failure = failure
        self._news.set()

    async def next(self) -> Message | None:
        """Give the next message; None when the stream is at its end.

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
            self._news.clear()
            await self._news.wait()
