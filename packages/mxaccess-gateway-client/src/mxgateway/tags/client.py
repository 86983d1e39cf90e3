"""Tags by name: read, write and watch, without handles, across lost connections."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

from mxgateway._support.validation import check_seconds, check_tags
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayError, MxGatewayUsageError
from mxgateway.tags.changes import (
    OverflowPolicy,
    WatchItem,
    WatchLost,
    WatchQueue,
)
from mxgateway.tags.deferred import coroutine_function
from mxgateway.tags.items import TagItem, TagItems
from mxgateway.tags.reads import TagRead, TagReads
from mxgateway.tags.supervisor import Supervisor
from mxgateway.tags.write import TagWrite
from mxgateway.tags.writes import TagWrites

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Any, Self

    from mxgateway._support.awaitable import AwaitableContextManager
    from mxgateway.session import Session
    from mxgateway.status import MxDataType
    from mxgateway.tags.reading import TagReading
    from mxgateway.values import MxValueInput

__all__ = ["TagClient", "TagOptions", "TagOptionsFields", "TagWatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagOptions:
    """How a TagClient works.

    Attributes:
        client_name: the name to register with MXAccess.
        supervisory: whether tags are advised as a supervisory client, under which the `user_id` of a write counts.
            It costs a round trip for each tag instead of one for all.
        queue_size: how many changes may wait in a watch.
        overflow: what happens when more do.
        linger: seconds that a tag stays advised after the last one who watched it or wrote to it.
        reconnect_delay: seconds before the first attempt to come back; each further wait is twice as long.
        longest_reconnect_delay: seconds that such a wait has at most.

    Raises:
        MxGatewayConfigurationError: a field is out of its range.
    """

    client_name: str
    supervisory: bool = False
    queue_size: int = 10_000
    overflow: OverflowPolicy = OverflowPolicy.DROP_OLDEST
    linger: float = 30.0
    reconnect_delay: float = 0.2
    longest_reconnect_delay: float = 15.0

    def __post_init__(self) -> None:
        if self.queue_size < 1:
            raise MxGatewayConfigurationError(f"queue_size {self.queue_size} is less than 1")
        for name in ("linger", "reconnect_delay", "longest_reconnect_delay"):
            check_seconds(name, getattr(self, name))


class TagOptionsFields(TypedDict, total=False):
    """The fields of TagOptions but the name, as keywords."""

    supervisory: bool
    queue_size: int
    overflow: OverflowPolicy
    linger: float
    reconnect_delay: float
    longest_reconnect_delay: float


class TagClient:
    """Reads, writes and watches tags by name; `GatewayClient.tags` gives one.

    It owns one session and its only event stream. Each tag is added and advised once, however many watch it, and
    removed a while after the last one is done with it. When the connection breaks it resumes after the last event; when
    the session is lost it opens another one and subscribes again. Its watches are told. Reads are asked again
    meanwhile, writes never. A key or a protocol version that the gateway doesn't accept ends it: everything raises that
    error then.
    """

    def __init__(
        self,
        open_session: Callable[[], AwaitableContextManager[Session]],
        options: TagOptions,
        target: str,
        timeout: float,
    ) -> None:
        self._options = options
        self._timeout = timeout
        self._loop = asyncio.get_running_loop()
        self._items = TagItems(supervisory=options.supervisory)
        self._supervisor = Supervisor(
            self._items,
            open_session,
            options.client_name,
            first_delay=options.reconnect_delay,
            longest_delay=options.longest_reconnect_delay,
        )
        self._reads = TagReads(self._supervisor, target)
        self._writes = TagWrites(self._supervisor, self._items, target, self._sweep_later)
        self._sweeping: asyncio.TimerHandle | None = None
        self._closed = False

    @classmethod
    async def open(
        cls,
        open_session: Callable[[], AwaitableContextManager[Session]],
        options: TagOptions,
        target: str,
        timeout: float,
    ) -> TagClient:
        """Open the session; `GatewayClient.tags` calls it."""
        tags = cls(open_session, options, target, timeout)
        await tags._supervisor.start()
        return tags

    @property
    def options(self) -> TagOptions:
        """How it was asked to work."""
        return self._options

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @coroutine_function
    def read(self, *tags: str, timeout: float | None = None) -> Coroutine[Any, Any, tuple[TagReading, ...]]:
        """Read tags, all in one round trip (gateway command ReadBulk), and give a reading for each, in the same order.

        What is asked for at the same time, by whatever tasks, travels together; `asyncio.gather` waits for the calls as
        they are, without a task for each. A tag that can't be read doesn't
        disturb the others: its reading has an `error`, and its `value` raises it. A tag that tells nothing is waited
        for as long as half of `timeout`, at most 5 seconds, by those that travel with it as well. While the connection
        is away it waits, and what failed for a passing reason is asked again, until `timeout` (seconds). Unlike `write`
        and `watch` it needs the `[]` behind the name of an array. Cancelling ends this caller's waiting and nobody
        else's.

        Raises:
            MxGatewayConfigurationError: a tag is no text, or `timeout` is no time to wait.
            MxGatewayUsageError: it is closed, or was opened in another event loop.
            MxGatewayTimeoutError: no answer came in time.
            MxGatewayError: what stands in the way for good, the key for example.
        """
        return TagRead(self._reads, tags, self._timeout if timeout is None else timeout)

    @coroutine_function
    def write(
        self,
        tag: str,
        value: MxValueInput,
        *,
        user_id: int = 0,
        timestamp: datetime | None = None,
        data_type: MxDataType | None = None,
        confirm: bool = True,
        timeout: float | None = None,
    ) -> Coroutine[Any, Any, None]:
        """Write a tag and wait for the outcome (`Write`, or `Write2` with an aware `timestamp`, and OnWriteComplete).

        What is asked for at the same time, by whatever tasks, travels together (gateway commands WriteBulk and
        Write2Bulk), each with an outcome of its own. Writes to one tag go one after the other, in the order in which
        they were asked for, each when the outcome of the one before is there or its time is over. `user_id` counts only
        with `supervisory`. Cancelling before the write was sent undoes it; later it stops only the waiting, this
        caller's and nobody else's.

        With `confirm` false it returns when MXAccess has accepted the write: a refusal that comes later raises nowhere,
        and is a warning of the log `mxgateway.tags`.

        Raises:
            MxAccessError: it was refused, at once or by its outcome; see `statuses`.
            MxGatewayCommandError: the gateway doesn't take the tag.
            MxGatewayConfigurationError: the tag is no text, or `timeout` is no time to wait.
            MxGatewayUsageError: it is closed, or was opened in another event loop.
            MxGatewayTimeoutError: nothing was sent in time, or no outcome came in time: the text says which. Without an
                outcome the write may have happened, and is not repeated.
            MxGatewayTransportError: the connection or the session was lost under it: it may have happened.
            MxGatewayLimitError: the value is too large, or too many commands wait at the gateway: it was not written.
            MxGatewayAuthorizationError: the key lacks the scope `invoke:write`.
            TypeError, ValueError: the value doesn't fit, see `to_mx_value`.
        """
        return TagWrite(
            self._writes,
            tag,
            value,
            user_id=user_id,
            timestamp=timestamp,
            data_type=data_type,
            confirm=confirm,
            seconds=self._timeout if timeout is None else timeout,
        )

    def watch(self, *tags: str, queue_size: int | None = None, overflow: OverflowPolicy | None = None) -> TagWatch:
        """Give the changes of tags as they come, and what happens to the connection between them.

        Nothing is asked before the watch is entered or iterated. `queue_size` and `overflow` go before those of the
        TagClient: a slow reader loses its own changes and nobody else's.

        Raises:
            MxGatewayConfigurationError: there is no tag, one that is no text, or `queue_size` is less than 1.
        """
        if not tags:
            raise MxGatewayConfigurationError("watch what? give the names of tags")
        check_tags(tags)
        size = self._options.queue_size if queue_size is None else queue_size
        if size < 1:
            raise MxGatewayConfigurationError(f"queue_size {size} is less than 1")
        return TagWatch(self, tuple(dict.fromkeys(tags)), WatchQueue(size, overflow or self._options.overflow))

    async def close(self) -> None:
        """End the watches and close the session. Twice is fine.

        A session that can't be closed is named in a warning of the log `mxgateway.tags`.

        Raises:
            MxGatewayUsageError: it was opened in another event loop.
        """
        self._supervisor.check_place()
        self._closed = True
        if self._sweeping is not None:
            self._sweeping.cancel()
        failure = MxGatewayUsageError("the TagClient is closed")
        self._supervisor.end(failure)
        try:
            await self._reads.close(failure)
            await self._writes.close(failure)
        finally:
            await self._supervisor.stop()

    async def begin_watch(self, tags: Sequence[str], queue: WatchQueue) -> None:
        """Let a queue have the changes of tags; TagWatch calls it."""
        try:
            self._supervisor.check()
        except MxGatewayError as error:
            queue.fail(error)
            raise
        items = [self._items.item(tag) for tag in tags]
        for item in items:
            item.join(queue)
        if self._supervisor.lost is not None:
            queue.put(WatchLost(error=self._supervisor.lost))
        waits = self._supervisor.ready
        # Half a subscription would leave tags silent: it goes on even when its caller is cancelled.
        beginning = self._supervisor.help(self._begin(items, queue), name="mxgateway tags watch")
        if waits:
            await asyncio.wait([beginning])

    def end_watch(self, tags: Sequence[str], queue: WatchQueue) -> None:
        """Let a queue have nothing any more; TagWatch calls it."""
        queue.close()
        self._items.leave(tags, queue)
        self._sweep_later()

    def abandon_watch(self, tags: Sequence[str], queue: WatchQueue) -> None:
        """End a watch that was dropped, in whatever thread that was noticed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.end_watch, tags, queue)

    async def _begin(self, items: Sequence[TagItem], queue: WatchQueue) -> None:
        try:
            await self._supervisor.session()
            await self._supervisor.change(self._items.subscribe(items))
        except MxGatewayError as error:
            queue.fail(error)
            # What nobody can be told of any more must not fail the others.
            for item in items:
                item.leave(queue)

    def _sweep_later(self) -> None:
        if self._sweeping is None and not self._closed:
            self._sweeping = self._loop.call_later(self._options.linger, self._sweep)

    def _sweep(self) -> None:
        self._sweeping = None
        if not self._supervisor.ready:
            self._sweep_later()
            return
        self._supervisor.help(self._items.sweep(self._options.linger), name="mxgateway tags sweep")
        if self._items.idle():
            self._sweep_later()


class TagWatch:
    """The changes of some tags: an async iterator and an async context manager.

    It yields TagChange, and between them what happened: TagRefused, WatchLost, WatchRestored, WatchGap. One that begins
    while the connection is away begins with WatchLost. It ends normally only when it is closed. Cancelling a wait loses
    nothing. A watch that is dropped ends when it is collected.

    Iterating raises

    - MxGatewayError of any kind when the TagClient has given up or is closed: see TagClient,
    - MxGatewayLimitError with OverflowPolicy.RAISE when the reader is too slow,
    - MxGatewayAuthorizationError when the key lacks a scope that watching needs,
    - MxGatewayUsageError when another task waits on this watch already.
    """

    def __init__(self, client: TagClient, tags: tuple[str, ...], queue: WatchQueue) -> None:
        self._client = client
        self._tags = tags
        self._queue = queue
        self._begun = False

    @property
    def tags(self) -> tuple[str, ...]:
        """What is watched."""
        return self._tags

    @property
    def pending(self) -> int:
        """How many items wait to be taken."""
        return len(self._queue)

    @property
    def dropped(self) -> int:
        """How many changes were dropped or overtaken because the reader was slow."""
        return self._queue.dropped

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
        """Give the next change, or what happened to the watch."""
        await self._begin()
        return await self._queue.take()

    def close(self) -> None:
        """End the watch; what it has not delivered is dropped. Twice is fine."""
        self._begun = True
        self._client.end_watch(self._tags, self._queue)

    def __del__(self) -> None:
        if self._begun:
            self._client.abandon_watch(self._tags, self._queue)

    async def _begin(self) -> None:
        if not self._begun:
            self._begun = True
            await self._client.begin_watch(self._tags, self._queue)
