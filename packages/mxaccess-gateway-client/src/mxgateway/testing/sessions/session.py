"""One session: its states, its lease and its end."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import ExitStack, contextmanager
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

    from mxgateway.testing.plant.alarm_board import AlarmFilter
    from mxgateway.testing.state.clock import Timer
    from mxgateway.testing.state.subscriptions import Subscription
    from mxgateway.testing.world import World

__all__ = ["Session"]

_STARTING_STATES = (
    pb.SESSION_STATE_CREATING,
    pb.SESSION_STATE_STARTING_WORKER,
    pb.SESSION_STATE_WAITING_FOR_PIPE,
    pb.SESSION_STATE_HANDSHAKING,
    pb.SESSION_STATE_INITIALIZING_WORKER,
)


class Session:
    """A session: one worker process with one MXAccess object, and the stream of its events."""

    def __init__(self, name: str, process_id: int, command_timeout: float, world: World) -> None:
        self.session_id: str = f"session-{secrets.token_hex(16)}"
        self.name = name
        self.command_timeout = command_timeout
        self.state: pb.SessionState.ValueType = pb.SESSION_STATE_CREATING
        self._world = world
        self.events: EventLog = EventLog(self.session_id, world.clock, world.limits, self._on_overflow)
        self.worker: Worker = Worker(self.session_id, process_id, world)
        self.mxaccess: MxAccess = MxAccess(world, self._append_event)
        self._last_used = world.clock.monotonic()
        self._lease: Timer | None = None
        self._grace: Timer | None = None
        self._closing: asyncio.Task[None] | None = None
        self._alarms = ExitStack()
        self.subscribed_to_alarms: bool = False

    @property
    def closing_or_closed(self) -> bool:
        """Whether the session is being closed or has been closed."""
        return self.state in {pb.SESSION_STATE_CLOSING, pb.SESSION_STATE_CLOSED}

    def view(self) -> SessionView:
        """Return a snapshot of the session."""
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
            Refused: the session ended while it started.
        """
        for state in (*_STARTING_STATES, pb.SESSION_STATE_READY):
            await self._enter(state)
            if self.state != state:
                raise Refused(grpc.StatusCode.UNAVAILABLE, f"session {self.session_id} ended while it started")
        self._check_lease()

    def check_ready(self) -> None:
        """Raise Refused if the session is not READY, so that it accepts neither commands nor event streams."""
        if self.state != pb.SESSION_STATE_READY:
            raise Refused(
                grpc.StatusCode.FAILED_PRECONDITION,
                f"session {self.session_id} is not ready, it is {SessionState(self.state).name}",
            )

    def renew_lease(self) -> None:
        """Restart the lease, as every call does."""
        self._last_used = self._world.clock.monotonic()

    @contextmanager
    def subscription(self, after: int) -> Generator[Subscription[pb.MxEvent]]:
        """Subscribe to the session's events after the sequence `after` within the `with` block.

        Raises:
            Refused: the session already has a subscriber, or `after` is ahead of its last event.
        """
        subscription = self.events.subscribe(after)
        self._cancel_grace()
        self._world.changed.notify_all()
        try:
            yield subscription
        finally:
            self.events.unsubscribe(subscription)
            self.renew_lease()
            if self.state == pb.SESSION_STATE_READY:
                grace = self._world.limits.stream_grace
                self._grace = self._world.clock.call_later(grace, self.start_closing)
            self._world.changed.notify_all()

    def subscribe_alarms(self, alarm_filter: AlarmFilter) -> None:
        """Raise an event for every transition of these alarms."""
        self.subscribed_to_alarms = True
        self._alarms.enter_context(
            self._world.alarms.listening(alarm_filter, self._on_alarm_transition, self._on_provider_change)
        )

    def unsubscribe_alarms(self) -> None:
        """Stop raising events for alarms."""
        self.subscribed_to_alarms = False
        self._alarms.close()

    async def close(self) -> None:
        """Close the session and wait until it is closed. If it is already closing, only wait."""
        self.start_closing()
        if self._closing is not None:
            # The session is closed even if the call is cancelled.
            await asyncio.shield(self._closing)

    def start_closing(self) -> None:
        """Close the session from the next iteration of the event loop on."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"close {self.session_id}")

    def fault(self, failure: Refused) -> None:
        """Make the session FAULTED: its stream ends with `failure`, its commands with WORKER_UNAVAILABLE."""
        if not self.closing_or_closed:
            self._become_faulted()
            self.events.end(failure)

    def abandon(self) -> None:
        """End the session at once, without ending its stream, as the end of the gateway does."""
        if self._closing is not None:
            self._closing.cancel()
        self._release()
        self.worker.end()
        self.state = pb.SESSION_STATE_CLOSED

    async def _close(self) -> None:
        await self._enter(pb.SESSION_STATE_CLOSING)
        self._release()
        self.worker.end()
        self.events.end()
        self.events.discard_retained()
        await self._enter(pb.SESSION_STATE_CLOSED)

    async def _enter(self, state: pb.SessionState.ValueType) -> None:
        self.state = state
        self._world.changed.notify_all()
        released = self._world.active_faults.held_states.get(state)
        if released is not None:
            await released.wait()

    def _append_event(self, event: pb.MxEvent) -> None:
        self.events.append(event)
        self._world.changed.notify_all()

    def _on_alarm_transition(self, transition: pb.OnAlarmTransitionEvent) -> None:
        self._append_event(pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION, on_alarm_transition=transition))

    def _on_provider_change(self) -> None:
        changed = pb.OnAlarmProviderModeChangedEvent()
        self._append_event(
            pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED, on_alarm_provider_mode_changed=changed)
        )

    def _on_overflow(self) -> None:
        if self._world.limits.fault_on_overflow and not self.closing_or_closed:
            self._become_faulted()

    def _become_faulted(self) -> None:
        self.state = pb.SESSION_STATE_FAULTED
        self.unsubscribe_alarms()
        self.mxaccess.release()
        self.worker.end()
        self._cancel_grace()
        self._world.changed.notify_all()

    def _release(self) -> None:
        self.unsubscribe_alarms()
        self.mxaccess.release()
        self._cancel_grace()
        if self._lease is not None:
            self._lease.cancel()

    def _check_lease(self) -> None:
        clock = self._world.clock
        if self.events.subscribed:
            self.renew_lease()
        left = self._last_used + self._world.limits.session_lease - clock.monotonic()
        if left > 0:
            self._lease = clock.call_later(left, self._check_lease)
        else:
            self.start_closing()

    def _cancel_grace(self) -> None:
        if self._grace is not None:
            self._grace.cancel()
            self._grace = None
