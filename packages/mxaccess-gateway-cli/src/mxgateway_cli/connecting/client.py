"""Connections of a command: clients and attached sessions."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from mxgateway import GatewayClient, MxGatewayError, ProtocolStatusCode
from mxgateway_cli.completion.cache import GalaxyCache
from mxgateway_cli.connecting.client_options import resolve
from mxgateway_cli.connecting.runner import run
from mxgateway_cli.output.log import show_log_records

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self

    from mxgateway import ClientOptions, Session
    from mxgateway_cli.connecting.client_options import ResolvedTarget
    from mxgateway_cli.connecting.target import Target
    from mxgateway_cli.output.console import Output

__all__ = ["Connections", "Gateway", "run_with_gateway"]

_STATE_TIMEOUT_SECONDS: Final = 2.0


class Connections:
    """The clients of this process, one for each set of options, connected when they are first used."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._clients: dict[ClientOptions, GatewayClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    async def client(self, options: ClientOptions) -> GatewayClient:
        """Return the connected client for these options."""
        if options not in self._clients:
            self._clients[options] = await self._stack.enter_async_context(GatewayClient.connect(options))
        return self._clients[options]

    async def close(self) -> None:
        """Close all clients."""
        self._clients.clear()
        await self._stack.aclose()


class Gateway:
    """The gateway that a command talks to.

    Attributes:
        options: The client's options for this gateway.
        settings: What they consist of, and where each setting is from.
        time_limit: The seconds given by `--timeout` on the command line, or None.
    """

    def __init__(self, resolved: ResolvedTarget, connections: Connections) -> None:
        self.options = resolved.options
        self.settings = resolved.settings
        self.time_limit = resolved.time_limit
        self._connections = connections

    async def client(self) -> GatewayClient:
        """Return the connected client."""
        return await self._connections.client(self.options)

    @property
    def galaxy_cache(self) -> GalaxyCache:
        """The cache of the names in the gateway's Galaxy; that of the first gateway, if there are several."""
        return GalaxyCache(self.options.by_endpoint()[0].endpoint)

    async def attach(self, session_id: str) -> Session:
        """Return the session with this id. The session stays open when the command ends."""
        return (await self.client()).attach_session(session_id)

    async def close_session(self, session_id: str) -> None:
        """Close an existing session.

        Raises:
            MxGatewaySessionError: The gateway does not know the session. Closing alone would not report that.
        """
        session = await self.attach(session_id)
        try:
            # A short timeout: a worker that hangs must not prevent its session from being closed.
            await session.get_state(timeout=min(_STATE_TIMEOUT_SECONDS, self.options.timeout))
        except MxGatewayError as error:
            if error.grpc_status is not None and error.grpc_status.name == "NOT_FOUND":
                raise
            if error.protocol_status is ProtocolStatusCode.SESSION_NOT_FOUND:
                raise
        await session.close()


def run_with_gateway(target: Target, output: Output, function: Callable[[Gateway], Awaitable[None]]) -> None:
    """Run a command's coroutine function with the target's gateway, and close all connections afterwards.

    Raises:
        click.UsageError: The target is incomplete, or its API key cannot be read.
        MxGatewayError: A call to the gateway failed.
        KeyboardInterrupt: A signal cancelled the command.
    """
    resolved = resolve(target, output.diagnostics)

    async def work() -> None:
        async with Connections() as connections:
            await function(Gateway(resolved, connections))

    with show_log_records(output.diagnostics):
        run(work)
