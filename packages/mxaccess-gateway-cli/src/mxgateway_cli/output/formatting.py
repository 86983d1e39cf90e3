"""Values, qualities and times as text for people."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from datetime import tzinfo

    from mxgateway import MxValueOutput

__all__ = [
    "Reading",
    "Zone",
    "format_any",
    "format_time",
    "format_timestamp",
    "format_value",
    "in_zone",
    "time_of",
    "value_of",
]

_MAX_VALUE_CHARACTERS: Final = 200
_NOTHING: Final = "-"

Zone: TypeAlias = "tzinfo | None"
"""The time zone in which times are printed; None is the local one of this machine."""


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


def value_of(reading: Reading) -> MxValueOutput:
    """Return the value, or a text that says why Python cannot represent it."""
    try:
        return reading.value
    except ValueError as error:
        return f"<{error}>"


def time_of(reading: Reading) -> datetime | None:
    """Return the timestamp, or None if it is missing or cannot be represented."""
    try:
        return reading.timestamp
    except ValueError:
        return None


def format_value(reading: Reading, zone: Zone = UTC) -> str:
    """Return the value as text on one line, shortened if it is very long: `true`, `2.5`, `["one", "two"]`."""
    value = value_of(reading)
    # An empty text would look like no value at all.
    text = '""' if value == "" else format_any(value, zone)
    if len(text) <= _MAX_VALUE_CHARACTERS:
        return text
    return f"{text[:_MAX_VALUE_CHARACTERS]}... ({len(text)} characters)"


def format_timestamp(reading: Reading, zone: Zone = UTC) -> str:
    """Return the timestamp as `format_time` does, or a dash if it is missing or cannot be represented."""
    return format_time(time_of(reading), zone)


def format_time(when: datetime | None, zone: Zone = UTC) -> str:
    """Return a time as ISO 8601 with milliseconds and its offset, in UTC with Z; or a dash for None."""
    if when is None:
        return _NOTHING
    return in_zone(when, zone).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def format_any(value: object, zone: Zone = UTC) -> str:
    """Return a value of any type as text: text as it is, words for booleans, ISO 8601 for times, JSON for arrays."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case datetime():
            return format_time(value, zone)
        case bytes():
            return f"0x{value.hex()}"
        case list():
            return json.dumps(_element(cast("list[object]", value), zone), ensure_ascii=False)
        case int() | float():
            return str(value)
        case _:
            return _format_sparse_array(value, zone)


def _format_sparse_array(value: object, zone: Zone) -> str:
    # Imported late so that --help doesn't load grpc.
    from mxgateway import SparseArray  # noqa: PLC0415

    if not isinstance(value, SparseArray):
        return str(value)
    elements = ", ".join(f"[{index}] {format_any(element, zone)}" for index, element in value.elements.items())
    return f"{value.total_length} elements: {elements or 'all default'}"


def _element(value: object, zone: Zone) -> object:
    if isinstance(value, list):
        return [_element(element, zone) for element in cast("list[object]", value)]
    return format_any(value, zone) if isinstance(value, (datetime, bytes)) else value


def in_zone(when: datetime, zone: Zone) -> datetime:
    """Return a time in a zone, or unchanged if it would leave the years 1 to 9999 there."""
    try:
        return when.astimezone(zone)
    except (OverflowError, OSError, ValueError):
        return when
