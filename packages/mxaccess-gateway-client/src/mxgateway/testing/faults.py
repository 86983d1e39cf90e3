"""Faults that a test can inject into a simulated gateway."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.statuses import operational_error
from mxgateway.testing.state.active_faults import RefusedCalls
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from mxgateway.protocol import SessionState
    from mxgateway.status import AlarmProviderMode
    from mxgateway.testing.server.network import Network
    from mxgateway.testing.sessions.sessions import Sessions
    from mxgateway.testing.world import World

__all__ = ["Faults"]


class Faults:
    """The faults of a simulated gateway: `gateway.faults`.

    Methods that take a `session_id` raise KeyError if the gateway does not know that session.
    """

    def __init__(
        self,
        world: World,
        sessions: Sessions,
        *,
        network: Network | None,
        stop_listening: Callable[[], Awaitable[None]],
        listen: Callable[[], Awaitable[None]],
    ) -> None:
        self._world = world
        self._sessions = sessions
        self._network = network
        self._stop_listening = stop_listening
        self._listen = listen

    async def drop_connections(self) -> None:
        """Break all connections, and accept new ones on the same port. Calls end UNAVAILABLE; sessions stay open."""
        if self._network is None:
            await self._stop_listening()
            await self._listen()
        else:
            await self._network.cut()

    async def restart(self) -> None:
        """Restart the gateway on the same port: connections break, and all sessions are lost."""
        await self._stop_listening()
        self._sessions.abandon_all()
        await self._listen()

    @contextmanager
    def frozen_network(self) -> Generator[None]:
        """Forward no bytes within the `with` block, as when a cable is pulled: connections stay open, but are silent.

        Raises:
            RuntimeError: the gateway was not created with `breakable_network=True`.
        """
        if self._network is None:
            raise RuntimeError("cannot freeze the network: use SimulatedGateway(breakable_network=True)")
        self._network.freeze()
        try:
            yield
        finally:
            self._network.thaw()

    def kill_worker(self, session_id: str) -> None:
        """End the worker of a session, as a crash does: its commands end WORKER_UNAVAILABLE, its stream UNAVAILABLE."""
        self._sessions[session_id].fault(
            Refused(grpc.StatusCode.UNAVAILABLE, f"the worker of session {session_id} has ended unexpectedly")
        )

    def fault_session(self, session_id: str) -> None:
        """Make a session FAULTED: its commands end WORKER_UNAVAILABLE, its stream FAILED_PRECONDITION."""
        self._sessions[session_id].fault(
            Refused(grpc.StatusCode.FAILED_PRECONDITION, f"session {session_id} is not ready, it is FAULTED")
        )

    def overflow_events(self, session_id: str) -> None:
        """End the stream of a session as if its queue had overflowed; by default this also faults the session."""
        self._sessions[session_id].events.overflow()

    def age_out_replay(self, session_id: str) -> None:
        """Discard the retained events of a session, as if they were too old for a resume."""
        self._sessions[session_id].events.discard_retained()

    def refuse_next_calls(
        self, count: int, code: grpc.StatusCode, details: str = "refused on request", *, rpc: str | None = None
    ) -> None:
        """Refuse the next `count` calls with a status: of one rpc, such as `Invoke`, or of any rpc if it is None."""
        self._world.active_faults.refused_calls.append(RefusedCalls(Refused(code, details), count, rpc))

    def delay_calls(self, seconds: float) -> None:
        """Delay every new call by this many seconds of the gateway's clock; 0 ends the delay."""
        self._world.active_faults.call_delay = seconds

    def delay_commands(self, seconds: float) -> None:
        """Delay every command by this many seconds of the gateway's clock, in the worker; 0 ends the delay."""
        self._world.active_faults.command_delay = seconds

    @contextmanager
    def held_commands(self, session_id: str) -> Generator[None]:
        """Make the commands of a session wait in its worker until the end of the `with` block."""
        released = self._world.active_faults.held_commands.setdefault(session_id, asyncio.Event())
        released.clear()
        try:
            yield
        finally:
            released.set()

    @contextmanager
    def held_sessions(self, state: SessionState) -> Generator[None]:
        """Let no session leave `state`, such as STARTING_WORKER or CLOSING, before the end of the `with` block."""
        released = self._world.active_faults.held_states.setdefault(state, asyncio.Event())
        released.clear()
        try:
            yield
        finally:
            released.set()

    @contextmanager
    def refused_writes(self, tag: str, *statuses: pb.MxStatusProxy) -> Generator[None]:
        """Refuse every write to a tag within the `with` block: its ON_WRITE_COMPLETE has these statuses.

        Without statuses it has one OPERATIONAL_ERROR.
        """
        self._world.plant[tag].write_refusal = statuses or (operational_error(f"{tag} refuses on request"),)
        self._world.changed.notify_all()
        try:
            yield
        finally:
            self._world.plant[tag].write_refusal = ()
            self._world.changed.notify_all()

    @contextmanager
    def galaxy_down(self, *, snapshot: bool = True) -> Generator[None]:
        """Make the Galaxy's database unavailable within the `with` block.

        The gateway then answers from the copy that it has, and does not notice deploys. This is also what a gateway
        does that was restarted without its database, and serves the snapshot on its disk.

        Args:
            snapshot: whether the gateway has a copy; False for a gateway whose cache was never filled, which refuses
                every question about objects and deploys, and does not know which attributes are arrays.
        """
        self._world.galaxy_cache.lose_database(keep_copy=snapshot)
        try:
            yield
        finally:
            self._world.galaxy_cache.reach_database()

    @contextmanager
    def silent_tag(self, tag: str) -> Generator[None]:
        """Raise no data changes of a tag within the `with` block, as if its engine were unreachable."""
        self._world.plant[tag].silent = True
        self._world.changed.notify_all()
        try:
            yield
        finally:
            self._world.plant[tag].silent = False
            self._world.changed.notify_all()

    def end_alarm_feeds(
        self, code: grpc.StatusCode = grpc.StatusCode.UNAVAILABLE, details: str = "ended on request"
    ) -> None:
        """End all open alarm feeds with a status, which may be OK. Connections and sessions stay open."""
        self._world.alarms.end_feeds(Refused(code, details))

    def change_alarm_provider(self, mode: AlarmProviderMode, reason: str = "changed on request") -> None:
        """Switch to another alarm provider. Every provider except ALARMMGR is degraded."""
        self._world.alarms.change_provider(pb.AlarmProviderMode.ValueType(mode), reason)

    def retrigger_alarm(self, tag: str) -> None:
        """Raise the alarm of a tag again while it is active.

        Raises:
            ValueError: the tag has no active alarm.
        """
        alarm = self._world.plant[tag].alarm
        if alarm is None or not alarm.active:
            raise ValueError(f"{tag} has no active alarm")
        alarm.retrigger(self._world.clock.now())

    def complete_operation(self, session_id: str, server_handle: int, item_handle: int) -> None:
        """Raise OperationComplete, which MXAccess itself rarely does."""
        self._sessions[session_id].mxaccess.complete_operation(server_handle, item_handle)
