"""Trend: the values of one tag over time, with what is bad and what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mxgateway import MxValueOutput, Quality
    from mxgateway.recording import RecordKind

__all__ = ["Point", "Record", "Trend"]


FieldT = TypeVar("FieldT")


class Record(Protocol):
    """What a trend needs of a TagRecord or a RecordedRow."""

    @property
    def kind(self) -> RecordKind:
        """What it reports."""
        ...

    @property
    def tag(self) -> str:
        """The tag; empty if it is about all tags."""
        ...

    @property
    def value(self) -> MxValueOutput:
        """The value, which raises ValueError if Python cannot represent it."""
        ...

    @property
    def quality(self) -> Quality | None:
        """The quality of a change."""
        ...

    @property
    def gateway_time(self) -> datetime | None:
        """When the gateway received the change, or ValueError as well."""
        ...

    @property
    def received_time(self) -> datetime:
        """When the recording program received it."""
        ...

    @property
    def detail(self) -> str:
        """What is missing."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time.

    Attributes:
        time: When the gateway received it, or else when the recording program did.
        number: The value as a number; None if it is missing or no number.
        quality: The OPC DA quality.
    """

    time: datetime
    number: float | None
    quality: Quality


@dataclass(slots=True)
class Trend:
    """The values of one tag.

    Attributes:
        tag: The tag.
        begin: When the recording begins, or the chosen part of it.
        end: When it ends. The last value holds until then.
        points: The values in the order of their arrival.
        breaks: The positions in `points` before which changes are missing, and since when they are.
        is_boolean: Whether all values are false or true.
        is_integer: Whether all values are booleans or integers.
        is_held: Whether the first point is a value from before `begin`, which still holds.
    """

    tag: str
    begin: datetime
    end: datetime
    points: list[Point] = field(default_factory=list[Point])
    breaks: list[tuple[int, datetime]] = field(default_factory=list[tuple[int, datetime]])
    is_boolean: bool = True
    is_integer: bool = True
    is_held: bool = False

    def add(self, record: Record) -> None:
        """Add a change."""
        value = _or_none(lambda: record.value)
        number: float | None = None
        if isinstance(value, bool | int | float):
            number = float(value) if math.isfinite(value) else None
            self.is_boolean = self.is_boolean and isinstance(value, bool)
            self.is_integer = self.is_integer and isinstance(value, int)
        if record.quality is None:
            return
        when = _or_none(lambda: record.gateway_time) or record.received_time
        is_earlier = record.received_time < self.begin
        if is_earlier or (self.is_held and when <= self.begin):
            self.points.clear()
            self.breaks.clear()
        self.is_held = is_earlier
        # The clocks of the gateway and of this computer may differ.
        self.points.append(Point(max(when, self.begin), number, record.quality))

    def add_break(self, since: datetime, now: datetime) -> None:
        """Note that changes are missing since a time."""
        if now < self.begin:
            self.points.clear()
            self.is_held = False
        elif self.points and (not self.breaks or self.breaks[-1][0] < len(self.points)):
            self.breaks.append((len(self.points), since))

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers."""
        return [point.number for point in self.points if point.number is not None]

    @property
    def is_bad(self) -> bool:
        """Whether all values have bad quality."""
        return all(point.quality.is_bad for point in self.points)

    @property
    def changes(self) -> int:
        """How many values have arrived."""
        return len(self.points) - self.is_held

    def segments(self) -> list[tuple[Sequence[Point], datetime]]:
        """Return the values in parts, between which changes are missing, and until when the last of each holds."""
        edges = [0, *(position for position, _ in self.breaks), len(self.points)]
        ends = [*(begin for begin, _ in self.gaps()), self.end]
        parts = [self.points[first:last] for first, last in pairwise(edges)]
        return [(part, max(end, part[-1].time)) for part, end in zip(parts, ends, strict=True) if part]

    def gaps(self) -> list[tuple[datetime, datetime]]:
        """Return from when to when changes are missing: until the next value, or the end."""
        gaps: list[tuple[datetime, datetime]] = []
        for position, since in self.breaks:
            end = self.points[position].time if position < len(self.points) else self.end
            gaps.append((min(max(since, self.points[position - 1].time), end), end))
        return gaps


def _or_none(read: Callable[[], FieldT]) -> FieldT | None:
    try:
        return read()
    except ValueError:
        # A time outside the years 1 to 9999.
        return None
