"""A stretch of network on loopback that breaks on command: it cuts, hangs up, stalls, delays and splits."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK: Final = 64 * 1024
_RESET: Final = struct.pack("ii", 1, 0)  # SO_LINGER: closing drops what is unsent and sends a reset


class FaultProxy:
    """Passes bytes between the clients that connect to it and the port behind it, until it is told to do otherwise.

    What is asked of it holds for every connection that there is, and what lasts also for those that come.
    """

    def __init__(self, port_behind: int) -> None:
        self._port_behind = port_behind
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._changed = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay = 0.0
        self._piece = 0
        self._until_break: int | None = None
        self.pings = 0
        """How many HTTP/2 pings the clients have sent; their answers to the server's are none."""

    @property
    def endpoint(self) -> str:
        """Where it listens."""
        return f"{_HOST}:{self._port}"

    @property
    def connections(self) -> int:
        """How many connections pass through it."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        await self.cut()

    async def accept(self) -> None:
        """Take new connections, always on the same port."""
        self._server = await asyncio.start_server(self._serve, _HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Take no new connections; those that there are go on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def cut(self) -> None:
        """Break every connection on both sides with a reset; returns when none is left."""
        await self._end(reset=True)

    async def hang_up(self) -> None:
        """End every connection on both sides in an orderly way; returns when none is left."""
        await self._end(reset=False)

    async def break_after(self, size: int, *, reset: bool) -> None:
        """Break every connection once so many bytes more came from the server, wherever in a message that is."""
        self._until_break = size
        await self.wait_until(lambda: self._until_break == 0)
        self._until_break = None
        await self._end(reset=reset)

    @contextmanager
    def stalled(self) -> Generator[None]:
        """Forward nothing within the `with` block and tell nobody; bytes and connections are still accepted."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    @contextmanager
    def delayed(self, seconds: float) -> Generator[None]:
        """Hold everything back for so long within the `with` block."""
        self._delay = seconds
        try:
            yield
        finally:
            self._delay = 0.0

    @contextmanager
    def split(self, size: int) -> Generator[None]:
        """Forward pieces of at most so many bytes within the `with` block, each in a packet of its own."""
        self._piece = size
        try:
            yield
        finally:
            self._piece = 0

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait until this is true of the proxy; it is looked at whenever bytes, pings or connections come and go."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _end(self, *, reset: bool) -> None:
        ended = tuple(self._connections)
        for connection in ended:
            connection.end(reset=reset)
        await self.wait_until(lambda: self._connections.isdisjoint(ended))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(_HOST, self._port_behind)
        except OSError:
            writer.transport.abort()
            return
        frames = _ClientFrames(self._pinged)

        async def to_server(data: bytes) -> None:
            frames.feed(data)
            await self._forward(data, server_writer)

        async def to_client(data: bytes) -> None:
            if self._until_break is None:
                await self._forward(data, writer)
                return
            data = data[: self._until_break]
            self._until_break -= len(data)
            await self._forward(data, writer)
            self._changed.set()

        connection = _Connection(writer, server_writer)
        self._connections.add(connection)
        self._changed.set()
        await connection.pass_bytes((reader, to_server), (server_reader, to_client))
        self._connections.discard(connection)
        self._changed.set()

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        if self._delay:
            await asyncio.sleep(self._delay)
        while data:
            size = self._piece or len(data)
            piece, data = data[:size], data[size:]
            writer.write(piece)
            await writer.drain()
            if data:
                # A turn of the loop between two packets lets whoever reads them see the first one alone.
                await asyncio.sleep(0)

    def _pinged(self) -> None:
        self.pings += 1
        self._changed.set()


class _Connection:
    """A client's connection together with the one to the server that stands for it."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self._pumps: list[asyncio.Task[None]] = []
        self._reset = False

    async def pass_bytes(self, *ways: tuple[asyncio.StreamReader, Callable[[bytes], Awaitable[None]]]) -> None:
        """Pass bytes both ways until a side ends, then end the other one."""
        self._pumps = [asyncio.create_task(_pump(reader, forward)) for reader, forward in ways]
        await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.wait(self._pumps)
        for writer in self._writers:
            if self._reset:
                connected: socket.socket = writer.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                writer.transport.abort()
            else:
                writer.close()

    def end(self, *, reset: bool) -> None:
        """Stop passing bytes and end both sides."""
        self._reset = reset
        for pump in self._pumps:
            pump.cancel()


class _ClientFrames:
    """Follows the HTTP/2 frames that a client sends, to see its pings among them."""

    _PREFACE: Final = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    _HEADER: Final = 9
    _PING: Final = 6
    _ACK: Final = 1

    def __init__(self, pinged: Callable[[], None]) -> None:
        self._pinged = pinged
        self._bytes = bytearray()
        self._skip = self._PREFACE

    def feed(self, data: bytes) -> None:
        """Take what the client sent next."""
        self._bytes += data
        while True:
            skipped = min(self._skip, len(self._bytes))
            del self._bytes[:skipped]
            self._skip -= skipped
            if self._skip or len(self._bytes) < self._HEADER:
                return
            if self._bytes[3] == self._PING and not self._bytes[4] & self._ACK:
                self._pinged()
            self._skip = self._HEADER + int.from_bytes(self._bytes[:3], "big")


async def _pump(reader: asyncio.StreamReader, forward: Callable[[bytes], Awaitable[None]]) -> None:
    # A broken connection ends the pump as one that was closed does.
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            await forward(data)
