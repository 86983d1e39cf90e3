"""Runner of a command's coroutine, with cancellation by Ctrl-C and SIGTERM."""

from __future__ import annotations

import asyncio
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator
    from types import FrameType

__all__ = ["Terminated", "interruptible", "run", "run_in"]


_MAX_CANCELLATIONS: Final = 2


class Terminated(KeyboardInterrupt):
    """A signal other than Ctrl-C, such as SIGTERM, ends the process."""


def run(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine in a new event loop. SIGINT and SIGTERM cancel it, so that it closes what it opened.

    So does a second Ctrl-C, for a command that waits after the first one. The third one ends it wherever it is.

    Raises:
        KeyboardInterrupt: A signal cancelled the coroutine.
    """
    with asyncio.Runner() as runner:
        run_in(runner, work)


def run_in(runner: asyncio.Runner, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine as `run` does, in the event loop of a runner, which stays open."""
    received: list[int] = []

    async def stoppable() -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()

        def stop(signal_number: int, _: FrameType | None) -> None:
            received.append(signal_number)
            if received.count(signal.SIGINT) > _MAX_CANCELLATIONS:
                raise KeyboardInterrupt
            if task is not None:
                loop.call_soon_threadsafe(task.cancel)

        # asyncio itself would raise KeyboardInterrupt at the second Ctrl-C, in the middle of whatever runs then.
        with _signals_handled_by(stop, "SIGINT"):
            await work()

    try:
        runner.run(stoppable())
    except asyncio.CancelledError:
        if not received:
            raise
        raise (KeyboardInterrupt if received[0] == signal.SIGINT else Terminated) from None


@contextmanager
def interruptible() -> Generator[None]:
    """Make the termination signals raise Terminated, a KeyboardInterrupt, while no event loop is running."""

    def stop(_: int, __: FrameType | None) -> None:
        raise Terminated

    with _signals_handled_by(stop):
        yield


@contextmanager
def _signals_handled_by(stop: Callable[[int, FrameType | None], None], *more: str) -> Generator[None]:
    """Handle the termination signals, and those named beside them, with `stop`."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # On Windows a process cannot handle SIGTERM, but it can handle Ctrl-Break.
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGBREAK", "SIGHUP", *more) if hasattr(signal, name)]
    # Ignored signals stay ignored, for nohup.
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
