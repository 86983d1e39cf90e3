"""Supervisor: owns the session and the event stream of a TagClient, and restores them after a loss."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import TYPE_CHECKING, Final

from mxgateway._watching.items import WatchLost, WatchRestored
from mxgateway._watching.recovery import FINAL, TRANSIENT, Backoff
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.events.views import ReplayGap
from mxgateway.protocol import SessionState

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from mxgateway._support.awaitable import AwaitableContextManager
    from mxgateway.events.stream import EventStream
    from mxgateway.events.views import MxEvent
    from mxgateway.session import Session
    from mxgateway.tags.subscriptions.subscriptions import Subscriptions

__all__ = ["Supervisor"]

_logger = logging.getLogger("mxgateway.tags")

# A session is replaced if its worker does not answer within this time after a reconnect, or if the gateway does not
# answer for it in this many attempts.
_RESUME_SECONDS: Final = 10.0
_RESUME_ATTEMPTS: Final = 3


class Supervisor:
    """Own the session and its only event stream, and hand out the session."""

    def __init__(
        self,
        subscriptions: Subscriptions,
        open_session: Callable[[], AwaitableContextManager[Session]],
        client_name: str,
        *,
        backoff: Backoff,
    ) -> None:
        self._subscriptions = subscriptions
        self._open_session = open_session
        self._client_name = client_name
        self._backoff = backoff
        self._session: Session | None = None
        self._server_handle = 0
        self._stream: EventStream | None = None
        # Events that arrived while the tags were subscribed again.
        self._held: Sequence[MxEvent] = ()
        # Why the session must be replaced instead of resumed.
        self._invalid: MxGatewayError | None = None
        self._lost: MxGatewayError | None = None
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
        await self._open()
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
        return None if self._session is None else self._session.session_id

    @property
    def lost(self) -> MxGatewayError | None:
        """Why events do not arrive at present; set once the watches know of it."""
        return self._lost

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
            if self._session is not None and self._ready.is_set():
                return self._session, self._server_handle
            await self._ready.wait()

    def invalidate(self, error: MxGatewayError, session: Session | None = None) -> None:
        """Replace the session because what it did of the last command is unknown.

        If `session` is given and has been replaced already, nothing happens.
        """
        if self._stream is None or self._failure is not None or session not in {None, self._session}:
            return
        # Kept even if the events are lost already: such a session must not be resumed.
        self._invalid = error
        if self._ready.is_set():
            self._ready.clear()
            self.run(self._stream.close(), name="mxgateway tags invalidate")

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

    async def stop(self) -> None:
        """Cancel and await the tasks, and close the session."""
        for task in (self._task, *self._helpers):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._session is not None:
            await _close(self._session)

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
        except FINAL as final:
            self._give_up(final)
        except Exception as error:
            # A defect of the library: no caller may wait forever because of it.
            _logger.exception("the supervision of %r failed", self._client_name)
            self._give_up(MxGatewayError(f"the TagClient failed: {error!r}"))

    async def _run_until_final(self) -> None:
        while self._stream is not None:
            ended = await self._dispatch_events(self._stream)
            self._ready.clear()
            failure = self._invalid or ended
            _logger.warning("event stream of %r lost: %s", self._client_name, failure)
            self._lost = failure
            self._subscriptions.announce(WatchLost(error=failure))
            await self._recover(failure, resumable=isinstance(ended, MxGatewayTransportError))
            self._lost = None
            self._ready.set()

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
        self._subscriptions.dispatch(event)
        if isinstance(event, ReplayGap):
            # Events were lost: no known value can be trusted any more.
            self.run(self._refresh(), name="mxgateway tags refresh")

    async def _refresh(self) -> None:
        try:
            await self._subscriptions.refresh()
        except MxGatewayError as error:
            self.invalidate(error)

    async def _recover(self, failure: MxGatewayError, *, resumable: bool) -> None:
        """Retry until events arrive again."""
        if isinstance(failure, FINAL):
            raise failure
        self._backoff.reset()
        timeouts = 0
        while True:
            await self._backoff.wait()
            try:
                resumable = resumable and self._invalid is None and await self._resume()
                if not resumable:
                    await self._replace(failure)
                await self._subscribe()
            except FINAL:
                raise
            except MxGatewayError as error:
                timeouts += isinstance(error, MxGatewayTimeoutError)
                resumable = resumable and timeouts < _RESUME_ATTEMPTS
                _logger.warning(
                    "event stream of %r is not restored yet, next attempt within %.3g s: %s",
                    self._client_name,
                    self._backoff.next_delay,
                    error,
                )
                continue
            if self._invalid is None:
                how = "resumed" if resumable else "restored in a new session"
                _logger.warning("event stream of %r %s", self._client_name, how)
                self._subscriptions.announce(WatchRestored(resumed=resumable))
                return

    async def _resume(self) -> bool:
        """Continue after the last event in the same session. Return False if that is impossible."""
        session, stream = self._session, self._stream
        if session is None or stream is None:
            return False
        if stream.last_sequence == 0 and self._subscriptions.any_added:
            # There is no event to resume after: events that were sent meanwhile would be missed in silence.
            return False
        try:
            if await session.get_state(timeout=_RESUME_SECONDS) != SessionState.READY:
                return False
        except (MxGatewayTransportError, MxGatewayTimeoutError):
            raise
        except MxGatewayError:
            return False
        resumed = session.stream_events(after_sequence=stream.last_sequence)
        answered = False
        try:
            await resumed.__aenter__()
            # If the gateway still holds the broken stream, its refusal usually arrives before this reply.
            await session.ping(timeout=_RESUME_SECONDS)
            answered = True
        except MxGatewayTimeoutError as error:
            # The gateway knows the session, but its worker hangs.
            _logger.warning("the worker of %r does not answer, its session is replaced: %s", self._client_name, error)
            return False
        finally:
            if not answered:
                await resumed.close()
        self._stream = resumed
        return resumed.is_open

    async def _subscribe(self) -> None:
        """Subscribe what was requested during the loss, and after a replacement every tag.

        Events that arrive meanwhile are received and held back: they follow the WatchRestored item, and without a
        reader the first values of many tags would overflow the gateway's queue.
        """
        stream = self._stream
        if stream is None:
            return
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

    async def _replace(self, failure: MxGatewayError) -> None:
        """Open a new session, in which every tag that is needed is subscribed again."""
        self._subscriptions.detach(failure)
        session, self._session = self._session, None
        if session is not None:
            # In a task of its own: a worker that hangs must not delay the new session.
            self.run(_close(session), name="mxgateway tags close")
        await self._open()

    async def _open(self) -> None:
        session = await self._open_session()
        opened = False
        try:
            server_handle = await session.register(self._client_name)
            stream = session.stream_events()
            await stream.__aenter__()
            opened = True
        finally:
            if not opened:
                # Never raises an error of the gateway: the first error, or the cancellation, is what counts.
                await _close(session)
        self._session, self._server_handle, self._stream = session, server_handle, stream
        self._held, self._invalid = (), None
        self._subscriptions.attach(session, server_handle)

    def _give_up(self, failure: MxGatewayError) -> None:
        _logger.error("the TagClient %r has ended: %s", self._client_name, failure)
        self.end(failure)


async def _close(session: Session) -> None:
    """Close a session that is not needed any more. A failure is logged: the gateway ends the session by its lease."""
    try:
        await session.close()
    except MxGatewayError as error:
        _logger.warning("closing %s failed: %s", session.session_id, error)
