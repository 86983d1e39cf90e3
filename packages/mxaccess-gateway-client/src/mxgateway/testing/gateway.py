"""The simulated gateway itself: a real gRPC server on loopback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import grpc
import grpc.aio
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.faults import Faults
from mxgateway.testing.plant.alarm_board import AlarmBoard
from mxgateway.testing.plant.plant import Plant
from mxgateway.testing.server.admission import Door
from mxgateway.testing.server.alarm_rpcs import AlarmRpcs
from mxgateway.testing.server.galaxy_rpcs import GalaxyRpcs
from mxgateway.testing.server.network import Network
from mxgateway.testing.server.session_rpcs import SessionRpcs
from mxgateway.testing.sessions.sessions import Sessions, Surroundings
from mxgateway.testing.state.changes import Changes
from mxgateway.testing.state.clock import Clock
from mxgateway.testing.state.conditions import Conditions
from mxgateway.testing.state.keys import KeyRing, Scope
from mxgateway.testing.state.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mxgateway.testing.server.admission import CallRecord
    from mxgateway.testing.server.tls import ServerTls
    from mxgateway.testing.sessions.views import SessionView

__all__ = ["GATEWAY_PROTOCOL_VERSION", "SimulatedGateway"]

GATEWAY_PROTOCOL_VERSION = 3

_STOPPING_TIME = 10.0
_ANY_NUMBER = 2**31 - 1


class SimulatedGateway:
    """An MXAccess Gateway to test against, with a small plant behind it.

    It behaves as a gateway does, inconvenience included; what it had to guess stands in the package's README. Use it in
    `async with`, or call `start` and `stop`. It belongs to the event loop that starts it.

    Args:
        plant: the Galaxy behind it; the usual test tags when it is None.
        host: the address to listen on.
        port: the port to listen on; any free one when it is 0.
        api_key: a key with all scopes, `mxgw_<key-id>_<secret>`; one is made up when it is None.
        tls: listen with TLS; plaintext when it is None.
        limits: how much the gateway takes and how long it waits.
        settle_time: how many seconds after an advise the first good value follows an uncertain one; 0 for a good one
            at once.
        write_time: how many seconds after a write its outcome is told.
        ramp_interval: every how many seconds tags with a program move; None for never, `plant.step()` moves them.
        gateway_protocol_version: the version that OpenSession tells.
        breakable_network: listen behind a stretch of network that `faults.frozen_network` can silence. Every call takes
            a little longer then.
    """

    def __init__(
        self,
        *,
        plant: Plant | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | None = None,
        tls: ServerTls | None = None,
        limits: Limits | None = None,
        settle_time: float = 0.0,
        write_time: float = 0.0,
        ramp_interval: float | None = 1.0,
        gateway_protocol_version: int = GATEWAY_PROTOCOL_VERSION,
        breakable_network: bool = False,
    ) -> None:
        self.plant: Plant = Plant.default() if plant is None else plant
        self.clock: Clock = Clock()
        self._host = host
        self._port = port
        self._tls = tls
        self._limits = limits or Limits()
        self._ramp_interval = ramp_interval
        self._network = Network() if breakable_network else None
        self._changes = Changes()
        self._keys = KeyRing()
        self._api_key = self._keys.add(tuple(Scope), text=api_key).text
        conditions = Conditions()
        alarms = AlarmBoard(self.plant, self.clock, self._limits.queued_events)
        self._sessions = Sessions(
            Surroundings(
                plant=self.plant,
                alarms=alarms,
                clock=self.clock,
                limits=self._limits,
                conditions=conditions,
                changes=self._changes,
                settle_time=settle_time,
                write_time=write_time,
            )
        )
        self._door = Door(self._keys, self.clock, conditions, self._changes, self._limits)
        self._gateway_rpcs = {
            **SessionRpcs(self._sessions, self.plant, alarms, self._limits, gateway_protocol_version).rpcs(),
            **AlarmRpcs(alarms).rpcs(),
        }
        self._galaxy_rpcs = GalaxyRpcs(self.plant, self.clock, conditions).rpcs()
        self.faults: Faults = Faults(
            conditions=conditions,
            sessions=self._sessions,
            plant=self.plant,
            alarms=alarms,
            clock=self.clock,
            network=self._network,
            close=self._stop_listening,
            open_again=self._listen,
        )
        self._server: grpc.aio.Server | None = None
        self._started = False

    @property
    def endpoint(self) -> str:
        """Where it listens: `127.0.0.1:43117`. Known once it has started."""
        return self._address(self._port)

    @property
    def api_key(self) -> str:
        """A key with all scopes."""
        return self._api_key

    @property
    def sessions(self) -> tuple[SessionView, ...]:
        """The sessions that have not ended as asked, as they are now."""
        return tuple(session.view() for session in self._sessions.open_ones())

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The last calls that the gateway saw, the oldest first."""
        return self._door.records

    def add_key(self, *scopes: str, galaxy: tuple[str, ...] = ()) -> str:
        """Give a new key with only these scopes, such as `session:open`.

        Args:
            scopes: what it is good for.
            galaxy: the tags that it reaches, as globs over `Object.Attribute`; all when it is empty.

        Raises:
            ValueError: a scope that no gateway knows.
        """
        return self._keys.add(scopes, galaxy).text

    def revoke_key(self, api_key: str) -> None:
        """Accept a key no longer. Calls that are inside already go on."""
        self._keys.revoke(api_key)

    async def wait_for(self, condition: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until `condition()` is true. It is looked at whenever anything in the gateway changes.

        Raises:
            TimeoutError: it was not true after `timeout` seconds of real time; the text says how the gateway stands.
        """
        try:
            await self._changes.wait_for(condition, timeout)
        except TimeoutError:
            last = self.calls[-1] if self.calls else None
            raise TimeoutError(
                f"the gateway did not come to what was waited for in {timeout:g} s; sessions: {self.sessions}; "
                f"last call: {last}"
            ) from None

    async def start(self) -> None:
        """Begin to listen.

        Raises:
            RuntimeError: it has started already, or the port is taken.
        """
        if self._started:
            raise RuntimeError("the simulated gateway has started already")
        self.plant.serve(self.clock.now, self._changes.notify)
        try:
            await self._listen()
        except BaseException:
            self.plant.retire()
            raise
        self._started = True
        if self._ramp_interval is not None:
            self.clock.call_later(self._ramp_interval, self._step)

    async def stop(self) -> None:
        """Stop listening, break every connection, lose every session. May be repeated."""
        if not self._started:
            return
        self._started = False
        await self._stop_listening()
        self._sessions.lose_all()
        self.clock.stop()
        self.plant.retire()
        # Whatever the sessions had running sees its cancellation on the loop's next turn.
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.stop()

    async def _listen(self) -> None:
        server = grpc.aio.server(
            options=[
                ("grpc.so_reuseport", 0),
                # What is too much a gateway says by its own limits; gRPC's would end calls without a word.
                ("grpc.server.max_pending_requests", _ANY_NUMBER),
                ("grpc.server.max_pending_requests_hard_limit", _ANY_NUMBER),
                ("grpc.max_receive_message_length", self._limits.message_bytes),
                ("grpc.max_send_message_length", self._limits.message_bytes),
            ]
        )
        server.add_generic_rpc_handlers(
            [
                self._door.handler(pb.DESCRIPTOR.services_by_name["MxAccessGateway"], self._gateway_rpcs),
                self._door.handler(galaxy_pb.DESCRIPTOR.services_by_name["GalaxyRepository"], self._galaxy_rpcs),
            ]
        )
        address = self.endpoint if self._network is None else self._address(0)
        if self._tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, self._tls.credentials())
        await server.start()
        self._server = server
        self._port = port if self._network is None else await self._network.listen(self._host, self._port, port)

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if self._network is not None:
            await self._network.close()
        await server.stop(None)
        # The handlers are cancelled by then, but may have a few turns of the loop to go.
        await self._changes.wait_for(lambda: self._door.inside == 0, _STOPPING_TIME)
        await asyncio.sleep(0)

    def _address(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    def _step(self) -> None:
        self.plant.step()
        if self._ramp_interval is not None:
            self.clock.call_later(self._ramp_interval, self._step)
