"""WatchQueue: the bounded queue between the source of a watch's changes and its reader."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from mxgateway._watching.items import WatchGap
from mxgateway._watching.overflow import OverflowPolicy
from mxgateway.errors import MxGatewayError, MxGatewayLimitError, MxGatewayUsageError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["WatchQueue"]

ChangeT = TypeVar("ChangeT")
StatusT = TypeVar("StatusT")


class WatchQueue(Generic[ChangeT, StatusT]):
    """Hold what one reader has not received yet. Only changes count towards the size, and only changes are dropped.

    Args:
        size: How many changes it holds at most.
        policy: What happens when more arrive.
        change_types: The classes of the changes. All other items are status items.
        subject: Returns what a change is about, such as its tag: with LATEST a newer change about it replaces it. It is
            not needed with the other policies.
    """

    def __init__(
        self,
        size: int,
        policy: OverflowPolicy,
        change_types: tuple[type[ChangeT], ...],
        subject: Callable[[ChangeT], object] | None = None,
    ) -> None:
        self._size: Final = size
        self._policy: Final = policy
        self._change_types: Final = change_types
        self._subject: Final = subject or id
        # With LATEST the key of a change is its subject, which is never a number. All other keys are numbers.
        self._items: OrderedDict[object, ChangeT | StatusT | WatchGap] = OrderedDict()
        self._numbers = itertools.count()
        self._changes = 0
        # With DROP_OLDEST: the keys of the changes, oldest first, and the key of the gap that was left last.
        self._oldest: deque[int] = deque()
        self._gap_key: int | None = None
        # With LATEST: subjects that changed after the last status item. A newer change replaces the older one in place
        # only if no status item lies between them.
        self._since_status: set[object] = set()
        self._arrived: asyncio.Future[None] | None = None
        self._failure: MxGatewayError | None = None
        self._closed = False
        self.dropped: int = 0

    def __len__(self) -> int:
        return len(self._items)

    def put_change(self, change: ChangeT) -> None:
        """Add a change. If the queue is full, its policy decides."""
        if self._closed or self._failure is not None:
            return
        if self._policy is OverflowPolicy.LATEST:
            self._replace(change)
        elif self._changes < self._size:
            self._append(change)
        elif self._policy is OverflowPolicy.RAISE:
            self.fail(MxGatewayLimitError(f"the reader of the watch is {self._size} changes behind"))
        else:
            self._drop_oldest()
            self._append(change)
        self._wake()

    def put_status(self, item: StatusT) -> None:
        """Add an item that must not be dropped: what happened to the watch itself."""
        if self._closed or self._failure is not None:
            return
        self._items[next(self._numbers)] = item
        self._since_status.clear()
        self._wake()

    def fail(self, failure: MxGatewayError) -> None:
        """End the watch with an error, which is raised after the items that are already in the queue."""
        self._failure = self._failure or failure
        self._wake()

    def close(self) -> None:
        """End the watch and drop its items."""
        self._closed = True
        self._items.clear()
        self._wake()

    async def get(self) -> ChangeT | StatusT | WatchGap:
        """Return the next item.

        Raises:
            StopAsyncIteration: The watch is closed.
            MxGatewayUsageError: Another task is already waiting for an item.
            MxGatewayError: The watch has failed with this error.
        """
        if self._arrived is not None:
            raise MxGatewayUsageError("another task is already waiting on this watch")
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            if self._failure is not None:
                raise self._failure
            await self._wait()
        return self._pop()

    def take_waiting(self, limit: int) -> list[ChangeT | StatusT | WatchGap]:
        """Return the items that are in the queue, at most `limit`."""
        return [self._pop() for _ in range(min(limit, len(self._items)))]

    def _pop(self) -> ChangeT | StatusT | WatchGap:
        key, item = self._items.popitem(last=False)
        self._since_status.discard(key)
        if isinstance(item, self._change_types):
            self._changes -= 1
            if self._oldest:
                self._oldest.popleft()
        return item

    def _append(self, change: ChangeT) -> None:
        key = next(self._numbers)
        self._items[key] = change
        self._oldest.append(key)
        self._changes += 1

    def _replace(self, change: ChangeT) -> None:
        subject = self._subject(change)
        if subject in self._items:
            self.dropped += 1
            if subject not in self._since_status:
                self._items.move_to_end(subject)
        else:
            self._changes += 1
        self._items[subject] = change
        self._since_status.add(subject)

    def _drop_oldest(self) -> None:
        """Replace the oldest change by a gap, merged with the gap directly before it if there is one."""
        key = self._oldest.popleft()
        gap = self._items.pop(key - 1, None) if self._gap_key == key - 1 else None
        self._items[key] = WatchGap(dropped=1 + (gap.dropped if isinstance(gap, WatchGap) else 0))
        self._gap_key = key
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
