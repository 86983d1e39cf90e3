"""What a watch of tags brings, and the bounded queue that it waits in."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from mxgateway.errors import MxGatewayError, MxGatewayLimitError
from mxgateway.status import MxStatus, Quality
from mxgateway.values import MxValueOutput, from_mx_value, show_mx_value, to_datetime

if TYPE_CHECKING:
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = [
    "OverflowPolicy",
    "TagChange",
    "TagRefused",
    "WatchGap",
    "WatchItem",
    "WatchLost",
    "WatchQueue",
    "WatchRestored",
]


class OverflowPolicy(Enum):
    """What happens to a watch whose reader is slower than its tags; the other watches never notice."""

    DROP_OLDEST = "drop-oldest"
    """The oldest changes go; a WatchGap in their place says how many."""

    LATEST = "latest"
    """Only the newest change of each tag is kept, in the order in which the tags first changed. Nothing is reported."""

    RAISE = "raise"
    """The watch ends with MxGatewayLimitError."""


class TagChange:
    """A watched tag has a new value, quality or timestamp: a view that converts a field when it is asked for.

    Attributes:
        tag: the tag as it was asked for.
        raw: the event's message as it came.
        repeated: whether this may be no change at all: the value known when the watch began, or the first one after a
            restored connection.
    """

    __slots__ = ("raw", "repeated", "tag")

    def __init__(self, tag: str, raw: pb.MxEvent, *, repeated: bool) -> None:
        self.tag = tag
        self.raw = raw
        self.repeated = repeated

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
        """Every status that came with the value; a tag that doesn't exist says so here."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    def __repr__(self) -> str:
        value = show_mx_value(self.raw.value)
        return f"TagChange({self.tag!r}, value={value}, quality={self.quality!r}, repeated={self.repeated})"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagRefused:
    """A tag could not be watched; the watch goes on with the others.

    Attributes:
        tag: the tag as it was asked for.
        error_message: what the gateway said.
    """

    tag: str
    error_message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchLost:
    """The connection or the session is lost: the last known values age until WatchRestored comes.

    Attributes:
        error: what happened.
    """

    error: MxGatewayError


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchRestored:
    """The events go on.

    Attributes:
        resumed: whether the session survived and no event was missed. When not, a new session took its place: changes
            since WatchLost are missed, and the next change of each tag is its present value, marked `repeated`.
    """

    resumed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchGap:
    """Changes were lost: what was believed about the watched tags may be wrong.

    Attributes:
        dropped: how many changes this watch dropped because its reader was slow; 0 when the gateway no longer had what
            was missed, and nobody knows how many.
    """

    dropped: int


WatchItem: TypeAlias = TagChange | TagRefused | WatchLost | WatchRestored | WatchGap


class WatchQueue:
    """Holds what one watch has not taken yet; only changes count towards its size, and only they are dropped."""

    def __init__(self, size: int, policy: OverflowPolicy) -> None:
        self._size: Final = size
        self._policy: Final = policy
        self._items: deque[WatchItem] = deque()
        self._latest: dict[str, TagChange] = {}
        self._arrived: asyncio.Future[None] | None = None
        self._failure: MxGatewayError | None = None
        self._closed = False
        self._unreported = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._items) + len(self._latest)

    def put_change(self, change: TagChange) -> None:
        """Add a change; a full queue does what its policy says."""
        if self._policy is OverflowPolicy.LATEST:
            self.dropped += change.tag in self._latest
            self._latest[change.tag] = change
        elif len(self._items) < self._size:
            self._items.append(change)
        elif self._policy is OverflowPolicy.RAISE:
            self.fail(MxGatewayLimitError(f"the watch's reader fell {self._size} changes behind"))
            return
        else:
            self._drop_oldest()
            self._items.append(change)
        self._wake()

    def put(self, item: WatchItem) -> None:
        """Add what must not be dropped: what happened to the watch itself."""
        # Changes that came before it stay before it.
        self._items.extend(self._latest.values())
        self._latest.clear()
        self._items.append(item)
        self._wake()

    def fail(self, failure: MxGatewayError) -> None:
        """End the watch with an error, once everything that came before has been taken."""
        self._failure = self._failure or failure
        self._wake()

    def close(self) -> None:
        """End the watch and drop what it holds."""
        self._closed = True
        self._items.clear()
        self._latest.clear()
        self._wake()

    async def take(self) -> WatchItem:
        """Give the next item.

        Raises:
            StopAsyncIteration: the watch is closed.
            MxGatewayError: what the watch ended with.
        """
        while True:
            if self._unreported:
                gap, self._unreported = WatchGap(dropped=self._unreported), 0
                return gap
            if self._items:
                return self._items.popleft()
            if self._latest:
                return self._latest.pop(next(iter(self._latest)))
            if self._closed:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            await self._wait()

    def _drop_oldest(self) -> None:
        for index, item in enumerate(self._items):
            if isinstance(item, TagChange):
                del self._items[index]
                self.dropped += 1
                self._unreported += 1
                return

    async def _wait(self) -> None:
        self._arrived = asyncio.get_running_loop().create_future()
        try:
            await self._arrived
        finally:
            self._arrived = None

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
