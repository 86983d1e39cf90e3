"""What a client has done so far, as numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.protobuf.message import Message

__all__ = ["CallEnded", "CallObserver", "CallStatistics", "ClientStatistics", "StreamStatistics", "TagStatistics"]

CallEnded: TypeAlias = "Callable[[Message | None, BaseException | None], None]"
"""Called at the end of a call, with its reply or with its error."""

CallObserver: TypeAlias = "Callable[[Message, str], CallEnded]"
"""Called at the start of a call, with its request and the address of the gateway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatistics:
    """The calls with one reply, such as a write or a read. Those with which a client looks for a gateway do not count.

    Attributes:
        started: Calls that were sent.
        running: Calls that wait for their reply at present.
        cancelled: Calls that ended without a reply because their task was cancelled or the client closed.
        errors: Calls that failed and calls that the gateway or MXAccess refused, by the name of the error's class.
    """

    started: int
    running: int
    cancelled: int
    errors: Mapping[str, int]

    @property
    def failed(self) -> int:
        """Calls that failed or were refused."""
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStatistics:
    """Streams of one kind: event streams, or alarm feeds.

    Attributes:
        opened: Streams whose request was sent; resuming one counts again.
        open: Streams that are open at present.
        messages: Messages that were taken in for the program. `queued` are not among them.
        queued: Messages that have arrived and wait to be taken at present. When 4096 wait in one stream, the others
            wait at the gateway.
        gaps: How often messages were found to be missing.
        errors: Streams that ended with an error, by the name of the error's class.
        last_message_age: Seconds since messages were last taken in, or None before the first.
    """

    opened: int
    open: int
    messages: int
    queued: int
    gaps: int
    errors: Mapping[str, int]
    last_message_age: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientStatistics:
    """What a GatewayClient has done since it was opened, at all its gateways together.

    Attributes:
        calls: The calls with one reply.
        events: The event streams, those of TagClients included.
        alarms: The alarm feeds, those of alarm watches included.
        losses: How often a TagClient or an alarm watch has lost its session or its feed.
        reconnects: How often one of them had its session or its feed back after a loss.
    """

    calls: CallStatistics
    events: StreamStatistics
    alarms: StreamStatistics
    losses: int
    reconnects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TagStatistics:
    """What a TagClient has done since it was opened.

    Attributes:
        events: Events of its session that have arrived.
        losses: How often its connection or its session was lost.
        reconnects: How often it was resumed or replaced after a loss.
        gaps: How often the gateway reported that events are missing. A loss without a resume is not among them.
        tags: Tags that are subscribed at present.
        watches: Watches that are open at present.
        queued: Items that wait for the readers of these watches at present.
        last_event_age: Seconds since the last event, or since events could arrive again after a loss.
    """

    events: int
    losses: int
    reconnects: int
    gaps: int
    tags: int
    watches: int
    queued: int
    last_event_age: float
