"""The gateway's time: it flows by itself, and a test can push it forward."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Clock", "Timer"]

_FEW_TIMERS = 100
# What is due together must not hold up the calls that come in meanwhile: after so many seconds they have their turn.
_TURN = 0.001


@dataclass(slots=True, eq=False)
class Timer:
    """Something that the clock will do once. Made by `Clock.call_later`."""

    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """Take it back. A timer that has run, or was taken back before, is left as it is."""
        self.callback = None


class Clock:
    """Leases, grace periods, ages and intervals of a simulated gateway are measured with this clock.

    Seconds pass as on any clock. `advance` adds to them at once, so that half an hour's lease is tested without half
    an hour's waiting. All of it belongs to one event loop.
    """

    def __init__(self) -> None:
        self._advanced = 0.0
        # By the time when they are due, then in the order in which they were made.
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._alarm: asyncio.Handle | None = None
        self._too_many = _FEW_TIMERS

    def monotonic(self) -> float:
        """Seconds since some moment in the past; never runs back."""
        return time.monotonic() + self._advanced

    def now(self) -> datetime:
        """The time of day, UTC, with what `advance` added."""
        return datetime.now(UTC) + timedelta(seconds=self._advanced)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `delay` seconds from now and at the earliest on the loop's next turn."""
        timer = Timer(callback)
        if len(self._timers) >= self._too_many:
            self._drop_cancelled()
        heapq.heappush(self._timers, (self.monotonic() + max(delay, 0.0), next(self._order), timer))
        if self._timers[0][2] is timer:
            self._arm()
        return timer

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds of this clock."""
        awake = asyncio.get_running_loop().create_future()

        def wake() -> None:
            if not awake.done():
                awake.set_result(None)

        timer = self.call_later(delay, wake)
        try:
            await awake
        finally:
            timer.cancel()

    def advance(self, seconds: float) -> None:
        """Push the clock forward and run what becomes due on the way, in its order, before this returns.

        Everything that runs sees the new time: something that repeats every second runs once, not once a second.
        """
        if seconds < 0:
            raise ValueError(f"a clock never runs back: {seconds} s")
        self._advanced += seconds
        self._run_due(math.inf)

    def stop(self) -> None:
        """Forget everything that is still to be done."""
        self._timers.clear()
        self._disarm()

    def _ring(self) -> None:
        self._run_due(time.monotonic() + _TURN)

    def _run_due(self, end: float) -> None:
        now = self.monotonic()
        last = next(self._order)
        postponed: list[tuple[float, int, Timer]] = []
        while self._timers and self._timers[0][0] <= now and time.monotonic() < end:
            entry = heapq.heappop(self._timers)
            _, order, timer = entry
            if order > last:
                # Made by what runs here: its turn is the next one, or a chain of timers would never end.
                postponed.append(entry)
            elif timer.callback is not None:
                timer.callback()
        for entry in postponed:
            heapq.heappush(self._timers, entry)
        self._arm()

    def _drop_cancelled(self) -> None:
        # Most timers are time limits of what ended in time: without this they would pile up until they are due.
        self._timers = [entry for entry in self._timers if entry[2].callback is not None]
        heapq.heapify(self._timers)
        self._too_many = max(_FEW_TIMERS, 2 * len(self._timers))

    def _arm(self) -> None:
        self._disarm()
        if self._timers:
            loop = asyncio.get_running_loop()
            delay = self._timers[0][0] - self.monotonic()
            self._alarm = loop.call_later(delay, self._ring) if delay > 0 else loop.call_soon(self._ring)

    def _disarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
