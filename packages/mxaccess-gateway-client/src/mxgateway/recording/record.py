"""TagRecord: one row of a recording."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType, MxStatus, Quality
from mxgateway.tags import TagChange, TagRefused, WatchGap, WatchLost
from mxgateway.values import MxValueOutput, from_mx_value
from mxgateway.values.decoding import show_mx_value
from mxgateway.values.timestamps import datetime_field

if TYPE_CHECKING:
    from mxgateway.tags import WatchItem

__all__ = ["RecordKind", "TagRecord"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_EVENT: Final = pb.MxEvent()


class RecordKind(StrEnum):
    """What a record reports."""

    CHANGE = "change"
    """A new value, quality or timestamp of a tag."""
    REFUSED = "refused"
    """The gateway refused the tag: no changes of it are recorded."""
    LOST = "lost"
    """The connection or the session is lost: changes may be missing until the next `restored`."""
    RESTORED = "restored"
    """Changes arrive again; `detail` says whether some were missed."""
    GAP = "gap"
    """Changes are missing; `detail` says how many or from when to when."""


class TagRecord:
    """One row of a recording: a change of a tag, or what happened to the recording itself.

    `session_id` and `sequence` identify a change. Like a TagChange it is a view of the event's message: its fields are
    converted on access.

    Attributes:
        kind: What the record reports.
        received_nanoseconds: When this program received it, in nanoseconds since 1970.
        tag: The tag as the caller named it; empty if the record is about all tags.
        event: The message of the change; empty for other kinds.
        repeated: Whether the value may be the same as before, see TagChange.
        detail: For other kinds than a change: the reason, and what is missing.
    """

    __slots__ = ("detail", "event", "kind", "received_nanoseconds", "repeated", "tag")

    def __init__(
        self,
        *,
        kind: RecordKind,
        received_nanoseconds: int,
        tag: str = "",
        event: pb.MxEvent | None = None,
        repeated: bool = False,
        detail: str = "",
    ) -> None:
        self.kind: RecordKind = kind
        self.received_nanoseconds: int = received_nanoseconds
        self.tag: str = tag
        self.event: pb.MxEvent = _NO_EVENT if event is None else event
        self.repeated: bool = repeated
        self.detail: str = detail

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TagRecord) and all(
            getattr(self, name) == getattr(other, name) for name in TagRecord.__slots__
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.tag, self.received_nanoseconds, self.sequence))

    def __repr__(self) -> str:
        if self.kind is RecordKind.CHANGE:
            value = show_mx_value(self.event.value)
            return f"TagRecord({self.tag!r}, value={value}, quality={self.quality!r}, repeated={self.repeated})"
        return f"TagRecord({self.kind.value!r}, tag={self.tag!r}, detail={self.detail!r})"

    @classmethod
    def of(cls, item: WatchItem, received_nanoseconds: int) -> TagRecord:
        """Return the record of an item of a watch."""
        if isinstance(item, TagChange):
            return cls(
                kind=RecordKind.CHANGE,
                received_nanoseconds=received_nanoseconds,
                tag=item.tag,
                event=item.raw,
                repeated=item.repeated,
            )
        if isinstance(item, TagRefused):
            kind, tag, detail = RecordKind.REFUSED, item.tag, item.error_message
        elif isinstance(item, WatchLost):
            kind, tag, detail = RecordKind.LOST, "", " ".join(str(item.error).split())
        elif isinstance(item, WatchGap):
            kind, tag = RecordKind.GAP, ""
            detail = (
                f"{item.dropped} changes were dropped because they arrived faster than they could be written"
                if item.dropped
                else "the gateway no longer had the missed changes; the present values follow"
            )
        else:
            kind, tag = RecordKind.RESTORED, ""
            detail = (
                "no changes were missed"
                if item.resumed
                else f"in a new session at {item.endpoint}: changes since {item.missed_since} were missed; the present "
                "values follow"
            )
        return cls(kind=kind, received_nanoseconds=received_nanoseconds, tag=tag, detail=detail)

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` returns it; None for other kinds than a change.

        Raises:
            ValueError: The value is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.event.value)

    @property
    def data_type(self) -> MxDataType:
        """The data type of the value."""
        return MxDataType(self.event.value.data_type)

    @property
    def quality(self) -> Quality:
        """The OPC DA quality of the value; 0 for other kinds than a change."""
        return Quality(self.event.quality)

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status of the value. A tag that does not exist is reported here."""
        return tuple(MxStatus.from_message(status) for status in self.event.statuses)

    @property
    def source_time(self) -> datetime | None:
        """The time of the value according to its source, in UTC.

        Raises:
            ValueError: The time is outside the years 1 to 9999.
        """
        return datetime_field(self.event, "source_timestamp")

    @property
    def gateway_time(self) -> datetime | None:
        """The time when the gateway received the change from its worker, in UTC.

        Raises:
            ValueError: The time is outside the years 1 to 9999.
        """
        return datetime_field(self.event, "gateway_receive_timestamp")

    @property
    def received_time(self) -> datetime:
        """The time when this program received the record, in UTC, by the clock of this computer."""
        return _EPOCH + timedelta(microseconds=self.received_nanoseconds // 1000)

    @property
    def session_id(self) -> str:
        """The id of the session that the change belongs to."""
        return self.event.session_id

    @property
    def sequence(self) -> int:
        """The number of the change in its session (`worker_sequence`); 0 for other kinds than a change."""
        return self.event.worker_sequence
