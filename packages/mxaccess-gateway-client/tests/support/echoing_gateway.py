"""A gateway that echoes a secret wherever it can: statuses, trailers, ids, strings, values, bytes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum, auto
from typing import Any

import grpc
import grpc.aio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

SESSION_ID = "session-0123456789abcdef0123456789abcdef"

_METHODS = {
    f"/{service.full_name}/{method.name}": method
    for file in (pb.DESCRIPTOR, galaxy_pb.DESCRIPTOR)
    for service in file.services_by_name.values()
    for method in service.methods
}
_DEEPEST = 4


class Way(Enum):
    """Where the gateway echoes the secret."""

    STATUS = auto()
    """The call fails: in the details of the status and in trailing metadata."""
    REFUSAL = auto()
    """The reply is a refusal: in all of its strings and bytes, and in an unknown field."""
    STRANGER = auto()
    """The reply is OK, but its ids belong to another request."""
    SUCCESS = auto()
    """The reply is OK and its ids are right: in everything else."""


class EchoingGateway(grpc.GenericRpcHandler):
    """A gateway that answers every rpc of both services with `echo`, in the way `way`. A stream sends one message."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.echo = ""
        self.way = Way.STATUS
        self.code = grpc.StatusCode.INVALID_ARGUMENT
        self.held: asyncio.Event | None = None
        self.called: set[str] = set()
        self.arrived = asyncio.Event()

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        """Return the handler of a call, or None for a method that is not of the contract."""
        method = _METHODS.get(handler_call_details.method)
        if method is None:
            return None
        if method.server_streaming:
            return grpc.unary_stream_rpc_method_handler(self._streaming(method), *_codecs(method))
        return grpc.unary_unary_rpc_method_handler(self._answering(method), *_codecs(method))

    def _answering(self, method: MethodDescriptor) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> Any:
            return await self._reply(method, request, context)

        return answer

    def _streaming(self, method: MethodDescriptor) -> Callable[[Any, Any], Any]:
        async def answer(request: Any, context: Any) -> AsyncIterator[Message]:
            yield await self._reply(method, request, context)
            if method.name != "QueryActiveAlarms":
                await asyncio.Event().wait()

        return answer

    async def _reply(self, method: MethodDescriptor, request: Any, context: Any) -> Any:
        self.called.add(method.name)
        probe = isinstance(request, pb.MxCommandRequest) and not request.session_id
        if self.held is not None and not probe:
            self.arrived.set()
            await self.held.wait()
        if self.way is Way.STATUS or probe:
            code = grpc.StatusCode.NOT_FOUND if probe else self.code
            trailers = (("x-seen", ascii(self.echo)), ("x-seen-bin", self.echo.encode()))
            await context.abort(code, f"seen: {self.echo}", trailing_metadata=trailers)
        reply: Any = GetMessageClass(method.output_type)()
        self._fill(reply, _DEEPEST)
        if isinstance(reply, pb.MxCommandReply):
            reply.kind = request.command.kind
            arm = pb.MxCommandKind.Name(reply.kind).removeprefix("MX_COMMAND_KIND_").lower().removeprefix("get_")
            if arm in reply.DESCRIPTOR.fields_by_name:
                # Only one payload is kept: the one that belongs to the command.
                getattr(reply, arm).SetInParent()
                self._fill(getattr(reply, arm), _DEEPEST)
        if self.way is Way.REFUSAL:
            return _refused(reply, self.echo)
        status = getattr(reply, "protocol_status", None)
        if status is not None:
            status.code = pb.PROTOCOL_STATUS_CODE_OK
        if self.way is Way.SUCCESS:
            for name in ("session_id", "correlation_id", "client_correlation_id"):
                if name in reply.DESCRIPTOR.fields_by_name:
                    requested = getattr(request, name.replace("correlation", "client_correlation"), "")
                    setattr(reply, name, requested or (SESSION_ID if name == "session_id" else ""))
        return reply

    def _fill(self, message: Message, deep: int) -> None:
        fields: Any = message.DESCRIPTOR.fields
        for field in fields:
            value: Any = self._value(field)
            present: Any = getattr(message, field.name)
            if value is not None and hasattr(present, "append"):
                present.append(value)
            elif value is not None:
                setattr(message, field.name, value)
            elif field.type == field.TYPE_MESSAGE and deep and field.message_type.file.package != "google.protobuf":
                self._fill(present.add() if hasattr(present, "add") else present, deep - 1)

    def _value(self, field: Any) -> str | bytes | None:
        if field.type == field.TYPE_STRING:
            return self.echo
        return self.echo.encode() if field.type == field.TYPE_BYTES else None


@asynccontextmanager
async def echoing_gateway() -> AsyncGenerator[EchoingGateway]:
    """Serve an echoing gateway in plaintext on a free port."""
    gateway = EchoingGateway()
    limits = [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *limits])
    server.add_generic_rpc_handlers((gateway,))
    gateway.endpoint = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    try:
        yield gateway
    finally:
        await server.stop(None)


def _codecs(method: MethodDescriptor) -> tuple[Any, Any]:
    request_class: Any = GetMessageClass(method.input_type)
    return request_class.FromString, _serialized


def _serialized(reply: Message) -> bytes:
    return reply.SerializeToString()


def _refused(reply: Any, echo: str) -> Any:
    """Make a reply a refusal, and add the secret in an unknown field, as from a newer gateway."""
    fields = reply.DESCRIPTOR.fields_by_name
    if "protocol_status" in fields:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
    if "hresult" in fields:
        reply.hresult = -1
    for status in getattr(reply, "statuses", ()):
        status.category = pb.MX_STATUS_CATEGORY_SECURITY_ERROR
    data = echo.encode()
    # Field 1000, a string: tag and length come first.
    return reply.FromString(reply.SerializeToString() + b"\xc2\x3e" + _varint(len(data)) + data)


def _varint(number: int) -> bytes:
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + _varint(number >> 7)
