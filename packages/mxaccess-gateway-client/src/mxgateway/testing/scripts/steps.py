"""The steps of a script."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mxgateway.testing.scripts.errors import ScriptError
from mxgateway.testing.scripts.instructions import make_instruction, positional_values
from mxgateway.testing.scripts.parameters import SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.control import Control
    from mxgateway.testing.scripts.instructions import Instruction

__all__ = ["InstructionStep", "Step", "make_step"]

_AT = "at"
_BREAKS_NETWORK = "frozen_network"


class Step(Protocol):
    """Something that a script does at a certain time."""

    @property
    def at(self) -> float:
        """When it is due, in seconds after the start of the script."""
        ...

    @property
    def text(self) -> str:
        """What it does, for people."""
        ...

    @property
    def needs_breakable_network(self) -> bool:
        """Whether it needs `SimulatedGateway(breakable_network=True)`."""
        ...

    @property
    def waits(self) -> bool:
        """Whether it may take longer than a moment."""
        ...

    def check(self, plant: Plant) -> None:
        """Check it against a plant. Raise ScriptError if it does not fit."""
        ...

    async def perform(self, control: Control) -> None:
        """Perform it. Raise ScriptError if it fails."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionStep:
    """A step that performs an instruction.

    Attributes:
        at: when it is due, in seconds after the start of the script.
        instruction: the instruction.
        place: the place of the step, for errors: the file, and the line or key.
        waits: whether it may take longer than a moment, which no instruction does.
    """

    at: float
    instruction: Instruction
    place: str
    waits: bool = False

    @property
    def text(self) -> str:
        """The instruction as words."""
        return str(self.instruction)

    @property
    def needs_breakable_network(self) -> bool:
        """Whether it freezes the network."""
        return self.instruction.action.name == _BREAKS_NETWORK

    def check(self, plant: Plant) -> None:
        """Check the instruction against a plant."""
        try:
            self.instruction.check(plant)
        except ValueError as error:
            raise ScriptError(f"{self.place}: {error}") from error

    async def perform(self, control: Control) -> None:
        """Perform the instruction."""
        try:
            await control.perform(self.instruction)
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            raise ScriptError(f"{self.place}: {error}") from error


def make_step(
    name: object, arguments: Sequence[object], values: Mapping[str, object], *, place: str
) -> InstructionStep:
    """Make a step.

    Args:
        name: the name of the action; None if it is missing.
        arguments: the first arguments of the action, in the order of its parameters.
        values: `at`, and further arguments by their names.
        place: the place of the step, for errors.

    Raises:
        ScriptError: the step is invalid. The message names the place and the key.
    """
    try:
        at = _time_of(values)
        instruction = _instruction(name, arguments, {key: value for key, value in values.items() if key != _AT})
    except ValueError as error:
        raise ScriptError(f"{place}: {error}") from error
    return InstructionStep(at=at, instruction=instruction, place=place)


def _time_of(values: Mapping[str, object]) -> float:
    if _AT not in values:
        raise ValueError(f"{_AT} is missing: it is the time in seconds")
    at = SECONDS.convert(values[_AT])
    if not isinstance(at, float):
        raise ValueError(f"{_AT} must be {SECONDS.description}, not {values[_AT]!r}")
    return at


def _instruction(name: object, arguments: Sequence[object], values: Mapping[str, object]) -> Instruction:
    if name is None:
        raise ValueError("do is missing: it is the name of an action")
    if not isinstance(name, str):
        raise ValueError(f"do must be the name of an action, not {name!r}")
    return make_instruction(name, positional_values(name, arguments, values))
