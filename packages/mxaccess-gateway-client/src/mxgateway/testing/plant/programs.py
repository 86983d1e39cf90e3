"""How the value of a tag moves by itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mxgateway.testing.plant.values import Scalar

__all__ = ["Cycle", "Program", "Ramp", "Sine"]


class Program(Protocol):
    """Gives a tag's value at every step of the plant."""

    def value_at(self, step: int) -> Scalar:
        """Give the value at this step; steps are counted from 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """Rises by `increment` at every step from `start` up to `end`, and begins again."""

    start: float = 0
    end: float = 1000
    increment: float = 1

    def __post_init__(self) -> None:
        if not (self.increment and (self.end - self.start) / self.increment > 0):
            raise ValueError(f"a ramp from {self.start} never reaches {self.end} in steps of {self.increment}")

    def value_at(self, step: int) -> Scalar:
        """Give the value at this step: an int when start and increment are ints."""
        length = math.floor((self.end - self.start) / self.increment) + 1
        return self.start + (step % length) * self.increment


@dataclass(frozen=True, slots=True, kw_only=True)
class Sine:
    """Swings by `amplitude` around `middle`, once in `period` steps."""

    amplitude: float = 1.0
    middle: float = 0.0
    period: int = 60

    def __post_init__(self) -> None:
        if self.period < 1:
            raise ValueError(f"a sine has a period of one step or more, not {self.period}")

    def value_at(self, step: int) -> Scalar:
        """Give the value at this step."""
        return self.middle + self.amplitude * math.sin(2 * math.pi * (step % self.period) / self.period)


@dataclass(frozen=True, slots=True)
class Cycle:
    """Takes one value after the other, and begins again."""

    values: tuple[Scalar, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError("a cycle has one value or more")

    def value_at(self, step: int) -> Scalar:
        """Give the value at this step."""
        return self.values[step % len(self.values)]
