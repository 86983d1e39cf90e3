"""A test client on the generated stubs, so that tests see the messages as they are sent."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

import grpc
import grpc.aio
import pytest
from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from mxgateway.testing import SimulatedGateway

Received = TypeVar("Received")

SOON = 5.0

# Payload fields whose names differ from their command kind.
_ARMS = {
    pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM: "acknowledge_alarm_command",
    pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME: "acknowledge_alarm_by_name_command",
    pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS: "query_active_alarms_command",
}


class Wire:
    """A channel to a gateway, with an API key."""

    def __init__(self, channel: grpc.aio.Channel, api_key: str | None) -> None:
        self.metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self.stub = pb_grpc.MxAccessGatewayStub(channel)
        self.galaxy = galaxy_grpc.GalaxyRepositoryStub(channel)

    async def open_session(self, **fields: Any) -> WireSession:
        """Open a session with these fields of the request."""
        reply = await self.open_session_reply(**fields)
        return WireSession(self, reply.session_id)

    async def open_session_reply(self, **fields: Any) -> pb.OpenSessionReply:
        """Return the reply to OpenSession."""
        return await self.stub.OpenSession(pb.OpenSessionRequest(**fields), metadata=self.metadata, timeout=SOON)

    async def close_session(self, session_id: str) -> pb.CloseSessionReply:
        """Return the reply to CloseSession."""
        request = pb.CloseSessionRequest(session_id=session_id)
        return await self.stub.CloseSession(request, metadata=self.metadata, timeout=SOON)

    def session(self, session_id: str) -> WireSession:
        """Return a session that is already open."""
        return WireSession(self, session_id)


class WireSession:
    """A session, with methods that send one command each."""

    def __init__(self, wire: Wire, session_id: str) -> None:
        self.wire = wire
        self.session_id = session_id

    def call(
        self,
        kind: pb.MxCommandKind.ValueType,
        timeout: float | None = SOON,
        **fields: Any,
    ) -> grpc.aio.UnaryUnaryCall[pb.MxCommandRequest, pb.MxCommandReply]:
        """Send a command whose payload has these fields."""
        command = pb.MxCommand(kind=kind)
        arm = getattr(command, _ARMS.get(kind) or pb.MxCommandKind.Name(kind).removeprefix("MX_COMMAND_KIND_").lower())
        arm.SetInParent()
        arm.MergeFrom(type(arm)(**fields))
        return self.send(command, timeout)

    def send(
        self,
        command: pb.MxCommand | None,
        timeout: float | None = SOON,
    ) -> grpc.aio.UnaryUnaryCall[pb.MxCommandRequest, pb.MxCommandReply]:
        """Send a command unchanged."""
        request = pb.MxCommandRequest(session_id=self.session_id, client_correlation_id="test-1", command=command)
        return self.wire.stub.Invoke(request, metadata=self.wire.metadata, timeout=timeout)

    async def reply(self, kind: pb.MxCommandKind.ValueType, **fields: Any) -> pb.MxCommandReply:
        """Return the reply to a command, whether it succeeds or not."""
        return await self.call(kind, **fields)

    async def execute(self, kind: pb.MxCommandKind.ValueType, **fields: Any) -> pb.MxCommandReply:
        """Return the reply to a command, which must succeed."""
        reply = await self.call(kind, **fields)
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK, reply
        return reply

    async def register(self, client_name: str = "test") -> int:
        """Return a new server handle."""
        return (await self.execute(pb.MX_COMMAND_KIND_REGISTER, client_name=client_name)).register.server_handle

    async def add_item(self, server_handle: int, definition: str) -> int:
        """Return a new item handle."""
        reply = await self.execute(pb.MX_COMMAND_KIND_ADD_ITEM, server_handle=server_handle, item_definition=definition)
        return reply.add_item.item_handle

    async def advised(self, definition: str, server_handle: int = 0) -> tuple[int, int]:
        """Add and advise an item, and return its handles."""
        server_handle = server_handle or await self.register()
        item_handle = await self.add_item(server_handle, definition)
        await self.execute(pb.MX_COMMAND_KIND_ADVISE, server_handle=server_handle, item_handle=item_handle)
        return server_handle, item_handle

    async def write(self, handles: tuple[int, int], value: pb.MxValue, user_id: int = 0) -> pb.MxCommandReply:
        """Return the reply to Write."""
        server_handle, item_handle = handles
        return await self.reply(
            pb.MX_COMMAND_KIND_WRITE,
            server_handle=server_handle,
            item_handle=item_handle,
            value=value,
            user_id=user_id,
        )

    async def authenticate(self, server_handle: int, user: str, password: str) -> int:
        """Authenticate a user and return its id."""
        reply = await self.execute(
            pb.MX_COMMAND_KIND_AUTHENTICATE_USER,
            server_handle=server_handle,
            verify_user=user,
            verify_user_password=password,
        )
        return reply.authenticate_user.user_id

    async def state(self) -> pb.SessionState.ValueType:
        """Return the state of the session."""
        return (await self.execute(pb.MX_COMMAND_KIND_GET_SESSION_STATE)).session_state.state

    async def close(self) -> pb.CloseSessionReply:
        """Close the session."""
        return await self.wire.close_session(self.session_id)

    @asynccontextmanager
    async def events(self, after: int = 0) -> AsyncGenerator[Stream[pb.MxEvent]]:
        """Stream the events within the `with` block."""
        request = pb.StreamEventsRequest(session_id=self.session_id, after_worker_sequence=after)
        async with streaming(self.wire.stub.StreamEvents(request, metadata=self.wire.metadata)) as stream:
            yield stream


class Stream(Generic[Received]):
    """A server stream whose messages are received one by one."""

    def __init__(self, call: grpc.aio.UnaryStreamCall[Any, Received]) -> None:
        self.call = call

    async def next(self) -> Received:
        """Return the next message, which must arrive within SOON seconds."""
        async with asyncio.timeout(SOON):
            message = await self.call.read()
        assert message is not grpc.aio.EOF, "the stream has ended"
        return cast("Received", message)

    async def receive(self, count: int) -> list[Received]:
        """Return the next `count` messages."""
        return [await self.next() for _ in range(count)]

    async def end(self) -> grpc.StatusCode:
        """Read until the stream ends, within SOON seconds, and return its status."""
        async with asyncio.timeout(SOON):
            try:
                while await self.call.read() is not grpc.aio.EOF:
                    pass
            except grpc.aio.AioRpcError as error:
                return error.code()
            return await self.call.code()


@asynccontextmanager
async def streaming(call: grpc.aio.UnaryStreamCall[Any, Received]) -> AsyncGenerator[Stream[Received]]:
    """Read a stream within the `with` block, and cancel it at the end."""
    try:
        yield Stream(call)
    finally:
        call.cancel()


@asynccontextmanager
async def connected(
    gateway: SimulatedGateway, api_key: str | None = None, *, without_key: bool = False
) -> AsyncGenerator[Wire]:
    """Connect to a gateway, by default with the key that has all scopes."""
    async with grpc.aio.insecure_channel(gateway.endpoint) as channel:
        yield Wire(channel, None if without_key else api_key or gateway.api_key)


async def outcome(events: Stream[pb.MxEvent]) -> pb.MxEvent:
    """Return the next ON_WRITE_COMPLETE."""
    while True:
        event = await events.next()
        if event.family == pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE:
            return event


async def written(
    session: WireSession, definition: str, value: pb.MxValue, user_id: int = 0
) -> pb.MxStatusCategory.ValueType:
    """Write to a tag, check that the write is accepted, and return the category of its outcome."""
    async with session.events() as events:
        handles = await session.advised(definition)
        reply = await session.write(handles, value, user_id)
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
        (status,) = (await outcome(events)).statuses
    return status.category


@contextmanager
def refused(code: grpc.StatusCode, *words: str) -> Generator[None]:
    """Expect the call in the `with` block to end with this status, and with these words in its details."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is code, caught.value
    for word in words:
        assert word in (caught.value.details() or ""), caught.value


def sparse(total_length: int, **elements: pb.MxValue) -> pb.MxValue:
    """Return a sparse array; `_2=...` is the element at index 2."""
    return pb.MxValue(
        sparse_array_value=pb.MxSparseArray(
            total_length=total_length,
            elements=[pb.MxSparseElement(index=int(name[1:]), value=value) for name, value in elements.items()],
        )
    )


def int32(value: int) -> pb.MxValue:
    """Return an integer value for a write."""
    return pb.MxValue(int32_value=value)
