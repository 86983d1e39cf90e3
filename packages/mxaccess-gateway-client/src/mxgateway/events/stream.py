"""The event stream of a session, with its check for lost events."""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._transport.streams.stream import Stream
from mxgateway._transport.streams.thread_reader import ThreadReader
from mxgateway.errors import MxGatewayEventLossError, MxGatewayLimitError, MxGatewayStreamEndedError
from mxgateway.events.views import FAMILIES, MxEvent, ReplayGap, to_event

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel
    from mxgateway._transport.streams.reader import Reader, StreamEnd

__all__ = ["EventStream", "StreamPlace"]


# After a local close the gateway briefly still counts the old stream, and refuses a new one.
_RETRY_AFTER_CLOSE_SECONDS: Final = 1.0
_RETRY_PAUSE_SECONDS: Final = 0.02

# Value of `_expected` while any sequence above the last one is accepted.
_ANY_NEWER: Final = -1


class StreamPlace:
    """The one event stream that a session can have at a time."""

    __slots__ = ("_closed_at", "_stream")

    def __init__(self) -> None:
        self._stream: weakref.ref[EventStream] | None = None
        self._closed_at = -math.inf

    @property
    def stream(self) -> EventStream | None:
        """The session's event stream if it is open, else None."""
        stream = self._stream() if self._stream is not None else None
        return stream if stream is not None and stream.is_open else None

    def occupy(self, stream: EventStream) -> None:
        """Make a stream the session's event stream."""
        self._stream = weakref.ref(stream)

    def mark_closed(self) -> None:
        """Record that the client has just closed the stream."""
        self._closed_at = time.monotonic()

    @property
    def closed_recently(self) -> bool:
        """Whether the gateway may not have noticed yet that the stream was closed."""
        return time.monotonic() - self._closed_at < _RETRY_AFTER_CLOSE_SECONDS


class EventStream(Stream[pb.MxEvent, MxEvent]):
    """The events of a session in the order of `worker_sequence`: an async iterator and async context manager.

    The stream sends its request (rpc `StreamEvents`) when it is entered or first iterated. While the caller is busy,
    events are buffered in the client. When the buffer is full, the client stops receiving, and the gateway queues up to
    10,000 events. If that queue overflows, the stream raises MxGatewayLimitError, and by default the gateway faults the
    session.

    The stream ends normally only if it is closed: by `close`, by leaving `async with`, or by closing the session. Every
    loss raises an error. Cancelling a task that waits for an event, for example by `asyncio.timeout`, loses no event
    and leaves the stream open. A stream that is dropped without `close` ends when it is garbage-collected.

    A session has one event stream at a time. Closing the stream leaves the session open. To resume, pass
    `last_sequence` to `stream_events(after_sequence=...)`. It also delivers the events that `close` dropped.

    Iterating raises:

    - MxGatewayStreamEndedError if the gateway ended the stream, even with status OK
    - MxGatewayLimitError if the gateway's queue for the stream overflowed
    - MxGatewayEventLossError if `worker_sequence` has a gap or runs backwards
    - MxGatewayTransportError if the connection was lost
    - MxGatewaySessionError if the session is unknown or not READY, or if another client has its event stream
    - MxGatewayUsageError if another task already waits on the stream, if the session has another open stream, or if the
      client belongs to another event loop or process
    """

    _method = "StreamEvents"
    _hints = MappingProxyType(
        {
            MxGatewayStreamEndedError: "the session was closed or has ended at the gateway: call get_state, or "
            "open a new session",
            MxGatewayLimitError: "process events faster; the gateway may have faulted the session: call get_state, or "
            "open a new session",
        }
    )

    def __init__(self, channel: Channel, place: StreamPlace, session_id: str, after_sequence: int) -> None:
        super().__init__(channel, session_id)
        self._place = place
        self._request = pb.StreamEventsRequest(session_id=session_id, after_worker_sequence=after_sequence)
        self._last_sequence = after_sequence
        self._expected = after_sequence + 1 if after_sequence else _ANY_NEWER

    @property
    def last_sequence(self) -> int:
        """Sequence of the last delivered event; before the first one, the sequence that the stream resumes after."""
        return self._last_sequence if self._expected == _ANY_NEWER else self._expected - 1

    async def close(self) -> None:
        """Close the stream and wait until its resources are released. Further calls have no effect.

        Buffered events are dropped. A stream that resumes after `last_sequence` delivers them.

        Raises:
            MxGatewayUsageError: the client belongs to another event loop or process.
        """
        if self.is_open:
            self._place.mark_closed()
        await super().close()

    def __del__(self) -> None:
        if getattr(self, "_reader", None) is not None and self.is_open:
            self._place.mark_closed()
        super().__del__()

    async def _should_retry(self, end: StreamEnd) -> bool:
        if not end.refused or self.delivered or not self._place.closed_recently:
            return False
        await asyncio.sleep(_RETRY_PAUSE_SECONDS)
        return not self._closed

    def _open_reader(self) -> Reader[pb.MxEvent]:
        if self._place.stream not in {None, self}:
            raise self._misuse("the session already has an open event stream: close it first")
        call = self._channel.stream_events(self._request)
        reader: Reader[pb.MxEvent]
        if call is None:
            reader = self._read_in_task(self._channel.gateway.StreamEvents, self._request)
        else:
            reader = ThreadReader(self._channel, call, name=f"mxgateway {self._method}")
        self._place.occupy(self)
        return reader

    def _item(self, message: pb.MxEvent) -> MxEvent:
        view = FAMILIES.get(message.family)
        sequence = message.worker_sequence
        if view is None or sequence != self._expected:
            return self._item_out_of_sequence(to_event(message), sequence)
        self._expected = sequence + 1
        return view(message)

    def _item_out_of_sequence(self, event: MxEvent, sequence: int) -> MxEvent:
        """Return an event that has another sequence than expected or an unknown family; fail if events were lost."""
        last = self.last_sequence
        if isinstance(event, ReplayGap):
            # The gap itself reports the loss: accept any newer sequence after it.
            self._counters.gaps += 1
            self._last_sequence, self._expected = last, _ANY_NEWER
        elif sequence == self._expected or (self._expected == _ANY_NEWER and sequence > last):
            self._expected = sequence + 1
        elif sequence != 0:
            # Events that the gateway itself inserts have sequence 0.
            self._counters.gaps += 1
            self._fail(self._loss(sequence))
        return event

    def _loss(self, sequence: int) -> MxGatewayEventLossError:
        last = self.last_sequence
        problem = f"has a gap ({sequence - last - 1} missing)" if sequence > last else "runs backwards"
        return MxGatewayEventLossError(
            f"worker_sequence {problem}: {sequence} follows {last}",
            self._facts("open a new stream and read the items again"),
        )
