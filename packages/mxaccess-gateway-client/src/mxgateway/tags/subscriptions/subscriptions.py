"""Subscriptions: every tag of a TagClient, added and advised once, and its place in the present session."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from typing import TYPE_CHECKING, Final

from mxgateway._watching.items import WatchGap
from mxgateway.errors import MxGatewayError, MxGatewayLimitError, MxGatewayTransportError
from mxgateway.events.views import DataChange, ReplayGap, WriteComplete
from mxgateway.tags.batching import is_too_large
from mxgateway.tags.subscriptions.advising import advise_items
from mxgateway.tags.subscriptions.items import Items
from mxgateway.tags.subscriptions.subscription import Subscription
from mxgateway.tags.watches.changes import TagChange

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence

    from mxgateway.events.views import MxEvent
    from mxgateway.session import Session
    from mxgateway.tags.watches.changes import WatchItem
    from mxgateway.tags.watches.queue import TagQueue

__all__ = ["Subscriptions"]

_logger = logging.getLogger("mxgateway.tags")

# The gateway queues 10 000 events per subscriber: the first values of more tags would overflow it.
_TAGS_PER_ADVISE: Final = 5_000
# An expected event counts as missing after this many seconds without any event, or after this many such periods.
_SILENCE_SECONDS: Final = 0.5
_SILENCE_PERIODS: Final = 10


class Subscriptions:
    """All tags that are watched or written to, and the item handle of each in the present session."""

    def __init__(self, *, supervisory: bool) -> None:
        # Called with the outcome of a write, or with the reason why it will never arrive.
        self.on_outcome: Callable[[Subscription, WriteComplete | MxGatewayError], None] | None = None
        self.supervisory: Final = supervisory
        self._by_tag: dict[str, Subscription] = {}
        self._items: Final = Items()
        self._session: Session | None = None
        self._server_handle = 0
        # Adding and removing must not overtake each other: a tag may be dropped and needed again at the same moment.
        self._change_lock = asyncio.Lock()
        # The handles advised last whose first values have not arrived yet.
        self._awaited: set[int] = set()
        self._first_value_arrived = asyncio.Event()
        # Set whenever a tag without a value gets one.
        self._value_became_known = asyncio.Event()
        self._events_seen = 0
        self.gaps: int = 0
        # Whether the handles are those of another process, which may have had others that are in events still.
        self._is_adopted = False
        # Set once tags have been asked for: the events of an adopted session wait until then.
        self.asked: Final = asyncio.Event()

    @property
    def events_seen(self) -> int:
        """How many events have arrived."""
        return self._events_seen

    @property
    def any_added(self) -> bool:
        """Whether any tag has a handle, so that events may have arrived."""
        return bool(self._items)

    @property
    def session_changes(self) -> int:
        """How often the session or its item handles have changed."""
        return self._items.changes

    @property
    def any_wanted(self) -> bool:
        """Whether any tag has been asked for."""
        return bool(self._by_tag)

    def ready_to_write(self, subscription: Subscription, session: Session) -> bool:
        """Whether a tag has a handle in this session and the outcome of an earlier write cannot arrive any more."""
        return session is self._session and subscription.handle != 0 and not subscription.doubtful

    def get(self, tag: str) -> Subscription:
        """Return the subscription of a tag, created if there is none yet."""
        subscription = self._by_tag.get(tag)
        if subscription is None:
            subscription = self._by_tag[tag] = Subscription(tag)
        return subscription

    def remove_watch(self, tags: Iterable[str], queue: TagQueue) -> None:
        """Stop delivering the changes of tags to a watch."""
        for tag in tags:
            subscription = self._by_tag.get(tag)
            if subscription is not None:
                subscription.remove_watch(queue)

    def announce(self, status: WatchItem) -> None:
        """Put a status item into every watch."""
        for queue in self.queues():
            queue.put_status(status)

    def fail(self, failure: MxGatewayError) -> None:
        """End every watch with an error."""
        for queue in self.queues():
            queue.fail(failure)

    def count_event(self, event: MxEvent) -> None:
        """Note that an event has arrived, which may be dispatched later."""
        self._events_seen += 1
        if event.raw.item_handle in self._awaited:
            self._awaited.discard(event.raw.item_handle)
            self._first_value_arrived.set()

    async def wait_for_event(self, expected: asyncio.Event) -> bool:
        """Wait for something that an event causes. Return False if that event counts as missing.

        While other events arrive, the expected one may be queued behind them. Tags that change all the time must not
        extend the wait without limit.
        """
        expected.clear()
        for _ in range(_SILENCE_PERIODS):
            seen = self._events_seen
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    return await expected.wait()
            except TimeoutError:
                if self._events_seen == seen:
                    break
        return False

    async def wait_for_values(self, subscriptions: Iterable[Subscription], seconds: float) -> None:
        """Wait until each of these tags had a value, or until none got one for a while, at most `seconds`."""
        missing = list(subscriptions)
        try:
            async with asyncio.timeout(seconds):
                while missing := [each for each in missing if each.handle and each.known is None]:
                    self._value_became_known.clear()
                    async with asyncio.timeout(_SILENCE_SECONDS):
                        await self._value_became_known.wait()
        except TimeoutError:
            return

    def dispatch(self, event: MxEvent) -> bool:
        """Deliver an event to the watches of its tag, or to the write that waits for it.

        Return False if it shows that changes were lost, so that the values of all tags are needed again.
        """
        self.count_event(event)
        if isinstance(event, ReplayGap):
            self._announce_gap()
            return False
        subscription = self._items.find(event.raw.item_handle)
        if subscription is None:
            if self._is_adopted and isinstance(event, DataChange):
                # The other process ended before it could save this handle. The changes of it have no name.
                self._is_adopted = False
                self._announce_gap()
                return False
            return True
        if isinstance(event, DataChange):
            if subscription.formers:
                self._items.leave_formers(subscription, event.raw.item_handle)
            change = TagChange(subscription.tag, event.raw, repeated=subscription.repeated)
            subscription.repeated = False
            if subscription.last is None:
                self._value_became_known.set()
            subscription.last = change
            for queue in subscription.queues:
                queue.put_change(change)
        elif (
            isinstance(event, WriteComplete)
            and self.on_outcome is not None
            and event.raw.item_handle not in subscription.formers
        ):
            self.on_outcome(subscription, event)
        return True

    def _announce_gap(self) -> None:
        self.gaps += 1
        self.announce(WatchGap(dropped=0))
        for known in self._by_tag.values():
            known.outdate()

    def attach(self, session: Session, server_handle: int) -> None:
        """Use a new session, in which no tag is added yet."""
        self._session = session
        self._server_handle = server_handle
        self._is_adopted = False
        self._items.clear()
        # A task that still waits for a reply of the old session must not hold up the new one.
        self._change_lock = asyncio.Lock()

    def adopt(self, session: Session, server_handle: int, item_handles: Mapping[str, int]) -> None:
        """Use the session of another process, in which these tags are added and advised."""
        self.attach(session, server_handle)
        self._is_adopted = True
        adopted = {handle: self.get(tag) for tag, handle in item_handles.items()}
        for handle, subscription in adopted.items():
            subscription.set_handle(handle)
            # A write of the other process may still be in progress.
            subscription.doubtful = True
            subscription.idle_since = time.monotonic()
        self._items.adopt(adopted)

    def item_handles(self) -> Mapping[str, int] | None:
        """Return the item handle of each advised tag, or None while tags are being added or removed."""
        if self._change_lock.locked():
            return None
        return {each.tag: each.handle for each in self._items.present()}

    def detach(self, failure: MxGatewayError) -> None:
        """Forget the handles of a lost session. The writes in progress there end with an unknown outcome."""
        self._session = None
        self._items.clear()
        self._awaited.clear()
        self._first_value_arrived.set()
        for subscription in self._by_tag.values():
            subscription.detach()
            if self.on_outcome is not None:
                self.on_outcome(subscription, failure)

    async def subscribe(self, asked: Iterable[Subscription] = ()) -> None:
        """Add and advise every tag that is needed and has no handle yet, in two round trips per 5 000 tags.

        The first caller subscribes for all, so that simultaneous requests are batched. A refused tag is reported to its
        watches, and tried again only if it is among `asked`. Without a session nothing happens: the next session
        begins with every tag that is needed.

        Raises:
            MxGatewayError: The call failed; how much of it the gateway did is unknown.
        """
        again = set(asked)
        self.asked.set()
        async with self._changing() as session:
            if session is None:
                return
            missing = [each for each in self._by_tag.values() if each.needed and not each.handle]
            missing = [each for each in missing if each in again or not each.refusal]
            await self._add_all(session, missing)

    async def renew(self, subscriptions: Sequence[Subscription]) -> None:
        """Replace the handles of doubtful tags, so that outcomes for the old handles are ignored.

        Raises:
            MxGatewayError: The call failed; how much of it the gateway did is unknown.
        """
        await self._replace_handles(subscriptions, only_doubtful=True)

    async def refresh(self) -> None:
        """Add every tag again, so that its present value arrives once more, marked as repeated.

        Advising again would not do: earlier changes may still arrive, and could not be told from the present value. A
        tag that is being written to follows after its outcome, because a write to an item without advise is refused.

        Raises:
            MxGatewayError: The call failed; how much of it the gateway did is unknown.
        """
        async with self._changing():
            # A tag that is being added has its handle when this lock is free.
            known = self._items.present()
        idle = [each for each in known if not each.users]
        busy = [each for each in known if each.users]
        await self._refresh(idle)
        # One by one: a write that takes long must not hold up the other tags.
        await asyncio.gather(*(self._refresh([each]) for each in busy))

    async def remove_unused(self, linger: float) -> None:
        """Remove the tags that nothing has needed for `linger` seconds."""
        async with self._changing() as session:
            until = time.monotonic() - linger
            unused = [each for each in self._by_tag.values() if not each.needed and each.idle_since <= until]
            for subscription in unused:
                del self._by_tag[subscription.tag]
            added = [each for each in unused if each.handle]
            if session is None or not added:
                return
            try:
                await self._remove(session, added)
            except MxGatewayError as error:
                # Events of the items that stay behind are ignored; the items end with the session.
                _logger.info("%d unused tags could not be removed: %s", len(added), error)

    @property
    def any_unused(self) -> bool:
        """Whether any tag is not needed and waits to be removed."""
        return any(not each.needed for each in self._by_tag.values())

    @contextlib.asynccontextmanager
    async def _changing(self) -> AsyncGenerator[Session | None]:
        """Allow one change at a time. A failure does not count if the session was replaced meanwhile.

        The next session begins with every tag that is needed.
        """
        while True:
            lock = self._change_lock
            async with lock:
                if lock is not self._change_lock:
                    # The session was replaced while this waited: changes of the new one have their own lock.
                    continue
                session = self._session
                try:
                    yield session
                except MxGatewayError:
                    if session is self._session:
                        raise
                return

    async def _add_all(self, session: Session, subscriptions: Sequence[Subscription]) -> None:
        """Add and advise tags, in parts whose first values fit into the gateway's queue."""
        for begin in range(0, len(subscriptions), _TAGS_PER_ADVISE):
            if begin:
                await self._wait_for_first_values()
            await self._add(session, subscriptions[begin : begin + _TAGS_PER_ADVISE])

    async def _wait_for_first_values(self) -> None:
        """Wait until the first values of the tags advised last have arrived, so that the queue has room for more.

        Some tags send no value, so this ends as well when nothing arrives for a while.
        """
        while self._awaited and await self.wait_for_event(self._first_value_arrived):
            pass

    async def _add(self, session: Session, subscriptions: Sequence[Subscription]) -> None:
        self._check_current(session)
        try:
            await self._add_and_advise(session, subscriptions)
        except MxGatewayLimitError as error:
            if not is_too_large(error):
                raise
            if len(subscriptions) == 1:
                subscriptions[0].refuse(str(error))
                return
            # The request or its reply is larger than a message may be. Items that were added all the same are not
            # advised: they send no events, and end with the session.
            middle = len(subscriptions) // 2
            await self._add(session, subscriptions[:middle])
            await self._add(session, subscriptions[middle:])

    async def _add_and_advise(self, session: Session, subscriptions: Sequence[Subscription]) -> None:
        for subscription in subscriptions:
            subscription.refusal = ""
        results = await session.add_item_bulk(self._server_handle, [each.tag for each in subscriptions])
        self._check_current(session)
        added = self._items.match(subscriptions, results)
        # Registered before they are advised: the first change may arrive before the reply.
        self._items.register(added)
        self._awaited = set(added)
        advised = False
        try:
            refusals = await advise_items(session, self._server_handle, list(added), supervisory=self.supervisory)
            self._check_current(session)
            advised = True
        finally:
            if not advised and session is self._session:
                # Otherwise a later attempt that gets the same handles would refuse them as already used.
                self._items.unregister(added)
        for handle, subscription in added.items():
            if handle in refusals:
                subscription.refuse(refusals[handle])
            else:
                subscription.set_handle(handle)
        if refusals:
            self._items.forget(refusals)
            await session.remove_item_bulk(self._server_handle, list(refusals))

    async def _refresh(self, subscriptions: Sequence[Subscription]) -> None:
        async with contextlib.AsyncExitStack() as stack:
            for subscription in subscriptions:
                subscription.add_user()
                stack.callback(subscription.remove_user)
                await stack.enter_async_context(subscription.write_lock)
            await self._replace_handles(subscriptions)

    async def _replace_handles(self, subscriptions: Sequence[Subscription], *, only_doubtful: bool = False) -> None:
        async with self._changing() as session:
            # Another task may have done it while this waited, and a write may be in progress since.
            known = [each for each in subscriptions if each.handle and (each.doubtful or not only_doubtful)]
            if session is None or not known:
                return
            former = {each: each.handle for each in known}
            await self._add_all(session, known)
            self._check_current(session)
            # The others are not forgotten: what has arrived for the former items may still wait to be dispatched.
            self._items.forget_tags([each for each, handle in former.items() if each.handle == handle])
            await session.unsubscribe_bulk(self._server_handle, list(former.values()))

    async def _remove(self, session: Session, subscriptions: Sequence[Subscription]) -> None:
        handles = [each.handle for each in subscriptions]
        self._items.forget_tags(subscriptions)
        await session.unsubscribe_bulk(self._server_handle, handles)

    def _check_current(self, session: Session) -> None:
        """Check that the session is still the present one: handles of a lost session must not reach the next one."""
        if session is not self._session:
            raise MxGatewayTransportError("the session was replaced meanwhile")

    @property
    def added(self) -> int:
        """How many tags have a handle in the present session."""
        return len(self._items.present())

    def queues(self) -> set[TagQueue]:
        """Return the queue of each watch."""
        return {queue for each in self._by_tag.values() for queue in each.queues}
