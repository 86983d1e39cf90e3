"""What is wrong with the gateway just now. `Faults` sets it; the door, the sessions and the workers go by it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway.testing.state.refusals import Refused

__all__ = ["Conditions", "Gate"]


class Gate:
    """Something to wait at while it is shut."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()

    def shut(self) -> None:
        """Hold whoever comes."""
        self._open.clear()

    def open(self) -> None:
        """Let everybody pass."""
        self._open.set()

    async def passed(self) -> None:
        """Wait while the gate is shut; not at all while it is open."""
        if not self._open.is_set():
            await self._open.wait()


@dataclass(slots=True)
class NextCalls:
    """What the next calls meet, of one rpc or of any."""

    refusal: Refused
    count: int
    rpc: str | None

    def meet(self, rpc: str) -> bool:
        """Whether a call of this rpc is one of them; it is counted."""
        if self.count < 1 or self.rpc not in {None, rpc}:
            return False
        self.count -= 1
        return True


@dataclass(slots=True, kw_only=True)
class Conditions:
    """All is well, unless somebody said otherwise.

    Attributes:
        refusals: what the next calls are refused with.
        call_delay: how long a call waits before anybody looks at it, in seconds.
        command_delay: how long a worker takes for each command, in seconds.
        held_states: session states that no session leaves.
        held_commands: sessions whose worker begins no command.
        galaxy_down: whether the Galaxy's database is down.
    """

    refusals: deque[NextCalls] = field(default_factory=deque[NextCalls])
    call_delay: float = 0.0
    command_delay: float = 0.0
    held_states: dict[int, Gate] = field(default_factory=dict[int, Gate])
    held_commands: dict[str, Gate] = field(default_factory=dict[str, Gate])
    galaxy_down: bool = False

    def refusal_for(self, rpc: str) -> Refused | None:
        """Give what this call is refused with, if it is."""
        for next_calls in self.refusals:
            if next_calls.meet(rpc):
                return next_calls.refusal
        return None
