"""One at a time, in the order of asking."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["Turn", "Turns"]


class Turn(Protocol):
    """Something that must not happen at the same time as others."""

    def take_turn(self) -> None:
        """Its turn has come."""
        ...


class Turns:
    """Lets the next one begin when the one before it has ended.

    A lock would do the same for coroutines that wait; here nobody needs a task in order to wait for a turn.
    """

    __slots__ = ("_turns",)

    def __init__(self) -> None:
        self._turns: list[Turn] = []

    def ask(self, turn: Turn) -> None:
        """Let it begin when everybody has ended who asked before."""
        self._turns.append(turn)
        if len(self._turns) == 1:
            turn.take_turn()

    def end(self, turn: Turn) -> None:
        """Take note that it has ended, or will never begin."""
        if self._turns[0] is not turn:
            self._turns.remove(turn)
            return
        del self._turns[0]
        if self._turns:
            self._turns[0].take_turn()

    @contextlib.asynccontextmanager
    async def alone(self) -> AsyncGenerator[None]:
        """Wait for a turn, which lasts as long as the `with` block."""
        turn = _Waiting()
        self.ask(turn)
        try:
            await turn.begun
            yield
        finally:
            self.end(turn)


class _Waiting:
    """A turn that a coroutine waits for."""

    def __init__(self) -> None:
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def take_turn(self) -> None:
        """Its turn has come."""
        if not self.begun.done():
            self.begun.set_result(None)
