"""What is compared: each runs in a process of its own and prints its figures as one JSON object."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Coroutine
from typing import Any

import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

from mxgateway import ClientOptions, GatewayClient
from mxgateway._channel import Channel
from mxgateway.session import Session, SessionInfo

WARM_UP = 1000


async def raw_events(endpoint: str, count: int) -> dict[str, float]:
    """What a good engineer would write without us."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        call = pb_grpc.MxAccessGatewayStub(channel).StreamEvents(pb.StreamEventsRequest(session_id="benchmark"))
        try:
            return await _measured(call, count)
        finally:
            call.cancel()


async def our_events(endpoint: str, count: int) -> dict[str, float]:
    """The same through EventStream."""
    # The source speaks one rpc only, so nobody connects or opens a session.
    channel = await Channel.open(ClientOptions(endpoint=endpoint, plaintext=True))
    session = Session(channel, SessionInfo(session_id="benchmark"))
    async with session.stream_events() as stream:
        figures = await _measured(stream, count)
    await channel.close()
    return figures


async def raw_latency(endpoint: str, count: int) -> dict[str, float]:
    """From the moment when the source writes an event to the one when the loop has it."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        call = pb_grpc.MxAccessGatewayStub(channel).StreamEvents(pb.StreamEventsRequest(session_id="benchmark"))
        try:
            return await _latencies(call, count, _sent)
        finally:
            call.cancel()


async def our_latency(endpoint: str, count: int) -> dict[str, float]:
    """The same through EventStream."""
    channel = await Channel.open(ClientOptions(endpoint=endpoint, plaintext=True))
    session = Session(channel, SessionInfo(session_id="benchmark"))
    async with session.stream_events() as stream:
        figures = await _latencies(stream, count, lambda event: _sent(event.raw))
    await channel.close()
    return figures


async def raw_unary(endpoint: str, count: int, key: str) -> dict[str, float]:
    """A write by the stub, one in flight, as complete as it must be."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        stub = pb_grpc.MxAccessGatewayStub(channel)
        metadata = (("authorization", f"Bearer {key}"),)
        opened = await stub.OpenSession(pb.OpenSessionRequest(client_correlation_id="b"), metadata=metadata)

        async def invoke(command: pb.MxCommand) -> pb.MxCommandReply:
            request = pb.MxCommandRequest(session_id=opened.session_id, client_correlation_id="b", command=command)
            return await stub.Invoke(request, metadata=metadata)

        registered = await invoke(
            pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER, register=pb.RegisterCommand(client_name="benchmark"))
        )
        server = registered.register.server_handle
        definition = pb.AddItemCommand(server_handle=server, item_definition="TestChildObject.TestInt")
        added = await invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_ADD_ITEM, add_item=definition))
        item = added.add_item.item_handle
        advise = pb.AdviseCommand(server_handle=server, item_handle=item)
        await invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_ADVISE, advise=advise))

        async def write(number: int) -> None:
            value = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=number)
            payload = pb.WriteCommand(server_handle=server, item_handle=item, value=value)
            await invoke(pb.MxCommand(kind=pb.MX_COMMAND_KIND_WRITE, write=payload))

        figures = await _calls(write, count)
        await stub.CloseSession(pb.CloseSessionRequest(session_id=opened.session_id), metadata=metadata)
        return figures


async def our_unary(endpoint: str, count: int, key: str) -> dict[str, float]:
    """The same through Session."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=key, plaintext=True) as client,
        client.open_session() as session,
    ):
        server = await session.register("benchmark")
        item = await session.add_item(server, "TestChildObject.TestInt")
        await session.advise(server, item)

        async def write(number: int) -> None:
            await session.write(server, item, number)

        return await _calls(write, count)


async def _measured(events: AsyncIterable[object], count: int) -> dict[str, float]:
    seen = 0
    began = cpu = 0.0
    async for _ in events:
        seen += 1
        if seen == WARM_UP:
            began, cpu = time.perf_counter(), time.process_time()
        elif seen == WARM_UP + count:
            break
    elapsed = time.perf_counter() - began
    return {"per_second": count / elapsed, "cpu_us": (time.process_time() - cpu) / count * 1e6}


async def _latencies(events: AsyncIterable[object], count: int, sent: Callable[[Any], float]) -> dict[str, float]:
    taken: list[float] = []
    async for event in events:
        taken.append(time.time() - sent(event))
        if len(taken) == count + 100:
            break
    cuts = statistics.quantiles(taken[100:], n=100)
    return {"p50_ms": cuts[49] * 1000, "p99_ms": cuts[98] * 1000}


def _sent(event: pb.MxEvent) -> float:
    stamp = event.worker_timestamp
    return stamp.seconds + stamp.nanos / 1e9


async def _calls(call: Callable[[int], Awaitable[None]], count: int) -> dict[str, float]:
    taken: list[float] = []
    for number in range(count + 50):
        began = time.perf_counter()
        await call(number)
        taken.append(time.perf_counter() - began)
    return {"p50_us": statistics.median(taken[50:]) * 1e6}


CONTESTANTS: dict[str, Callable[..., Coroutine[Any, Any, dict[str, float]]]] = {
    "raw-events": raw_events,
    "our-events": our_events,
    "raw-latency": raw_latency,
    "our-latency": our_latency,
    "raw-unary": raw_unary,
    "our-unary": our_unary,
}

if __name__ == "__main__":
    name, endpoint, count, *more = sys.argv[1:]
    print(json.dumps(asyncio.run(CONTESTANTS[name](endpoint, int(count), *more))))
