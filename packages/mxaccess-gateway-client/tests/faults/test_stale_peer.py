"""Keepalive probes detect a gateway that vanished, and are rare enough for the gateway to accept them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import fields
from typing import Any

import grpc
import grpc.aio
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

from mxgateway import ClientOptions, EventStream, GatewayClient, MxGatewayError, MxGatewayTransportError
from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.scripted_gateway import SESSION_ID, ScriptedGateway

# By default a gRPC server allows one ping per 300 seconds without data, and tolerates two early pings.
SECONDS_PER_PING = 300.0
# The tests divide these times by a factor. gRPC never sends more than one ping per second.
SPEEDUP = 300.0


@asynccontextmanager
async def server_limiting_pings(speedup: float) -> AsyncGenerator[FaultProxy]:
    """Serve streams without events, and limit pings as a gRPC server does by default, but `speedup` times as fast."""
    interval = round(SECONDS_PER_PING / speedup * 1000)
    server = grpc.aio.server(options=[("grpc.http2.min_ping_interval_without_data_ms", interval)])
    pb_grpc.add_MxAccessGatewayServicer_to_server(ScriptedGateway(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with FaultProxy(port) as proxy:
            yield proxy
    finally:
        await server.stop(None)


@asynccontextmanager
async def quiet_stream(proxy: FaultProxy, keepalive_time: float) -> AsyncGenerator[EventStream]:
    """Open a stream that delivers no events."""
    async with (
        GatewayClient.connect(endpoint=proxy.endpoint, plaintext=True, keepalive_time=keepalive_time) as client,
        client.attach_session(SESSION_ID).stream_events() as stream,
    ):
        yield stream


def default(name: str) -> Any:
    """Return the default of an option."""
    return next(field.default for field in fields(ClientOptions) if field.name == name)


@pytest.mark.parametrize("events", [0, 500], ids=["quiet stream", "busy stream"])
async def test_stream_detects_vanished_gateway_in_documented_time(gateway: SimulatedGateway, events: int) -> None:
    tag = gateway.plant["TestChildObject.TestInt"]
    async with (
        FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(
            endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True, keepalive_time=1.0, keepalive_timeout=0.5
        ) as client,
        client.open_session() as session,
    ):
        server = await session.register("test")
        await session.advise(server, await session.add_item(server, tag.name))
        async with session.stream_events() as stream:
            await anext(stream)
            for value in range(events):
                tag.set(value)
                await anext(stream)
            with proxy.stalled():
                vanished = time.monotonic()
                with pytest.raises(MxGatewayTransportError, match="ping timeout"):
                    await anext(stream)
                detected = time.monotonic() - vanished
            await proxy.reset_connections()

    # Twice the documented time, because the machine may be busy.
    assert detected < 2 * (1.0 + 0.5)


async def test_unanswered_call_detects_vanished_gateway(gateway: SimulatedGateway) -> None:
    async with (
        FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(
            endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True, keepalive_time=1.0, keepalive_timeout=0.5
        ) as client,
        client.open_session() as session,
    ):
        with proxy.stalled():
            with pytest.raises(MxGatewayTransportError, match="ping timeout"):
                await session.ping()
            await proxy.reset_connections()


def test_documented_detection_time_matches_defaults() -> None:
    seconds = default("keepalive_time") + default("keepalive_timeout")
    assert f" {seconds:g} s by default" in (ClientOptions.__doc__ or "")


async def test_default_server_accepts_default_keepalive_probes() -> None:
    assert default("keepalive_time") > SECONDS_PER_PING
    async with server_limiting_pings(SPEEDUP) as proxy:
        async with quiet_stream(proxy, default("keepalive_time") / SPEEDUP) as stream:
            reading = asyncio.create_task(read_to_end(stream))
            # The server tolerates two early pings, and would end the connection at the third.
            await proxy.wait_until(lambda: proxy.pings >= 5)
            assert not reading.done()
            assert stream.is_open
        await reading


async def test_default_server_rejects_more_frequent_probes() -> None:
    async with server_limiting_pings(SPEEDUP / 2) as proxy, quiet_stream(proxy, 1.0) as stream:
        with pytest.raises(MxGatewayError, match=r"(?i)too.many.pings"):
            await anext(stream)


async def read_to_end(stream: EventStream) -> None:
    async for _ in stream:
        raise AssertionError("unexpected event")
