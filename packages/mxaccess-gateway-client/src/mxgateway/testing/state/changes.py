"""Waiting for a condition without polling: everybody who waits looks again whenever something changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Changes"]

_Result = TypeVar("_Result")


class Changes:
    """Everything that is worth looking at again calls `notify`; whoever waits for something uses `wait_for`."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def notify(self) -> None:
        """Something changed."""
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, condition: Callable[[], _Result], timeout: float) -> _Result:
        """Wait until `condition()` is true and give what it gave.

        Raises:
            TimeoutError: it was not true after `timeout` seconds of real time.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while not (result := condition()):
                changed: asyncio.Future[None] = loop.create_future()
                self._waiting.add(changed)
                try:
                    await changed
                finally:
                    self._waiting.discard(changed)
        return result
