"""A gateway that vanished without a word is noticed in time, and none takes the probes for an attack."""

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

# What a gRPC server allows by default: one ping in so many seconds without data, and two that come earlier.
SECONDS_A_PING = 300.0
# The same in little, so that a test can wait for it; gRPC itself never sends more than one ping a second.
SCALE = 150.0


@asynccontextmanager
async def a_server_in_little() -> AsyncGenerator[FaultProxy]:
    """A gateway that says nothing on its streams, and minds pings as a gRPC server does, only SCALE times faster."""
    interval = round(SECONDS_A_PING / SCALE * 1000)
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
async def a_quiet_stream(proxy: FaultProxy, keepalive_time: float) -> AsyncGenerator[EventStream]:
    """A stream on which nothing ever comes."""
    async with (
        GatewayClient.connect(endpoint=proxy.endpoint, plaintext=True, keepalive_time=keepalive_time) as client,
        client.attach_session(SESSION_ID).stream_events() as stream,
    ):
        yield stream


def default(name: str) -> Any:
    """The default of an option."""
    return next(field.default for field in fields(ClientOptions) if field.name == name)


@pytest.mark.parametrize("events", [0, 500], ids=["a quiet stream", "a busy stream"])
async def test_a_gateway_that_vanished_is_noticed_by_its_stream_within_the_documented_time(
    gateway: SimulatedGateway, events: int
) -> None:
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
                noticed = time.monotonic() - vanished
            await proxy.cut()

    # With as much again for a machine that is busy with something else.
    assert noticed < 2 * (1.0 + 0.5)


async def test_a_gateway_that_vanished_is_noticed_by_a_call_without_an_answer(gateway: SimulatedGateway) -> None:
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
            await proxy.cut()


def test_the_documented_time_is_what_the_defaults_make() -> None:
    assert f"after {default('keepalive_time') + default('keepalive_timeout'):g} s by default" in (
        ClientOptions.__doc__ or ""
    )


async def test_the_default_probes_are_rare_enough_for_a_default_server() -> None:
    assert default("keepalive_time") > SECONDS_A_PING
    async with a_server_in_little() as proxy:
        async with a_quiet_stream(proxy, default("keepalive_time") / SCALE) as stream:
            reading = asyncio.create_task(awaited(stream))
            # It would forgive two that come too early, and end the connection at the next one.
            await proxy.wait_until(lambda: proxy.pings >= 5)
            assert not reading.done()
            assert stream.is_open
        await reading


async def test_more_frequent_probes_would_have_been_too_many_for_that_server() -> None:
    async with a_server_in_little() as proxy, a_quiet_stream(proxy, 1.0) as stream:
        with pytest.raises(MxGatewayError, match=r"(?i)too.many.pings"):
            await anext(stream)


async def awaited(stream: EventStream) -> None:
    """Read a stream to its end."""
    async for _ in stream:
        raise AssertionError("nothing was to come")
