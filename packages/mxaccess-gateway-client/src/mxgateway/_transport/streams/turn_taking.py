"""The baton of the reader threads: while several have much to read, one works at a time.

Threads that all want Python's interpreter lock for each message hand it over for each message, and spend more time on
that than on reading. Those that take turns of about a millisecond don't.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

__all__ = ["Baton"]

# Whoever has the baton and waits for its gateway so long, in seconds, doesn't need it.
_PATIENCE: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Turn:
    runner: object
    begun: threading.Event = field(default_factory=threading.Event)


class Baton:
    """Lets busy threads work in turn; those that are not busy have nothing to do with it."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._holder: object | None = None
        self._turns = 0
        self._queue: deque[_Turn] = deque()

    def pass_on(self, runner: object) -> None:
        """Let whoever has waited longest work, and wait until it is the runner's turn (again)."""
        with self._guard:
            if self._holder is None or (self._holder is runner and not self._queue):
                self._holder = runner
                return
            turn = _Turn(runner=runner)
            self._queue.append(turn)
            if self._holder is runner:
                self._give_on()
            turns = self._turns
        while not turn.begun.wait(_PATIENCE):
            with self._guard:
                if self._turns == turns and not turn.begun.is_set():
                    self._give_on()
                turns = self._turns

    def leave(self, runner: object) -> None:
        """Take note that the runner has no more to do for now."""
        with self._guard:
            if self._holder is runner:
                self._give_on()

    def _give_on(self) -> None:
        self._turns += 1
        if not self._queue:
            self._holder = None
            return
        turn = self._queue.popleft()
        self._holder = turn.runner
        turn.begun.set()
