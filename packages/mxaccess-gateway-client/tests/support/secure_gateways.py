"""Connections to gateways with TLS, and checks that an untrusted gateway never receives the key."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self, Unpack

import pytest

from mxgateway import GatewayClient, MxGatewayError
from mxgateway.options import ClientOptionsFields
from mxgateway.testing import SimulatedGateway
from support.certificates import Pair


async def talk(gateway: SimulatedGateway, **fields: Unpack[ClientOptionsFields]) -> None:
    """Connect, open a session, ping it, and open its event stream."""
    fields.setdefault("endpoint", gateway.endpoint)
    fields["api_key"] = gateway.api_key
    async with GatewayClient.connect(**fields) as client, client.open_session() as session:
        await session.ping()
        async with session.stream_events():
            await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)


async def refusal(gateway: SimulatedGateway, **fields: Unpack[ClientOptionsFields]) -> MxGatewayError:
    """Return the error of a connection that must fail before the key is sent."""
    seen = len(gateway.calls)
    with pytest.raises(MxGatewayError) as caught:
        await talk(gateway, **fields)
    assert len(gateway.calls) == seen, "the key must not have been sent"
    assert "\n" not in str(caught.value)
    assert gateway.api_key not in str(caught.value)
    return caught.value


class KnownFile:
    """The file of known gateways, as its owner sees it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def exists(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    @property
    def entries(self) -> list[list[str]]:
        """Endpoint and fingerprint of each line."""
        return [line.split()[:2] for line in self.read().splitlines() if not line.startswith("#")]

    @property
    def mode(self) -> int:
        """The permissions of the file."""
        return stat.S_IMODE(self.path.stat().st_mode)

    @property
    def neighbours(self) -> list[str]:
        """The names of the other files in its folder."""
        return [path.name for path in self.path.parent.iterdir() if path != self.path]

    @property
    def is_link(self) -> bool:
        """Whether it is a symbolic link."""
        return self.path.is_symlink()

    def link_to(self, other: KnownFile) -> None:
        """Create it as a symbolic link."""
        self.path.symlink_to(other.path)

    def read(self) -> str:
        """Return its content."""
        return self.path.read_text(encoding="utf-8")

    def write(self, content: str | bytes) -> None:
        """Create it, or replace its content."""
        self.path.write_bytes(content.encode() if isinstance(content, str) else content)


def port_of(gateway: SimulatedGateway) -> int:
    """Return the port on which a gateway listens."""
    return int(gateway.endpoint.rpartition(":")[2])


class Switch:
    """Forwards the first `looks` connections to one local port, and later ones to the port `then`."""

    def __init__(self, port: int, *, looks: int = 0, then: int | None = None) -> None:
        self.made = 0
        """The number of connections so far."""
        self._ports = (port, port if then is None else then)
        self._looks = looks
        self._connections: set[asyncio.Task[None]] = set()

    @property
    def endpoint(self) -> str:
        """The endpoint on which it listens."""
        return f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.made += 1
        connection = asyncio.create_task(self._lead(reader, writer, self._ports[self.made > self._looks]))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(_pump(reader, back))
                pumps.create_task(_pump(there, writer))
        finally:
            for each in (writer, back):
                each.transport.abort()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


@asynccontextmanager
async def gateway_with(
    shown: Pair, client_ca: Path | None = None, *, host: str = "127.0.0.1", port: int = 0
) -> AsyncGenerator[SimulatedGateway]:
    """Run a gateway with this certificate."""
    tls = shown.server(client_ca)
    async with SimulatedGateway(tls=tls, ramp_interval=None, host=host, port=port) as gateway:
        yield gateway
        await gateway.wait_for(lambda: not gateway.sessions)
