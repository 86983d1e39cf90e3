"""A stream behaves the same with each reader: segregated call, gRPC's iterator, and grpc.aio."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    EventStream,
    GatewayClient,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    Session,
)
from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.scripted_gateway import ScriptedGateway
from support.waiting import until

# More than a reader holds before flow control stops the gateway.
MANY = 5_000


@pytest.fixture(params=["segregated call", "gRPC's iterator", "grpc.aio"])
def reader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How events are read: by a segregated call, and as with versions of grpcio that lack parts of it or all of it."""
    way: str = request.param
    if way == "gRPC's iterator":

        def changed(*_: object) -> NoReturn:
            raise AttributeError("operate")

        monkeypatch.setattr("mxgateway._transport.segregated_call._PrivateParts.__init__", changed)
    elif way == "grpc.aio":
        monkeypatch.delattr("grpc.experimental.ChannelOptions.SingleThreadedUnaryStream")
    return way


def changes(sequences: Iterable[int]) -> list[pb.MxEvent]:
    """Return data changes with these sequence numbers."""
    return [pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=sequence) for sequence in sequences]


async def take(stream: EventStream, count: int) -> list[int]:
    """Receive this many events and return their sequence numbers."""
    return [(await anext(stream)).sequence for _ in range(count)]


@pytest.mark.usefixtures("reader")
async def test_every_event_is_delivered_once_in_order(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.events = changes(range(1, MANY + 1))

    async with scripted_session.stream_events() as stream:
        assert await take(stream, MANY) == list(range(1, MANY + 1))
        assert (stream.delivered, stream.pending, stream.last_sequence) == (MANY, 0, MANY)


@pytest.mark.usefixtures("reader")
async def test_arrived_events_are_delivered_with_timeout_of_zero(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = changes(range(1, 1001))
    taken: list[int] = []

    async with scripted_session.stream_events() as stream:
        await until(lambda: stream.pending == 1000)
        while len(taken) < 1000:
            before = len(taken)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0):
                    while True:
                        taken += await take(stream, 1)
            assert len(taken) > before

    assert taken == list(range(1, 1001))


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("count", [0, 1, 100])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.OK, MxGatewayStreamEndedError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, MxGatewayLimitError),
        (grpc.StatusCode.UNAVAILABLE, MxGatewayTransportError),
    ],
)
async def test_end_raises_after_all_events_are_delivered(
    scripted: ScriptedGateway,
    scripted_session: Session,
    count: int,
    status: grpc.StatusCode,
    kind: type[MxGatewayError],
) -> None:
    scripted.events, scripted.end_of_events = changes(range(1, count + 1)), (status, "that was all")

    async with scripted_session.stream_events() as stream:
        assert await take(stream, count) == list(range(1, count + 1))
        with pytest.raises(kind):
            await anext(stream)

    assert (stream.delivered, stream.is_open) == (count, False)


async def test_consumer_that_never_waits_lets_other_tasks_run(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = changes(range(1, 4001))
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async with scripted_session.stream_events() as stream:
        await until(lambda: stream.pending == 4000)
        other = asyncio.create_task(count_turns())
        assert await take(stream, 4000) == list(range(1, 4001))
        other.cancel()

    assert turns


@asynccontextmanager
async def serving_bytes(messages: list[bytes]) -> AsyncGenerator[str]:
    """Serve an event stream of these messages, valid or not, on a free port, and yield `host:port`."""

    async def probe(_: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        await context.abort(grpc.StatusCode.NOT_FOUND, "no session without an id")
        raise AssertionError("abort returned")

    async def stream(*_: object) -> AsyncIterator[bytes]:
        for message in messages:
            yield message
        await asyncio.Event().wait()

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    methods: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "Invoke": grpc.unary_unary_rpc_method_handler(probe),
        "StreamEvents": grpc.unary_stream_rpc_method_handler(stream),
    }
    handler = grpc.method_handlers_generic_handler("mxaccess_gateway.v1.MxAccessGateway", methods)
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("before", [0, 1, 100])
async def test_undecodable_message_ends_the_stream(before: int) -> None:
    readable = [event.SerializeToString() for event in changes(range(1, before + 1))]

    async with (
        serving_bytes([*readable, b"\xff\xff\xff"]) as endpoint,
        GatewayClient.connect(endpoint=endpoint, plaintext=True) as client,
        client.attach_session("session-1").stream_events() as stream,
    ):
        assert await take(stream, before) == list(range(1, before + 1))
        with pytest.raises(MxGatewayProtocolError):
            await anext(stream)


@pytest.mark.usefixtures("reader")
async def test_event_larger_than_a_message_may_be_names_the_limit_to_raise(scripted: ScriptedGateway) -> None:
    scripted.events = [pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=1, raw_status="x" * 5000)]

    async with (
        GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, max_message_bytes=4096) as client,
        client.attach_session(scripted.open_reply.session_id).stream_events() as stream,
    ):
        with pytest.raises(MxGatewayLimitError) as caught:
            await anext(stream)

    assert "max_message_bytes" in str(caught.value.hint)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize("count", [0, 100])
async def test_silent_stream_closes_at_once(gateway: SimulatedGateway, session: Session, count: int) -> None:
    server = await session.register("test")
    item = await session.add_item(server, "TestChildObject.TestInt")

    async with asyncio.timeout(10), session.stream_events() as stream:
        if count:
            await session.advise(server, item)
            for value in range(count - 1):
                gateway.plant["TestChildObject.TestInt"].set(value)
            await take(stream, count)

    await gateway.wait_for(lambda: not any(call.running for call in gateway.calls if call.rpc == "StreamEvents"))


@pytest.mark.usefixtures("reader")
async def test_client_closes_at_once_while_reader_is_full(scripted: ScriptedGateway) -> None:
    scripted.events = changes(range(1, MANY + 1))
    client = await GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True)
    stream = client.attach_session(scripted.open_reply.session_id).stream_events()
    await take(stream, 1)
    await until(lambda: stream.pending > 4000)

    async with asyncio.timeout(10):
        await client.close()


async def test_slower_readers_are_logged(
    reader: str, scripted: ScriptedGateway, scripted_session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mxgateway")
    scripted.events = changes([1, 2])

    async with scripted_session.stream_events() as stream:
        await take(stream, 2)

    messages = [record.getMessage() for record in caplog.records if "reads the events" in record.getMessage()]
    assert [message.rpartition(": ")[2] for message in messages] == {
        "segregated call": [],
        "gRPC's iterator": ["its iterator reads the events"],
        "grpc.aio": ["grpc.aio reads the events"],
    }[reader]


@pytest.fixture
async def clients(scripted: ScriptedGateway) -> AsyncIterator[list[GatewayClient]]:
    """Six clients of the scripted gateway."""
    clients = [await GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True) for _ in range(6)]
    yield clients
    for client in clients:
        await client.close()


@pytest.mark.usefixtures("reader")
async def test_concurrent_busy_streams_receive_every_event(
    scripted: ScriptedGateway, clients: list[GatewayClient]
) -> None:
    scripted.events = changes(range(1, 2001))

    async def consume(client: GatewayClient) -> list[int]:
        async with client.attach_session(scripted.open_reply.session_id).stream_events() as stream:
            return await take(stream, 2000)

    taken = await asyncio.gather(*map(consume, clients))

    assert taken == [list(range(1, 2001))] * len(clients)


async def test_streams_that_become_silent_do_not_block_others(
    scripted: ScriptedGateway, clients: list[GatewayClient]
) -> None:
    scripted.events = changes(range(1, 1001))
    silent = [client.attach_session(scripted.open_reply.session_id).stream_events() for client in clients]

    for stream in silent:
        assert len(await take(stream, 1000)) == 1000

    for stream in silent:
        await stream.close()


async def test_a_stream_without_a_thread_raises_and_closing_does_not_wait_for_it(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        start = threading.Thread.start

        def refuse(thread: threading.Thread) -> None:
            if thread.name.startswith("mxgateway"):
                raise RuntimeError("can't start new thread")
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(MxGatewayLimitError, match="no thread can be started"):
            await session.stream_events().__aenter__()
        monkeypatch.undo()
        # Only the connection of the commands is left.
        await proxy.wait_until(lambda: proxy.connections <= 1)
        async with session.stream_events() as events:
            assert events.is_open
