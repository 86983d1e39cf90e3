"""Compare our figures with a rival's over several rounds, and check them against targets."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self, TypeAlias

from processes import Figures

# The rival's figures and ours, for each round.
Rounds: TypeAlias = Sequence[tuple[Figures, Figures]]


class Rival(Enum):
    """What the client is compared with; the value is the title of its column."""

    RAW = "raw"
    ASYNCUA = "asyncua"
    STREAM = "event stream"
    WATCH = "watch"
    NATS = "nats-py"
    FEW = "a tenth"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The target of a comparison.

    Attributes:
        sign: The required relation to the limit: `≥`, `≤` or `<`.
        limit: The limit.
        absolute: Whether the limit applies to our figure instead of its ratio to the rival's.
    """

    sign: str
    limit: float
    absolute: bool = False

    def met_by(self, figure: float) -> bool:
        """Return whether a figure meets the target."""
        compare = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}[self.sign]
        return bool(compare(figure, self.limit))


def at_least(ratio: float) -> Target:
    """Return the target that ours is at least `ratio` times the rival's."""
    return Target(sign="≥", limit=ratio)


def at_most(ratio: float) -> Target:
    """Return the target that ours is at most `ratio` times the rival's."""
    return Target(sign="≤", limit=ratio)


def ours_at_least(limit: float) -> Target:
    """Return the target that ours is at least `limit`."""
    return Target(sign="≥", limit=limit, absolute=True)


def ours_at_most(limit: float) -> Target:
    """Return the target that ours is at most `limit`."""
    return Target(sign="≤", limit=limit, absolute=True)


def ours_below(limit: float) -> Target:
    """Return the target that ours is below `limit`."""
    return Target(sign="<", limit=limit, absolute=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the results.

    Attributes:
        what: What was measured; empty if this line continues the previous one.
        unit: The unit of the figures.
        rival: What the client is compared with.
        theirs: The rival's figure of each round; empty without a rival.
        ours: Our figure of each round.
        target: The target, if there is one.
        more_is_better: Whether the figure is a rate instead of a cost.
    """

    what: str
    unit: str
    rival: Rival
    theirs: tuple[float, ...]
    ours: tuple[float, ...]
    target: Target | None = None
    more_is_better: bool = False

    @classmethod
    def of(
        cls,
        what: str,
        unit: str,
        key: str,
        rounds: Rounds,
        target: Target | None = None,
        *,
        rival: Rival = Rival.RAW,
        more_is_better: bool = False,
    ) -> Self:
        """Return the comparison of one figure of both sides."""
        return cls(
            what=what,
            unit=unit,
            rival=rival,
            theirs=tuple(theirs[key] for theirs, _ in rounds),
            ours=tuple(ours[key] for _, ours in rounds),
            target=target,
            more_is_better=more_is_better,
        )

    @property
    def ratios(self) -> tuple[float, ...]:
        """The ratio of ours to the rival's in each round; empty without a rival."""
        return tuple(ours / theirs for theirs, ours in zip(self.theirs, self.ours, strict=False))

    @property
    def ratio(self) -> float | None:
        """The median of the ratios; None without a rival."""
        return statistics.median(self.ratios) if self.theirs else None

    @property
    def their_median(self) -> float:
        """The median of the rival's figure."""
        return statistics.median(self.theirs)

    @property
    def median(self) -> float:
        """The median of our figure."""
        return statistics.median(self.ours)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        figure = self.median if self.target.absolute else self.ratio
        return figure is not None and self.target.met_by(figure)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How much to measure.

    Attributes:
        rounds: The number of rounds.
        brief: Whether to measure so briefly that only errors show and the figures are meaningless.
    """

    rounds: int
    brief: bool

    def seconds(self, seconds: float) -> float:
        """Return how long to measure: `seconds`, or much less in a brief run."""
        return 0.1 if self.brief else seconds

    def count(self, count: int) -> int:
        """Return how often to measure: `count` times, or a hundredth of that in a brief run."""
        return max(1, count // 100) if self.brief else count

    def run_rounds(self, theirs: Callable[[], Figures], ours: Callable[[], Figures]) -> Rounds:
        """Measure both sides in each round; which side is first alternates."""
        rounds: list[tuple[Figures, Figures]] = []
        for number in range(self.rounds):
            if number % 2:
                our_figures = ours()
                rounds.append((theirs(), our_figures))
            else:
                rounds.append((theirs(), ours()))
        return rounds
