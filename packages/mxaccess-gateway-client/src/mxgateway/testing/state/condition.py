"""A condition variable that ordinary functions can notify."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Condition"]

_Result = TypeVar("_Result")


class Condition:
    """A condition variable: coroutines wait until a predicate about the state of the gateway is true.

    Unlike `asyncio.Condition` it has no lock: all state belongs to one event loop, and most of it changes in ordinary
    functions, which could not acquire one.
    """

    def __init__(self) -> None:
        self._waiters: set[asyncio.Future[None]] = set()

    def notify_all(self) -> None:
        """Wake all waiting coroutines, so that they check their predicates again."""
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, predicate: Callable[[], _Result], timeout: float) -> _Result:
        """Wait until `predicate()` is true, and return its result.

        Raises:
            TimeoutError: the predicate was still false after `timeout` seconds of real time.
        """
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(timeout):
            while not (result := predicate()):
                waiter: asyncio.Future[None] = loop.create_future()
                self._waiters.add(waiter)
                try:
                    await waiter
                finally:
                    self._waiters.discard(waiter)
        return result
