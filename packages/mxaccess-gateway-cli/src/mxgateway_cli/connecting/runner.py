"""How a command's coroutine runs, and how Ctrl-C and SIGTERM end it."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import FrameType

__all__ = ["interruptible", "run", "run_in"]


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine until it ends. SIGINT and SIGTERM cancel it, so that it closes what it opened.

    Raises:
        KeyboardInterrupt: a signal ended it.
    """
    with asyncio.Runner() as runner:
        run_in(runner, work)


def run_in(runner: asyncio.Runner, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine as `run` does, in an event loop that goes on to live."""
    told: list[int] = []

    async def stoppable() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def stop(signal_number: int, _: FrameType | None) -> None:
            told.append(signal_number)
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        with _handled(stop):
            await work()

    try:
        runner.run(stoppable())
    except asyncio.CancelledError:
        if told:
            raise KeyboardInterrupt from None
        raise


@contextmanager
def interruptible() -> Generator[None]:
    """Let the signals that end a process raise KeyboardInterrupt, as Ctrl-C does, where no event loop runs."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(stop):
        yield


@contextmanager
def _handled(stop: Callable[[int, FrameType | None], None]) -> Generator[None]:
    """Let the signals that end a process call `stop`. SIGINT is asyncio's own affair."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # Windows has no SIGTERM that a process could handle, but Ctrl-Break.
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGBREAK", "SIGHUP") if hasattr(signal, name)]
    # What is ignored stays so: that is how nohup works.
    heard = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
