"""A source of events that is not the bottleneck: messages serialised by hand, written by a small HTTP/2 sender.

It speaks just as much HTTP/2 as a gRPC client needs to read one stream: it answers pings and settings, keeps to the
flow control windows, and sends events for every call until the client goes away: as fast as they are taken, or at the
rate that it is told, and then each says in worker_timestamp when it was made.
"""

from __future__ import annotations

import asyncio
import struct
import sys
import time
from typing import Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 8
_ACK, _END_HEADERS, _END_STREAM = 1, 4, 1
_FRAME: Final = 16384
_RUN: Final = 100


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def _literal(name: bytes, value: bytes) -> bytes:
    return b"\x00" + bytes([len(name)]) + name + bytes([len(value)]) + value


_RESPONSE: Final = b"\x88" + _literal(b"content-type", b"application/grpc")


class _Connection:
    """One client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, rate: float) -> None:
        self._reader = reader
        self._writer = writer
        self._rate = rate
        self._windows: dict[int, int] = {0: 65535}
        self._initial = 65535
        self._moved = asyncio.Event()
        self._senders: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        await self._reader.readexactly(len(_PREFACE))
        self._writer.write(_frame(_SETTINGS, 0, 0, b""))
        try:
            while True:
                header = await self._reader.readexactly(9)
                length = int.from_bytes(header[:3], "big")
                kind, flags = header[3], header[4]
                stream = int.from_bytes(header[5:], "big") & 0x7FFFFFFF
                self._receive(kind, flags, stream, await self._reader.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for sender in self._senders.values():
                sender.cancel()
            self._writer.close()

    def _receive(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            for index in range(0, len(payload), 6):
                setting, value = struct.unpack_from("!HI", payload, index)
                if setting == 4:
                    for known in self._windows:
                        if known:
                            self._windows[known] += value - self._initial
                    self._initial = value
            self._writer.write(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._writer.write(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE:
            if stream in self._windows:
                self._windows[stream] += int.from_bytes(payload, "big") & 0x7FFFFFFF
        elif kind == _HEADERS:
            self._windows[stream] = self._initial
            self._senders[stream] = asyncio.ensure_future(self._send(stream))
        elif kind == _RST_STREAM:
            self._senders.pop(stream).cancel()
        self._moved.set()

    async def _send(self, stream: int) -> None:
        self._writer.write(_frame(_HEADERS, _END_HEADERS, stream, _RESPONSE))
        sequence = 1
        began = time.time()
        while True:
            count = _RUN
            if self._rate:
                count = min(_RUN, int((time.time() - began) * self._rate) - sequence + 1)
                if count <= 0:
                    await asyncio.sleep(0.0005)
                    continue
            await self._write(stream, _timed(sequence, count) if self._rate else _serialised(sequence, count))
            sequence += count

    async def _write(self, stream: int, run: bytes) -> None:
        for begin in range(0, len(run), _FRAME):
            part = run[begin : begin + _FRAME]
            while self._windows[0] < len(part) or self._windows[stream] < len(part):
                self._moved.clear()
                await self._moved.wait()
            self._windows[0] -= len(part)
            self._windows[stream] -= len(part)
            self._writer.write(_frame(_DATA, 0, stream, part))
        await self._writer.drain()


_TEMPLATE = pb.MxEvent(
    family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE,
    session_id="session-0123456789abcdef0123456789abcdef",
    server_handle=1,
    item_handle=17,
    quality=192,
)
_TEMPLATE.value.data_type = pb.MX_DATA_TYPE_INTEGER
_TEMPLATE.value.int32_value = 4711
_TEMPLATE.source_timestamp.seconds = 1_700_000_000
_TEMPLATE.worker_timestamp.seconds = 1_700_000_000
_TEMPLATE.gateway_receive_timestamp.seconds = 1_700_000_000
_TEMPLATE.on_data_change.SetInParent()
_HEAD = _TEMPLATE.SerializeToString()
_TAG = pb.MxEvent(worker_sequence=1).SerializeToString()[:-1]


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def _serialised(first: int, count: int) -> bytes:
    parts: list[bytes] = []
    for sequence in range(first, first + count):
        body = _HEAD + _TAG + _varint(sequence)
        parts += (b"\x00", len(body).to_bytes(4, "big"), body)
    return b"".join(parts)


def _timed(first: int, count: int) -> bytes:
    """Messages that say when they were made."""
    parts: list[bytes] = []
    for sequence in range(first, first + count):
        now = time.time()
        _TEMPLATE.worker_sequence = sequence
        _TEMPLATE.worker_timestamp.seconds = int(now)
        _TEMPLATE.worker_timestamp.nanos = int(now % 1 * 1e9)
        body = _TEMPLATE.SerializeToString()
        parts += (b"\x00", len(body).to_bytes(4, "big"), body)
    return b"".join(parts)


async def _main(rate: float) -> None:
    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Connection(reader, writer, rate).run()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main(float(sys.argv[1])))
