"""Entries and results of the bulk commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxgateway.status import MxDataType, MxStatus, Quality
from mxgateway.values import MxValueInput, MxValueOutput, from_mx_value
from mxgateway.values.decoding import show_mx_value
from mxgateway.values.timestamps import to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = [
    "BulkReadResult",
    "BulkWriteResult",
    "SubscribeResult",
    "Write2BulkEntry",
    "WriteBulkEntry",
    "WriteSecured2BulkEntry",
    "WriteSecuredBulkEntry",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteBulkEntry:
    """One write of `Session.write_bulk`. The fields are the arguments of `Session.write`."""

    item_handle: int
    value: MxValueInput
    user_id: int = 0
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write2BulkEntry:
    """One write of `Session.write2_bulk`. The fields are the arguments of `Session.write2`."""

    item_handle: int
    value: MxValueInput
    timestamp: datetime
    user_id: int = 0
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecuredBulkEntry:
    """One write of `Session.write_secured_bulk`. The fields are the arguments of `Session.write_secured`."""

    item_handle: int
    current_user_id: int
    verifier_user_id: int
    value: MxValueInput
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecured2BulkEntry:
    """One write of `Session.write_secured2_bulk`. The fields are the arguments of `Session.write_secured2`."""

    item_handle: int
    current_user_id: int
    verifier_user_id: int
    value: MxValueInput
    timestamp: datetime
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeResult:
    """The result of one entry of a bulk command that adds, advises or removes items.

    Attributes:
        server_handle: server handle of the command.
        tag_address: tag name as it was sent, if the command takes tag names.
        item_handle: handle of the item, or 0 if the entry failed before the item was added.
        was_successful: whether the entry succeeded.
        error_message: reason for a failure.
    """

    server_handle: int
    tag_address: str
    item_handle: int
    was_successful: bool
    error_message: str

    @classmethod
    def from_message(cls, message: pb.SubscribeResult) -> SubscribeResult:
        """Return the result of a generated `SubscribeResult`."""
        return cls(
            server_handle=message.server_handle,
            tag_address=message.tag_address,
            item_handle=message.item_handle,
            was_successful=message.was_successful,
            error_message=message.error_message,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWriteResult:
    """The result of one entry of a bulk write: accepted or refused.

    An accepted write is not confirmed yet. Its outcome arrives later as a WriteComplete event.

    Attributes:
        server_handle: server handle of the command.
        item_handle: handle of the item.
        was_successful: whether the write was accepted.
        hresult: COM result of a refusal, as a signed 32-bit number.
        statuses: statuses of a refusal.
        error_message: reason for a refusal.
    """

    server_handle: int
    item_handle: int
    was_successful: bool
    hresult: int | None
    statuses: tuple[MxStatus, ...]
    error_message: str

    @classmethod
    def from_message(cls, message: pb.BulkWriteResult) -> BulkWriteResult:
        """Return the result of a generated `BulkWriteResult`."""
        return cls(
            server_handle=message.server_handle,
            item_handle=message.item_handle,
            was_successful=message.was_successful,
            hresult=message.hresult if message.HasField("hresult") else None,
            statuses=tuple(MxStatus.from_message(status) for status in message.statuses),
            error_message=message.error_message,
        )


class BulkReadResult:
    """The result of one tag of `Session.read_bulk`: a view of its message that converts a field on access.

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.BulkReadResult) -> None:
        self.raw: pb.BulkReadResult = raw

    @property
    def server_handle(self) -> int:
        """Server handle of the command."""
        return self.raw.server_handle

    @property
    def tag_address(self) -> str:
        """Tag name as it was sent."""
        return self.raw.tag_address

    @property
    def item_handle(self) -> int:
        """Handle of the item if it was advised before the call. Otherwise 0 or a handle that is no longer valid."""
        return self.raw.item_handle

    @property
    def was_successful(self) -> bool:
        """Whether there is a value. Its quality may still be bad."""
        return self.raw.was_successful

    @property
    def was_cached(self) -> bool:
        """Whether the value is the last one of an advised item, and was not read for this call."""
        return self.raw.was_cached

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` returns it.

        Raises:
            ValueError: the value is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.raw.value)

    @property
    def quality(self) -> Quality:
        """OPC DA quality of the value."""
        return Quality(self.raw.quality)

    @property
    def timestamp(self) -> datetime | None:
        """Source timestamp of the value in UTC, or None if there is none.

        Raises:
            ValueError: the timestamp is outside the years 1 to 9999.
        """
        return to_datetime(self.raw.source_timestamp) if self.raw.HasField("source_timestamp") else None

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Statuses of the value."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def error_message(self) -> str:
        """Reason why there is no value."""
        return self.raw.error_message

    def __repr__(self) -> str:
        if not self.was_successful:
            return f"BulkReadResult({self.tag_address!r}, error_message={self.error_message!r})"
        return f"BulkReadResult({self.tag_address!r}, value={show_mx_value(self.raw.value)}, quality={self.quality!r})"
