"""Values and timestamps as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway import MxValueOutput

__all__ = ["Reading", "format_time", "format_timestamp", "format_value"]

_MAX_VALUE_CHARACTERS: Final = 200


class Reading(Protocol):
    """An object with a value and its timestamp. Reading either raises ValueError if Python cannot represent it."""

    @property
    def value(self) -> MxValueOutput:
        """The value."""
        ...

    @property
    def timestamp(self) -> datetime | None:
        """The timestamp of the value."""
        ...


def format_value(reading: Reading) -> str:
    """Return the value as text, shortened if it is very long."""
    try:
        text = repr(reading.value)
    except ValueError as error:
        return f"<{error}>"
    if len(text) <= _MAX_VALUE_CHARACTERS:
        return text
    return f"{text[:_MAX_VALUE_CHARACTERS]}... ({len(text)} characters)"


def format_timestamp(reading: Reading) -> str:
    """Return the timestamp in UTC with milliseconds, or a dash if it is missing or cannot be represented."""
    try:
        return format_time(reading.timestamp)
    except ValueError:
        return "-"


def format_time(when: datetime | None) -> str:
    """Return a time in UTC with milliseconds, or a dash for None."""
    return "-" if when is None else when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
