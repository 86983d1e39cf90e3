"""The sessions of a gateway: their states, leases and ends."""

from __future__ import annotations

import asyncio
import itertools
import secrets
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.protocol import SessionState
from mxgateway.testing.sessions.event_log import EventLog
from mxgateway.testing.sessions.items import Advise
from mxgateway.testing.sessions.mxaccess import MxAccess
from mxgateway.testing.sessions.views import ItemView, SessionView
from mxgateway.testing.sessions.worker import Worker
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Generator

    from mxgateway.testing.plant.alarm_board import AlarmBoard, AlarmFilter
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.state.changes import Changes
    from mxgateway.testing.state.clock import Clock, Timer
    from mxgateway.testing.state.conditions import Conditions
    from mxgateway.testing.state.limits import Limits
    from mxgateway.testing.state.subscriptions import Subscription

__all__ = ["Session", "Sessions", "Surroundings"]

_ON_THE_WAY = (
    pb.SESSION_STATE_CREATING,
    pb.SESSION_STATE_STARTING_WORKER,
    pb.SESSION_STATE_WAITING_FOR_PIPE,
    pb.SESSION_STATE_HANDSHAKING,
    pb.SESSION_STATE_INITIALIZING_WORKER,
)
_FIRST_PROCESS_ID = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every session of a gateway lives in."""

    plant: Plant
    alarms: AlarmBoard
    clock: Clock
    limits: Limits
    conditions: Conditions
    changes: Changes
    settle_time: float
    write_time: float


class Session:
    """One worker process with one MXAccess object, and the stream of its events."""

    def __init__(self, name: str, process_id: int, command_timeout: float, surroundings: Surroundings) -> None:
        self.session_id: str = f"session-{secrets.token_hex(16)}"
        self.name = name
        self.command_timeout = command_timeout
        self.state: pb.SessionState.ValueType = pb.SESSION_STATE_CREATING
        self._surroundings = surroundings
        clock, limits = surroundings.clock, surroundings.limits
        self.events: EventLog = EventLog(self.session_id, clock, limits, self._overflowed)
        self.worker: Worker = Worker(
            session_id=self.session_id,
            process_id=process_id,
            clock=clock,
            conditions=surroundings.conditions,
            changes=surroundings.changes,
            most_pending=limits.pending_commands,
        )
        self.mxaccess: MxAccess = MxAccess(
            plant=surroundings.plant,
            clock=clock,
            limits=limits,
            settle_time=surroundings.settle_time,
            write_time=surroundings.write_time,
            raise_event=self._raised,
        )
        self._last_used = clock.monotonic()
        self._lease: Timer | None = None
        self._grace: Timer | None = None
        self._closing: asyncio.Task[None] | None = None
        self._alarms = ExitStack()

    @property
    def over(self) -> bool:
        """Whether it is being ended or has ended as asked."""
        return self.state in {pb.SESSION_STATE_CLOSING, pb.SESSION_STATE_CLOSED}

    def view(self) -> SessionView:
        """Show what there is at this moment."""
        return SessionView(
            session_id=self.session_id,
            state=SessionState(self.state),
            client_session_name=self.name,
            items=tuple(
                ItemView(
                    server_handle=item.server_handle,
                    item_handle=item.item_handle,
                    definition=item.definition,
                    advised=item.advised is not None,
                    supervisory=item.advised is Advise.SUPERVISORY,
                    suspended=item.suspended,
                )
                for item in self.mxaccess.items()
            ),
            streams=int(self.events.subscribed),
            pending_commands=self.worker.pending,
            waiting_events=self.events.waiting,
            last_sequence=self.events.last_sequence,
        )

    async def start(self) -> None:
        """Start the worker and become READY.

        Raises:
            Refused: the session ended before it came so far.
        """
        for state in (*_ON_THE_WAY, pb.SESSION_STATE_READY):
            await self._enter(state)
            if self.state != state:
                raise Refused(grpc.StatusCode.UNAVAILABLE, f"session {self.session_id} ended while it started")
        self._watch_lease()

    def must_be_ready(self) -> None:
        """Raise Refused when the session takes no commands and no streams."""
        if self.state != pb.SESSION_STATE_READY:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"session {self.session_id} is not ready, it is {SessionState(self.state).name}",
            )

    def renew_lease(self) -> None:
        """Begin the lease anew, as every call does."""
        self._last_used = self._surroundings.clock.monotonic()

    @contextmanager
    def subscription(self, after: int) -> Generator[Subscription[pb.MxEvent]]:
        """Be the one subscriber of the session's events.

        Raises:
            Refused: the session has one already, or has not come so far.
        """
        subscription = self.events.subscribe(after)
        self._cancel_grace()
        self._surroundings.changes.notify()
        try:
            yield subscription
        finally:
            self.events.unsubscribe(subscription)
            self.renew_lease()
            if self.state == pb.SESSION_STATE_READY:
                grace = self._surroundings.limits.stream_grace
                self._grace = self._surroundings.clock.call_later(grace, self.begin_closing)
            self._surroundings.changes.notify()

    def subscribe_alarms(self, wanted: AlarmFilter) -> None:
        """Raise an event for every transition of these alarms from now on, and for no others."""
        self.unsubscribe_alarms()
        self._alarms.enter_context(
            self._surroundings.alarms.listening(wanted, self._alarm_changed, self._alarm_provider_changed)
        )

    def unsubscribe_alarms(self) -> None:
        """Raise no more events for alarms."""
        self._alarms.close()

    async def close(self) -> None:
        """End the session as asked; a second time only waits for the first."""
        self.begin_closing()
        if self._closing is not None:
            # Whoever asks may go away: the session ends all the same.
            await asyncio.shield(self._closing)

    def begin_closing(self) -> None:
        """End the session on the loop's next turn."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"close {self.session_id}")

    def fault(self, failure: Refused) -> None:
        """Lose the session: its stream ends with `failure`, its commands with WORKER_UNAVAILABLE."""
        if not self.over:
            self._lose()
            self.events.end(failure)

    def abandon(self) -> None:
        """End without a word to anybody, as the end of the gateway does."""
        if self._closing is not None:
            self._closing.cancel()
        self._let_go()
        self.worker.end()
        self.state = pb.SESSION_STATE_CLOSED

    async def _close(self) -> None:
        await self._enter(pb.SESSION_STATE_CLOSING)
        self._let_go()
        self.worker.end()
        self.events.end()
        self.events.forget_retained()
        await self._enter(pb.SESSION_STATE_CLOSED)

    async def _enter(self, state: pb.SessionState.ValueType) -> None:
        self.state = state
        self._surroundings.changes.notify()
        gate = self._surroundings.conditions.held_states.get(state)
        if gate is not None:
            await gate.passed()

    def _raised(self, event: pb.MxEvent) -> None:
        self.events.append(event)
        self._surroundings.changes.notify()

    def _alarm_changed(self, transition: pb.OnAlarmTransitionEvent) -> None:
        self._raised(pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION, on_alarm_transition=transition))

    def _alarm_provider_changed(self) -> None:
        changed = pb.OnAlarmProviderModeChangedEvent()
        self._raised(
            pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED, on_alarm_provider_mode_changed=changed)
        )

    def _overflowed(self) -> None:
        if self._surroundings.limits.fault_on_overflow and not self.over:
            self._lose()

    def _lose(self) -> None:
        self.state = pb.SESSION_STATE_FAULTED
        self.unsubscribe_alarms()
        self.mxaccess.release()
        self.worker.end()
        self._cancel_grace()
        self._surroundings.changes.notify()

    def _let_go(self) -> None:
        self.unsubscribe_alarms()
        self.mxaccess.release()
        self._cancel_grace()
        if self._lease is not None:
            self._lease.cancel()

    def _watch_lease(self) -> None:
        clock = self._surroundings.clock
        if self.events.subscribed:
            self.renew_lease()
        left = self._last_used + self._surroundings.limits.session_lease - clock.monotonic()
        if left > 0:
            self._lease = clock.call_later(left, self._watch_lease)
        else:
            self.begin_closing()

    def _cancel_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None


class Sessions:
    """All sessions that a gateway knows: the open ones, and those that ended not long ago."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._sessions: dict[str, Session] = {}
        self._process_ids = itertools.count(_FIRST_PROCESS_ID)

    def open_ones(self) -> tuple[Session, ...]:
        """Give every session that has not ended as asked. A faulted one keeps its place until it is closed."""
        return tuple(session for session in self._sessions.values() if session.state != pb.SESSION_STATE_CLOSED)

    async def open(self, name: str, command_timeout: float) -> Session:
        """Open a session and wait until it is READY. Whoever goes away before that leaves none behind.

        Raises:
            Refused: too many sessions are open.
        """
        limit = self._surroundings.limits.sessions
        if len(self.open_ones()) >= limit:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{limit} sessions are open, the gateway takes no more")
        self._forget_oldest_ended()
        session = Session(name, next(self._process_ids), command_timeout, self._surroundings)
        self._sessions[session.session_id] = session
        try:
            await session.start()
        except BaseException:
            session.begin_closing()
            raise
        return session

    def __getitem__(self, session_id: str) -> Session:
        """Give a session in whatever state it is, and leave its lease alone."""
        if session_id not in self._sessions:
            raise KeyError(f"the gateway has no session {session_id!r}")
        return self._sessions[session_id]

    def find(self, session_id: str) -> Session:
        """Give a session in whatever state it is, and renew its lease.

        Raises:
            Refused: no id, or one that the gateway does not know.
        """
        if not session_id:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "session_id is missing")
        session = self._sessions.get(session_id)
        if session is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"session {session_id} is unknown")
        session.renew_lease()
        return session

    def find_ready(self, session_id: str) -> Session:
        """Give a READY session, and renew its lease.

        Raises:
            Refused: the gateway doesn't know it, or it is not READY.
        """
        session = self.find(session_id)
        session.must_be_ready()
        return session

    def lose_all(self) -> None:
        """Forget every session, as a restart does."""
        for session in self._sessions.values():
            session.abandon()
        self._sessions.clear()
        self._surroundings.changes.notify()

    def _forget_oldest_ended(self) -> None:
        ended = [each.session_id for each in self._sessions.values() if each.state == pb.SESSION_STATE_CLOSED]
        for session_id in ended[: len(ended) - self._surroundings.limits.known_closed_sessions]:
            del self._sessions[session_id]
