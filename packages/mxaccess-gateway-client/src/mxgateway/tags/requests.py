"""What the callers of a TagClient ask for, until when they wait for it, and the calls to the gateway it travels in."""

from __future__ import annotations

import asyncio
import contextvars
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from mxgateway._support.validation import check_seconds
from mxgateway.tags.deferred import Deferred

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from mxgateway.errors import MxGatewayError

__all__ = ["Call", "Deadlines", "Request", "own_copy"]

ReplyT = TypeVar("ReplyT")
ResultT = TypeVar("ResultT")

# The times for which a timer is kept while nobody needs it: most callers have the same few, some compute theirs.
_KEPT: Final = 8
# A timer may ring so much too early.
_EARLY: Final = time.get_clock_info("monotonic").resolution


class Request(Deferred[ResultT]):
    """Something that one caller asks for and waits for.

    Attributes:
        seconds: how long the caller waits at most.
        deadline: until when, by the event loop's clock; set when it begins.
        entries: how many entries of a bulk command it needs.
        size: how many bytes they have.
        call: the call that it travels in just now.
    """

    __slots__ = ("call", "deadline", "entries", "seconds", "size")

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds: float, entries: int) -> None:
        super().__init__(loop)
        self.seconds: float = seconds
        self.deadline: float = 0.0
        self.entries: int = entries
        self.size: int = 0
        self.call: Call | None = None


class Call:
    """A call to the gateway on behalf of several requests; when nobody waits for any of them, it is given up."""

    def __init__(self, requests: Sequence[Request[Any]]) -> None:
        self._requests = requests
        self._waiting = len(requests)
        self._given_up = False
        self._task = asyncio.current_task()

    async def make(self, call: Awaitable[ReplyT]) -> ReplyT | None:
        """Give the reply, or None when it was given up."""
        for request in self._requests:
            request.call = self
        try:
            return await call
        except asyncio.CancelledError:
            if not self._given_up or self._task is None or self._task.uncancel():
                raise
            return None
        finally:
            for request in self._requests:
                request.call = None

    def leave(self) -> bool:
        """Wait for one request less; True when it was the last one and the call is given up."""
        self._waiting -= 1
        if not self._waiting and self._task is not None:
            self._given_up = True
            self._task.cancel()
        return self._given_up


RequestT = TypeVar("RequestT", bound=Request[Any])


class Deadlines(Generic[RequestT]):
    """Says when the time of a request is over: one timer for all that were given the same time, not one for each."""

    def __init__(self, over: Callable[[RequestT], None]) -> None:
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._requests: dict[float, OrderedDict[RequestT, None]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}
        # A timer serves many callers, and must not keep what belongs to the first one.
        self._context = contextvars.copy_context()

    def begin(self, request: RequestT) -> None:
        """Watch the time of a request, from now on.

        Raises:
            MxGatewayConfigurationError: it is no time to wait.
        """
        request.deadline = self._loop.time() + check_seconds("timeout", request.seconds)
        requests = self._requests.get(request.seconds)
        if requests is None:
            requests = self._requests[request.seconds] = OrderedDict()
            self._ring_at(request.deadline, request.seconds)
        requests[request] = None

    def end(self, request: RequestT) -> None:
        """Watch it no longer. Twice is fine."""
        requests = self._requests.get(request.seconds)
        if requests is not None:
            requests.pop(request, None)
            if not requests and len(self._requests) > _KEPT:
                self._forget(request.seconds)

    def take_all(self) -> list[RequestT]:
        """Give every request whose time is still watched, and watch nothing any more."""
        for timer in self._timers.values():
            timer.cancel()
        left = [request for requests in self._requests.values() for request in requests]
        self._timers.clear()
        self._requests.clear()
        return left

    def _forget(self, seconds: float) -> None:
        del self._requests[seconds]
        self._timers.pop(seconds).cancel()

    def _ring_at(self, deadline: float, seconds: float) -> None:
        self._timers[seconds] = self._loop.call_at(deadline, self._ring, seconds, context=self._context)

    def _ring(self, seconds: float) -> None:
        requests = self._requests[seconds]
        now = self._loop.time() + _EARLY
        while requests:
            request = next(iter(requests))
            if request.deadline > now:
                self._ring_at(request.deadline, seconds)
                return
            # Which ends it, and with the last one perhaps forgets them all.
            self._over(request)
            requests.pop(request, None)
        if self._requests.get(seconds) is requests:
            self._forget(seconds)


def own_copy(error: MxGatewayError) -> MxGatewayError:
    """Give an error that one caller can raise: the same one would collect the tracebacks of all."""
    copy = type(error)(error.summary, error.facts)
    copy.__cause__ = error.__cause__
    return copy
