"""Programs that change the value of a tag at every step of the plant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mxgateway.testing.plant.values import Scalar

__all__ = ["Cycle", "Program", "Ramp", "Sine"]


class Program(Protocol):
    """A function from the step of the plant to the value of a tag."""

    def value_at(self, step: int) -> Scalar:
        """Return the value at this step. The first step is 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A value that changes by `increment` at every step, from `start` up to `end` inclusive, then starts again.

    Raises:
        ValueError: the ramp never reaches its end.
    """

    start: float = 0
    end: float = 1000
    increment: float = 1

    def __post_init__(self) -> None:
        if not (self.increment and (self.end - self.start) / self.increment > 0):
            raise ValueError(f"a ramp from {self.start} in steps of {self.increment} never reaches {self.end}")

    def value_at(self, step: int) -> Scalar:
        """Return the value at this step: an int if `start` and `increment` are ints."""
        length = math.floor((self.end - self.start) / self.increment) + 1
        return self.start + (step % length) * self.increment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sine:
    """A value that oscillates by `amplitude` around `middle`, once in `period` steps.

    Raises:
        ValueError: the period is less than 1 step.
    """

    amplitude: float = 1.0
    middle: float = 0.0
    period: int = 60

    def __post_init__(self) -> None:
        if self.period < 1:
            raise ValueError(f"the period of a sine must be at least 1 step, not {self.period}")

    def value_at(self, step: int) -> Scalar:
        """Return the value at this step."""
        return self.middle + self.amplitude * math.sin(2 * math.pi * (step % self.period) / self.period)


@dataclass(frozen=True, slots=True)
class Cycle:
    """A value that takes the given values one after the other, then starts again.

    Raises:
        ValueError: there are no values.
    """

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a cycle needs at least one value")

    def value_at(self, step: int) -> Scalar:
        """Return the value at this step."""
        return self.values[step % len(self.values)]
