"""Batcher: sends entries that are submitted at the same time in few bulk calls."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections import deque
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mxgateway._transport.failures import is_message_too_large
from mxgateway.errors import MxGatewayError, MxGatewayLimitError, MxGatewayUsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Hashable, Sequence
    from typing import Any

__all__ = ["Batcher", "SharedCall", "is_reply_too_large", "is_request_too_large", "is_too_large", "own_copy"]

_logger = logging.getLogger("mxgateway.tags")


class _Entry(Protocol):
    @property
    def count(self) -> int:
        """The number of entries of the bulk command."""
        ...

    @property
    def size(self) -> int:
        """The size in bytes."""
        ...

    @property
    def ended(self) -> bool:
        """Whether its caller has stopped waiting."""
        ...


KeyT = TypeVar("KeyT", bound="Hashable")
EntryT = TypeVar("EntryT", bound=_Entry)
ReplyT = TypeVar("ReplyT")


class Batcher(Generic[KeyT, EntryT]):
    """Collect entries submitted during one event loop iteration and send those with the same key in one bulk call.

    A few calls are in progress at a time. Entries that are submitted meanwhile wait for the first one to end; a single
    entry is sent at once, without a timer. The calls run in tasks of their own, in the context in which the TagClient
    was opened, because they do not belong to any one caller.
    """

    def __init__(
        self,
        send: Callable[[KeyT, Sequence[EntryT]], Coroutine[Any, Any, None]],
        fail: Callable[[EntryT, MxGatewayError], None],
        *,
        max_calls: int,
        max_entries: int,
        max_bytes: int,
        name: str,
    ) -> None:
        self._send = send
        self._fail = fail
        self._max_calls = max_calls
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._name = name
        self._context = contextvars.copy_context()
        self._pending: dict[KeyT, deque[EntryT]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # The task that was created in this iteration of the event loop and has not begun yet.
        self._scheduled: asyncio.Task[None] | None = None
        self._failure: MxGatewayError | None = None

    def submit(self, key: KeyT, entry: EntryT) -> None:
        """Send an entry with others of the same key."""
        if self._failure is not None:
            self._fail(entry, own_copy(self._failure))
            return
        pending = self._pending.get(key)
        if pending is None:
            pending = self._pending[key] = deque()
        pending.append(entry)
        self._schedule()

    async def stop(self, failure: MxGatewayError) -> None:
        """Fail the entries that are not sent, give up the calls in progress, and wait until they have ended."""
        self._failure = failure
        self._fail_pending(failure)
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _schedule(self) -> None:
        if self._scheduled is None and len(self._tasks) < self._max_calls:
            # The first step of the task is in the next iteration: by then, all concurrent callers have submitted.
            task = asyncio.create_task(self._run(), name=self._name, context=self._context.copy())
            self._scheduled = task
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    async def _run(self) -> None:
        self._scheduled = None
        while self._pending:
            key, batch = self._take()
            if self._pending:
                self._schedule()
            if not batch:
                continue
            try:
                await self._send(key, batch)
            except MxGatewayError as error:
                self._fail_all(batch, error)
            except asyncio.CancelledError:
                self._fail_all(batch, self._failure or _cancelled(self._name))
                raise
            except Exception as error:
                # A defect of the library: no caller may wait forever because of it.
                _logger.exception("%s failed", self._name)
                self._fail_all(batch, MxGatewayError(f"the TagClient failed: {error!r}"))

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._scheduled is task:
            self._scheduled = None
        if task.cancelled() and self._failure is None:
            self._fail_pending(_cancelled(self._name))

    def _take(self) -> tuple[KeyT, list[EntryT]]:
        """Remove as many entries of one key as one call can carry. Other keys are next, before the rest of this one."""
        key = next(iter(self._pending))
        pending = self._pending.pop(key)
        batch: list[EntryT] = []
        count = size = 0
        while pending:
            entry = pending[0]
            if not entry.ended:
                count += entry.count
                size += entry.size
                if batch and (count > self._max_entries or size > self._max_bytes):
                    self._pending[key] = pending
                    break
                batch.append(entry)
            pending.popleft()
        return key, batch

    def _fail_pending(self, error: MxGatewayError) -> None:
        pending, self._pending = self._pending, {}
        for entries in pending.values():
            self._fail_all(entries, error)

    def _fail_all(self, entries: Sequence[EntryT], error: MxGatewayError) -> None:
        for entry in entries:
            if not entry.ended:
                self._fail(entry, error if len(entries) == 1 else own_copy(error))


class SharedCall(Generic[ReplyT]):
    """A call on behalf of several callers. When none of them waits for it any more, it is cancelled."""

    def __init__(self, call: Coroutine[Any, Any, ReplyT], waiting: int) -> None:
        self._task = asyncio.create_task(call, name="mxgateway tags call")
        self._waiting = waiting

    async def reply(self) -> ReplyT | None:
        """Return the reply, or None if no caller waits for it any more.

        Raises:
            MxGatewayError: The call failed.
        """
        try:
            await asyncio.wait([self._task])
        finally:
            # Cancelled while it waited: the call must not outlive this.
            if not self._task.done():
                self._task.cancel()
                await asyncio.wait([self._task])
        if not self._task.cancelled():
            return self._task.result()
        if self._waiting:
            raise _cancelled("mxgateway tags call")
        return None

    def release(self) -> bool:
        """Stop waiting on behalf of one caller. Return True if it was the last one, so that the call is cancelled."""
        self._waiting -= 1
        if self._waiting == 0:
            self._task.cancel()
        return self._waiting == 0


def is_too_large(error: MxGatewayError) -> bool:
    """Whether a request or its reply was larger than a message may be, so that smaller ones may succeed."""
    return is_request_too_large(error) or is_reply_too_large(error)


def is_request_too_large(error: MxGatewayError) -> bool:
    """Whether a request was not sent because it was too large."""
    return isinstance(error, MxGatewayLimitError) and error.grpc_status is None and error.protocol_status is None


def is_reply_too_large(error: MxGatewayError) -> bool:
    """Whether one side refused to receive a message because it was too large."""
    return isinstance(error, MxGatewayLimitError) and is_message_too_large(error)


def own_copy(error: MxGatewayError) -> MxGatewayError:
    """Return a copy for one caller to raise: a shared error would collect the tracebacks of all callers."""
    copy = type(error)(error.summary, error.facts)
    copy.__cause__ = error.__cause__
    return copy


def _cancelled(name: str) -> MxGatewayUsageError:
    return MxGatewayUsageError(f"the task {name!r} of the TagClient was cancelled from outside")
