"""TagRow: what the live table knows of one tag."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from mxgateway_cli.output.bars import bar
from mxgateway_cli.output.formatting import format_any, value_of

if TYPE_CHECKING:
    from mxgateway import MxStatus, TagChange
    from mxgateway_cli.output.formatting import Zone

__all__ = ["TREND_WIDTH", "VALUE_WIDTH", "TagRow", "age"]

TREND_WIDTH: Final = 12
"""The number of values in a sparkline."""

VALUE_WIDTH: Final = 13
"""The width of the column of values."""

# The first that fits is used.
_SIGNIFICANT_DIGITS: Final = (7, 6, 5)
_MAX_ARRIVALS: Final = 1000
# The period over which a rate is measured: a long one if the tag changes rarely.
_RATE_SECONDS: Final = 10.0
_LONG_RATE_SECONDS: Final = 60.0
_MIN_ARRIVALS: Final = 5


@dataclass(slots=True)
class TagRow:
    """The present state of one tag.

    Attributes:
        tag: The tag.
        started: When the watch began, in seconds of the monotonic clock.
        last: The last shown change, or None before the first one.
        changes: Number of shown changes.
        refusal: Why the tag is not watched, or an empty text.
        stale_since: Since when the value may have changed without a notice, in seconds of the monotonic clock; None if
            it is current.
    """

    tag: str
    started: float
    last: TagChange | None = None
    changes: int = 0
    refusal: str = ""
    stale_since: float | None = None
    _arrivals: deque[float] = field(default_factory=lambda: deque(maxlen=_MAX_ARRIVALS))
    _numbers: deque[float] = field(default_factory=lambda: deque(maxlen=TREND_WIDTH))

    def mark(self, now: float, *, is_stale: bool) -> None:
        """Note whether the value is stale. A tag without a value cannot be."""
        if not is_stale or self.last is None:
            self.stale_since = None
        elif self.stale_since is None:
            self.stale_since = now

    def add(self, change: TagChange, now: float) -> None:
        """Take a change, or the last one again in the next snapshot."""
        if change is not self.last:
            # The first value is the present one, not a change.
            if self.last is not None:
                self._arrivals.append(now)
            self.last = change
            self.changes += 1
        value = value_of(change)
        if isinstance(value, (int, float)) and math.isfinite(value):
            self._numbers.append(value)

    def value(self, zone: Zone) -> str:
        """Return the value as text. A number is rounded to the width of the column."""
        value = None if self.last is None else value_of(self.last)
        if isinstance(value, float) or (isinstance(value, int) and len(str(value)) > VALUE_WIDTH):
            rounded = [f"{value:.{digits}g}" for digits in _SIGNIFICANT_DIGITS]
            return next((text for text in rounded if len(text) <= VALUE_WIDTH), rounded[-1])
        return '""' if value == "" else format_any(value, zone)

    @property
    def is_number(self) -> bool:
        """Whether the value is a number."""
        return self.last is not None and type(value_of(self.last)) in {int, float}

    @property
    def has_value(self) -> bool:
        """Whether there is a value, good or bad."""
        return self.last is not None and value_of(self.last) is not None

    @property
    def reason(self) -> str:
        """Why there is no value, or why it is not good; an empty text if there is nothing to say."""
        if self.refusal:
            return self.refusal
        if self.last is None:
            return "waiting for a value"
        reason = "; ".join(_reason(status) for status in self.last.statuses if status.failed)
        if reason or self.has_value:
            return reason or str(self.last.quality).partition(", ")[2].removesuffix(")")
        return f"no value, quality {self.last.quality}"

    def rate(self, now: float) -> str:
        """Return how often the tag changes: per second, or for a slow tag the number of changes in the last minute."""
        count = self._count_since(now - _RATE_SECONDS)
        if count < _MIN_ARRIVALS:
            return f"{self._count_since(now - _LONG_RATE_SECONDS)}/min"
        seconds = min(_RATE_SECONDS, now - self.started)
        if count == _MAX_ARRIVALS:
            seconds = now - self._arrivals[0]
        return f"{count / max(seconds, 0.001):.3g}/s"

    def trend(self) -> str:
        """Return the last numbers as a sparkline; an empty text if there are less than two."""
        if len(self._numbers) < 2:
            return ""
        low, high = min(self._numbers), max(self._numbers)
        return "".join(bar(number, low, high) for number in self._numbers)

    def _count_since(self, start: float) -> int:
        return sum(arrival >= start for arrival in self._arrivals)


def _reason(status: MxStatus) -> str:
    """Return a status with the explanation first, because the end may be cut."""
    return f"{status.detail_text}: {status}" if status.detail_text else str(status)


def age(seconds: float) -> str:
    """Return a duration in words, such as "12 s" or "3 min"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.0f} h"
