"""What a benchmark finds out: rounds of rival and ours, what they come to, and what they should come to."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Self, TypeAlias

from processes import Figures

# Rounds of the rival and ours.
Duels: TypeAlias = Sequence[tuple[Figures, Figures]]


class Rival(Enum):
    """What ours is measured against, by the title of its column."""

    RAW = "raw"
    ASYNCUA = "asyncua"
    STREAM = "event stream"
    NONE = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a comparison should come to.

    Attributes:
        sign: how the figure should stand to the limit: `≥`, `≤` or `<`.
        limit: the limit.
        absolute: whether it is for our figure itself, and not for its ratio to the rival's.
    """

    sign: str
    limit: float
    absolute: bool = False

    def met_by(self, figure: float) -> bool:
        """Whether a figure is as it should be."""
        compare = {"≥": operator.ge, "≤": operator.le, "<": operator.lt}[self.sign]
        return bool(compare(figure, self.limit))


def at_least(ratio: float) -> Target:
    """Ours should be at least so many times the rival's."""
    return Target(sign="≥", limit=ratio)


def at_most(ratio: float) -> Target:
    """Ours should be at most so many times the rival's."""
    return Target(sign="≤", limit=ratio)


def ours_at_least(limit: float) -> Target:
    """Ours should be at least so much."""
    return Target(sign="≥", limit=limit, absolute=True)


def ours_at_most(limit: float) -> Target:
    """Ours should be at most so much."""
    return Target(sign="≤", limit=limit, absolute=True)


def ours_below(limit: float) -> Target:
    """Ours should be less than so much."""
    return Target(sign="<", limit=limit, absolute=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One line of the results.

    Attributes:
        what: what was measured.
        unit: in which unit.
        rival: what ours stands beside.
        theirs: the rival's figure of each round; empty when there is no rival.
        ours: our figure of each round.
        target: what it should come to.
        more_is_better: whether it is a rate, and not a cost.
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
        duels: Duels,
        target: Target | None = None,
        *,
        rival: Rival = Rival.RAW,
        more_is_better: bool = False,
    ) -> Self:
        """Compare one figure of both sides."""
        return cls(
            what=what,
            unit=unit,
            rival=rival,
            theirs=tuple(theirs[key] for theirs, _ in duels),
            ours=tuple(ours[key] for _, ours in duels),
            target=target,
            more_is_better=more_is_better,
        )

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours to the rival's, round by round; empty when there is no rival."""
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
    """How much is measured.

    Attributes:
        rounds: how many rounds.
        brief: whether it is only to be seen that everything works: the figures mean nothing then.
    """

    rounds: int
    brief: bool

    def seconds(self, seconds: float) -> float:
        """How long to measure what takes so many seconds."""
        return 0.1 if self.brief else seconds

    def count(self, count: int) -> int:
        """How many to measure of what is done so many times."""
        return max(1, count // 100) if self.brief else count

    def duels(self, theirs: Callable[[], Figures], ours: Callable[[], Figures]) -> Duels:
        """Rounds of both in turn; who begins changes from round to round."""
        duels: list[tuple[Figures, Figures]] = []
        for number in range(self.rounds):
            if number % 2:
                our_figures = ours()
                duels.append((theirs(), our_figures))
            else:
                duels.append((theirs(), ours()))
        return duels
