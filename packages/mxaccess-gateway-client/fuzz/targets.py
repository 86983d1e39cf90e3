"""The fuzz targets: each takes bytes as replies of a gateway, and raises if the client breaks its contract.

The contract allows MxGatewayError from a call or a stream, and ValueError from a property.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from inspection import check_error, check_object, check_value
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from scripted_channel import Script, ScriptedChannel

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayError,
    Session,
    Write2BulkEntry,
    WriteBulkEntry,
    WriteSecured2BulkEntry,
    WriteSecuredBulkEntry,
)
from mxgateway._connecting.gateways import Gateways
from mxgateway._transport.channel import Channel
from mxgateway._transport.decoding import UNREADABLE_BYTES

__all__ = ["CALLS", "STREAMS", "TARGETS", "Target"]

Target: TypeAlias = Callable[[bytes], None]

_SESSION_ID: Final = "session-1"
_MAX_ITEMS: Final = 1000
_WHEN: Final = datetime(2026, 1, 5, 8, tzinfo=UTC)
_WRITE: Final = WriteBulkEntry(item_handle=2, value=5)
_WRITE2: Final = Write2BulkEntry(item_handle=2, value=5, timestamp=_WHEN)
_SECURED: Final = WriteSecuredBulkEntry(item_handle=2, current_user_id=3, verifier_user_id=4, value=5)
_SECURED2: Final = WriteSecured2BulkEntry(
    item_handle=2, current_user_id=3, verifier_user_id=4, value=5, timestamp=_WHEN
)


async def _open_session(client: GatewayClient) -> object:
    return (await client.open_session()).info


def _command(call: Callable[[Session], Awaitable[object]]) -> Callable[[GatewayClient], Awaitable[object]]:
    return lambda client: call(client.attach_session(_SESSION_ID))


# The first byte of an input is an index into this tuple. Append new calls, so that saved findings stay valid.
CALLS: Final[tuple[Callable[[GatewayClient], Awaitable[object]], ...]] = (
    _open_session,
    lambda client: client.acknowledge_alarm("Galaxy!Area.Tag"),
    lambda client: client.galaxy.test_connection(),
    lambda client: client.galaxy.last_deploy_time(),
    _command(lambda session: session.register("fuzz")),
    _command(lambda session: session.unregister(1)),
    _command(lambda session: session.add_item(1, "A.B")),
    _command(lambda session: session.add_item2(1, "B", "A")),
    _command(lambda session: session.add_buffered_item(1, "A.B")),
    _command(lambda session: session.advise(1, 2)),
    _command(lambda session: session.suspend(1, 2)),
    _command(lambda session: session.activate(1, 2)),
    _command(lambda session: session.write(1, 2, 5)),
    _command(lambda session: session.write_secured(1, 2, 3, 4, 5)),
    _command(lambda session: session.authenticate_user(1, "operator", "password")),
    _command(lambda session: session.archestra_user_to_id(1, "guid")),
    _command(lambda session: session.add_item_bulk(1, ["A.B", "C.D"])),
    _command(lambda session: session.advise_item_bulk(1, [2, 3])),
    _command(lambda session: session.subscribe_bulk(1, ["A.B", "C.D"])),
    _command(lambda session: session.unsubscribe_bulk(1, [2, 3])),
    _command(lambda session: session.read_bulk(1, ["A.B", "C.D"])),
    _command(lambda session: session.write_bulk(1, [_WRITE, _WRITE])),
    _command(lambda session: session.write2_bulk(1, [_WRITE2])),
    _command(lambda session: session.write_secured_bulk(1, [_SECURED])),
    _command(lambda session: session.write_secured2_bulk(1, [_SECURED2])),
    _command(lambda session: session.query_active_alarms()),
    _command(lambda session: session.acknowledge_alarm_by_name("Tag", "Galaxy", "Area")),
    _command(lambda session: session.ping("hello")),
    _command(lambda session: session.get_state()),
    _command(lambda session: session.get_worker_info()),
    _command(lambda session: session.drain_events()),
    _command(lambda session: session.close()),
)
STREAMS: Final[tuple[Callable[[GatewayClient], AsyncIterator[Any]], ...]] = (
    lambda client: client.attach_session(_SESSION_ID).stream_events(),
    lambda client: client.attach_session(_SESSION_ID).stream_events(after_sequence=7),
    lambda client: client.stream_alarms(),
    lambda client: client.query_active_alarms(),
    lambda client: client.galaxy.watch_deploys(),
    lambda client: client.galaxy.browse_children(),
    lambda client: client.galaxy.discover(),
)


def replies(data: bytes) -> None:
    """Make one of CALLS, selected by the first byte; the remaining bytes are the gateway's reply."""
    selected = CALLS[data[0] % len(CALLS)] if data else CALLS[0]

    async def call(client: GatewayClient) -> None:
        check_object(await selected(client))

    _loop().run(_with_client(data[1:], call))


def streams(data: bytes) -> None:
    """Read one of STREAMS, selected by the first byte, to its end; the remaining bytes are what the gateway sends."""
    open_stream = STREAMS[data[0] % len(STREAMS)] if data else STREAMS[0]

    async def read(client: GatewayClient) -> None:
        items = open_stream(client)
        for _ in range(_MAX_ITEMS):
            try:
                check_object(await anext(items))
            except StopAsyncIteration:
                return

    _loop().run(_with_client(data[1:], read))


def events(data: bytes) -> None:
    """Decode events, check everything that they show, and encode their values again."""
    try:
        message = pb.DrainEventsReply.FromString(data)
    except UNREADABLE_BYTES:
        return
    for event in message.events:
        check_value(event.value)
    reply = pb.MxCommandReply(protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK), drain_events=message)

    async def drain(client: GatewayClient) -> None:
        check_object(await client.attach_session(_SESSION_ID).drain_events())

    _loop().run(_with_client(Script.of(reply), drain))


TARGETS: Final[Mapping[str, Target]] = MappingProxyType({"replies": replies, "streams": streams, "events": events})


@cache
def _loop() -> asyncio.Runner:
    """Return the event loop for all inputs, because creating a loop takes longer than running an input."""
    return asyncio.Runner()


async def _with_client(script: bytes, use: Callable[[GatewayClient], Awaitable[None]]) -> None:
    channel = ScriptedChannel(Script(script))

    async def connect(_: ClientOptions) -> Channel:
        return channel

    gateways = Gateways(channel.options, connect)
    await gateways.connect()
    try:
        await use(GatewayClient(gateways))
    except MxGatewayError as error:
        check_error(error)
    finally:
        await channel.close()
