"""A gateway whose event streams are not the bottleneck: a small HTTP/2 sender produces their messages.

It relays each connection to a simulated gateway until the client calls StreamEvents. From then on the sender serves
the connection. It implements as much HTTP/2 as a gRPC client needs to read streams: it answers pings and settings,
obeys the flow control windows, and sends data changes of all tags in turn until the client disconnects. It sends them
as fast as the client reads, or at a given rate; then the worker_timestamp of each event is the time of its creation. A
client that falls behind delays the creation of events, so that its measured latency is too short rather than too long.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import sys
import time
from typing import Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from servers.plant import plant

from mxgateway.testing import Limits, SimulatedGateway

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_ACK, _END_HEADERS = 1, 4
_INITIAL_WINDOW_SIZE: Final = 4
_MAX_FRAME_BYTES: Final = 16384
_EVENTS_PER_BATCH: Final = 100


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


# The encoded field tag, which precedes the field's value.
_SEQUENCE: Final = pb.MxEvent(worker_sequence=1).SerializeToString()[:-1]
_RESPONSE: Final = b"\x88" + _literal(b"content-type", b"application/grpc")


class Messages:
    """Serializes events of all tags in turn."""

    def __init__(self, tags: int) -> None:
        self._heads: Final = [self._head(item_handle) for item_handle in range(1, tags + 1)]

    def batch(self, first: int, count: int, *, timestamped: bool) -> bytes:
        """Return `count` framed messages, beginning with sequence `first`."""
        stamp = b""
        if timestamped:
            # protobuf merges duplicate fields: this timestamp overrides the one in the head.
            event = pb.MxEvent()
            event.worker_timestamp.FromNanoseconds(time.time_ns())
            stamp = event.SerializeToString()
        heads, parts = self._heads, list[bytes]()
        for sequence in range(first, first + count):
            body = heads[sequence % len(heads)] + stamp + _SEQUENCE + _varint(sequence)
            parts += (b"\x00", len(body).to_bytes(4, "big"), body)
        return b"".join(parts)

    def _head(self, item_handle: int) -> bytes:
        event = pb.MxEvent(
            family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE,
            session_id="session-0123456789abcdef0123456789abcdef",
            server_handle=1,
            item_handle=item_handle,
            quality=192,
            on_data_change=pb.OnDataChangeEvent(),
        )
        event.value.data_type = pb.MX_DATA_TYPE_INTEGER
        event.value.int32_value = 4711
        for field in (event.source_timestamp, event.worker_timestamp, event.gateway_receive_timestamp):
            field.seconds = 1_700_000_000
        return event.SerializeToString()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


class Connection:
    """The connection of one client."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, messages: Messages, rate: float
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._messages = messages
        self._rate = rate
        self._windows: dict[int, int] = {0: 65535}
        self._initial_window = 65535
        self._window_changed = asyncio.Event()
        self._acknowledged = False
        self._senders: dict[int, asyncio.Task[None]] = {}

    async def serve(self, gateway: str) -> None:
        """Relay the connection to the gateway until the client calls StreamEvents, and send events from then on."""
        host, _, port = gateway.rpartition(":")
        replies, upstream = await asyncio.open_connection(host, int(port))
        relay = asyncio.create_task(self._relay_replies(replies))
        try:
            upstream.write(await self._reader.readexactly(len(_PREFACE)))
            while True:
                kind, flags, stream, payload = await _next_frame(self._reader)
                if kind == _HEADERS and b"/StreamEvents" in payload:
                    break
                upstream.write(_frame(kind, flags, stream, payload))
                self._update_windows(kind, flags, stream, payload)
            relay.cancel()
            await asyncio.wait([relay])
            upstream.close()
            if not self._acknowledged:
                self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
            self._start_sending(stream)
            while True:
                self._handle_frame(*await _next_frame(self._reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            relay.cancel()
            for sender in self._senders.values():
                sender.cancel()
            upstream.close()
            self._writer.close()

    async def _relay_replies(self, replies: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, flags, stream, payload = await _next_frame(replies)
                self._acknowledged |= kind == _SETTINGS and bool(flags & _ACK)
                self._writer.write(_frame(kind, flags, stream, payload))
        self._writer.close()

    def _update_windows(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        """Update the flow control windows."""
        if kind == _SETTINGS and not flags & _ACK:
            for index in range(0, len(payload), 6):
                setting, value = struct.unpack_from("!HI", payload, index)
                if setting == _INITIAL_WINDOW_SIZE:
                    for known in self._windows:
                        if known:
                            self._windows[known] += value - self._initial_window
                    self._initial_window = value
        elif kind == _WINDOW_UPDATE and stream in self._windows:
            self._windows[stream] += int.from_bytes(payload, "big") & 0x7FFFFFFF
        self._window_changed.set()

    def _handle_frame(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._update_windows(kind, flags, stream, payload)
        if kind in {_SETTINGS, _PING} and not flags & _ACK:
            self._writer.write(_frame(kind, _ACK, 0, payload if kind == _PING else b""))
        elif kind == _HEADERS:
            self._start_sending(stream)
        elif kind == _RST_STREAM:
            self._senders.pop(stream).cancel()

    def _start_sending(self, stream: int) -> None:
        self._windows[stream] = self._initial_window
        self._senders[stream] = asyncio.create_task(self._send(stream))

    async def _send(self, stream: int) -> None:
        self._writer.write(_frame(_HEADERS, _END_HEADERS, stream, _RESPONSE))
        with contextlib.suppress(ConnectionError):
            await self._send_events(stream)

    async def _send_events(self, stream: int) -> None:
        sequence = 1
        began = time.time()
        while True:
            count = _EVENTS_PER_BATCH
            if self._rate:
                count = min(_EVENTS_PER_BATCH, int((time.time() - began) * self._rate) - sequence + 1)
                if count <= 0:
                    await asyncio.sleep(0.0005)
                    continue
            await self._write(stream, self._messages.batch(sequence, count, timestamped=bool(self._rate)))
            sequence += count

    async def _write(self, stream: int, batch: bytes) -> None:
        for begin in range(0, len(batch), _MAX_FRAME_BYTES):
            part = batch[begin : begin + _MAX_FRAME_BYTES]
            while self._windows[0] < len(part) or self._windows[stream] < len(part):
                self._window_changed.clear()
                await self._window_changed.wait()
            if self._writer.is_closing():
                raise ConnectionResetError
            self._windows[0] -= len(part)
            self._windows[stream] -= len(part)
            self._writer.write(_frame(_DATA, 0, stream, part))
        await self._writer.drain()


async def _next_frame(reader: asyncio.StreamReader) -> tuple[int, int, int, bytes]:
    """Return the kind, the flags, the stream and the payload of the next frame."""
    header = await reader.readexactly(9)
    payload = await reader.readexactly(int.from_bytes(header[:3], "big"))
    return header[3], header[4], int.from_bytes(header[5:], "big") & 0x7FFFFFFF, payload


async def serve(rate: float = 0, tags: int = 1) -> None:
    """Serve until the input ends, at `rate` events per second, or with 0 as fast as the client reads."""
    messages = Messages(tags)
    # Programs that exit without closing their sessions leave them open.
    limits = Limits(sessions=1000)
    async with SimulatedGateway(plant=plant(tags), ramp_interval=None, limits=limits) as gateway:

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await Connection(reader, writer, messages, rate).serve(gateway.endpoint)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"endpoint": f"127.0.0.1:{port}", "api_key": gateway.api_key}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        server.close()
