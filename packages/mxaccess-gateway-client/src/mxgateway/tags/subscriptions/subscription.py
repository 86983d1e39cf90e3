"""Subscription: one tag that is watched or written to."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from mxgateway.errors import ErrorFacts, MxGatewayCommandError
from mxgateway.tags.watches.changes import TagChange, TagRefused
from mxgateway.values.arrays import known_length

if TYPE_CHECKING:
    from mxgateway.tags.watches.queue import TagQueue

__all__ = ["Subscription"]


class Subscription:
    """One tag that is watched or written to, and its item in the present session.

    Attributes:
        tag: The tag as the callers name it.
        handle: Its item handle; 0 until it is added and advised.
        formers: The item handles before, oldest first. The changes of the oldest count until the first one of another.
        last: The last change; None before the first one and after a loss.
        refusal: Why the gateway refused the tag; empty if it did not.
        repeated: Whether the next change is marked as repeated.
        queues: The queues of its watches.
        users: How many writes are in progress or wait for the lock.
        doubtful: Whether the outcome of an earlier write may still arrive. The tag then needs a new handle before the
            next write, or that outcome would be matched to the wrong write.
        idle_since: When its last watch or write ended, by `time.monotonic`.
    """

    __slots__ = (
        "_informed",
        "_outdated",
        "_resized",
        "_write_lock",
        "doubtful",
        "formers",
        "handle",
        "idle_since",
        "last",
        "queues",
        "refusal",
        "repeated",
        "tag",
        "users",
    )

    def __init__(self, tag: str) -> None:
        self.tag: Final = tag
        self.handle: int = 0
        self.formers: tuple[int, ...] = ()
        self.last: TagChange | None = None
        self._outdated: TagChange | None = None
        self.refusal: str = ""
        self.repeated: bool = False
        self.queues: list[TagQueue] = []
        self.users: int = 0
        # Most tags are never written: their locks would be a third of the memory of many tags.
        self._write_lock: asyncio.Lock | None = None
        self.doubtful: bool = False
        self.idle_since: float = 0.0
        # The watches that know of the refusal.
        self._informed: set[TagQueue] | None = None
        # The last change when a write may have changed the length of the array.
        self._resized: TagChange | None = None

    @property
    def known(self) -> TagChange | None:
        """The last change of this session, which may be outdated: it says what type the tag has."""
        return self.last or self._outdated

    @property
    def needed(self) -> bool:
        """Whether a watch or a write needs the tag."""
        return bool(self.queues) or self.users > 0

    @property
    def write_lock(self) -> asyncio.Lock:
        """Held while a write is in progress.

        A WriteComplete event carries no number, so only one write may be in progress at a time, or its outcome could
        not be matched.
        """
        if self._write_lock is None:
            self._write_lock = asyncio.Lock()
        return self._write_lock

    @property
    def in_use(self) -> bool:
        """Whether a write is in progress, or waits for the lock."""
        return self.users > 0 or (self._write_lock is not None and self._write_lock.locked())

    @property
    def array_length(self) -> int | None:
        """The number of elements of the array according to its last change, or None if it is unknown."""
        if self.last is None or self.last is self._resized:
            return None
        return known_length(self.last.raw.value, self.last.raw.quality)

    def forget_length(self) -> None:
        """Treat the length of the array as unknown until the next change, because a write may have changed it."""
        self._resized = self.last

    def add_watch(self, queue: TagQueue) -> None:
        """Deliver changes to a watch. The last known value is delivered at once, marked as repeated."""
        self.queues.append(queue)
        if self.last is not None:
            queue.put_change(TagChange(self.tag, self.last.raw, repeated=True))

    def remove_watch(self, queue: TagQueue) -> None:
        """Stop delivering changes to a watch."""
        if queue in self.queues:
            self.queues.remove(queue)
            if self._informed is not None:
                self._informed.discard(queue)
            self.idle_since = time.monotonic()

    def add_user(self) -> None:
        """Keep the tag for one more write."""
        self.users += 1

    def remove_user(self) -> None:
        """Stop keeping the tag for one of its writes."""
        self.users -= 1
        self.idle_since = time.monotonic()

    def set_handle(self, handle: int) -> None:
        """Store the item handle. Events for the previous handle are ignored from now on."""
        self.handle = handle
        self.doubtful = False
        self.clear_refusal()

    def refuse(self, error_message: str) -> None:
        """Remember that the gateway refused the tag, and inform the watches that do not know yet."""
        self.refusal = error_message or "the gateway gave no reason"
        informed = self._informed = self._informed or set()
        for queue in self.queues:
            if queue not in informed:
                informed.add(queue)
                queue.put_status(TagRefused(tag=self.tag, error_message=self.refusal))

    def clear_refusal(self) -> None:
        """Forget the refusal, in a new session for example."""
        self.refusal = ""
        self._informed = None

    def check_refusal(self) -> None:
        """Check that the gateway has not refused the tag.

        Raises:
            MxGatewayCommandError: The gateway has refused it.
        """
        if self.refusal:
            raise MxGatewayCommandError(f"{self.tag} was refused: {self.refusal}", ErrorFacts(method="AddItemBulk"))

    def outdate(self) -> None:
        """Note that changes were lost, so that the last value may be wrong."""
        self._outdated = self.known
        self.last = None

    def detach(self) -> None:
        """Forget the session to which the handle belonged."""
        self.handle = 0
        self.formers = ()
        self.last = self._outdated = None
        self.repeated = True
        self.doubtful = False
        self.clear_refusal()
