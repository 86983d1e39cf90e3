"""Convert between Timestamp messages and aware datetimes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from google.protobuf.timestamp_pb2 import Timestamp

__all__ = ["check_aware", "datetime_field", "fill_timestamp", "to_datetime"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MIN_SINCE_EPOCH: Final = datetime.min.replace(tzinfo=UTC) - _EPOCH
_MAX_SINCE_EPOCH: Final = datetime.max.replace(tzinfo=UTC) - _EPOCH


def to_datetime(timestamp: Timestamp) -> datetime:
    """Return a Timestamp as an aware UTC datetime, truncated to microseconds.

    Raises:
        ValueError: the time is outside the years 1 to 9999.
    """
    try:
        return _EPOCH + timedelta(seconds=timestamp.seconds, microseconds=timestamp.nanos // 1000)
    except OverflowError:
        seconds = timestamp.seconds
    raise ValueError(f"the timestamp of {seconds} seconds since 1970 is outside the years 1 to 9999")


def datetime_field(message: Message, field: str) -> datetime | None:
    """Return a Timestamp field of a message as an aware UTC datetime, or None if the field is not set.

    Raises:
        ValueError: the time is outside the years 1 to 9999.
    """
    return to_datetime(getattr(message, field)) if message.HasField(field) else None


def check_aware(when: datetime) -> datetime:
    """Return a datetime that has a time zone.

    Raises:
        ValueError: the datetime is naive.
    """
    if when.tzinfo is None or when.utcoffset() is None:
        raise ValueError(f"{when!r} has no time zone: use an aware datetime, for example with tzinfo=timezone.utc")
    return when


def fill_timestamp(message: Timestamp, when: datetime) -> None:
    """Fill a Timestamp from an aware datetime.

    Raises:
        ValueError: the datetime is naive, or outside the years 1 to 9999 in UTC.
    """
    since_epoch = check_aware(when) - _EPOCH
    if not _MIN_SINCE_EPOCH <= since_epoch <= _MAX_SINCE_EPOCH:
        raise ValueError(f"{when!r} is outside the years 1 to 9999 in UTC")
    message.seconds = since_epoch.days * 86400 + since_epoch.seconds
    message.nanos = since_epoch.microseconds * 1000
