"""Count what happens over a channel, for `GatewayClient.statistics`."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Protocol, TypeVar
from weakref import WeakSet

from mxgateway.statistics.figures import CallStatistics, ClientStatistics, StreamStatistics

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mxgateway.errors import MxGatewayError

__all__ = ["ChannelCounters", "StreamCounters", "client_statistics"]

ErrorT = TypeVar("ErrorT", bound="MxGatewayError")

_EVENTS: Final = "StreamEvents"
_ALARMS: Final = "StreamAlarms"


class _CountedStream(Protocol):
    @property
    def is_open(self) -> bool: ...

    @property
    def pending(self) -> int: ...


class StreamCounters:
    """Numbers of the streams of one method. Only the event loop of the channel changes them; any thread may read."""

    def __init__(self) -> None:
        self.opened: int = 0
        self.messages: int = 0
        self.gaps: int = 0
        self.errors: Counter[str] = Counter()
        self.last_message: float | None = None
        self._streams: WeakSet[_CountedStream] = WeakSet()
        self._lock = threading.Lock()

    def add(self, stream: _CountedStream) -> None:
        """Count a stream whose request is sent."""
        self.opened += 1
        with self._lock:
            self._streams.add(stream)

    def take(self, count: int) -> None:
        """Count messages that were taken together."""
        self.messages += count
        self.last_message = time.monotonic()

    def open_streams(self) -> list[_CountedStream]:
        """Return the streams that are open at present."""
        with self._lock:
            streams = list(self._streams)
        return [stream for stream in streams if stream.is_open]


class ChannelCounters:
    """Numbers of one channel. They only grow, apart from `running`, and stay after the channel is closed."""

    def __init__(self) -> None:
        self.started: int = 0
        self.running: int = 0
        self.cancelled: int = 0
        self.losses: int = 0
        self.reconnects: int = 0
        self.errors: Counter[str] = Counter()
        self._streams: dict[str, StreamCounters] = {}

    def stream(self, method: str) -> StreamCounters:
        """Return the numbers of the streams of a method."""
        return self._streams.setdefault(method, StreamCounters())

    @property
    def events(self) -> StreamCounters:
        """The numbers of the event streams."""
        return self.stream(_EVENTS)

    @property
    def alarms(self) -> StreamCounters:
        """The numbers of the alarm feeds."""
        return self.stream(_ALARMS)

    def failed(self, error: ErrorT) -> ErrorT:
        """Count a call by its error, and return the error."""
        self.errors[type(error).__name__] += 1
        return error


def client_statistics(channels: Sequence[ChannelCounters]) -> ClientStatistics:
    """Return the sum of several channels."""
    return ClientStatistics(
        calls=CallStatistics(
            started=sum(each.started for each in channels),
            running=sum(each.running for each in channels),
            cancelled=sum(each.cancelled for each in channels),
            errors=_sum(each.errors for each in channels),
        ),
        events=_stream_statistics([each.events for each in channels]),
        alarms=_stream_statistics([each.alarms for each in channels]),
        losses=sum(each.losses for each in channels),
        reconnects=sum(each.reconnects for each in channels),
    )


def _stream_statistics(counters: Sequence[StreamCounters]) -> StreamStatistics:
    streams = [stream for each in counters for stream in each.open_streams()]
    times = [each.last_message for each in counters if each.last_message is not None]
    return StreamStatistics(
        opened=sum(each.opened for each in counters),
        open=len(streams),
        messages=sum(each.messages for each in counters),
        queued=sum(stream.pending for stream in streams),
        gaps=sum(each.gaps for each in counters),
        errors=_sum(each.errors for each in counters),
        last_message_age=time.monotonic() - max(times) if times else None,
    )


def _sum(counters: Iterable[Counter[str]]) -> Mapping[str, int]:
    total: Counter[str] = Counter()
    for each in counters:
        # A copy first, because the event loop may count meanwhile.
        total.update(dict(each))
    return MappingProxyType(dict(total))
