"""Sweeper: removes tags that have been unused for the linger time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mxgateway.tags.subscriptions.subscriptions import Subscriptions
    from mxgateway.tags.supervisor import Supervisor

__all__ = ["Sweeper"]

# While the connection is away nothing can be removed: the next look is not earlier than this many seconds.
_MIN_RETRY_SECONDS: Final = 1.0


class Sweeper:
    """Remove tags from the session once nothing has needed them for `linger` seconds."""

    def __init__(self, supervisor: Supervisor, subscriptions: Subscriptions, linger: float) -> None:
        self._supervisor = supervisor
        self._subscriptions = subscriptions
        self._linger = linger
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False

    def schedule(self) -> None:
        """Look for unused tags after the linger time. Call this whenever a watch or a write has ended."""
        if self._timer is None:
            self._schedule_in(self._linger)

    def stop(self) -> None:
        """Remove nothing any more."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()

    def _schedule_in(self, seconds: float) -> None:
        if not self._stopped and not self._supervisor.failed:
            self._timer = self._loop.call_later(seconds, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        if not self._supervisor.ready:
            self._schedule_in(max(self._linger, _MIN_RETRY_SECONDS))
            return
        self._supervisor.run(self._subscriptions.remove_unused(self._linger), name="mxgateway tags sweep")
        if self._subscriptions.any_unused:
            self._schedule_in(self._linger)
