"""Let only one busy reader thread parse at a time, so that threads do not fight for the GIL.

Threads that all need the GIL for each message pass it on for each message, and spend more time on that than on reading.
Threads that take turns of about a millisecond do not.
"""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import Final

__all__ = ["TurnTaking"]

# A thread that has had its turn for this long without passing it on waits for its gateway and does not need it.
_MAX_TURN_SECONDS: Final = 0.005


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Waiter:
    runner: object
    turn: threading.Event = field(default_factory=threading.Event)


class TurnTaking:
    """Lets busy threads run in turn. Threads that are not busy need not take part."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runner: object | None = None
        self._turn_number = 0
        self._waiters: deque[_Waiter] = deque()

    def take_turn(self, runner: object) -> None:
        """End the runner's turn if it has one, and wait until its next turn, after all runners that wait already."""
        with self._lock:
            if self._runner is None or (self._runner is runner and not self._waiters):
                self._runner = runner
                return
            waiter = _Waiter(runner=runner)
            self._waiters.append(waiter)
            if self._runner is runner:
                self._start_next_turn()
            turn_number = self._turn_number
        while not waiter.turn.wait(_MAX_TURN_SECONDS):
            with self._lock:
                if self._turn_number == turn_number and not waiter.turn.is_set():
                    self._start_next_turn()
                turn_number = self._turn_number

    def end_turn(self, runner: object) -> None:
        """End the runner's turn, if it has one, because it has nothing to do at present."""
        with self._lock:
            if self._runner is runner:
                self._start_next_turn()

    def _start_next_turn(self) -> None:
        self._turn_number += 1
        if not self._waiters:
            self._runner = None
            return
        waiter = self._waiters.popleft()
        self._runner = waiter.runner
        waiter.turn.set()
