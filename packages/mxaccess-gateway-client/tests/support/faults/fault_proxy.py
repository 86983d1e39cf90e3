"""A TCP proxy on loopback that resets, closes, stalls, delays and splits connections on command."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager, suppress
from typing import Final, Self

_HOST: Final = "127.0.0.1"
_CHUNK_BYTES: Final = 64 * 1024
# As SO_LINGER: closing the socket drops unsent data and sends a reset.
_LINGER_RESET: Final = struct.pack("ii", 1, 0)


class FaultProxy:
    """Forwards bytes between its clients and a server port, and injects faults.

    A fault affects every open connection. Lasting faults (refuse, stall, delay, split) also affect later connections.

    Args:
        server_port: the port on loopback to forward to.

    Attributes:
        pings: how many HTTP/2 pings the clients have sent, without acknowledgements of the server's pings.
    """

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._port = 0
        self._server: asyncio.Server | None = None
        self._connections: set[_Connection] = set()
        self._changed = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._delay_seconds = 0.0
        self._packet_bytes = 0
        self._bytes_until_break: int | None = None
        self.pings = 0

    @property
    def endpoint(self) -> str:
        """The address that the proxy listens on, as host:port."""
        return f"{_HOST}:{self._port}"

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        await self.accept()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.refuse()
        await self.reset_connections()

    async def accept(self) -> None:
        """Accept new connections, always on the same port."""
        self._server = await asyncio.start_server(self._serve, _HOST, self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """Refuse new connections. Open connections stay open."""
        if self._server is not None:
            self._server.close()
            self._server = None

    async def reset_connections(self) -> None:
        """Reset every connection on both sides; return when none of them is left."""
        await self._disconnect(reset=True)

    async def close_connections(self) -> None:
        """Close every connection on both sides in an orderly way; return when none of them is left."""
        await self._disconnect(reset=False)

    async def break_after(self, size: int, *, reset: bool) -> None:
        """Break every connection after `size` more bytes from the server, even inside a message."""
        self._bytes_until_break = size
        await self.wait_until(lambda: self._bytes_until_break == 0)
        self._bytes_until_break = None
        await self._disconnect(reset=reset)

    @contextmanager
    def stalled(self) -> Generator[None]:
        """Forward nothing within the `with` block, while still accepting bytes and connections."""
        self._flowing.clear()
        try:
            yield
        finally:
            self._flowing.set()

    @contextmanager
    def delayed(self, seconds: float) -> Generator[None]:
        """Delay every chunk of bytes by `seconds` within the `with` block."""
        self._delay_seconds = seconds
        try:
            yield
        finally:
            self._delay_seconds = 0.0

    @contextmanager
    def split(self, size: int) -> Generator[None]:
        """Forward at most `size` bytes per packet within the `with` block."""
        self._packet_bytes = size
        try:
            yield
        finally:
            self._packet_bytes = 0

    async def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition, checked whenever the pings, the connections or the bytes before a break change."""
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def _disconnect(self, *, reset: bool) -> None:
        open_now = tuple(self._connections)
        for connection in open_now:
            connection.disconnect(reset=reset)
        await self.wait_until(lambda: self._connections.isdisjoint(open_now))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(_HOST, self._server_port)
        except OSError:
            writer.transport.abort()
            return
        frames = _PingFinder(self._count_ping)

        async def to_server(data: bytes) -> None:
            frames.feed(data)
            await self._forward(data, server_writer)

        async def to_client(data: bytes) -> None:
            if self._bytes_until_break is None:
                await self._forward(data, writer)
                return
            data = data[: self._bytes_until_break]
            self._bytes_until_break -= len(data)
            await self._forward(data, writer)
            self._changed.set()

        connection = _Connection(writer, server_writer)
        self._connections.add(connection)
        self._changed.set()
        await connection.forward((reader, to_server), (server_reader, to_client))
        self._connections.discard(connection)
        self._changed.set()

    async def _forward(self, data: bytes, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        if self._delay_seconds:
            await asyncio.sleep(self._delay_seconds)
        while data:
            size = self._packet_bytes or len(data)
            packet, data = data[:size], data[size:]
            writer.write(packet)
            await writer.drain()
            if data:
                # One iteration of the event loop between two packets lets the peer read the first one alone.
                await asyncio.sleep(0)

    def _count_ping(self) -> None:
        self.pings += 1
        self._changed.set()


class _Connection:
    """A connection from a client, with its connection to the server."""

    def __init__(self, *writers: asyncio.StreamWriter) -> None:
        self._writers = writers
        self._pumps: list[asyncio.Task[None]] = []
        self._reset = False

    async def forward(self, *directions: tuple[asyncio.StreamReader, Callable[[bytes], Awaitable[None]]]) -> None:
        """Forward bytes in both directions until one side closes, then close the other side."""
        self._pumps = [asyncio.create_task(_pump(reader, forward)) for reader, forward in directions]
        await asyncio.wait(self._pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.wait(self._pumps)
        for writer in self._writers:
            if self._reset:
                connected: socket.socket = writer.get_extra_info("socket")
                connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_RESET)
                writer.transport.abort()
            else:
                writer.close()

    def disconnect(self, *, reset: bool) -> None:
        """Stop forwarding, and reset or close both sides."""
        self._reset = reset
        for pump in self._pumps:
            pump.cancel()


class _PingFinder:
    """Parses the HTTP/2 frames that a client sends, and reports its pings."""

    _PREFACE_BYTES: Final = len(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    _HEADER_BYTES: Final = 9
    _PING: Final = 6
    _ACK: Final = 1

    def __init__(self, on_ping: Callable[[], None]) -> None:
        self._on_ping = on_ping
        self._bytes = bytearray()
        self._skip = self._PREFACE_BYTES

    def feed(self, data: bytes) -> None:
        """Parse the next bytes from the client."""
        self._bytes += data
        while True:
            skipped = min(self._skip, len(self._bytes))
            del self._bytes[:skipped]
            self._skip -= skipped
            if self._skip or len(self._bytes) < self._HEADER_BYTES:
                return
            if self._bytes[3] == self._PING and not self._bytes[4] & self._ACK:
                self._on_ping()
            self._skip = self._HEADER_BYTES + int.from_bytes(self._bytes[:3], "big")


async def _pump(reader: asyncio.StreamReader, forward: Callable[[bytes], Awaitable[None]]) -> None:
    # A reset connection ends the pump in the same way as a closed one.
    with suppress(ConnectionError):
        while data := await reader.read(_CHUNK_BYTES):
            await forward(data)
