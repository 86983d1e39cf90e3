"""An event loop in a thread, for a command whose main thread reads stdin."""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from contextlib import AbstractAsyncContextManager

__all__ = ["BackgroundLoop"]

_Result = TypeVar("_Result")


class BackgroundLoop:
    """An event loop that runs in a thread within the `with` block."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner()
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="event loop", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._runner.close()

    def run(self, coroutine: Coroutine[Any, Any, _Result]) -> _Result:
        """Run a coroutine in the loop, and return its result. If this thread is interrupted, cancel the coroutine."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    @contextmanager
    def entered(self, manager: AbstractAsyncContextManager[_Result]) -> Generator[_Result]:
        """Enter an asynchronous context manager in the loop, and leave it at the end of the `with` block."""

        async def enter() -> _Result:
            return await manager.__aenter__()

        async def leave() -> None:
            await manager.__aexit__(None, None, None)

        entered = self.run(enter())
        try:
            yield entered
        finally:
            self.run(leave())
