"""A simulated gateway in a thread of its own, for tests that block their own thread."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, TypeVar

from mxgateway.testing import SimulatedGateway

T = TypeVar("T")


class ThreadedGateway:
    """A simulated gateway whose event loop runs in another thread; `with` starts and stops it."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="simulated gateway")

    def __enter__(self) -> Self:
        self._thread.start()
        self.gateway = self.call(lambda: SimulatedGateway(ramp_interval=None))
        self.run(self.gateway.start)
        self.endpoint, self.api_key = self.gateway.endpoint, self.gateway.api_key
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            self.run(self.gateway.stop)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def run(self, function: Callable[[], Awaitable[T]]) -> T:
        """Await what a function returns, in the gateway's thread."""

        async def call() -> T:
            return await function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function in the gateway's thread."""

        async def call() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(call(), self._loop).result(20)

    def wait_for(self, condition: Callable[[], object]) -> None:
        """Wait until something is true of the gateway."""
        self.run(lambda: self.gateway.wait_for(condition))

    def set(self, tag: str, value: float | str) -> None:
        """Change a tag of the plant."""
        self.call(lambda: self.gateway.plant[tag].set(value))
