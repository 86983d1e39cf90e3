"""A stretch of network before the gateway that can be cut, or go silent as when a cable is pulled."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from mxgateway.testing.state.conditions import Gate

if TYPE_CHECKING:
    from collections.abc import Awaitable

__all__ = ["Network"]

_CHUNK_BYTES = 64 * 1024


class Network:
    """Passes bytes between whoever connects to it and the gateway behind it, as long as it is open."""

    def __init__(self) -> None:
        self.open: Gate = Gate()
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def listen(self, host: str, port: int, behind: int) -> int:
        """Listen before the gateway that is at port `behind`, and give the port."""

        async def passing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = asyncio.create_task(self._pass_bytes(reader, writer, host, behind))
            self._connections.add(connection)
            connection.add_done_callback(self._connections.discard)

        self._server = await asyncio.start_server(passing, host, port)
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def cut(self) -> None:
        """Break every connection that there is, as a failing switch does."""
        connections = tuple(self._connections)
        for connection in connections:
            connection.cancel()
        if connections:
            await asyncio.wait(connections)

    async def close(self) -> None:
        """Break every connection and take no new ones."""
        if self._server is not None:
            self._server.close()
        await self.cut()

    async def _pass_bytes(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, behind: int
    ) -> None:
        writers = [writer]
        try:
            back_reader, back_writer = await asyncio.open_connection(host, behind)
            writers.append(back_writer)
            await _first_of(self._pump(reader, back_writer), self._pump(back_reader, writer))
        except OSError:
            # One side is gone: the other one learns of it below.
            pass
        finally:
            for each in writers:
                each.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK_BYTES):
            await self.open.passed()
            writer.write(data)
            await writer.drain()


async def _first_of(*pumps: Awaitable[None]) -> None:
    tasks = [asyncio.ensure_future(pump) for pump in pumps]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
