"""A TCP proxy in front of the gateway, which can break or freeze connections."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["Network"]

_CHUNK_BYTES = 64 * 1024


class Network:
    """A TCP proxy that forwards bytes between the clients and the gateway, except while frozen."""

    def __init__(self) -> None:
        self._thawed = asyncio.Event()
        self._thawed.set()
        self._closed = False
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int, gateway_port: int) -> int:
        """Listen on `port`, forward connections to `gateway_port`, and return the port."""

        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.create_task(self._forward(reader, writer, host, gateway_port))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)
            # Not in the task: one that is cancelled before its first step would leave the connection open.
            connection.add_done_callback(lambda _: writer.transport.abort())
            if self._closed:
                connection.cancel()

        self._closed = False
        self._server = await asyncio.start_server(accept, host, port)
        listening_port: int = self._server.sockets[0].getsockname()[1]
        return listening_port

    def freeze(self) -> None:
        """Stop forwarding bytes, but keep all connections open, as when a cable is pulled."""
        self._thawed.clear()

    def thaw(self) -> None:
        """Forward bytes again."""
        self._thawed.set()

    async def cut(self) -> None:
        """Break all connections, as a failing switch does."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)

    async def close(self) -> None:
        """Break all connections and stop listening."""
        self._closed = True
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def _forward(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, gateway_port: int
    ) -> None:
        # An OSError: one side has closed its connection, so the other one is closed as well.
        with contextlib.suppress(OSError):
            gateway_reader, gateway_writer = await asyncio.open_connection(host, gateway_port)
            try:
                await _wait_for_first(self._pump(reader, gateway_writer), self._pump(gateway_reader, writer))
            finally:
                gateway_writer.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self._thawed.wait()
            writer.write(data)
            await writer.drain()


async def _wait_for_first(*pumps: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
