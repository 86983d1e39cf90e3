"""The simulated gateway: a real gRPC server on loopback."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import grpc
import grpc.aio
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.public_names import PublicNames
from mxgateway.testing.faults import Faults
from mxgateway.testing.plant.plant import Plant
from mxgateway.testing.server.admission import Admission
from mxgateway.testing.server.alarm_rpcs import AlarmRpcs
from mxgateway.testing.server.galaxy_rpcs import GalaxyRpcs
from mxgateway.testing.server.network import Network
from mxgateway.testing.server.session_rpcs import SessionRpcs
from mxgateway.testing.sessions.sessions import Sessions
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.limits import Limits
from mxgateway.testing.world import World

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from mxgateway.testing.server.admission import CallRecord
    from mxgateway.testing.server.tls import ServerTls
    from mxgateway.testing.sessions.views import SessionView
    from mxgateway.testing.state.clock import Clock

__all__ = ["GATEWAY_PROTOCOL_VERSION", "SimulatedGateway"]

GATEWAY_PROTOCOL_VERSION = 3

_STOP_TIMEOUT_SECONDS = 10.0
_UNLIMITED = 2**31 - 1


class SimulatedGateway(PublicNames):
    """An MXAccess Gateway for tests, with a small plant behind it.

    It behaves as a real gateway does, including its inconveniences. Where the behaviour of a gateway is not published,
    the documentation lists the assumptions. Use it in `async with`, or call `start` and `stop`. It belongs to
    the event loop that starts it.

    Args:
        plant: the Galaxy behind the gateway; None for `Plant.default()`, which has the usual test tags.
        host: the address to listen on.
        port: the port to listen on; 0 for any free port.
        api_key: a key with all scopes, `mxgw_<key-id>_<secret>`; None for a generated key.
        tls: the TLS configuration; None to listen in plaintext.
        limits: the limits and timeouts of the gateway.
        settle_time: how many seconds after an advise the first good value follows an uncertain one; 0 to send a good
            value at once.
        write_time: how many seconds after a write its outcome is raised.
        ramp_interval: the interval in seconds at which tags with a program change; None if only `plant.step()`
            changes them.
        gateway_protocol_version: the version in the reply to OpenSession.
        galaxy_only: whether to serve only the Galaxy, as a Historian Gateway does: every rpc of MxAccessGateway is then
            UNIMPLEMENTED.
        breakable_network: whether to listen behind a TCP proxy, which `faults.frozen_network` needs. It slows down
            every call a little.

    Raises:
        ValueError: the API key is invalid.
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
        galaxy_only: bool = False,
        breakable_network: bool = False,
    ) -> None:
        self.plant: Plant = Plant.default() if plant is None else plant
        self._world = World(plant=self.plant, limits=limits or Limits(), settle_time=settle_time, write_time=write_time)
        self.clock: Clock = self._world.clock
        self._api_key = self._world.keys.add(tuple(Scope), text=api_key).text
        self._host = host
        self._port = port
        self._tls = tls
        self._ramp_interval = ramp_interval
        self._network = Network() if breakable_network else None
        self._sessions = Sessions(self._world)
        self._admission = Admission(self._world)
        self._gateway_rpcs = {
            **SessionRpcs(self._world, self._sessions, gateway_protocol_version).rpcs(),
            **AlarmRpcs(self._world).rpcs(),
        }
        self._galaxy_rpcs = GalaxyRpcs(self._world).rpcs()
        self._galaxy_only = galaxy_only
        self.faults: Faults = Faults(
            self._world,
            self._sessions,
            network=self._network,
            stop_listening=self._stop_listening,
            listen=self._listen,
        )
        self._server: grpc.aio.Server | None = None
        self._started = False

    @property
    def endpoint(self) -> str:
        """The address on which the gateway listens, such as `127.0.0.1:43117`. The port is known after the start."""
        return self._address(self._port)

    @property
    def api_key(self) -> str:
        """An API key with all scopes."""
        return self._api_key

    @property
    def sessions(self) -> tuple[SessionView, ...]:
        """Snapshots of the sessions that are not closed."""
        return tuple(session.view() for session in self._sessions.not_closed())

    @property
    def calls(self) -> tuple[CallRecord, ...]:
        """The most recent calls that the gateway received, the oldest first."""
        return self._admission.records

    def add_key(self, *scopes: str, galaxy: tuple[str, ...] = ()) -> str:
        """Accept a new generated API key, and return it.

        Args:
            scopes: the scopes of the key, such as `session:open`.
            galaxy: the tags that the key gives access to, as globs over `Object.Attribute`; empty for all tags.

        Raises:
            ValueError: a scope is unknown.
        """
        return self._world.keys.add(scopes, galaxy).text

    def revoke_key(self, api_key: str) -> None:
        """Stop accepting an API key. Calls that have been admitted continue."""
        self._world.keys.revoke(api_key)

    async def wait_for(self, condition: Callable[[], object], timeout: float = 5.0) -> None:
        """Wait until `condition()` is true. It is checked whenever anything in the gateway changes.

        Raises:
            TimeoutError: it was still false after `timeout` seconds of real time. The message describes the sessions
                and the last call.
        """
        try:
            await self._world.changed.wait_for(condition, timeout)
        except TimeoutError:
            last = self.calls[-1] if self.calls else None
            raise TimeoutError(
                f"the condition was still false after {timeout:g} s; sessions: {self.sessions}; last call: {last}"
            ) from None

    async def start(self) -> None:
        """Start the gateway.

        Raises:
            RuntimeError: the gateway is already running, the port is in use, or another gateway uses the plant.
        """
        if self._started:
            raise RuntimeError("the simulated gateway is already running")
        self.plant.attach(self.clock.now, self._world.changed.notify_all)
        try:
            await self._listen()
        except BaseException:
            await self._stop_listening()
            self.plant.detach()
            raise
        self._started = True
        if self._ramp_interval is not None:
            self.clock.call_later(self._ramp_interval, self._step)

    async def stop(self) -> None:
        """Stop listening, break all connections, and drop all sessions. Does nothing if the gateway is not running."""
        if not self._started:
            return
        self._started = False
        await self._stop_listening()
        self._sessions.abandon_all()
        self.clock.stop()
        self.plant.detach()
        # Let the cancelled tasks of the sessions end.
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
                # Only the gateway's own limits refuse calls: gRPC would end them without an explanation.
                ("grpc.server.max_pending_requests", _UNLIMITED),
                ("grpc.server.max_pending_requests_hard_limit", _UNLIMITED),
                ("grpc.max_receive_message_length", self._world.limits.message_bytes),
                ("grpc.max_send_message_length", self._world.limits.message_bytes),
            ]
        )
        services = [(galaxy_pb.DESCRIPTOR.services_by_name["GalaxyRepository"], self._galaxy_rpcs)]
        if not self._galaxy_only:
            services.append((pb.DESCRIPTOR.services_by_name["MxAccessGateway"], self._gateway_rpcs))
        server.add_generic_rpc_handlers([self._admission.handler(service, rpcs) for service, rpcs in services])
        address = self.endpoint if self._network is None else self._address(0)
        if self._tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, self._tls.credentials())
        await server.start()
        self._server = server
        if self._network is None:
            self._port = port
            return
        try:
            self._port = await self._network.listen(self._host, self._port, port)
        except OSError as error:
            raise RuntimeError(f"cannot listen on {self.endpoint}: {error.strerror or error}") from error

    async def _stop_listening(self) -> None:
        server, self._server = self._server, None
        if server is None:
            return
        if self._network is not None:
            await self._network.close()
        await server.stop(None)
        # The handlers are cancelled, but may need a few more iterations of the event loop.
        await self._world.changed.wait_for(lambda: self._admission.running_calls == 0, _STOP_TIMEOUT_SECONDS)
        await asyncio.sleep(0)

    def _address(self, port: int) -> str:
        return f"[{self._host}]:{port}" if ":" in self._host else f"{self._host}:{port}"

    def _step(self) -> None:
        self.plant.step()
        if self._ramp_interval is not None:
            self.clock.call_later(self._ramp_interval, self._step)
