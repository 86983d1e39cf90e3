"""Recovery after a loss: which errors end it, and the delays between its attempts."""

from __future__ import annotations

import asyncio
import math
from typing import Final

from mxgateway.errors import (
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayVersionError,
    MxGatewayWorkerError,
)

__all__ = ["DEFAULT_LONGEST_RECONNECT_DELAY", "DEFAULT_RECONNECT_DELAY", "FINAL", "TRANSIENT", "Backoff"]

DEFAULT_RECONNECT_DELAY: Final = 0.2
DEFAULT_LONGEST_RECONNECT_DELAY: Final = 15.0

# Errors that may not occur again.
TRANSIENT: Final = (MxGatewayTransportError, MxGatewaySessionError, MxGatewayWorkerError, MxGatewayLimitError)

# Errors that no further attempt can cure. A configuration error is not among them: what the caller configured was
# checked at the first attempt, so a later one can only be a defect of the library.
FINAL: Final = (
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayUsageError,
    MxGatewayVersionError,
)


class Backoff:
    """The delays between attempts, in seconds. They grow, and they are random, so that clients do not retry in step."""

    def __init__(self, first: float, longest: float) -> None:
        self._first = first
        self._longest = longest
        self._next = first

    @property
    def next_delay(self) -> float:
        """The maximum length of the next delay."""
        return self._next

    async def wait(self, *, at_most: float = math.inf) -> None:
        """Wait for at least half of the next delay, and for at most all of it. The one after it is twice as long.

        If `at_most` seconds are less, wait only for these.
        """
        import random  # noqa: PLC0415 - needed only after a loss

        delay, self._next = self._next, min(self._next * 2, self._longest)
        pause = random.uniform(0.5, 1.0) * delay  # noqa: S311 - it spreads load, it guards nothing
        await asyncio.sleep(min(pause, at_most))

    def reset(self) -> None:
        """Begin with the first delay again."""
        self._next = self._first
