"""Raw grpc.aio with the generated code, used as an experienced engineer would."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import asynccontextmanager
from typing import Self

import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc


@asynccontextmanager
async def raw_events(endpoint: str, number: int = 1) -> AsyncGenerator[list[AsyncIterable[pb.MxEvent]]]:
    """Open `number` event streams on one channel."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        stub = pb_grpc.MxAccessGatewayStub(channel)
        calls = [stub.StreamEvents(pb.StreamEventsRequest(session_id="benchmark")) for _ in range(number)]
        try:
            yield list(calls)
        finally:
            for call in calls:
                call.cancel()


class RawSession:
    """A session with one item."""

    def __init__(self, stub: pb_grpc.MxAccessGatewayAsyncStub, api_key: str, session_id: str) -> None:
        self._stub = stub
        self._metadata = grpc.aio.Metadata(("authorization", f"Bearer {api_key}"))
        self._session_id = session_id
        self._server_handle = 0
        self._item_handle = 0

    @classmethod
    @asynccontextmanager
    async def open(cls, endpoint: str, api_key: str, tag: str) -> AsyncGenerator[Self]:
        """Open a session and add a tag without advising it; close the session at the end."""
        async with grpc.aio.insecure_channel(endpoint) as channel:
            stub: pb_grpc.MxAccessGatewayAsyncStub = pb_grpc.MxAccessGatewayStub(channel)
            metadata = grpc.aio.Metadata(("authorization", f"Bearer {api_key}"))
            opened = await stub.OpenSession(pb.OpenSessionRequest(client_correlation_id="b"), metadata=metadata)
            session = cls(stub, api_key, opened.session_id)
            await session._add_item(tag)
            yield session
            await stub.CloseSession(pb.CloseSessionRequest(session_id=opened.session_id), metadata=metadata)

    @asynccontextmanager
    async def events(self) -> AsyncGenerator[AsyncIterable[pb.MxEvent]]:
        """Stream the events of the session."""
        call = self._stub.StreamEvents(pb.StreamEventsRequest(session_id=self._session_id), metadata=self._metadata)
        try:
            yield call
        finally:
            call.cancel()

    async def advise(self) -> None:
        """Advise the item."""
        advise = pb.AdviseCommand(server_handle=self._server_handle, item_handle=self._item_handle)
        await self._invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_ADVISE, advise=advise))

    async def write(self, number: int) -> None:
        """Write the item."""
        value = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=number)
        write = pb.WriteCommand(server_handle=self._server_handle, item_handle=self._item_handle, value=value)
        await self._invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_WRITE, write=write))

    async def _add_item(self, tag: str) -> None:
        register = pb.RegisterCommand(client_name="benchmark")
        registered = await self._invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER, register=register))
        self._server_handle = registered.register.server_handle
        add_item = pb.AddItemCommand(server_handle=self._server_handle, item_definition=tag)
        added = await self._invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_ADD_ITEM, add_item=add_item))
        self._item_handle = added.add_item.item_handle

    async def _invoke(self, command: pb.MxCommand) -> pb.MxCommandReply:
        request = pb.MxCommandRequest(session_id=self._session_id, client_correlation_id="b", command=command)
        return await self._stub.Invoke(request, metadata=self._metadata)
