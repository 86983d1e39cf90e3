"""The clock of a simulated gateway, which a test can advance."""

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

# Cancelled timers are removed only when there are at least this many timers.
_MIN_PRUNE_SIZE = 100
# Due timers run for at most this long in one iteration of the event loop, so that incoming calls are not held up.
_MAX_RUN_SECONDS = 0.001


@dataclass(slots=True, eq=False)
class Timer:
    """A scheduled callback, which runs once. `Clock.call_later` makes it."""

    callback: Callable[[], None] | None

    def cancel(self) -> None:
        """Cancel the callback. Does nothing if it has run or has been cancelled."""
        self.callback = None


class Clock:
    """The clock that measures the leases, grace periods, ages and intervals of a simulated gateway.

    It runs at the speed of the system clock. `advance` moves it forward at once, so that a test of a lease of half an
    hour does not wait for half an hour. A clock belongs to one event loop.
    """

    def __init__(self) -> None:
        self._advanced = 0.0
        # Ordered by due time; timers with the same due time, by creation.
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._wake_up: asyncio.Handle | None = None
        self._prune_size = _MIN_PRUNE_SIZE

    def monotonic(self) -> float:
        """Return the seconds since an arbitrary moment in the past. The result never decreases."""
        return time.monotonic() + self._advanced

    def now(self) -> datetime:
        """Return the current time in UTC, plus the time added by `advance`."""
        return datetime.now(UTC) + timedelta(seconds=self._advanced)

    def call_later(self, delay: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once after `delay` seconds, but not before the next iteration of the event loop."""
        timer = Timer(callback)
        if len(self._timers) >= self._prune_size:
            self._remove_cancelled()
        heapq.heappush(self._timers, (self.monotonic() + max(delay, 0.0), next(self._order), timer))
        if self._timers[0][2] is timer:
            self._schedule_wake_up()
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
        """Move the clock forward, and run all callbacks that are now due, in order, before returning.

        All callbacks see the new time. A callback that schedules itself again every second runs once, not once for
        each second.

        Raises:
            ValueError: `seconds` is negative.
        """
        if seconds < 0:
            raise ValueError(f"cannot advance the clock by {seconds} s: the time must not be negative")
        self._advanced += seconds
        self._run_due(math.inf)

    def stop(self) -> None:
        """Cancel all timers."""
        self._timers.clear()
        self._cancel_wake_up()

    def _on_wake_up(self) -> None:
        self._run_due(time.monotonic() + _MAX_RUN_SECONDS)

    def _run_due(self, end: float) -> None:
        now = self.monotonic()
        last = next(self._order)
        postponed: list[tuple[float, int, Timer]] = []
        while self._timers and self._timers[0][0] <= now and time.monotonic() < end:
            entry = heapq.heappop(self._timers)
            _, order, timer = entry
            if order > last:
                # A callback of this run has made this timer. Run it in the next iteration: otherwise a chain of
                # timers would never end.
                postponed.append(entry)
            elif timer.callback is not None:
                timer.callback()
        for entry in postponed:
            heapq.heappush(self._timers, entry)
        self._schedule_wake_up()

    def _remove_cancelled(self) -> None:
        # Most timers are timeouts of commands that finish in time. Their timers would pile up until they are due.
        self._timers = [entry for entry in self._timers if entry[2].callback is not None]
        heapq.heapify(self._timers)
        self._prune_size = max(_MIN_PRUNE_SIZE, 2 * len(self._timers))

    def _schedule_wake_up(self) -> None:
        self._cancel_wake_up()
        if self._timers:
            loop = asyncio.get_running_loop()
            delay = self._timers[0][0] - self.monotonic()
            self._wake_up = loop.call_later(delay, self._on_wake_up) if delay > 0 else loop.call_soon(self._on_wake_up)

    def _cancel_wake_up(self) -> None:
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
