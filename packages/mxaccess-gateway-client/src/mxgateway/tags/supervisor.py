"""Keeps a TagClient in touch with its gateway: resumes a broken event stream, replaces a lost session."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import random
from typing import TYPE_CHECKING, Final

from mxgateway.errors import (
    ErrorFacts,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayVersionError,
    MxGatewayWorkerError,
)
from mxgateway.events.views import ReplayGap
from mxgateway.protocol import SessionState
from mxgateway.tags.changes import WatchLost, WatchRestored

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from typing import Any

    from mxgateway._support.awaitable import AwaitableContextManager
    from mxgateway.events.stream import EventStream
    from mxgateway.events.views import MxEvent
    from mxgateway.session import Session
    from mxgateway.tags.items import TagItems

__all__ = ["PASSING", "Supervisor"]

_logger = logging.getLogger("mxgateway.tags")

# What may be over the next time.
PASSING: Final = (MxGatewayTransportError, MxGatewaySessionError, MxGatewayWorkerError, MxGatewayLimitError)
# What no second attempt can mend.
_FINAL: Final = (
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayUsageError,
    MxGatewayVersionError,
)


class Supervisor:
    """Owns the session and its only event stream, and gives the session to those who need one."""

    def __init__(
        self,
        items: TagItems,
        open_session: Callable[[], AwaitableContextManager[Session]],
        client_name: str,
        *,
        first_delay: float,
        longest_delay: float,
    ) -> None:
        self._items = items
        self._open_session = open_session
        self._client_name = client_name
        self._first_delay = first_delay
        self._longest_delay = longest_delay
        self._session: Session | None = None
        self._server_handle = 0
        self._stream: EventStream | None = None
        self._held: Sequence[MxEvent] = ()
        self._distrusted: MxGatewayError | None = None
        self._lost: MxGatewayError | None = None
        self._failure: MxGatewayError | None = None
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._helpers: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._context = contextvars.copy_context()

    async def start(self) -> None:
        """Open the first session, whose errors are the caller's, and keep watch from then on."""
        await self._open()
        self._ready.set()
        self._task = asyncio.create_task(self._watch(), name="mxgateway tags")

    @property
    def ready(self) -> bool:
        """Whether there is a session whose events come."""
        return self._ready.is_set() and self._failure is None

    @property
    def lost(self) -> MxGatewayError | None:
        """Why the events don't come just now, once the watches have been told."""
        return self._lost

    def check_place(self) -> None:
        """Make sure that this is the event loop in which it works.

        Raises:
            MxGatewayUsageError: it is another one.
        """
        if asyncio.get_running_loop() is not self._loop:
            hint = "open it in the loop that uses it, usually inside asyncio.run"
            raise MxGatewayUsageError("the TagClient was opened in another event loop", ErrorFacts(hint=hint))

    def check(self) -> None:
        """Make sure that it still tries, and is asked where it does.

        Raises:
            MxGatewayUsageError: this is another event loop.
            MxGatewayError: what ended the supervision for good.
        """
        self.check_place()
        if self._failure is not None:
            raise self._failure

    async def session(self) -> tuple[Session, int]:
        """Give the session and its server handle, as soon as there is one.

        Raises:
            MxGatewayError: what ended the supervision for good.
        """
        while True:
            self.check()
            if self._session is not None and self._ready.is_set():
                return self._session, self._server_handle
            await self._ready.wait()

    def distrust(self, error: MxGatewayError, session: Session | None = None) -> None:
        """Replace the session, this one when it is named: what it did of the last command is unknown."""
        if self._stream is None or self._failure is not None or session not in {None, self._session}:
            return
        # Kept when the events are lost already: such a session must not be resumed.
        self._distrusted = error
        if self._ready.is_set():
            self._ready.clear()
            self.help(self._stream.close(), name="mxgateway tags distrust")

    async def change(self, change: Coroutine[Any, Any, None]) -> None:
        """Change what is subscribed; when it is unknown whether that was done, another session begins afresh."""
        try:
            await change
        except (*PASSING, MxGatewayTimeoutError) as error:
            self.distrust(error)

    def help(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run work beside the events; `stop` waits for it. It is nobody's work in particular, whoever asks for it."""
        helper = asyncio.create_task(work, name=name, context=self._context.copy())
        self._helpers.add(helper)
        helper.add_done_callback(self._helped)
        return helper

    def _helped(self, helper: asyncio.Task[None]) -> None:
        self._helpers.discard(helper)
        if not helper.cancelled():
            # Whoever waited for it has the error; when nobody did, it was nobody's.
            helper.exception()

    def end(self, failure: MxGatewayError) -> None:
        """Give nobody a session any more; whoever waits for something gets this error, unless there was one before."""
        self._failure = self._failure or failure
        self._items.fail(self._failure)
        self._items.detach(self._failure)
        self._ready.set()

    async def stop(self) -> None:
        """Wait for what was begun, and close the session."""
        for task in (self._task, *self._helpers):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._session is None:
            return
        try:
            await self._session.close()
        except MxGatewayError as error:
            _logger.warning("closing %s failed: %s", self._session.session_id, error)

    async def _watch(self) -> None:
        try:
            await self._keep_watch()
        except _FINAL as final:
            self._give_up(final)
        except Exception as error:
            # A mistake of ours: nobody may wait for ever because of it.
            _logger.exception("the supervision of %s has failed", self._client_name)
            self._give_up(MxGatewayError(f"the TagClient has failed: {error!r}"))

    async def _keep_watch(self) -> None:
        while self._stream is not None:
            ended = await self._pump(self._stream)
            self._ready.clear()
            failure = self._distrusted or ended
            _logger.warning("the events of %s are lost: %s", self._client_name, failure)
            self._lost = failure
            self._items.announce(WatchLost(error=failure))
            await self._recover(failure, resumable=isinstance(ended, MxGatewayTransportError))
            self._lost = None
            self._ready.set()

    async def _pump(self, stream: EventStream) -> MxGatewayError:
        """Hand on events until there are no more, and say why."""
        held, self._held = self._held, ()
        for event in held:
            self._hand_on(event)
        try:
            async for event in stream:
                self._hand_on(event)
        except MxGatewayError as error:
            return error
        return MxGatewayTransportError("the event stream was closed")

    def _hand_on(self, event: MxEvent) -> None:
        self._items.dispatch(event)
        if isinstance(event, ReplayGap):
            # Nothing that was known is sure any more.
            self.help(self._refresh(), name="mxgateway tags refresh")

    async def _refresh(self) -> None:
        try:
            await self._items.refresh()
        except MxGatewayError as error:
            self.distrust(error)

    async def _recover(self, failure: MxGatewayError, *, resumable: bool) -> None:
        """Try until the events go on; the waits grow, and no two clients wait alike."""
        if isinstance(failure, _FINAL):
            raise failure
        longest = self._first_delay
        while True:
            await asyncio.sleep(random.uniform(0.5, 1.0) * longest)  # noqa: S311 - it spreads load, it guards nothing
            longest = min(longest * 2, self._longest_delay)
            try:
                resumable = resumable and self._distrusted is None and await self._resume()
                if not resumable:
                    await self._replace(failure)
                await self._subscribe()
            except _FINAL:
                raise
            except MxGatewayError as error:
                _logger.warning("%s is not back yet, next attempt within %.1f s: %s", self._client_name, longest, error)
                continue
            if self._distrusted is None:
                _logger.warning("the events of %s go on, %s", self._client_name, "resumed" if resumable else "anew")
                self._items.announce(WatchRestored(resumed=resumable))
                return

    async def _resume(self) -> bool:
        """Go on after the last event in the same session; False when that can't be."""
        session, stream = self._session, self._stream
        if session is None or stream is None:
            return False
        if stream.last_sequence == 0 and self._items.any_added:
            # There is nothing to resume after, and what came meanwhile would be missed in silence.
            return False
        try:
            if await session.get_state() != SessionState.READY:
                return False
        except (MxGatewayTransportError, MxGatewayTimeoutError):
            raise
        except MxGatewayError:
            return False
        resumed = session.stream_events(after_sequence=stream.last_sequence)
        try:
            await resumed.__aenter__()
            # A refusal, because the gateway still holds the broken stream, usually comes before this answer.
            await session.ping()
        except BaseException:
            await resumed.close()
            raise
        self._stream = resumed
        return resumed.is_open

    async def _subscribe(self) -> None:
        """Subscribe what was wanted while the connection was away, and after a replacement everything.

        The events that come meanwhile are taken and held back: they belong behind the news that the connection is
        back, and at the gateway the first values of many tags would overflow.
        """
        stream = self._stream
        if stream is None:
            return
        held: list[MxEvent] = []

        async def hold() -> None:
            async for event in stream:
                self._items.saw(event)
                held.append(event)

        holding = asyncio.create_task(hold(), name="mxgateway tags hold")
        try:
            await self._items.subscribe()
        except MxGatewayError as error:
            # The session may know half of them.
            self._distrusted = error
            raise
        finally:
            holding.cancel()
            await asyncio.wait([holding])
            if not holding.cancelled():
                # The stream remembers how it ended, and says so again.
                holding.exception()
        self._held = held

    async def _replace(self, failure: MxGatewayError) -> None:
        """Open a new session in which everything that is wanted is advised again."""
        self._items.detach(failure)
        session, self._session = self._session, None
        if session is not None:
            # Beside it: a worker that hangs must not hold up the next one.
            self.help(session.close(), name="mxgateway tags close")
        await self._open()

    async def _open(self) -> None:
        session = await self._open_session()
        try:
            server_handle = await session.register(self._client_name)
            stream = session.stream_events()
            await stream.__aenter__()
        except BaseException:
            await session.close()
            raise
        self._session, self._server_handle, self._stream = session, server_handle, stream
        self._held, self._distrusted = (), None
        self._items.attach(session, server_handle)

    def _give_up(self, failure: MxGatewayError) -> None:
        _logger.error("the tags of %s are given up: %s", self._client_name, failure)
        self.end(failure)
