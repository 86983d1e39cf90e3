"""The items behind tags: each tag added and advised once, however many watch it or write to it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from mxgateway.errors import (
    ErrorFacts,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayTransportError,
)
from mxgateway.events.views import DataChange, ReplayGap, WriteComplete
from mxgateway.tags.changes import TagChange, TagRefused, WatchGap
from mxgateway.tags.turns import Turns

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from mxgateway.events.views import MxEvent
    from mxgateway.session import Session
    from mxgateway.tags.changes import WatchItem, WatchQueue

__all__ = ["TagItem", "TagItems", "check_refusal"]

_logger = logging.getLogger("mxgateway.tags")

# The gateway lets 128 commands of a session wait; the rest is left to the reads and writes of the application.
_COMMANDS_AT_ONCE: Final = 32
# The gateway holds 10 000 events for a subscriber: the first values of more tags would overflow it.
_ITEMS_AT_ONCE: Final = 5_000
# Seconds without any event, after which what is still waited for is taken for missing.
_SILENCE: Final = 0.5
# After so many times as long it is taken for missing although other events come.
_SILENCES: Final = 10


class TagItem:
    """One tag that somebody watches or writes to."""

    __slots__ = (
        "doubtful",
        "handle",
        "idle_since",
        "last",
        "queues",
        "refusal",
        "repeated",
        "tag",
        "told",
        "turns",
        "writers",
    )

    def __init__(self, tag: str) -> None:
        self.tag: Final = tag
        self.handle = 0
        self.last: TagChange | None = None
        self.refusal = ""
        # The watches that know of the refusal.
        self.told: set[WatchQueue] = set()
        self.repeated = False
        self.queues: list[WatchQueue] = []
        self.writers = 0
        # One write at a time: completions carry no number, so only their order says which is which.
        self.turns: Final = Turns()
        # The outcome of an earlier write may still come, and must not be taken for the next one's.
        self.doubtful = False
        self.idle_since = 0.0

    def join(self, queue: WatchQueue) -> None:
        """Let a watch have the changes; the value that is known already comes at once, marked as repeated."""
        self.queues.append(queue)
        if self.last is not None:
            queue.put_change(TagChange(self.tag, self.last.raw, repeated=True))

    def leave(self, queue: WatchQueue) -> None:
        """Let a watch have the changes no more."""
        if queue in self.queues:
            self.queues.remove(queue)
            self.told.discard(queue)
            self.idle_since = time.monotonic()

    def begin_write(self) -> None:
        """Keep the item for one more writer."""
        self.writers += 1

    def end_write(self) -> None:
        """Keep the item for one writer less."""
        self.writers -= 1
        self.idle_since = time.monotonic()

    def refuse(self, error_message: str) -> None:
        """Keep in mind that the gateway doesn't take it, and tell the watches that don't know yet."""
        self.refusal = error_message or "no reason was given"
        for queue in self.queues:
            if queue not in self.told:
                self.told.add(queue)
                queue.put(TagRefused(tag=self.tag, error_message=self.refusal))

    def accept(self, handle: int) -> None:
        """Have a handle from now on; what still comes for an earlier one is nobody's."""
        self.handle = handle
        self.doubtful = False
        self.forget_refusal()

    def forget_refusal(self) -> None:
        """It may be refused no longer."""
        self.refusal = ""
        self.told.clear()

    @property
    def wanted(self) -> bool:
        """Whether anybody still watches it or writes to it."""
        return bool(self.queues) or self.writers > 0


class TagItems:
    """What is wanted of a TagClient's session, and which handle stands for which tag there."""

    def __init__(self, *, supervisory: bool) -> None:
        # Told the outcome of a write, or why there will be none any more.
        self.on_outcome: Callable[[TagItem, WriteComplete | MxGatewayError], None] | None = None
        self._supervisory = supervisory
        self._items: dict[str, TagItem] = {}
        self._by_handle: dict[int, TagItem] = {}
        self._session: Session | None = None
        self._server_handle = 0
        # Adding and removing must not overtake each other: a tag is given up and wanted again in the same moment.
        self._lock = asyncio.Lock()
        # The handles advised last whose first values have not come yet.
        self._awaited: set[int] = set()
        self._arrived = asyncio.Event()
        self._seen = 0

    @property
    def any_added(self) -> bool:
        """Whether any tag has a handle, so that events may have come."""
        return bool(self._by_handle)

    def ready_to_write(self, item: TagItem, session: Session) -> bool:
        """Whether a tag has a handle in this very session, and nothing is in doubt about it."""
        return session is self._session and item.handle != 0 and not item.doubtful

    def item(self, tag: str) -> TagItem:
        """Give the item of a tag, made now if nobody wanted it yet."""
        item = self._items.get(tag)
        if item is None:
            item = self._items[tag] = TagItem(tag)
        return item

    def leave(self, tags: Iterable[str], queue: WatchQueue) -> None:
        """Let a watch have nothing any more."""
        for tag in tags:
            item = self._items.get(tag)
            if item is not None:
                item.leave(queue)

    def announce(self, news: WatchItem) -> None:
        """Tell every watch what happened to it."""
        for queue in self._queues():
            queue.put(news)

    def fail(self, failure: MxGatewayError) -> None:
        """End every watch with an error."""
        for queue in self._queues():
            queue.fail(failure)

    def saw(self, event: MxEvent) -> None:
        """Take note that an event has come, which may be dispatched later."""
        self._seen += 1
        if event.raw.item_handle in self._awaited:
            self._awaited.discard(event.raw.item_handle)
            self._arrived.set()

    async def will_happen(self, what: asyncio.Event) -> bool:
        """Wait until something happens that an event brings; False when it is taken for missing.

        While others come it may be behind them, and late; but tags that always change must not make it wait for ever.
        """
        what.clear()
        for _ in range(_SILENCES):
            seen = self._seen
            try:
                async with asyncio.timeout(_SILENCE):
                    return await what.wait()
            except TimeoutError:
                if self._seen == seen:
                    break
        return False

    def dispatch(self, event: MxEvent) -> None:
        """Hand an event to those who wait for it."""
        self.saw(event)
        if isinstance(event, ReplayGap):
            self.announce(WatchGap(dropped=0))
            for known in self._items.values():
                known.last = None
            return
        item = self._by_handle.get(event.raw.item_handle)
        if item is None:
            return
        if isinstance(event, DataChange):
            change = TagChange(item.tag, event.raw, repeated=item.repeated)
            item.repeated = False
            item.last = change
            for queue in item.queues:
                queue.put_change(change)
        elif isinstance(event, WriteComplete) and self.on_outcome is not None:
            self.on_outcome(item, event)

    def attach(self, session: Session, server_handle: int) -> None:
        """Go over to a new session, in which nothing is added yet."""
        self._session = session
        self._server_handle = server_handle
        # Whoever still waits for an answer of the old session must not hold up the new one.
        self._lock = asyncio.Lock()

    def detach(self, failure: MxGatewayError) -> None:
        """Forget the handles of a session that is gone; what it was asked to write ends with an unknown outcome."""
        self._session = None
        self._by_handle.clear()
        self._awaited.clear()
        self._arrived.set()
        for item in self._items.values():
            item.handle = 0
            item.last = None
            item.repeated = True
            item.doubtful = False
            item.forget_refusal()
            if self.on_outcome is not None:
                self.on_outcome(item, failure)

    async def subscribe(self, asked: Iterable[TagItem] = ()) -> None:
        """Add and advise what is wanted and has no handle yet, in two round trips for 5 000 tags.

        Whoever comes first asks for all: those who want something at the same time travel together. A refused tag is
        told to its watches, kept in mind as `refusal`, and asked for again only when it is among `asked`. Without a
        session nothing happens: the next one begins with everything that is wanted.

        Raises:
            MxGatewayError: the gateway could not be asked; what it did of it is unknown.
        """
        again = set(asked)
        async with self._asking() as session:
            if session is None:
                return
            missing = [item for item in self._items.values() if item.wanted and not item.handle]
            missing = [item for item in missing if item in again or not item.refusal]
            await self._add_all(session, missing)

    async def renew(self, items: Sequence[TagItem]) -> None:
        """Give those that are doubtful new handles, so that what still comes for the old ones is nobody's.

        Raises:
            MxGatewayError: the gateway could not be asked; what it did of it is unknown.
        """
        await self._add_anew(items, only_doubtful=True)

    async def refresh(self) -> None:
        """Add everything anew, so that each tag's present value comes once more, marked as repeated.

        Advising anew would not do: changes from before it may still come, and nobody could tell them from the value.
        A tag that is being written to comes after its outcome: a write without an advise would be refused.

        Raises:
            MxGatewayError: the gateway could not be asked; what it did of it is unknown.
        """
        items = [item for item in self._by_handle.values() if item.handle]
        await self._refresh([item for item in items if not item.writers])
        for item in items:
            if item.writers:
                await self._refresh([item])

    async def sweep(self, linger: float) -> None:
        """Remove what nobody has wanted for so many seconds."""
        async with self._asking() as session:
            until = time.monotonic() - linger
            unwanted = [item for item in self._items.values() if not item.wanted and item.idle_since <= until]
            for item in unwanted:
                del self._items[item.tag]
            known = [item for item in unwanted if item.handle]
            if session is None or not known:
                return
            try:
                await self._remove(session, known)
            except MxGatewayError as error:
                # What stays behind sends events that nobody listens to, and ends with the session.
                _logger.info("%d tags that nobody wants any more stay added: %s", len(known), error)

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncGenerator[Session | None]:
        """One change at a time. What fails because the session was replaced meanwhile is no failure.

        The next session begins with everything that is wanted.
        """
        while True:
            lock = self._lock
            async with lock:
                if lock is not self._lock:
                    # The session was replaced while this waited: changes of the new one have a lock of their own.
                    continue
                session = self._session
                try:
                    yield session
                except MxGatewayError:
                    if session is self._session:
                        raise
                return

    async def _add_all(self, session: Session, items: Sequence[TagItem]) -> None:
        """Add and advise items, in parts whose first values the gateway can hold."""
        for begin in range(0, len(items), _ITEMS_AT_ONCE):
            if begin:
                await self._first_values()
            await self._add(session, items[begin : begin + _ITEMS_AT_ONCE])

    async def _first_values(self) -> None:
        """Wait until the tags advised last have told their first values: then the gateway has room for the next.

        Some tags tell nothing, so it ends as well when nothing has come for a moment.
        """
        while self._awaited and await self.will_happen(self._arrived):
            pass

    async def _add(self, session: Session, items: Sequence[TagItem]) -> None:
        self._check_current(session)
        for item in items:
            item.refusal = ""
        results = await session.add_item_bulk(self._server_handle, [item.tag for item in items])
        self._check_current(session)
        added: dict[int, TagItem] = {}
        for item, result in zip(items, results, strict=True):
            if not result.was_successful:
                item.refuse(result.error_message)
            elif result.item_handle in {0, *added} or result.item_handle in self._by_handle:
                item.refuse(f"the gateway gave it the handle {result.item_handle}, which is none or another tag's")
            else:
                added[result.item_handle] = item
        # Known before they are advised: the first change may overtake the reply.
        self._by_handle.update(added)
        try:
            refused = await self._advise(session, added)
        except BaseException:
            # A tag has its handle when it is advised and not before: otherwise nobody would advise it any more.
            self._forget(session, added)
            raise
        for handle, item in added.items():
            if handle not in refused:
                item.accept(handle)
        if refused:
            self._forget(session, refused)
            await session.remove_item_bulk(self._server_handle, list(refused))

    async def _advise(self, session: Session, items: Mapping[int, TagItem]) -> Sequence[int]:
        """Advise by handle, and give the handles that were refused."""
        self._awaited = set(items)
        if self._supervisory:
            messages = await self._advise_supervisory(session, list(items))
        else:
            results = await session.advise_item_bulk(self._server_handle, list(items))
            messages = [None if result.was_successful else result.error_message for result in results]
        self._check_current(session)
        refused: list[int] = []
        for (handle, item), message in zip(items.items(), messages, strict=True):
            if message is not None:
                refused.append(handle)
                item.refuse(message)
        return refused

    async def _advise_supervisory(self, session: Session, handles: Sequence[int]) -> Sequence[str | None]:
        """There is no bulk command for it."""
        places = asyncio.Semaphore(_COMMANDS_AT_ONCE)

        async def advise(handle: int) -> str | None:
            async with places:
                try:
                    await session.advise_supervisory(self._server_handle, handle)
                except MxGatewayCommandError as error:
                    return str(error)
            return None

        outcomes = await asyncio.gather(*map(advise, handles), return_exceptions=True)
        messages: list[str | None] = []
        for outcome in outcomes:
            # Only when all have ended: none may go on in a session that is given up for the failure of another one.
            if isinstance(outcome, BaseException):
                raise outcome
            messages.append(outcome)
        return messages

    async def _refresh(self, items: Sequence[TagItem]) -> None:
        async with contextlib.AsyncExitStack() as no_writes:
            for item in items:
                await no_writes.enter_async_context(item.turns.alone())
            await self._add_anew(items)

    async def _add_anew(self, items: Sequence[TagItem], *, only_doubtful: bool = False) -> None:
        async with self._asking() as session:
            # Somebody else may have done it while this waited, and a write may be on its way since.
            known = [item for item in items if item.handle and (item.doubtful or not only_doubtful)]
            if session is None or not known:
                return
            await self._remove(session, known)
            self._check_current(session)
            for item in known:
                item.repeated = True
            await self._add_all(session, known)

    async def _remove(self, session: Session, items: Sequence[TagItem]) -> None:
        handles = [item.handle for item in items]
        self._forget(session, handles)
        for item in items:
            item.handle = 0
        await session.unsubscribe_bulk(self._server_handle, handles)

    def _forget(self, session: Session, handles: Iterable[int]) -> None:
        """Let events of these handles be nobody's. In another session the same numbers are other items."""
        if session is self._session:
            for handle in handles:
                self._by_handle.pop(handle, None)

    def _check_current(self, session: Session) -> None:
        """Make sure that an answer is still worth something: handles of a lost session must not reach the next one."""
        if session is not self._session:
            raise MxGatewayTransportError("the session was replaced meanwhile")

    def idle(self) -> bool:
        """Whether anything waits to be swept."""
        return any(not item.wanted for item in self._items.values())

    def _queues(self) -> set[WatchQueue]:
        return {queue for item in self._items.values() for queue in item.queues}


def check_refusal(item: TagItem) -> None:
    """Make sure that the gateway has taken a tag.

    Raises:
        MxGatewayCommandError: it refused it.
    """
    if item.refusal:
        raise MxGatewayCommandError(f"{item.tag} was refused: {item.refusal}", ErrorFacts(method="AddItemBulk"))
