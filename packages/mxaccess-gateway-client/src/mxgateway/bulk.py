"""What the bulk commands take and give: an entry for each item, and a result for each entry, in the same order."""

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
    """One write of `write_bulk`; the fields are those of `Session.write`."""

    item_handle: int
    value: MxValueInput
    user_id: int = 0
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Write2BulkEntry:
    """One write of `write2_bulk`; the fields are those of `Session.write2`, `timestamp` an aware datetime."""

    item_handle: int
    value: MxValueInput
    timestamp: datetime
    user_id: int = 0
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecuredBulkEntry:
    """One write of `write_secured_bulk`; the fields are those of `Session.write_secured`."""

    item_handle: int
    current_user_id: int
    verifier_user_id: int
    value: MxValueInput
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteSecured2BulkEntry:
    """One write of `write_secured2_bulk`; the fields are those of `Session.write_secured2`."""

    item_handle: int
    current_user_id: int
    verifier_user_id: int
    value: MxValueInput
    timestamp: datetime
    data_type: MxDataType | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscribeResult:
    """What became of one entry of a bulk command that adds, advises or removes.

    Attributes:
        server_handle: the server handle of the command.
        tag_address: the tag as it was sent, where the command named tags.
        item_handle: the item's handle; 0 when the entry failed before there was one.
        was_successful: whether it worked.
        error_message: why it didn't.
    """

    server_handle: int
    tag_address: str
    item_handle: int
    was_successful: bool
    error_message: str

    @classmethod
    def from_message(cls, message: pb.SubscribeResult) -> SubscribeResult:
        """Give the result that a generated `SubscribeResult` stands for."""
        return cls(
            server_handle=message.server_handle,
            tag_address=message.tag_address,
            item_handle=message.item_handle,
            was_successful=message.was_successful,
            error_message=message.error_message,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkWriteResult:
    """What became of one entry of a bulk write. Success means accepted: the outcome is a later WriteComplete event.

    Attributes:
        server_handle: the server handle of the command.
        item_handle: the item.
        was_successful: whether the write was accepted.
        hresult: the COM result of a refusal, as a signed 32 bit number.
        statuses: every status of a refusal.
        error_message: why it was refused.
    """

    server_handle: int
    item_handle: int
    was_successful: bool
    hresult: int | None
    statuses: tuple[MxStatus, ...]
    error_message: str

    @classmethod
    def from_message(cls, message: pb.BulkWriteResult) -> BulkWriteResult:
        """Give the result that a generated `BulkWriteResult` stands for."""
        return cls(
            server_handle=message.server_handle,
            item_handle=message.item_handle,
            was_successful=message.was_successful,
            hresult=message.hresult if message.HasField("hresult") else None,
            statuses=tuple(MxStatus.from_message(status) for status in message.statuses),
            error_message=message.error_message,
        )


class BulkReadResult:
    """What one entry of `read_bulk` brought: a view over its message that converts a field when it is asked for.

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.BulkReadResult) -> None:
        self.raw: pb.BulkReadResult = raw

    @property
    def server_handle(self) -> int:
        """The server handle of the command."""
        return self.raw.server_handle

    @property
    def tag_address(self) -> str:
        """The tag as it was sent."""
        return self.raw.tag_address

    @property
    def item_handle(self) -> int:
        """The handle of an item that is advised already, otherwise 0 or one that is worth nothing any more."""
        return self.raw.item_handle

    @property
    def was_successful(self) -> bool:
        """Whether there is a value; its quality may still be bad."""
        return self.raw.was_successful

    @property
    def was_cached(self) -> bool:
        """Whether the value is the last one of an advised item, not one read for this call."""
        return self.raw.was_cached

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` gives it.

        Raises:
            ValueError: it is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.raw.value)

    @property
    def quality(self) -> Quality:
        """The OPC DA quality of the value."""
        return Quality(self.raw.quality)

    @property
    def timestamp(self) -> datetime | None:
        """When the source says the value is from, in UTC."""
        return to_datetime(self.raw.source_timestamp) if self.raw.HasField("source_timestamp") else None

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status that came with the value."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def error_message(self) -> str:
        """Why there is no value."""
        return self.raw.error_message

    def __repr__(self) -> str:
        if not self.was_successful:
            return f"BulkReadResult({self.tag_address!r}, error_message={self.error_message!r})"
        return f"BulkReadResult({self.tag_address!r}, value={show_mx_value(self.raw.value)}, quality={self.quality!r})"
