"""LoopThread: the event loop of all synchronous objects, in a thread of its own."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import itertools
import os
import sys
import threading
import warnings
import weakref
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

from mxgateway.errors import MxGatewayError, MxGatewayUsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

__all__ = ["LoopThread", "loop_thread"]

P = ParamSpec("P")
T = TypeVar("T")

# On Windows a wait for a lock cannot be interrupted by Ctrl-C, so it is made of short ones.
_WAIT_SECONDS: Final = 0.05 if sys.platform == "win32" else None
_STOP_SECONDS: Final = 1.0


class _Closable(Protocol):
    @property
    def closed(self) -> bool: ...

    def close(self) -> Coroutine[Any, Any, None]: ...


class LoopThread:
    """An event loop of asyncio in a daemon thread, in which the asynchronous objects work."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        # In the order of opening, until their wrappers are garbage-collected.
        self._open: dict[int, _Closable] = {}
        self._numbers = itertools.count()
        self._exit_seconds = 0.0
        self._closing: set[Future[None]] = set()
        self._stopped = False
        self._thread = threading.Thread(target=self._loop.run_forever, name="mxgateway sync", daemon=True)
        self._thread.start()

    @property
    def usable(self) -> bool:
        """Whether calls can be made: it has not ended, and belongs to this process."""
        return not self._stopped and self._process == os.getpid()

    def run(self, function: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call an asynchronous function in the event loop, and wait for its result.

        An interrupt such as Ctrl-C cancels the call and is raised at once.

        Raises:
            MxGatewayUsageError: This is the thread of the event loop itself, or a forked process, or the program ends.
        """
        self._check()

        future: Future[T] = Future()
        tasks: list[asyncio.Task[None]] = []

        async def call() -> None:
            # Not by run_coroutine_threadsafe: its chain of futures takes another turn of the event loop.
            try:
                result = await function(*args, **kwargs)
            except BaseException as error:  # noqa: BLE001 - raised in the thread that waits
                future.set_exception(error)
            else:
                future.set_result(result)

        self._loop.call_soon_threadsafe(lambda: tasks.append(self._loop.create_task(call())))
        try:
            failure = _failure(future)
        except BaseException:
            # The task may not have been created yet.
            self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in tasks])
            future.add_done_callback(self._discard)
            raise
        if failure is None:
            return future.result()
        if isinstance(failure, (MxGatewayError, TimeoutError, ExceptionGroup)):
            # The caller's line matters: those in the event loop explain nothing that the error does not say.
            raise failure.with_traceback(None)
        if isinstance(failure, asyncio.CancelledError):
            raise MxGatewayUsageError("the call was cancelled, because the program ends")
        raise failure

    def call(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call an ordinary function in the event loop, and return its result. See `run` for what it raises."""

        async def call() -> T:
            return function(*args, **kwargs)

        return self.run(call)

    def close_with(self, wrapper: object, opened: _Closable, close_timeout: float) -> None:
        """Close an object when its wrapper is garbage-collected, with a warning, or else at the end of the program."""
        number = next(self._numbers)
        # Kept here, so that it is not collected together with its wrapper: gRPC would break the connection first.
        self._open[number] = opened
        weakref.finalize(wrapper, self._drop, number).atexit = False
        self._exit_seconds = max(self._exit_seconds, 2 * close_timeout)
        # Before the exit functions that were registered meanwhile, such as the one that cancels event streams.
        atexit.unregister(self._stop)
        atexit.register(self._stop)

    def _drop(self, number: int) -> None:
        dropped = self._open.pop(number)
        if dropped.closed or not self.usable:
            return
        self._close(dropped)
        warnings.warn(f"unclosed {dropped!r}", ResourceWarning, source=dropped, stacklevel=1)

    def _discard(self, future: Future[Any]) -> None:
        """Close what a call has opened after all, although an interrupt ended the wait for it."""
        if future.exception() is None and hasattr(future.result(), "__aexit__"):
            self._close(future.result())

    def _close(self, opened: _Closable) -> None:
        # Garbage collection may run in any thread, and while the program ends.
        with contextlib.suppress(RuntimeError):
            closing = asyncio.run_coroutine_threadsafe(opened.close(), self._loop)
            # asyncio itself does not keep tasks alive.
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _check(self) -> None:
        if self._process != os.getpid():
            raise MxGatewayUsageError("this object belongs to the parent process: connect again in this process")
        if self._stopped:
            raise MxGatewayUsageError("the program is ending")
        if threading.get_ident() == self._thread.ident:
            raise MxGatewayUsageError(
                "a function that mxgateway.sync calls, such as a predicate, cannot call it: it would wait for itself"
            )

    def _stop(self) -> None:
        """Close what is still open, at the end of the program."""
        if not self.usable:
            return
        opened = [each for each in reversed(self._open.values()) if not each.closed]
        if opened:
            with contextlib.suppress(Exception):
                self.run(_close_all, opened, self._exit_seconds)
        self._stopped = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_STOP_SECONDS)


async def _close_all(opened: Sequence[_Closable], seconds: float) -> None:
    async with asyncio.timeout(seconds):
        for each in opened:
            with contextlib.suppress(MxGatewayError):
                await each.close()


def _failure(future: Future[T]) -> BaseException | None:
    """Wait for a call, and return the error it ended with, or None."""
    while True:
        try:
            return future.exception(_WAIT_SECONDS)
        except TimeoutError:
            if future.done():
                return future.exception()


_current: LoopThread | None = None
_starting = threading.Lock()


def loop_thread() -> LoopThread:
    """Return the event loop thread of this process, started at the first call."""
    global _current  # noqa: PLW0603 - one thread serves all clients of a process
    with _starting:
        if _current is None:
            if hasattr(os, "register_at_fork"):
                os.register_at_fork(after_in_child=_begin_again)
            _current = LoopThread()
        elif not _current.usable:
            _current = LoopThread()
        return _current


def _begin_again() -> None:
    """Leave the lock of the parent process, which one of its threads may have held."""
    global _starting  # noqa: PLW0603 - see loop_thread
    _starting = threading.Lock()
