"""The event stream of a session."""

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


# A stream that is ended here frees its place only when the gateway has seen that: so long it is asked again, so often.
_TIME_TO_LEAVE: Final = 1.0
_PAUSE_TO_LEAVE: Final = 0.02


# No sequence is expected: any that is newer than the last one may come.
_ANY_NEWER: Final = -1


class StreamPlace:
    """The one place that a session has for an event stream."""

    __slots__ = ("_left_at", "_taken_by")

    def __init__(self) -> None:
        self._taken_by: weakref.ref[EventStream] | None = None
        self._left_at = -math.inf

    @property
    def stream(self) -> EventStream | None:
        """The stream that has the place, if it is still open."""
        stream = self._taken_by() if self._taken_by is not None else None
        return stream if stream is not None and stream.is_open else None

    def take(self, stream: EventStream) -> None:
        """Give the place to a stream."""
        self._taken_by = weakref.ref(stream)

    def leave(self) -> None:
        """Take note that a stream was ended from this side."""
        self._left_at = time.monotonic()

    @property
    def was_just_left(self) -> bool:
        """Whether the gateway may not have seen yet that the place is free."""
        return time.monotonic() - self._left_at < _TIME_TO_LEAVE


class EventStream(Stream[pb.MxEvent, MxEvent]):
    """The events of a session in the order of `worker_sequence`: an async iterator and an async context manager.

    It asks the gateway for events when it is entered or first iterated. Events wait here while the consumer is busy;
    when too many wait, the gateway is held back, and its own queue of 10 000 events is what overflows: then the
    stream raises MxGatewayLimitError, and the gateway by default faults the session.

    It ends normally only when it is closed: by `close`, by leaving `async with`, by closing its session. Every loss
    raises. Cancelling a task that waits for an event, by `asyncio.timeout` for example, loses nothing and leaves the
    stream open. A stream that is dropped without `close` ends when it is collected.

    A session has one event stream at a time. Closing it leaves the session open; `stream_events(after_sequence=...)`
    with `last_sequence` goes on where it ended, with the events that were dropped here as well.

    Iterating raises

    - MxGatewayStreamEndedError when the gateway ended the stream, even with OK,
    - MxGatewayLimitError when the gateway's queue for this stream overflowed,
    - MxGatewayEventLossError when `worker_sequence` has a hole or runs backwards,
    - MxGatewayTransportError when the connection broke,
    - MxGatewaySessionError when the session is unknown or not READY, or another client has its event stream,
    - MxGatewayUsageError when another task waits on this stream already, the session has another open stream, or the
      client can't be used here.
    """

    _method = "StreamEvents"
    _hints = MappingProxyType(
        {
            MxGatewayStreamEndedError: "the session was closed or has ended there: ask get_state, or open a new one",
            MxGatewayLimitError: "take the events faster; the gateway may have faulted the session: ask get_state, or "
            "open a new one",
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
        """The sequence of the last event that was delivered; before the first one what the stream resumes after."""
        return self._last_sequence if self._expected == _ANY_NEWER else self._expected - 1

    async def close(self) -> None:
        """End the stream and wait until nothing of it is left here. Twice is fine.

        Events that have arrived and were not taken yet are dropped; a resume after `last_sequence` brings them.
        """
        if self.is_open:
            self._place.leave()
        await super().close()

    def __del__(self) -> None:
        if getattr(self, "_reader", None) is not None and self.is_open:
            self._place.leave()
        super().__del__()

    async def _may_ask_again(self, end: StreamEnd) -> bool:
        if not end.refused or self.delivered or not self._place.was_just_left:
            return False
        await asyncio.sleep(_PAUSE_TO_LEAVE)
        return not self._closed

    def _open_reader(self) -> Reader[pb.MxEvent]:
        if self._place.stream not in {None, self}:
            raise self._misuse("the session has an open event stream already, and the gateway gives it only one")
        call = self._channel.stream_events(self._request)
        reader: Reader[pb.MxEvent]
        if call is None:
            reader = self._read_in_task(self._channel.gateway.StreamEvents, self._request)
        else:
            reader = ThreadReader(self._channel, call, name=f"mxgateway {self._method}")
        self._place.take(self)
        return reader

    def _item(self, message: pb.MxEvent) -> MxEvent:
        view = FAMILIES.get(message.family)
        sequence = message.worker_sequence
        if view is None or sequence != self._expected:
            return self._out_of_the_row(to_event(message), sequence)
        self._expected = sequence + 1
        return view(message)

    def _out_of_the_row(self, event: MxEvent, sequence: int) -> MxEvent:
        """Give an event that is not just the next data change or the like."""
        last = self.last_sequence
        if isinstance(event, ReplayGap):
            # The hole has been reported: anything newer may follow.
            self._last_sequence, self._expected = last, _ANY_NEWER
        elif sequence == self._expected or (self._expected == _ANY_NEWER and sequence > last):
            self._expected = sequence + 1
        elif sequence != 0:
            # Only what the gateway itself adds to the stream has no number.
            self._fail(self._loss(sequence))
        return event

    def _loss(self, sequence: int) -> MxGatewayEventLossError:
        last = self.last_sequence
        problem = f"has a hole of {sequence - last - 1} events" if sequence > last else "runs backwards"
        return MxGatewayEventLossError(
            f"worker_sequence {problem}: {sequence} came after {last}",
            self._facts("open a new stream and read the items afresh"),
        )
