"""What a watch of tags brings, and the bounded queue that it waits in."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TypeAlias

from mxgateway.errors import MxGatewayError, MxGatewayLimitError, MxGatewayUsageError
from mxgateway.status import MxStatus, Quality
from mxgateway.values import MxValueOutput, from_mx_value
from mxgateway.values.decoding import show_mx_value
from mxgateway.values.timestamps import to_datetime

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
        self.tag: str = tag
        self.raw: pb.MxEvent = raw
        self.repeated: bool = repeated

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
        # By tag where only the newest change of each is kept, otherwise by a running number.
        self._items: OrderedDict[object, WatchItem] = OrderedDict()
        self._numbers = itertools.count()
        self._changes = 0
        # What changed since the last news: a newer value takes its place there, and not one before the news.
        self._since_news: set[object] = set()
        self._arrived: asyncio.Future[None] | None = None
        self._failure: MxGatewayError | None = None
        self._closed = False
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def put_change(self, change: TagChange) -> None:
        """Add a change; a full queue does what its policy says."""
        if self._ended:
            return
        if self._policy is OverflowPolicy.LATEST:
            self._replace(change)
        elif self._changes < self._size:
            self._append(change)
        elif self._policy is OverflowPolicy.RAISE:
            self.fail(MxGatewayLimitError(f"the watch's reader fell {self._size} changes behind"))
        else:
            self._drop_oldest()
            self._append(change)
        self._wake()

    def put(self, item: WatchItem) -> None:
        """Add what must not be dropped: what happened to the watch itself."""
        if self._ended:
            return
        self._items[next(self._numbers)] = item
        self._since_news.clear()
        self._wake()

    def fail(self, failure: MxGatewayError) -> None:
        """End the watch with an error, once everything that came before has been taken."""
        self._failure = self._failure or failure
        self._wake()

    def close(self) -> None:
        """End the watch and drop what it holds."""
        self._closed = True
        self._items.clear()
        self._wake()

    async def take(self) -> WatchItem:
        """Give the next item.

        Raises:
            StopAsyncIteration: the watch is closed.
            MxGatewayUsageError: another task waits for an item already.
            MxGatewayError: what the watch ended with.
        """
        if self._arrived is not None:
            raise MxGatewayUsageError("another task already waits on this watch")
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            await self._wait()
        key, item = self._items.popitem(last=False)
        self._since_news.discard(key)
        self._changes -= isinstance(item, TagChange)
        return item

    @property
    def _ended(self) -> bool:
        """Whether nothing may come any more: after a failure it would come after a hole."""
        return self._closed or self._failure is not None

    def _append(self, change: TagChange) -> None:
        self._items[next(self._numbers)] = change
        self._changes += 1

    def _replace(self, change: TagChange) -> None:
        if change.tag in self._items:
            self.dropped += 1
            if change.tag not in self._since_news:
                self._items.move_to_end(change.tag)
        else:
            self._changes += 1
        self._items[change.tag] = change
        self._since_news.add(change.tag)

    def _drop_oldest(self) -> None:
        """Leave a gap in the place of the oldest change, together with the gap before it if there is one."""
        gap_before: object | None = None
        for key, item in self._items.items():
            if isinstance(item, TagChange):
                break
            gap_before = key if isinstance(item, WatchGap) and item.dropped else None
        else:
            return
        earlier = self._items.pop(gap_before) if gap_before is not None else None
        self._items[key] = WatchGap(dropped=1 + (earlier.dropped if isinstance(earlier, WatchGap) else 0))
        self._changes -= 1
        self.dropped += 1

    async def _wait(self) -> None:
        self._arrived = asyncio.get_running_loop().create_future()
        try:
            await self._arrived
        finally:
            self._arrived = None

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)
