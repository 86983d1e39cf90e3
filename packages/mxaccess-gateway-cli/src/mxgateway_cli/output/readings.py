"""A value with its time, as people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import MxValueOutput

__all__ = ["Reading", "shown_moment", "shown_time", "shown_value"]

_LONGEST_VALUE: Final = 200


class Reading(Protocol):
    """Whatever has a value and its time; either may be one that Python can't hold."""

    @property
    def value(self) -> MxValueOutput:
        """The value."""
        ...

    @property
    def timestamp(self) -> datetime | None:
        """Its time."""
        ...


def shown_value(reading: Reading) -> str:
    """Give the value, cut where it is very long."""
    try:
        text = repr(reading.value)
    except ValueError as error:
        return f"<{error}>"
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}... ({len(text)} characters)"


def shown_time(reading: Reading) -> str:
    """Give the time to the millisecond, in UTC."""
    try:
        return shown_moment(reading.timestamp)
    except ValueError:
        return "-"


def shown_moment(when: datetime | None) -> str:
    """Give a moment to the millisecond, in UTC, or a dash for none."""
    return "-" if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
