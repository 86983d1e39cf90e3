"""What every reader of a server stream offers, and how a stream ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

import grpc

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["CAPACITY", "MessageT_co", "Reader", "StreamEnd"]

# Enough to ride out a busy moment of the consumer; beyond it HTTP/2's flow control keeps the rest at the gateway. So it
# does when what waits is larger than the largest message may be.
CAPACITY: Final = 4096
MessageT_co = TypeVar("MessageT_co", covariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEnd:
    """How a stream ended.

    Attributes:
        status: the gRPC status, or None when it was ended from this side.
        details: the text that came with it.
    """

    status: grpc.StatusCode | None
    details: str | None = field(repr=False)  # not redacted yet

    @property
    def refused(self) -> bool:
        """Whether the session's present state did not allow the stream, for example because it has another one."""
        return self.status is grpc.StatusCode.FAILED_PRECONDITION


class Reader(Protocol[MessageT_co]):
    """What a stream needs of whoever reads for it."""

    @property
    def pending(self) -> int:
        """How many messages wait to be taken."""
        ...

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        ...

    def take(self) -> Sequence[MessageT_co]:
        """Give what may be delivered before somebody else gets the loop, in order; nothing when there is none."""
        ...

    async def wait(self) -> StreamEnd | None:
        """Wait until something can be taken; gives how the stream ended once everything is."""
        ...

    def cancel(self) -> None:
        """End the stream; the gateway sees it at once. Safe from any thread, and when the loop is closed already."""
        ...

    async def close(self) -> None:
        """End the stream and wait until nothing of it is left. Twice is fine."""
        ...
