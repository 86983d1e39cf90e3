"""A channel without a network: its replies come from bytes, and pass through the client's own parsing."""

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

__all__ = ["STATUS", "Script", "ScriptedChannel"]

STATUS: Final = 0xFF
"""The first byte of a part that holds a gRPC status instead of a message: its number, then its text."""

ReplyT = TypeVar("ReplyT")

_CODES: Final = tuple(grpc.StatusCode)


class Script:
    """The replies of a gateway: parts of kind, length in two bytes, and content. The last part may be truncated."""

    def __init__(self, data: bytes) -> None:
        self._parts = _parts(data)

    @staticmethod
    def of(*messages: Message) -> bytes:
        """Return the bytes of a script with these messages."""
        bodies = [message.SerializeToString() for message in messages]
        return b"".join(b"\0" + len(body).to_bytes(2, "big") + body for body in bodies)

    def next_message(self, parse: Callable[[bytes], ReplyT]) -> ReplyT | None:
        """Return the next message, or None if it cannot be parsed, as grpcio does.

        Raises:
            grpc.aio.AioRpcError: the next part is a status, or the script has ended.
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


class ScriptedChannel(Channel):
    """A channel whose calls are answered by a script, with a fixed correlation id."""

    def __init__(self, script: Script) -> None:
        options = ClientOptions(endpoint="gateway:5000", plaintext=True)
        super().__init__(options, cast("Any", _ScriptedGrpcChannel(script)))

    def new_correlation_id(self) -> str:
        """Return the correlation id that the seeds contain."""
        return "fuzz-1"

    def stream_events(self, request: pb.StreamEventsRequest) -> None:
        """Return None, so that grpc.aio reads the events; they are decoded in the same way, without a thread."""


class _ScriptedGrpcChannel:
    """The part of `grpc.aio.Channel` that the generated stubs use."""

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
        """Do nothing: no connection is open."""


class _Reply(Generic[ReplyT]):
    def __init__(self, script: Script, parse: Callable[[bytes], ReplyT]) -> None:
        self._script = script
        self._parse = parse

    def __await__(self) -> Generator[Any, Any, ReplyT | None]:
        yield from ()
        return self._script.next_message(self._parse)

    def cancel(self) -> None:
        """Do nothing: the call has completed."""


class _Replies(_Reply[ReplyT]):
    async def read(self) -> ReplyT | None:
        """Return the next message."""
        return self._script.next_message(self._parse)

    def add_done_callback(self, _callback: object) -> None:
        """Do nothing: the fuzzer awaits no callback."""
