"""TagWatch: the changes of some tags as an async iterator."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Final

from mxgateway._support.public_names import PublicNames
from mxgateway._watching.items import WatchLost
from mxgateway.errors import MxGatewayError
from mxgateway.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from mxgateway.tags.engine import TagEngine
    from mxgateway.tags.subscriptions.subscription import Subscription
    from mxgateway.tags.watches.changes import WatchItem
    from mxgateway.tags.watches.queue import TagQueue

__all__ = ["TagWatch"]


# The repr of a watch names this many of its tags.
_MAX_TAGS_IN_REPR: Final = 3


class TagWatch(PublicNames):
    """The changes of some tags: an async iterator and an async context manager.

    It yields TagChange, and between the changes the status items TagRefused, WatchLost, WatchRestored and WatchGap. A
    watch that begins while the connection is lost yields the last known values first, then WatchLost. It ends normally
    only when it is closed. A watch that is dropped is closed when it is garbage collected.

    Cancelling a wait loses no item, and the watch can be iterated again. So `asyncio.timeout` limits how long it is
    iterated:

        async with tags.watch("TestChildObject.TestInt") as watch:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(60):
                    async for item in watch:
                        print(item)

    Iterating raises

    - MxGatewayError of any kind after the TagClient has ended or is closed, see TagClient,
    - MxGatewayLimitError with OverflowPolicy.RAISE if the reader is too slow,
    - MxGatewayAuthorizationError if the key lacks a scope that watching needs,
    - MxGatewayUsageError if another task is already waiting on this watch.
    """

    def __init__(self, owner: object, engine: TagEngine, tags: tuple[str, ...], queue: TagQueue) -> None:
        # Only kept alive: a TagClient that is dropped closes itself.
        self._owner = owner
        self._engine = engine
        self._tags = tags
        self._queue = queue
        self._begun = False
        self._closed = False

    @property
    def tags(self) -> tuple[str, ...]:
        """The watched tags."""
        return self._tags

    @property
    def pending(self) -> int:
        """How many items wait to be received."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """How many changes were dropped or replaced because the reader was slow."""
        return self._queue.dropped

    def __repr__(self) -> str:
        tags = ", ".join(self._tags[:_MAX_TAGS_IN_REPR])
        if len(self._tags) > _MAX_TAGS_IN_REPR:
            tags += f" and {len(self._tags) - _MAX_TAGS_IN_REPR} more"
        state = "closed" if self._closed else "open" if self._begun else "not begun"
        return f"<TagWatch of {redact(tags)}, {state}, {self.pending} pending, {self.dropped} dropped>"

    async def __aenter__(self) -> Self:
        await self._begin()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> WatchItem:
        """Return the next change or status item."""
        await self._begin()
        return await self._queue.get()

    async def take(self, limit: int) -> list[WatchItem]:
        """Wait for the next item, then return it and those that have arrived with it: at least one, at most `limit`.

        It is `__anext__` for many items, with the same errors; at the end of the watch it returns an empty list.
        Cancelling it loses no item.
        """
        await self._begin()
        try:
            first = await self._queue.get()
        except StopAsyncIteration:
            return []
        return [first, *self._queue.take_waiting(limit - 1)]

    def close(self) -> None:
        """End the watch and drop the items it has not delivered. Closing twice is allowed."""
        self._begun = self._closed = True
        _end(self._engine, self._tags, self._queue)

    def __del__(self) -> None:
        # Garbage collection may run in any thread, and after the event loop has been closed.
        if self._begun:
            with contextlib.suppress(RuntimeError):
                self._engine.supervisor.loop.call_soon_threadsafe(_end, self._engine, self._tags, self._queue)

    async def _begin(self) -> None:
        if self._begun:
            return
        self._begun = True
        supervisor = self._engine.supervisor
        try:
            supervisor.check()
        except MxGatewayError as error:
            self._queue.fail(error)
            raise
        watched = [self._engine.subscriptions.get(tag) for tag in self._tags]
        for subscription in watched:
            subscription.add_watch(self._queue)
        if supervisor.lost is not None:
            self._queue.put_status(WatchLost(error=supervisor.lost))
        wait = supervisor.ready
        # Not cancelled with its caller: half a subscription would leave tags without changes.
        subscribing = supervisor.run(_subscribe(self._engine, watched, self._queue), name="mxgateway tags watch")
        if wait:
            await asyncio.wait([subscribing])


async def _subscribe(engine: TagEngine, watched: Sequence[Subscription], queue: TagQueue) -> None:
    try:
        await engine.supervisor.session()
        await engine.supervisor.change(engine.subscriptions.subscribe(watched))
    except MxGatewayError as error:
        queue.fail(error)
        # A watch that has failed must not keep its tags subscribed.
        for subscription in watched:
            subscription.remove_watch(queue)


def _end(engine: TagEngine, tags: Sequence[str], queue: TagQueue) -> None:
    queue.close()
    engine.subscriptions.remove_watch(tags, queue)
    engine.sweeper.schedule()
