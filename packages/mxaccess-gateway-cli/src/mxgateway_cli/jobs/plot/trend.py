"""Trend: the values of one tag over time, with what is bad and what is missing."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

from mxgateway.recording import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mxgateway import MxValueOutput, Quality

__all__ = ["Point", "Trend", "trends_of"]


class _Record(Protocol):
    """What a trend needs of a TagRecord or a RecordedRow."""

    @property
    def kind(self) -> RecordKind: ...
    @property
    def tag(self) -> str: ...
    @property
    def value(self) -> MxValueOutput: ...
    @property
    def quality(self) -> Quality | None: ...
    @property
    def source_time(self) -> datetime | None: ...
    @property
    def received_time(self) -> datetime: ...
    @property
    def detail(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a time.

    Attributes:
        time: The time of the source, or of the arrival if the source gave none.
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
        points: Its values in the order of their arrival.
        breaks: The positions in `points` before which changes are missing, and since when they are.
        is_boolean: Whether all values are false or true.
        is_integer: Whether all values are booleans or integers.
        others: How many values are texts, arrays or times, which no line can show.
    """

    tag: str
    points: list[Point] = field(default_factory=list[Point])
    breaks: list[tuple[int, datetime]] = field(default_factory=list[tuple[int, datetime]])
    is_boolean: bool = True
    is_integer: bool = True
    others: int = 0

    def add(self, record: _Record) -> None:
        """Add a change."""
        value = _value(record)
        number: float | None = None
        if isinstance(value, bool | int | float):
            number = float(value) if math.isfinite(value) else None
            self.is_boolean = self.is_boolean and isinstance(value, bool)
            self.is_integer = self.is_integer and isinstance(value, int)
        elif value is not None:
            self.others += 1
        when = record.source_time or record.received_time
        if record.quality is not None:
            self.points.append(Point(when, number, record.quality))

    def add_break(self, since: datetime) -> None:
        """Note that changes are missing since a time."""
        if self.points and (not self.breaks or self.breaks[-1][0] < len(self.points)):
            self.breaks.append((len(self.points), since))

    @property
    def numbers(self) -> list[float]:
        """The values that are numbers."""
        return [point.number for point in self.points if point.number is not None]

    def segments(self) -> list[Sequence[Point]]:
        """Return the values in parts: between two of them changes are missing."""
        edges = [0, *(position for position, _ in self.breaks), len(self.points)]
        return [self.points[begin:end] for begin, end in pairwise(edges) if end > begin]

    def gaps(self) -> list[tuple[datetime, datetime]]:
        """Return from when to when changes are missing."""
        parts = self.segments()
        # The clocks of the plant and of this computer may differ.
        return [
            (min(max(since, before[-1].time), after[0].time), after[0].time)
            for (_, since), before, after in zip(self.breaks, parts, parts[1:], strict=False)
        ]


def trends_of(records: Iterable[_Record]) -> list[Trend]:
    """Return the trend of each tag, in the order in which they appear."""
    trends: dict[str, Trend] = {}
    last: datetime | None = None
    lost: datetime | None = None
    for record in records:
        if record.kind is RecordKind.CHANGE:
            trend = trends.get(record.tag)
            if trend is None:
                trend = trends[record.tag] = Trend(record.tag)
            trend.add(record)
        elif record.kind is RecordKind.LOST:
            lost = lost or record.received_time
        elif record.kind is RecordKind.GAP or _is_new_session(record):
            for trend in trends.values():
                trend.add_break(lost or last or record.received_time)
        if record.kind is RecordKind.RESTORED:
            lost = None
        last = record.received_time
    return list(trends.values())


def _value(record: _Record) -> MxValueOutput:
    try:
        return record.value
    except ValueError:
        # A time that Python cannot represent is no number either.
        return ""


def _is_new_session(record: _Record) -> bool:
    return record.kind is RecordKind.RESTORED and not record.detail.startswith("no changes")
