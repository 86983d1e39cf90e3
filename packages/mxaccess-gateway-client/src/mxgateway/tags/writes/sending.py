"""TagWrite: one write, and the gateway commands that carry one or many of them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.errors import ErrorFacts, MxGatewayProtocolError
from mxgateway.tags.writes.conversion import converted
from mxgateway.values.arrays import is_array
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.session import Session
    from mxgateway.status import MxDataType
    from mxgateway.tags.batching import SharedCall
    from mxgateway.tags.subscriptions.subscription import Subscription
    from mxgateway.tags.subscriptions.subscriptions import Subscriptions
    from mxgateway.tags.writes.outcomes import WriteOutcome

__all__ = [
    "BRACKETS",
    "ArrayCheck",
    "CommandKind",
    "TagWrite",
    "WriteOptions",
    "send_bulk",
    "send_single",
    "wait_for_types",
]

CommandKind: TypeAlias = "pb.MxCommandKind.ValueType"

# The end of the name of a whole array.
BRACKETS: Final = "[]"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOptions:
    """The keywords of `TagClient.write`, which apply to each write of `write_many`.

    Attributes:
        user_id: The user who writes.
        timestamp: The time of the value, or None.
        data_type: The type to send, or None.
        confirm: Whether the caller waits for the WriteComplete event.
        resize: Whether the write may change the length of an array.
        seconds: The caller's timeout.
    """

    user_id: int
    timestamp: datetime | None
    data_type: MxDataType | None
    confirm: bool
    resize: bool
    seconds: float


class ArrayCheck(Enum):
    """What the length of the array in the plant is needed for, before an array is written to it."""

    COMPARE = "compare"
    """The value must have the same length."""

    COMPLETE = "complete"
    """The value is a sparse array whose total length is still missing."""


class TagWrite:
    """One write to one tag.

    Attributes:
        tag: The tag as the caller named it.
        reference: The name of its item, which ends in `[]` if the value is a whole array.
        subscription: The tag's subscription, once the write has begun.
        entry: The value and user id; its item handle is filled in when it is sent.
        options: The keywords of the call.
        deadline: When the caller's timeout is over, by the clock of the event loop.
        check: What must be done with an array before it is sent; None if nothing is left to do.
        convertible: Whether the value is converted to the type of the tag, because the caller did not choose a type.
        type_awaited: Whether the first value of the tag, which says its type, was waited for.
        outcome: What the caller waits for.
        session: The session in which it was sent; None as long as it certainly has not happened.
        call: The call that carries it at present.
        timer: Ends it at its deadline.
        ended: Whether it has ended and released the lock of its tag.
    """

    __slots__ = (
        "call",
        "check",
        "convertible",
        "deadline",
        "ended",
        "entry",
        "options",
        "outcome",
        "reference",
        "session",
        "size",
        "subscription",
        "tag",
        "timer",
        "type_awaited",
    )

    subscription: Subscription

    def __init__(
        self,
        tag: str,
        entry: pb.WriteBulkEntry,
        outcome: asyncio.Future[WriteOutcome],
        options: WriteOptions,
        deadline: float,
    ) -> None:
        self.tag: Final = tag
        self.reference: Final = _reference(tag, entry.value)
        self.entry: Final = entry
        self.size: Final = entry.ByteSize()
        self.outcome: Final = outcome
        self.options: Final = options
        self.deadline: Final = deadline
        self.check: ArrayCheck | None = None
        self.convertible: bool = False
        self.type_awaited: bool = False
        self.session: Session | None = None
        self.call: SharedCall[Sequence[pb.BulkWriteResult]] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.ended: bool = False

    @property
    def count(self) -> int:
        """The number of entries of a bulk command that it needs."""
        return 1

    @property
    def kind(self) -> CommandKind:
        """The bulk command that carries it."""
        return pb.MX_COMMAND_KIND_WRITE_BULK if self.options.timestamp is None else pb.MX_COMMAND_KIND_WRITE2_BULK

    @property
    def awaits_type(self) -> bool:
        """Whether the first value of the tag, which says its type, should be waited for before it is sent."""
        return self.convertible and not self.type_awaited and self.subscription.known is None

    def convert(self, target: str) -> None:
        """Convert the value to the type of the tag, if that is known.

        Raises:
            MxGatewayConfigurationError: The value is not exactly one of that type.
        """
        known = self.subscription.known
        if self.convertible and known is not None:
            value = converted(self.tag, self.entry.value, known.raw.value, target=target)
            if value is not None:
                self.entry.value.CopyFrom(value)


def _reference(tag: str, message: pb.MxValue) -> str:
    """Return the name of the item through which a value is written.

    MXAccess accepts a whole array that is written to the bare name of a tag, and ignores it. The gateway appends the
    `[]` itself, but only if its Galaxy knows that the tag is an array.
    """
    return f"{tag}{BRACKETS}" if is_array(message) and not tag.endswith("]") else tag


async def wait_for_types(subscriptions: Subscriptions, writes: Sequence[TagWrite]) -> None:
    """Wait for the first values of tags, from which their types are known. Some tags send none."""
    waiting = [write for write in writes if not write.ended and write.awaits_type]
    if waiting:
        remaining = min(write.deadline for write in waiting) - asyncio.get_running_loop().time()
        await subscriptions.wait_for_values([write.subscription for write in waiting], remaining / 2)
    for write in waiting:
        write.type_awaited = True


async def send_single(
    session: Session, server_handle: int, write: TagWrite, seconds: float
) -> Sequence[pb.BulkWriteResult]:
    """Send one write as Write or Write2, which raise if it is refused. Return no results."""
    handle, entry, timestamp = write.subscription.handle, write.entry, write.options.timestamp
    if timestamp is None:
        await session.write(server_handle, handle, entry.value, entry.user_id, timeout=seconds)
    else:
        await session.write2(server_handle, handle, entry.value, timestamp, entry.user_id, timeout=seconds)
    return ()


async def send_bulk(
    session: Session, server_handle: int, kind: CommandKind, writes: Sequence[TagWrite], seconds: float
) -> Sequence[pb.BulkWriteResult]:
    """Send writes as WriteBulk or Write2Bulk and return one result per write, in the same order.

    Raises:
        MxGatewayProtocolError: The results do not match the entries.
    """
    # Read now: when the reply arrives, some of the tags may have other handles.
    handles = [write.subscription.handle for write in writes]
    command = pb.MxCommand(kind=kind)
    if kind == pb.MX_COMMAND_KIND_WRITE_BULK:
        command.write_bulk.server_handle = server_handle
        for write, handle in zip(writes, handles, strict=True):
            write.entry.item_handle = handle
        command.write_bulk.entries.extend([write.entry for write in writes])
    else:
        command.write2_bulk.server_handle = server_handle
        for write, handle in zip(writes, handles, strict=True):
            entry = command.write2_bulk.entries.add()
            entry.item_handle = handle
            entry.value.CopyFrom(write.entry.value)
            entry.user_id = write.entry.user_id
            fill_mx_value(entry.timestamp_value, write.options.timestamp)
    reply = await session.invoke(command, timeout=seconds)
    results = (reply.write_bulk if kind == pb.MX_COMMAND_KIND_WRITE_BULK else reply.write2_bulk).results
    problem = ""
    if len(results) != len(writes):
        problem = f"the reply has {len(results)} results for {len(writes)} entries"
    elif any(result.item_handle not in {0, handle} for handle, result in zip(handles, results, strict=True)):
        problem = "the results of the reply are not in the order of the entries"
    if problem:
        # One write would get the outcome of another.
        facts = ErrorFacts(method="Write", session_id=session.session_id, correlation_id=reply.correlation_id)
        raise MxGatewayProtocolError(problem, facts)
    return results
