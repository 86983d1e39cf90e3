"""Control of a simulated gateway: performs instructions, and keeps track of the faults that last."""

from __future__ import annotations

import inspect
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.scripts.instructions import Instruction
    from mxgateway.testing.state.clock import Timer

__all__ = ["Control"]


@dataclass(slots=True, kw_only=True)
class _LastingFault:
    """A fault that is active.

    Attributes:
        instruction: the instruction that started it.
        stack: ends it when it is closed.
        timer: ends it after its duration; None without a duration.
    """

    instruction: Instruction
    stack: ExitStack
    timer: Timer | None = None


class Control:
    """Performs instructions on a simulated gateway. As a context manager it ends the lasting faults at the end."""

    def __init__(self, gateway: SimulatedGateway) -> None:
        self.gateway = gateway
        self._lasting: dict[tuple[object, ...], _LastingFault] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    @property
    def lasting(self) -> tuple[Instruction, ...]:
        """The instructions of the lasting faults that are active, the oldest first."""
        return tuple(fault.instruction for fault in self._lasting.values())

    async def perform(self, instruction: Instruction) -> None:
        """Perform an instruction. A lasting fault that is already active gets the new arguments and duration.

        Raises:
            ValueError: the instruction does not fit the plant or the present state of the gateway.
            RuntimeError: the gateway was not created with what the instruction needs.
        """
        instruction.check(self.gateway.plant)
        if instruction.ends:
            self._end_all(instruction.action.name)
        elif instruction.action.hold is not None:
            self._start(instruction)
        elif instruction.action.perform is not None:
            performed = instruction.action.perform(self.gateway, instruction.arguments)
            if inspect.isawaitable(performed):
                await performed

    def close(self) -> None:
        """End all lasting faults."""
        for fault in tuple(self._lasting.values()):
            self._end(fault)

    def _start(self, instruction: Instruction) -> None:
        hold = instruction.action.hold
        if hold is None:
            return
        active = self._lasting.get(instruction.identity)
        if active is None or active.instruction.arguments != instruction.arguments:
            if active is not None:
                self._end(active)
            stack = ExitStack()
            stack.enter_context(hold(self.gateway, instruction.arguments))
            active = _LastingFault(instruction=instruction, stack=stack)
        elif active.timer is not None:
            active.timer.cancel()
        active.instruction, active.timer = instruction, None
        self._lasting[instruction.identity] = fault = active
        if instruction.duration is not None:
            fault.timer = self.gateway.clock.call_later(instruction.duration, lambda: self._end(fault))

    def _end_all(self, name: str) -> None:
        faults = [fault for fault in self._lasting.values() if fault.instruction.action.name == name]
        if not faults:
            raise ValueError(f"{name} is not active")
        for fault in faults:
            self._end(fault)

    def _end(self, fault: _LastingFault) -> None:
        if fault.timer is not None:
            fault.timer.cancel()
        if self._lasting.pop(fault.instruction.identity, None) is not None:
            fault.stack.close()
