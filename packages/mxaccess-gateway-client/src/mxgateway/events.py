"""The events of a session: what MXAccess raises, as light views over the messages, and the stream that brings them."""

from __future__ import annotations

import asyncio
import math
import time
import weakref
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._alarm_fields import AlarmFields
from mxgateway._stream import Stream
from mxgateway._thread_reader import ThreadReader
from mxgateway.errors import MxGatewayEventLossError
from mxgateway.status import AlarmTransitionKind, MxEventFamily, MxStatus, Quality
from mxgateway.values import MxValueOutput, datetime_field, from_mx_value, show_mx_value, to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway._channel import Channel
    from mxgateway._reader import Reader, StreamEnd

__all__ = [
    "AlarmProviderModeChanged",
    "AlarmTransition",
    "BufferedDataChange",
    "BufferedSample",
    "DataChange",
    "EventStream",
    "MxEvent",
    "OperationComplete",
    "ReplayGap",
    "WriteComplete",
]


class MxEvent:
    """An event of a session: a view over its message that converts a field when it is asked for.

    Its subclasses are the families. An event of a family that this version doesn't know is an MxEvent itself.

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.MxEvent) -> None:
        self.raw: pb.MxEvent = raw

    @property
    def family(self) -> MxEventFamily:
        """The event's family."""
        return MxEventFamily(self.raw.family)

    @property
    def session_id(self) -> str:
        """The session that the event belongs to."""
        return self.raw.session_id

    @property
    def server_handle(self) -> int:
        """The server handle, as `register` gave it."""
        return self.raw.server_handle

    @property
    def item_handle(self) -> int:
        """The item handle, as `add_item` gave it."""
        return self.raw.item_handle

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
        return datetime_field(self.raw, "source_timestamp")

    @property
    def worker_timestamp(self) -> datetime | None:
        """When the worker received the event from MXAccess, in UTC."""
        return datetime_field(self.raw, "worker_timestamp")

    @property
    def gateway_receive_timestamp(self) -> datetime | None:
        """When the gateway received the event from the worker, in UTC."""
        return datetime_field(self.raw, "gateway_receive_timestamp")

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status that came with the event."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def sequence(self) -> int:
        """The `worker_sequence`: it rises by one from event to event of a session."""
        return self.raw.worker_sequence

    @property
    def hresult(self) -> int | None:
        """The COM result, as a signed 32 bit number, where the event has one."""
        return self.raw.hresult if self.raw.HasField("hresult") else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sequence={self.sequence}, item_handle={self.item_handle})"


class DataChange(MxEvent):
    """An advised item has a new value, quality or timestamp (`OnDataChange`)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return (
            f"DataChange(sequence={self.sequence}, item_handle={self.item_handle}, "
            f"value={show_mx_value(self.raw.value)}, quality={self.quality!r})"
        )


class WriteComplete(MxEvent):
    """A write has its outcome (`OnWriteComplete`): `succeeded`, or the failed ones among `statuses`."""

    __slots__ = ()

    @property
    def succeeded(self) -> bool:
        """Whether neither a status nor the hresult reports a failure."""
        return (self.hresult or 0) >= 0 and not any(status.failed for status in self.statuses)

    def __repr__(self) -> str:
        return (
            f"WriteComplete(sequence={self.sequence}, item_handle={self.item_handle}, succeeded={self.succeeded}, "
            f"statuses=[{', '.join(map(str, self.statuses))}])"
        )


class OperationComplete(MxEvent):
    """An operation other than a write has ended (`OperationComplete`); MXAccess raises it only sometimes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedSample:
    """One sample of a buffered item.

    Attributes:
        value: the value.
        quality: its OPC DA quality, where the gateway sent one for each sample.
        timestamp: its time in UTC, where the gateway sent one for each sample.
    """

    value: MxValueOutput
    quality: Quality | None
    timestamp: datetime | None


class BufferedDataChange(MxEvent):
    """A buffered item brings the samples since the last time (`OnBufferedDataChange`); `value` is their list."""

    __slots__ = ()

    @property
    def samples(self) -> tuple[BufferedSample, ...]:
        """The samples in the order the gateway sent them, usually the oldest first.

        Raises:
            ValueError: a timestamp lies outside the years 1 to 9999.
        """
        body = self.raw.on_buffered_data_change
        value = self.value
        values = value if isinstance(value, list) else [value]
        qualities = list(body.quality_values.int32_values.values)
        times = list(body.timestamp_values.timestamp_values.values)
        return tuple(
            BufferedSample(
                value=value,
                quality=Quality(qualities[index]) if index < len(qualities) else None,
                timestamp=to_datetime(times[index]) if index < len(times) else None,
            )
            for index, value in enumerate(values)
        )


class AlarmTransition(MxEvent, AlarmFields):
    """An alarm was raised, acknowledged, cleared or raised again (`OnAlarmTransition`).

    The alarm feed brings it too. There it belongs to no session: what other events have beyond the alarm is empty.
    """

    __slots__ = ()

    @property
    def _alarm(self) -> pb.OnAlarmTransitionEvent:
        return self.raw.on_alarm_transition

    @property
    def transition_kind(self) -> AlarmTransitionKind:
        """What happened."""
        return AlarmTransitionKind(self.raw.on_alarm_transition.transition_kind)

    def __repr__(self) -> str:
        return f"AlarmTransition({self.alarm_full_reference!r}, {self.transition_kind.name})"


class AlarmProviderModeChanged(MxEvent):
    """The gateway has its alarms from another provider now (`OnAlarmProviderModeChanged`)."""

    __slots__ = ()


class ReplayGap(MxEvent):
    """Events were lost between two streams: what was believed about the items may be wrong, read afresh.

    It comes first in a stream that asked to resume after a sequence that the gateway no longer holds.
    """

    __slots__ = ()

    @property
    def requested_after_sequence(self) -> int:
        """The sequence that the stream asked to resume after."""
        return self.raw.replay_gap.requested_after_sequence

    @property
    def oldest_available_sequence(self) -> int:
        """The first sequence that the gateway still holds."""
        return self.raw.replay_gap.oldest_available_sequence

    def __repr__(self) -> str:
        return f"ReplayGap(after {self.requested_after_sequence}, oldest {self.oldest_available_sequence})"


_FAMILIES: dict[int, type[MxEvent]] = {
    pb.MX_EVENT_FAMILY_ON_DATA_CHANGE: DataChange,
    pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE: WriteComplete,
    pb.MX_EVENT_FAMILY_OPERATION_COMPLETE: OperationComplete,
    pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE: BufferedDataChange,
    pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION: AlarmTransition,
    pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED: AlarmProviderModeChanged,
}


def to_event(message: pb.MxEvent) -> MxEvent:
    """Give the view for a message: the gap sentinel is a ReplayGap, everything else goes by its family."""
    if message.HasField("replay_gap"):
        return ReplayGap(message)
    return _FAMILIES.get(message.family, MxEvent)(message)


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
            grpc.StatusCode.OK: "the session was closed or has ended there: ask get_state, or open a new one",
            grpc.StatusCode.RESOURCE_EXHAUSTED: "take the events faster; the gateway may have faulted the session: ask "
            "get_state, or open a new one",
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
        if end.status is not grpc.StatusCode.FAILED_PRECONDITION or self.delivered or not self._place.was_just_left:
            return False
        await asyncio.sleep(_PAUSE_TO_LEAVE)
        return not self._closed

    def _read(self) -> Reader[pb.MxEvent]:
        if self._place.stream not in {None, self}:
            raise self._misuse("the session has an open event stream already, and the gateway gives it only one")
        call = self._channel.stream_events(self._request)
        name = f"mxgateway {self._method}"
        reader = super()._read() if call is None else ThreadReader(self._channel, call, name=name)
        self._place.take(self)
        return reader

    def _call(self) -> grpc.aio.UnaryStreamCall[pb.StreamEventsRequest, pb.MxEvent]:
        return self._channel.stream(self._channel.gateway.StreamEvents, self._request)

    def _item(self, message: pb.MxEvent) -> MxEvent:
        view = _FAMILIES.get(message.family)
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
