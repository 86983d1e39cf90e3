"""What a watch of tags yields: changes, refused tags, and what happens to the watch itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from mxgateway._watching.items import WatchGap, WatchLost, WatchRestored
from mxgateway.errors import ErrorFacts, MxAccessError
from mxgateway.status import MxStatus, Quality
from mxgateway.values import MxValueOutput, from_mx_value
from mxgateway.values.decoding import show_mx_value
from mxgateway.values.timestamps import to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["TagChange", "TagRefused", "WatchItem"]


class TagChange:
    """A new value, quality or timestamp of a watched tag. Each field is converted on access.

    Attributes:
        tag: The tag as the caller named it.
        raw: The message of the event as it was received.
        repeated: Whether the value may be the same as before: it was known when the watch began, or it is the first
            one after a reconnect or a gap.
    """

    __slots__ = ("raw", "repeated", "tag")

    def __init__(self, tag: str, raw: pb.MxEvent, *, repeated: bool) -> None:
        self.tag: str = tag
        self.raw: pb.MxEvent = raw
        self.repeated: bool = repeated

    @property
    def value(self) -> MxValueOutput:
        """The value, converted as by `from_mx_value`.

        Raises:
            ValueError: It is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.raw.value)

    @property
    def quality(self) -> Quality:
        """The OPC DA quality of the value."""
        return Quality(self.raw.quality)

    @property
    def timestamp(self) -> datetime | None:
        """The time of the value according to its source, in UTC."""
        return to_datetime(self.raw.source_timestamp) if self.raw.HasField("source_timestamp") else None

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status of the value."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def error(self) -> MxAccessError | None:
        """Why there is no valid value, for example because the tag does not exist; None if no status is a failure."""
        statuses = self.statuses
        if not any(status.failed for status in statuses):
            return None
        return MxAccessError(f"{self.tag} has no valid value", ErrorFacts(method="Advise", statuses=statuses))

    def __repr__(self) -> str:
        value = show_mx_value(self.raw.value)
        error = self.error
        reason = "" if error is None else f", error={str(error)!r}"
        return f"TagChange({self.tag!r}, value={value}, quality={self.quality!r}, repeated={self.repeated}{reason})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRefused:
    """The gateway refused one tag; the watch continues with the others.

    Attributes:
        tag: The tag as the caller named it.
        error_message: The reason that the gateway gave.
    """

    tag: str
    error_message: str


WatchItem: TypeAlias = TagChange | TagRefused | WatchLost | WatchRestored | WatchGap
