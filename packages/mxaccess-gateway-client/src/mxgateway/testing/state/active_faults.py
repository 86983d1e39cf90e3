"""Faults that a test has switched on. `Faults` sets them; the server, the sessions and the workers apply them."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mxgateway.testing.state.refusals import Refused

__all__ = ["ActiveFaults", "RefusedCalls"]


@dataclass(slots=True)
class RefusedCalls:
    """A refusal for the next calls: of one rpc, or of any rpc if `rpc` is None."""

    refusal: Refused
    remaining: int
    rpc: str | None

    def consume(self, rpc: str) -> bool:
        """Return True, and count the call, if a call of this rpc must be refused."""
        if self.remaining < 1 or self.rpc not in {None, rpc}:
            return False
        self.remaining -= 1
        return True


@dataclass(slots=True, kw_only=True)
class ActiveFaults:
    """The faults in effect. By default there are none.

    Attributes:
        refused_calls: refusals for the next calls, the oldest first.
        call_delay: how long each call waits before it is authenticated, in seconds.
        command_delay: how long a worker waits before each command, in seconds.
        held_states: events by session state. While its event is cleared, no session leaves that state.
        held_commands: events by session id. While its event is cleared, the worker of that session starts no command.
    """

    refused_calls: deque[RefusedCalls] = field(default_factory=deque[RefusedCalls])
    call_delay: float = 0.0
    command_delay: float = 0.0
    held_states: dict[int, asyncio.Event] = field(default_factory=dict[int, asyncio.Event])
    held_commands: dict[str, asyncio.Event] = field(default_factory=dict[str, asyncio.Event])

    def refusal_for(self, rpc: str) -> Refused | None:
        """Return the refusal that a call of this rpc meets, and count the call. Return None if it is not refused."""
        for refused_calls in self.refused_calls:
            if refused_calls.consume(rpc):
                return refused_calls.refusal
        return None
