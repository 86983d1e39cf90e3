"""A gateway whose replies are set by the test, including invalid ones.

By default it has one session, all commands succeed, and event streams stay open.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import Message
from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

SESSION_ID = "session-0123456789abcdef0123456789abcdef"

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Edit: TypeAlias = "Callable[[pb.MxCommandReply], object]"
Connection: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Payloads of the replies. The other commands have none.
_PAYLOADS = {
    pb.MX_COMMAND_KIND_REGISTER: pb.MxCommandReply(register=pb.RegisterReply(server_handle=1)),
    pb.MX_COMMAND_KIND_ADD_ITEM: pb.MxCommandReply(add_item=pb.AddItemReply(item_handle=2)),
    pb.MX_COMMAND_KIND_ADD_ITEM2: pb.MxCommandReply(add_item2=pb.AddItem2Reply(item_handle=3)),
    pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM: pb.MxCommandReply(add_buffered_item=pb.AddBufferedItemReply(item_handle=4)),
    pb.MX_COMMAND_KIND_SUSPEND: pb.MxCommandReply(
        suspend=pb.SuspendReply(status=pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_OK))
    ),
    pb.MX_COMMAND_KIND_ACTIVATE: pb.MxCommandReply(
        activate=pb.ActivateReply(status=pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_PENDING))
    ),
    pb.MX_COMMAND_KIND_AUTHENTICATE_USER: pb.MxCommandReply(authenticate_user=pb.AuthenticateUserReply(user_id=7)),
    pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID: pb.MxCommandReply(
        archestra_user_to_id=pb.ArchestrAUserToIdReply(user_id=8)
    ),
    pb.MX_COMMAND_KIND_GET_SESSION_STATE: pb.MxCommandReply(
        session_state=pb.SessionStateReply(state=pb.SESSION_STATE_READY)
    ),
    pb.MX_COMMAND_KIND_GET_WORKER_INFO: pb.MxCommandReply(
        worker_info=pb.WorkerInfoReply(worker_process_id=4711, worker_protocol_version=2)
    ),
    pb.MX_COMMAND_KIND_DRAIN_EVENTS: pb.MxCommandReply(drain_events=pb.DrainEventsReply()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedCall:
    """A received call."""

    rpc: str
    request: Message
    authorization: tuple[str, ...]
    seconds_left: float | None


class ScriptedGateway(pb_grpc.MxAccessGatewayServicer):
    """A gateway on a real socket, controlled by its attributes."""

    def __init__(self) -> None:
        self.endpoint = ""
        self.received: list[ReceivedCall] = []
        self.refusal: tuple[grpc.StatusCode, str] | None = None
        self.open_reply = pb.OpenSessionReply(
            session_id=SESSION_ID,
            backend_name="scripted",
            gateway_protocol_version=3,
            protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK),
        )
        self.close_reply = pb.CloseSessionReply(
            session_id=SESSION_ID,
            final_state=pb.SESSION_STATE_CLOSED,
            protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK),
        )
        self.edit_reply: Edit | None = None
        self.events: Sequence[pb.MxEvent] = ()
        self.open_streams = 0
        self.end_of_events: tuple[grpc.StatusCode, str] | None = None
        self.held: asyncio.Event | None = None

    def requests(self, rpc: str) -> list[Message]:
        """Return the requests of one rpc, without the probe of `connect`."""
        return [call.request for call in self.received if call.rpc == rpc and not _is_probe(call.request)]

    def command(self) -> pb.MxCommandRequest:
        """Return the only received command."""
        (request,) = self.requests("Invoke")
        assert isinstance(request, pb.MxCommandRequest)
        return request

    async def OpenSession(  # noqa: N802 - the generated name
        self, request: pb.OpenSessionRequest, context: Context
    ) -> pb.OpenSessionReply:
        """Return `open_reply`."""
        await self._receive("OpenSession", request, context)
        return self.open_reply

    async def CloseSession(  # noqa: N802 - the generated name
        self, request: pb.CloseSessionRequest, context: Context
    ) -> pb.CloseSessionReply:
        """Return `close_reply`."""
        await self._receive("CloseSession", request, context)
        return self.close_reply

    async def Invoke(self, request: pb.MxCommandRequest, context: Context) -> pb.MxCommandReply:  # noqa: N802 - the generated name
        """Succeed, unless `refusal` or `edit_reply` say otherwise."""
        await self._receive("Invoke", request, context)
        if not request.session_id:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no session without an id")
        reply = pb.MxCommandReply()
        reply.CopyFrom(_PAYLOADS.get(request.command.kind, reply))
        reply.session_id = request.session_id
        reply.correlation_id = request.client_correlation_id
        reply.kind = request.command.kind
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_OK
        if self.edit_reply is not None:
            self.edit_reply(reply)
        return reply

    async def StreamEvents(  # noqa: N802 - the generated name
        self, request: pb.StreamEventsRequest, context: Context
    ) -> AsyncIterator[pb.MxEvent]:
        """Send `events`, then end with `end_of_events` or stay open."""
        await self._receive("StreamEvents", request, context)
        self.open_streams += 1
        try:
            for event in self.events:
                yield event
            if self.end_of_events is None:
                await asyncio.Event().wait()
            elif self.end_of_events[0] is not grpc.StatusCode.OK:
                await context.abort(*self.end_of_events)
        finally:
            self.open_streams -= 1

    async def _receive(self, rpc: str, request: Message, context: Context) -> None:
        metadata = context.invocation_metadata() or ()
        self.received.append(
            ReceivedCall(
                rpc=rpc,
                request=request,
                authorization=tuple(str(value) for key, value in metadata if key == "authorization"),
                seconds_left=context.time_remaining(),
            )
        )
        if self.held is not None and not _is_probe(request):
            await self.held.wait()
        if self.refusal is not None and not _is_probe(request):
            await _refuse(context, *self.refusal)


@asynccontextmanager
async def scripted_gateway() -> AsyncGenerator[ScriptedGateway]:
    """Serve a scripted gateway in plaintext on a free port."""
    gateway = ScriptedGateway()
    async with serving(gateway) as gateway.endpoint:
        yield gateway


@asynccontextmanager
async def serving(
    servicer: pb_grpc.MxAccessGatewayServicer | None, galaxy: galaxy_pb_grpc.GalaxyRepositoryServicer | None = None
) -> AsyncGenerator[str]:
    """Serve the services on a free port, or a gRPC server without any service, and yield `host:port`."""
    sizes = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    limits = [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *sizes, *limits])
    if servicer is not None:
        pb_grpc.add_MxAccessGatewayServicer_to_server(servicer, server)
    if galaxy is not None:
        galaxy_pb_grpc.add_GalaxyRepositoryServicer_to_server(galaxy, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def listening(talk: Connection, host: str = "127.0.0.1", port: int = 0) -> AsyncGenerator[str]:
    """Run a TCP server that is not a gateway, by default on a free port, and yield `host:port`."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        try:
            await talk(reader, writer)
        except ConnectionError:
            writer.transport.abort()

    server = await asyncio.start_server(accept, host, port)
    try:
        yield f"{host}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        # A connection that was accepted just now gets its writer only some turns of the event loop later.
        for _ in range(10):
            await asyncio.sleep(0)
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


def _is_probe(request: Message) -> bool:
    return isinstance(request, pb.MxCommandRequest) and not request.session_id


async def _refuse(context: Context, code: grpc.StatusCode, details: str) -> NoReturn:
    await context.abort(code, details)
    raise AssertionError("abort returned")
