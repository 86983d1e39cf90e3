"""Cancellation: notice requests to cancel a task that a library has swallowed."""

from __future__ import annotations

import asyncio

__all__ = ["Cancellation"]


class Cancellation:
    """The requests to cancel the present task since this object was made.

    `asyncio.wait_for` of Python 3.11 loses a request that arrives together with the result, and some libraries catch
    CancelledError. A loop that calls them must ask itself whether it is to end.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._requests = 0 if self._task is None else self._task.cancelling()

    def check(self) -> None:
        """Raise what was swallowed.

        Raises:
            asyncio.CancelledError: The task has been cancelled since.
        """
        if self._task is not None and self._task.cancelling() > self._requests:
            raise asyncio.CancelledError
