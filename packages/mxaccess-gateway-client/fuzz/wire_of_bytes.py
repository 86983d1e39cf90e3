"""A gateway without a network: bytes say what it answers, message by message, through the client's own parsing."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from typing import Any, Final, Generic, TypeVar, cast

import grpc
import grpc.aio
from google.protobuf.message import Message
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import ClientOptions
from mxgateway._transport.channel import Channel
from mxgateway._transport.decoding import UNREADABLE_BYTES

__all__ = ["STATUS", "ChannelOfBytes", "Script"]

STATUS: Final = 0xFF
"""The first byte of a part that is no message but a gRPC status: its number, then its text."""

ReplyT = TypeVar("ReplyT")

_CODES: Final = tuple(grpc.StatusCode)


class Script:
    """What a gateway says: parts of `kind, length in two bytes, bytes`; the last one may be cut short."""

    def __init__(self, data: bytes) -> None:
        self._parts = _parts(data)

    @staticmethod
    def of(*messages: Message) -> bytes:
        """Give the bytes of a script that says these messages."""
        bodies = [message.SerializeToString() for message in messages]
        return b"".join(b"\0" + len(body).to_bytes(2, "big") + body for body in bodies)

    def answer(self, parse: Callable[[bytes], ReplyT]) -> ReplyT | None:
        """Give the next message, or None for one that protobuf can't read, as grpcio does.

        Raises:
            grpc.aio.AioRpcError: a status stands there, or nothing any more.
        """
        kind, body = next(self._parts, (STATUS, b""))
        if kind == STATUS:
            code = _CODES[body[0] % len(_CODES)] if body else grpc.StatusCode.UNAVAILABLE
            text = body[1:].decode("latin-1")
            raise grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(), text)
        try:
            return parse(body)
        except UNREADABLE_BYTES:
            return None


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    while len(data) >= 3:
        length = int.from_bytes(data[1:3], "big")
        yield data[0], data[3 : 3 + length]
        data = data[3 + length :]


class ChannelOfBytes(Channel):
    """A channel whose calls are answered by a script, always with the same correlation id."""

    def __init__(self, script: Script) -> None:
        super().__init__(ClientOptions(endpoint="gateway:5000", plaintext=True), cast("Any", _Wire(script)))

    def new_correlation_id(self) -> str:
        """Give the one id that the seeds know."""
        return "fuzz-1"

    def stream_events(self, request: pb.StreamEventsRequest) -> None:
        """Let grpc.aio read the events: what comes of them is the same, and no thread is needed."""


class _Wire:
    """What the generated stubs need of a `grpc.aio.Channel`."""

    def __init__(self, script: Script) -> None:
        self._script = script

    def unary_unary(self, _path: str, *, response_deserializer: Callable[[bytes], Any], **_: Any) -> Any:
        def call(*_: Any, **_options: Any) -> _Reply[Any]:
            return _Reply(self._script, response_deserializer)

        return call

    def unary_stream(self, _path: str, *, response_deserializer: Callable[[bytes], Any], **_: Any) -> Any:
        def call(*_: Any, **_options: Any) -> _Replies[Any]:
            return _Replies(self._script, response_deserializer)

        return call

    async def close(self) -> None:
        """There is nothing to close."""


class _Reply(Generic[ReplyT]):
    def __init__(self, script: Script, parse: Callable[[bytes], ReplyT]) -> None:
        self._script = script
        self._parse = parse

    def __await__(self) -> Generator[Any, Any, ReplyT | None]:
        yield from ()
        return self._script.answer(self._parse)

    def cancel(self) -> None:
        """It is over already."""


class _Replies(_Reply[ReplyT]):
    async def read(self) -> ReplyT | None:
        """Give the next message."""
        return self._script.answer(self._parse)

    def add_done_callback(self, _callback: object) -> None:
        """Nobody waits for the end of it."""
