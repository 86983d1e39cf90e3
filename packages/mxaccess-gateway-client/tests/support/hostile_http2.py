"""A server with valid HTTP/2 that sends invalid gRPC responses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import h2.events
from google.protobuf.message import Message
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError
from hpack import Encoder
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from support.scripted_gateway import listening

Fields: TypeAlias = "Sequence[tuple[bytes, bytes]]"

GRPC: Final = ((b":status", b"200"), (b"content-type", b"application/grpc"))
OK: Final = ((b"grpc-status", b"0"),)

_CHUNK_BYTES: Final = 65536
_INVOKE: Final = "/mxaccess_gateway.v1.MxAccessGateway/Invoke"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The response to one call.

    Attributes:
        head: the response headers.
        body: the content of the DATA frames, which need not be valid gRPC messages.
        endless: whether the body is sent repeatedly, as fast as the client reads.
        tail: the trailers. None leaves the stream open; an empty sequence ends it without trailers.
        reset: the HTTP/2 error that resets the stream instead of trailers.
    """

    head: Fields = GRPC
    body: bytes = b""
    endless: bool = False
    tail: Fields | None = OK
    reset: ErrorCodes | None = None


Answers: TypeAlias = Callable[[str, bytes], Answer]


def framed(message: Message | bytes, *, compressed: int = 0, length: int | None = None) -> bytes:
    """Frame a message as gRPC does, optionally with a wrong compression flag or length."""
    body = message if isinstance(message, bytes) else message.SerializeToString()
    return bytes([compressed]) + (len(body) if length is None else length).to_bytes(4, "big") + body


def refused(status: int, text: bytes = b"refused by the test") -> Answer:
    """Return the answer that refuses a call with a gRPC status and a text, percent-encoded or not."""
    return Answer(head=(*GRPC, (b"grpc-status", str(status).encode()), (b"grpc-message", text)), tail=())


def after_connecting(answer: Answer) -> Answers:
    """Answer the probe of `connect` as a gateway does, and every other call with this answer."""

    def answers(path: str, request: bytes) -> Answer:
        if path == _INVOKE and not pb.MxCommandRequest.FromString(request[5:]).session_id:
            return refused(5)
        return answer

    return answers


@dataclass(slots=True, kw_only=True)
class HostileServer:
    """A server on a real socket.

    Attributes:
        endpoint: the address as `host:port`.
        sent: how many bytes of response bodies were sent.
    """

    endpoint: str = ""
    sent: int = 0


@asynccontextmanager
async def hostile_http2(answers: Answers) -> AsyncGenerator[HostileServer]:
    """Run a server on a free port that answers every call."""
    server = HostileServer()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _Connection(server, answers, reader, writer).run()

    async with listening(talk) as server.endpoint:
        yield server


class _PlainEncoder(Encoder):
    """Sends headers without Huffman coding, which would take seconds for 100 KB of text in Python."""

    def encode(self, headers: Any, huffman: bool = False) -> bytes:
        encoded: bytes = super().encode(headers, huffman)
        return encoded


class _Connection:
    """The connection of one client."""

    def __init__(
        self, server: HostileServer, answers: Answers, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        # Invalid headers must be sent unchanged.
        config = H2Configuration(
            client_side=False,
            header_encoding=None,
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self._server = server
        self._answers = answers
        self._reader = reader
        self._writer = writer
        self._http2 = H2Connection(config)
        self._http2.encoder = _PlainEncoder()
        self._paths: dict[int, str] = {}
        self._requests: dict[int, bytes] = {}
        self._senders: dict[int, asyncio.Task[None]] = {}
        self._received = asyncio.Event()

    async def run(self) -> None:
        self._http2.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(_CHUNK_BYTES):
                for event in self._http2.receive_data(data):
                    self._receive(event)
                self._flush()
                self._received.set()
        except (ConnectionError, ProtocolError):
            pass
        finally:
            for sender in self._senders.values():
                sender.cancel()
            if self._senders:
                await asyncio.wait(self._senders.values())
            self._writer.close()

    def _receive(self, event: h2.events.Event) -> None:
        match event:
            case h2.events.RequestReceived(stream_id=stream, headers=headers):
                self._paths[stream] = dict(headers)[b":path"].decode()
                self._requests[stream] = b""
            case h2.events.DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                self._requests[stream] += data
                self._http2.acknowledge_received_data(length, stream)
            case h2.events.StreamEnded(stream_id=stream):
                answer = self._answers(self._paths[stream], self._requests.pop(stream))
                self._senders[stream] = asyncio.create_task(self._send(stream, answer))
            case h2.events.StreamReset(stream_id=stream) if stream in self._senders:
                self._senders[stream].cancel()
            case _:
                pass

    async def _send(self, stream: int, answer: Answer) -> None:
        self._http2.send_headers(stream, answer.head, end_stream=answer.tail == () and not answer.body)
        self._flush()
        if answer.body:
            await self._send_body(stream, answer.body)
            while answer.endless:
                await self._send_body(stream, answer.body)
        if answer.reset is not None:
            self._http2.reset_stream(stream, answer.reset)
        elif answer.tail:
            self._http2.send_headers(stream, answer.tail, end_stream=True)
        elif answer.tail is not None and answer.body:
            self._http2.end_stream(stream)
        self._flush()

    async def _send_body(self, stream: int, body: bytes) -> None:
        offset = 0
        while offset < len(body):
            window = min(self._http2.local_flow_control_window(stream), self._http2.max_outbound_frame_size)
            if window <= 0:
                self._received.clear()
                await self._received.wait()
                continue
            part = body[offset : offset + window]
            self._http2.send_data(stream, part)
            offset += len(part)
            self._server.sent += len(part)
            self._flush()
            await self._writer.drain()

    def _flush(self) -> None:
        self._writer.write(self._http2.data_to_send())
