"""The bases of the synchronous classes: each wraps an asynchronous object, which works in the event loop's thread."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, TypeVar, cast

from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from types import TracebackType
    from typing import Self

    from mxgateway.sync.loop_thread import LoopThread

__all__ = ["Closing", "Entering", "Iterating", "Wrapper", "threads_of", "unwrapped"]

P = ParamSpec("P")
T = TypeVar("T")
WrappedT = TypeVar("WrappedT")
ItemT = TypeVar("ItemT")

# Items that have arrived are fetched together, up to so many: a switch to the other thread costs far more than an item.
_ITEMS_PER_FETCH: Final = 256


class _AsyncContextManager(Protocol):
    async def __aenter__(self) -> Any: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
    ) -> None: ...


EnteredT = TypeVar("EnteredT", bound=_AsyncContextManager)


class Wrapper(PublicNames, Generic[WrappedT]):
    """A synchronous object. Its methods can be called in any thread but that of the event loop."""

    def __init__(self, wrapped: WrappedT, threads: LoopThread, owner: object = None) -> None:
        self._wrapped = wrapped
        self._threads = threads
        # Only kept alive: a client that is dropped closes itself, and with it everything that it has opened.
        self._owner = owner

    def __repr__(self) -> str:
        return repr(self._wrapped).replace("<", "<sync ", 1)

    def _run(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._threads.run(function, *args, **kwargs)

    def _call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._threads.call(function, *args, **kwargs)


def unwrapped(wrapper: Wrapper[WrappedT]) -> WrappedT:
    """Return the asynchronous object behind a synchronous one."""
    return wrapper._wrapped  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - of this module


def threads_of(wrapper: Wrapper[Any]) -> LoopThread:
    """Return the thread in which a synchronous object works."""
    return wrapper._threads  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - of this module


class Entering(Wrapper[EnteredT]):
    """A synchronous context manager."""

    def __enter__(self) -> Self:
        self._run(self._wrapped.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._run(self._wrapped.__aexit__, kind, error, traceback)


class Iterating(Wrapper[WrappedT], Generic[WrappedT, ItemT]):
    """A synchronous iterator.

    Up to 256 items that have arrived are fetched together. `pending` counts them until they are delivered.
    """

    def __init__(self, wrapped: WrappedT, threads: LoopThread, owner: object = None) -> None:
        super().__init__(wrapped, threads, owner)
        self._source = cast("AsyncIterator[ItemT]", wrapped)
        # Filled by the thread of the event loop, so that an interrupted wait loses nothing.
        self._items: deque[ItemT] = deque()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ItemT:
        return self.receive()

    def receive(self, *, timeout: float | None = None) -> ItemT:
        """Return the next item, waiting for it up to `timeout` seconds, or without limit if None.

        Ctrl-C ends the wait at once. Neither that nor a timeout loses an item.

        Raises:
            TimeoutError: No item arrived in time.
            StopIteration: There are no more items.
            MxGatewayConfigurationError: `timeout` is not a positive number of seconds.
            MxGatewayError: Any error that the class lists.
        """
        seconds = None if timeout is None else check_seconds("timeout", timeout)
        while True:
            try:
                return self._items.popleft()
            except IndexError:
                if not self._run(self._fetch, seconds):
                    raise StopIteration from None

    def iterate(self, *, timeout: float) -> Iterator[ItemT]:
        """Yield items for `timeout` seconds, then end. It can be iterated again, and has lost nothing.

        Raises:
            MxGatewayConfigurationError: `timeout` is not a positive number of seconds.
            MxGatewayError: Any error that the class lists.
        """
        end = time.monotonic() + check_seconds("timeout", timeout)
        while (remaining := end - time.monotonic()) > 0:
            try:
                item = self.receive(timeout=remaining)
            except (TimeoutError, StopIteration):
                return
            yield item

    def _take(self, limit: int) -> list[ItemT]:
        """Return the items that have arrived, at most `limit`, after a wait for the first; none at the end."""
        while not (taken := self._take_waiting(limit)):
            if not self._run(self._fetch, None):
                return []
        return taken

    def _take_waiting(self, limit: int) -> list[ItemT]:
        taken: list[ItemT] = []
        # Another thread may take some of them.
        with contextlib.suppress(IndexError):
            while len(taken) < limit:
                taken.append(self._items.popleft())
        return taken

    async def _fetch(self, seconds: float | None) -> bool:
        """Wait for an item, and take those that have arrived with it. Return False if there are no more."""
        source = self._source
        try:
            async with asyncio.timeout(seconds):
                self._items.append(await anext(source))
            while len(self._items) < _ITEMS_PER_FETCH and getattr(source, "pending", False):
                self._items.append(await anext(source))
        except StopAsyncIteration:
            return bool(self._items)
        except MxGatewayError:
            if not self._items:
                raise
            # It is raised again when the items before it are delivered.
        return True


class Closing(Entering[EnteredT], Iterating[EnteredT, ItemT], Generic[EnteredT, ItemT]):
    """A synchronous iterator that is closed or used as a context manager."""
