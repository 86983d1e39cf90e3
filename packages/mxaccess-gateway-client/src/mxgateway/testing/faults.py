"""Everything that can go wrong, on request."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.statuses import operational_error
from mxgateway.testing.state.conditions import Gate, NextCalls
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Generator

    from mxgateway.protocol import SessionState
    from mxgateway.status import AlarmProviderMode
    from mxgateway.testing.plant.alarm_board import AlarmBoard
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.server.network import Network
    from mxgateway.testing.sessions.sessions import Sessions
    from mxgateway.testing.state.clock import Clock
    from mxgateway.testing.state.conditions import Conditions

__all__ = ["Faults"]


class Faults:
    """The one place to ask a simulated gateway for trouble: `gateway.faults`.

    Whatever takes a `session_id` raises KeyError for one that the gateway doesn't know.
    """

    def __init__(
        self,
        *,
        conditions: Conditions,
        sessions: Sessions,
        plant: Plant,
        alarms: AlarmBoard,
        clock: Clock,
        network: Network | None,
        close: Callable[[], Awaitable[None]],
        open_again: Callable[[], Awaitable[None]],
    ) -> None:
        self._conditions = conditions
        self._sessions = sessions
        self._plant = plant
        self._alarms = alarms
        self._clock = clock
        self._network = network
        self._close = close
        self._open_again = open_again

    async def drop_connections(self) -> None:
        """Break every connection and take new ones on the same port. Calls end UNAVAILABLE, sessions live on."""
        if self._network is None:
            await self._close()
            await self._open_again()
        else:
            await self._network.cut()

    async def restart(self) -> None:
        """Stop and start the gateway on the same port: connections break and every session is lost."""
        await self._close()
        self._sessions.lose_all()
        await self._open_again()

    @contextmanager
    def frozen_network(self) -> Generator[None]:
        """Let no byte pass within the `with` block, as when a cable is pulled: nobody is told that anything is wrong.

        Raises:
            RuntimeError: the gateway was not made with `breakable_network=True`.
        """
        if self._network is None:
            raise RuntimeError("only the network of SimulatedGateway(breakable_network=True) can be frozen")
        self._network.open.shut()
        try:
            yield
        finally:
            self._network.open.open()

    def kill_worker(self, session_id: str) -> None:
        """End a session's worker as a crash does: commands end WORKER_UNAVAILABLE, the stream UNAVAILABLE."""
        self._sessions[session_id].fault(
            Refused(grpc.StatusCode.UNAVAILABLE, f"the worker of session {session_id} has ended unexpectedly")
        )

    def fault_session(self, session_id: str) -> None:
        """Make a session FAULTED with its worker alive until then; the stream ends FAILED_PRECONDITION."""
        self._sessions[session_id].fault(
            Refused(grpc.StatusCode.FAILED_PRECONDITION, f"session {session_id} is not ready, it is FAULTED")
        )

    def overflow_events(self, session_id: str) -> None:
        """End a session's stream as if its subscriber had fallen 10 000 events behind."""
        self._sessions[session_id].events.overflow()

    def age_out_replay(self, session_id: str) -> None:
        """Retain no event of a session that came so far, as if it were long ago."""
        self._sessions[session_id].events.forget_retained()

    def refuse_next_calls(
        self, count: int, code: grpc.StatusCode, details: str = "refused on request", *, rpc: str | None = None
    ) -> None:
        """End the next `count` calls with a status, whoever makes them: of one rpc, such as `Invoke`, or of any."""
        self._conditions.refusals.append(NextCalls(Refused(code, details), count, rpc))

    def delay_calls(self, seconds: float) -> None:
        """Let every call from now on wait so many seconds of the gateway's clock at the door; 0 ends that."""
        self._conditions.call_delay = seconds

    def delay_commands(self, seconds: float) -> None:
        """Let workers take so many seconds of the gateway's clock for each command from now on; 0 ends that."""
        self._conditions.command_delay = seconds

    @contextmanager
    def held_commands(self, session_id: str) -> Generator[None]:
        """Let a session's worker begin no command within the `with` block: its commands wait."""
        gate = self._conditions.held_commands.setdefault(session_id, Gate())
        gate.shut()
        try:
            yield
        finally:
            gate.open()

    @contextmanager
    def held_sessions(self, state: SessionState) -> Generator[None]:
        """Let no session leave `state` within the `with` block, such as STARTING_WORKER or CLOSING."""
        gate = self._conditions.held_states.setdefault(state, Gate())
        gate.shut()
        try:
            yield
        finally:
            gate.open()

    @contextmanager
    def refused_writes(self, tag: str, *statuses: pb.MxStatusProxy) -> Generator[None]:
        """Let every write to a tag end with these statuses within the `with` block, as its ON_WRITE_COMPLETE tells.

        Without statuses it is an OPERATIONAL_ERROR that says so.
        """
        self._plant[tag].write_refusal = statuses or (operational_error(f"{tag} refuses on request"),)
        try:
            yield
        finally:
            self._plant[tag].write_refusal = ()

    @contextmanager
    def galaxy_down(self) -> Generator[None]:
        """Let the Galaxy's database be down within the `with` block."""
        self._conditions.galaxy_down = True
        try:
            yield
        finally:
            self._conditions.galaxy_down = False

    @contextmanager
    def silent_tag(self, tag: str) -> Generator[None]:
        """Let a tag tell nobody anything within the `with` block, as if its engine could not be reached."""
        self._plant[tag].silent = True
        try:
            yield
        finally:
            self._plant[tag].silent = False

    def change_alarm_provider(self, mode: AlarmProviderMode, reason: str = "changed on request") -> None:
        """Have the alarms from another provider; one that is not ALARMMGR is degraded."""
        self._alarms.change_provider(pb.AlarmProviderMode.ValueType(mode), reason)

    def retrigger_alarm(self, tag: str) -> None:
        """Raise the alarm of a tag once more while it is active."""
        alarm = self._plant[tag].alarm
        if alarm is None or not alarm.active:
            raise ValueError(f"{tag} has no active alarm")
        alarm.retrigger(self._clock.now())

    def complete_operation(self, session_id: str, server_handle: int, item_handle: int) -> None:
        """Raise OperationComplete, which MXAccess does of its own accord and rarely."""
        self._sessions[session_id].mxaccess.complete_operation(server_handle, item_handle)
