"""Supervisor: owns the session and the event stream of a TagClient, and restores them after a loss."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from mxgateway._watching.items import WatchLost, WatchRestored
from mxgateway._watching.recovery import TRANSIENT, Backoff
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.tags.tag_session import TagSession

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from mxgateway._connecting.failover import Failover
    from mxgateway._connecting.gateways import Gateway
    from mxgateway._connecting.sessions import OpenSessions
    from mxgateway.events.stream import EventStream
    from mxgateway.events.views import MxEvent
    from mxgateway.session import Session
    from mxgateway.tags.saved_session import SavedSession
    from mxgateway.tags.subscriptions.subscriptions import Subscriptions

__all__ = ["Supervisor"]

_logger = logging.getLogger("mxgateway.tags")

# A session is replaced if the gateway does not answer for it in this many attempts.
_RESUME_ATTEMPTS: Final = 3


class Supervisor:
    """Own the session and its only event stream, and hand out the session."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        failover: Failover,
        sessions: OpenSessions,
        client_name: str,
        *,
        backoff: Backoff,
    ) -> None:
        self._subscriptions = subscriptions
        self._failover = failover
        self._sessions = sessions
        self._client_name = client_name
        self._backoff = backoff
        self._current: TagSession | None = None
        # A session of another process, which replaces the present one as soon as that is no longer read.
        self._adopted: tuple[TagSession, SavedSession] | None = None
        # When the last event arrived, by `time.time`, or when events could arrive again.
        self._heard = 0.0
        # Events that arrived while the tags were subscribed again.
        self._held: Sequence[MxEvent] = ()
        # Why the session must be replaced instead of resumed.
        self._invalid: MxGatewayError | None = None
        self._lost: MxGatewayError | None = None
        self.losses: int = 0
        self.reconnects: int = 0
        self._failure: MxGatewayError | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()
        # Called when the supervision ends for good.
        self.on_end: Callable[[MxGatewayError], None] | None = None

    async def start(self) -> None:
        """Open the first session, whose errors are raised to the caller, and supervise it from then on."""
        await self._failover.use_first(self._open)
        self._heard = time.time()
        self._ready.set()
        # A TagClient that is dropped must be collectable: nothing that this task refers to may refer to it.
        self._task = asyncio.create_task(self._supervise(), name="mxgateway tags")
        self._task.add_done_callback(self._fail_if_cancelled)

    @property
    def ready(self) -> bool:
        """Whether there is a session whose events arrive."""
        return self._ready.is_set() and self._failure is None

    @property
    def running(self) -> bool:
        """Whether the supervision has begun and not ended."""
        return self._task is not None and not self._task.done()

    @property
    def failed(self) -> bool:
        """Whether the supervision has ended for good."""
        return self._failure is not None

    @property
    def session_id(self) -> str | None:
        """The id of the present session; None while a lost one is being replaced."""
        return None if self._current is None else self._current.session.session_id

    @property
    def lost(self) -> MxGatewayError | None:
        """Why events do not arrive at present; set once the watches know of it."""
        return self._lost

    @property
    def heard(self) -> float:
        """When the last event arrived, or when events could arrive again, by `time.time`."""
        return self._heard

    @property
    def endpoint(self) -> str:
        """Address of the gateway in use, `host:port`."""
        return self._failover.endpoint

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop to which the TagClient belongs."""
        return self._loop

    def check_loop(self) -> None:
        """Check that the running event loop is the one to which the TagClient belongs.

        Raises:
            MxGatewayUsageError: It is another one.
        """
        if asyncio.get_running_loop() is not self._loop:
            hint = "open it in the event loop that uses it, usually inside asyncio.run"
            raise MxGatewayUsageError("the TagClient was opened in another event loop", ErrorFacts(hint=hint))

    def check(self) -> None:
        """Check that the TagClient is usable here.

        Raises:
            MxGatewayUsageError: This is another event loop.
            MxGatewayError: The supervision has ended for good with this error.
        """
        self.check_loop()
        if self._failure is not None:
            raise self._failure

    async def session(self) -> tuple[Session, int]:
        """Wait until there is a session, and return it with its server handle.

        Raises:
            MxGatewayError: The supervision has ended for good with this error.
        """
        while True:
            self.check()
            if self._current is not None and self._ready.is_set():
                return self._current.session, self._current.server_handle
            await self._ready.wait()

    def saved_session(self) -> SavedSession | None:
        """Return what continues the present session; see `TagClient.saved_session`."""
        current = self._current
        if current is None or not self.ready or not current.stream.last_sequence:
            return None
        handles = self._subscriptions.item_handles()
        if not handles:
            return None
        heard = datetime.fromtimestamp(self._heard, UTC)
        return current.save(handles, supervisory=self._subscriptions.supervisory, heard=heard)

    async def resume(self, saved: SavedSession) -> bool:
        """Replace the session by one of another process; see `TagClient.resume`.

        Raises:
            MxGatewayError: The supervision has ended for good with this error.
        """
        await self.session()
        if self._subscriptions.any_wanted:
            return False
        try:
            gateway = await self._failover.connect_to(saved.endpoint)
        except MxGatewayError as error:
            _logger.info("%s cannot be continued: %s", saved.session_id, error)
            return False
        adopted = await TagSession.continue_saved(gateway, saved, supervisory=self._subscriptions.supervisory)
        if adopted is None:
            return False
        # The session of this client may have been lost meanwhile: it is replaced once it is restored.
        await self.session()
        self._failover.restore(gateway)
        self._adopted = (adopted, saved)
        self._ready.clear()
        if self._current is not None:
            await self._current.stream.close()
        await self.session()
        return True

    def invalidate(self, error: MxGatewayError, session: Session | None = None) -> None:
        """Replace the session because what it did of the last command is unknown.

        If `session` is given and has been replaced already, nothing happens.
        """
        current = self._current
        if current is None or self._failure is not None or session not in {None, current.session}:
            return
        # Kept even if the events are lost already: such a session must not be resumed.
        self._invalid = error
        if self._ready.is_set():
            self._ready.clear()
            self.run(current.stream.close(), name="mxgateway tags invalidate")

    async def return_to_preferred(self) -> None:
        """Replace the session by one at the preferred gateway, unless it is there already.

        Raises:
            MxGatewayError: The preferred gateway does not answer, or the supervision has ended for good.
            MxGatewayTransportError: No session could be opened there. One at another gateway is in use.
        """
        self.check()

        async def leave(reason: MxGatewayError) -> None:
            self.invalidate(reason)
            await self.session()

        await self._failover.return_to_preferred(leave)

    async def change(self, change: Coroutine[Any, Any, None]) -> None:
        """Change what is subscribed. If it is unknown whether that was done, the session is replaced."""
        try:
            await change
        except (*TRANSIENT, MxGatewayTimeoutError) as error:
            self.invalidate(error)

    def run(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run work in a task that `stop` waits for and that no caller can cancel."""
        helper = asyncio.create_task(work, name=name, context=self._context.copy())
        self._helpers.add(helper)
        helper.add_done_callback(self._helper_ended)
        return helper

    def end(self, failure: MxGatewayError) -> None:
        """Hand out no session any more. Everything that waits gets this error, or the first one."""
        self._failure = self._failure or failure
        self._subscriptions.fail(self._failure)
        self._subscriptions.detach(self._failure)
        if self.on_end is not None:
            self.on_end(self._failure)
        self._ready.set()

    async def stop(self, *, keep_session: bool = False) -> None:
        """Cancel and await the tasks, and close the session, or only its stream if the session is kept."""
        for task in (self._task, *self._helpers):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        current = self._current
        if current is not None and keep_session:
            # Closing later must not close the session.
            self._current = None
            self._sessions.release(current.session)
            await current.stream.close()
        elif current is not None:
            await current.close()

    def _helper_ended(self, helper: asyncio.Task[None]) -> None:
        self._helpers.discard(helper)
        if not helper.cancelled():
            # Retrieve the exception so that asyncio does not log it; a caller that awaited the task has seen it.
            helper.exception()
        self._fail_if_cancelled(helper)

    def _fail_if_cancelled(self, task: asyncio.Task[None]) -> None:
        """Fail loudly if the application cancelled a task of the TagClient, as programs that cancel all tasks do."""
        if task.cancelled() and self._failure is None:
            hint = "close the TagClient before you cancel all tasks of the event loop"
            summary = f"the task {task.get_name()!r} of the TagClient was cancelled from outside"
            self._give_up(MxGatewayUsageError(summary, ErrorFacts(hint=hint)))

    async def _supervise(self) -> None:
        try:
            await self._run_until_final()
        except MxGatewayError as final:
            self._give_up(final)
        except Exception as error:
            # A defect of the library: no caller may wait forever because of it.
            _logger.exception("the supervision of %r failed", self._client_name)
            self._give_up(MxGatewayError(f"the TagClient failed: {error!r}"))

    async def _run_until_final(self) -> None:
        while (current := self._current) is not None:
            ended = await self._dispatch_events(current.stream)
            self._ready.clear()
            if self._adopted is not None:
                await self._use_adopted(*self._adopted)
                continue
            failure = self._invalid or ended
            _logger.warning("event stream of %r lost: %s", self._client_name, failure)
            self._lost = failure
            self.losses += 1
            current.gateway.channel.counters.losses += 1
            self._subscriptions.announce(WatchLost(error=failure))
            await self._recover(failure, resumable=isinstance(ended, MxGatewayTransportError))
            self._lost = None
            self._ready.set()

    async def _use_adopted(self, adopted: TagSession, saved: SavedSession) -> None:
        """Replace the session by that of another process, and wait until its events are wanted."""
        replaced, self._current, self._adopted = self._current, adopted, None
        if replaced is not None:
            self.run(replaced.close(), name="mxgateway tags close")
        self._held, self._invalid = (), None
        self._heard = saved.heard.timestamp()
        self._subscriptions.adopt(adopted.session, adopted.server_handle, saved.item_handles)
        self._ready.set()
        await self._subscriptions.asked.wait()
        self._subscriptions.announce(WatchRestored(resumed=True, endpoint=self.endpoint, missed_since=None))

    async def _dispatch_events(self, stream: EventStream) -> MxGatewayError:
        """Dispatch events until the stream ends, and return the reason."""
        held, self._held = self._held, ()
        for event in held:
            self._dispatch(event)
        try:
            async for event in stream:
                self._dispatch(event)
        except MxGatewayError as error:
            return error
        return MxGatewayTransportError("the event stream was closed")

    def _dispatch(self, event: MxEvent) -> None:
        self._heard = time.time()
        if not self._subscriptions.dispatch(event):
            self.run(self._refresh(), name="mxgateway tags refresh")

    async def _refresh(self) -> None:
        try:
            await self._subscriptions.refresh()
        except MxGatewayError as error:
            self.invalidate(error)

    async def _recover(self, failure: MxGatewayError, *, resumable: bool) -> None:
        """Retry until events arrive again.

        Raises:
            MxGatewayError: No further attempt can succeed.
        """
        self._failover.lose(failure)
        self._backoff.reset()
        timeouts = 0
        while True:
            await self._backoff.wait(at_most=self._failover.seconds_left())
            for gateway in self._failover.candidates():
                try:
                    resumed = await self._restore(gateway, failure, resumable=resumable)
                except MxGatewayError as error:
                    self._failover.fail(gateway, error)
                    timeouts += isinstance(error, MxGatewayTimeoutError) and self._is_at(gateway)
                    resumable = resumable and timeouts < _RESUME_ATTEMPTS
                    self._log_failed_attempt(error)
                    continue
                if self._invalid is None:
                    self._announce_restored(gateway, resumed=resumed)
                    return
                break

    async def _restore(self, gateway: Gateway, failure: MxGatewayError, *, resumable: bool) -> bool:
        """Resume the session if it is at this gateway, or replace it by one there. Return whether it was resumed."""
        async with self._failover.attempt(gateway):
            resumed = resumable and self._is_at(gateway) and self._invalid is None and await self._resume()
            if not resumed:
                await self._replace(gateway, failure)
        await self._subscribe()
        return resumed

    def _is_at(self, gateway: Gateway) -> bool:
        """Return whether the session is at this gateway."""
        return self._current is not None and self._current.gateway is gateway

    async def _resume(self) -> bool:
        return self._current is not None and await self._current.resume(events_expected=self._subscriptions.any_added)

    def _log_failed_attempt(self, error: MxGatewayError) -> None:
        _logger.warning(
            "event stream of %r is not restored yet, next attempt within %.3g s: %s",
            self._client_name,
            self._backoff.next_delay,
            error,
        )

    def _announce_restored(self, gateway: Gateway, *, resumed: bool) -> None:
        self._failover.restore(gateway)
        self.reconnects += 1
        gateway.channel.counters.reconnects += 1
        how = "resumed" if resumed else "restored in a new session"
        _logger.warning("event stream of %r %s at %s", self._client_name, how, gateway.endpoint)
        missed_since = None if resumed else datetime.fromtimestamp(self._heard, UTC)
        self._subscriptions.announce(
            WatchRestored(resumed=resumed, endpoint=gateway.endpoint, missed_since=missed_since)
        )
        self._heard = time.time()

    async def _subscribe(self) -> None:
        """Subscribe what was requested during the loss, and after a replacement every tag.

        Events that arrive meanwhile are received and held back: they follow the WatchRestored item, and without a
        reader the first values of many tags would overflow the gateway's queue.
        """
        if self._current is None:
            return
        stream = self._current.stream
        held: list[MxEvent] = []

        async def hold() -> None:
            async for event in stream:
                self._subscriptions.count_event(event)
                held.append(event)

        holding = asyncio.create_task(hold(), name="mxgateway tags hold")
        try:
            await self._subscriptions.subscribe()
        except MxGatewayError as error:
            # The session may have only a part of the tags.
            self._invalid = error
            raise
        finally:
            holding.cancel()
            await asyncio.wait([holding])
            if not holding.cancelled():
                # The stream raises the same error again when it is read next.
                holding.exception()
        self._held = held

    async def _replace(self, gateway: Gateway, failure: MxGatewayError) -> None:
        """Open a new session, in which every tag that is needed is subscribed again."""
        self._subscriptions.detach(failure)
        current, self._current = self._current, None
        if current is not None:
            # In a task of its own: a gateway or a worker that hangs must not delay the new session.
            self.run(current.close(), name="mxgateway tags close")
        await self._open(gateway)

    async def _open(self, gateway: Gateway) -> None:
        self._current = current = await TagSession.open(gateway, self._sessions, self._client_name)
        self._held, self._invalid = (), None
        self._subscriptions.attach(current.session, current.server_handle)

    def _give_up(self, failure: MxGatewayError) -> None:
        _logger.error("the TagClient %r has ended: %s", self._client_name, failure)
        self.end(failure)
