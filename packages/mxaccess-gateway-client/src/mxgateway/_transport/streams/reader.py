"""The interface of the readers of server streams, and how a stream ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import grpc

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MAX_PENDING_MESSAGES", "MessageT_co", "Reader", "StreamEnd"]

# Enough for a consumer that is busy for a while. When that many messages wait, or more bytes than the largest message
# may have, HTTP/2's flow control keeps further messages at the gateway.
MAX_PENDING_MESSAGES: Final = 4096
MessageT_co = TypeVar("MessageT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """How a stream ended.

    Attributes:
        status: the gRPC status, or None if this client ended the stream.
        details: the text of the status.
        sent_by_gateway: whether the status was received from the gateway.
    """

    status: grpc.StatusCode | None
    details: str | None = field(repr=False)  # not redacted yet
    sent_by_gateway: bool = False

    @property
    def refused(self) -> bool:
        """Whether the session's present state did not allow the stream, for example because it has another one."""
        return self.status is grpc.StatusCode.FAILED_PRECONDITION


class Reader(Protocol[MessageT_co]):
    """What a stream needs from its reader."""

    @property
    def pending(self) -> int:
        """The number of messages that have arrived and were not taken."""
        ...

    @property
    def ended(self) -> bool:
        """Whether no more messages can arrive."""
        ...

    def take(self) -> Sequence[MessageT_co]:
        """Return messages that may be delivered before the event loop runs other tasks, in order; empty if none."""
        ...

    async def wait(self) -> StreamEnd | None:
        """Wait until messages can be taken. Return how the stream ended once all of them are taken."""
        ...

    def cancel(self) -> None:
        """End the stream, which the gateway sees at once. Safe in any thread, and after the event loop has closed."""
        ...

    async def close(self) -> None:
        """End the stream and wait until its task or thread has ended. Closing again does nothing."""
        ...
