"""Endless streams and pages are bounded in memory and time, and other tasks keep running."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import grpc
import pytest
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import GalaxyObject, GatewayClient, MxGatewayProtocolError, MxGatewayTimeoutError
from support.hostile_http2 import Answer, after_connecting, framed, hostile_http2
from support.scripted_galaxy import Page, ScriptedGalaxy, scripted_galaxy

OpenStream: TypeAlias = Callable[[GatewayClient], AsyncIterator[Any]]

MEBIBYTE = 1 << 20
# A few messages of the maximum size: those queued in the client, and those buffered by gRPC and the kernel. Before 1.74
# the client cannot limit how much gRPC buffers.
MAX_HELD_BYTES = (64 if tuple(map(int, grpc.__version__.split(".")[:2])) >= (1, 74) else 512) * MEBIBYTE

STREAMS: dict[str, tuple[OpenStream, Callable[[str], bytes]]] = {
    "events": (
        lambda client: client.attach_session("session-1").stream_events(),
        lambda text: framed(pb.MxEvent(value=pb.MxValue(string_value=text))),
    ),
    "the alarm feed": (
        lambda client: client.stream_alarms(),
        lambda text: framed(pb.AlarmFeedMessage(active_alarm=pb.ActiveAlarmSnapshot(description=text))),
    ),
    "the active alarms": (
        lambda client: client.query_active_alarms(timeout=30),
        lambda text: framed(pb.ActiveAlarmSnapshot(description=text)),
    ),
    "deploys": (
        lambda client: client.galaxy.watch_deploys(),
        lambda text: framed(galaxy_pb.DeployEvent.FromString(unknown_field(text))),
    ),
}


def unknown_field(text: str) -> bytes:
    """Encode a text as a field that no message has."""
    length = len(text)
    head = bytes([0xFA, 0xFF, 0x03])
    while length > 127:
        head += bytes([length & 127 | 128])
        length >>= 7
    return head + bytes([length]) + text.encode()


async def sent_when_stalled(sent: Callable[[], int]) -> int:
    """Wait until the server sends no more, and return how many bytes it has sent."""
    before = -1
    while sent() != before:
        before = sent()
        await asyncio.sleep(0.1)
    return before


@pytest.mark.parametrize(("open_stream", "message"), STREAMS.values(), ids=STREAMS)
async def test_endless_stream_buffers_few_messages_for_slow_reader(
    open_stream: OpenStream, message: Callable[[str], bytes]
) -> None:
    endless = Answer(body=message("x" * (8 * MEBIBYTE)), endless=True)
    async with (
        hostile_http2(after_connecting(endless)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        items = open_stream(client)
        async with asyncio.timeout(20):
            await anext(items)

        held = await sent_when_stalled(lambda: server.sent)

        assert held < MAX_HELD_BYTES
        async with asyncio.timeout(20):
            for _ in range(20):
                await anext(items)
        assert server.sent > held
        await items.close()  # type: ignore[attr-defined]  # every stream has close()


@pytest.mark.parametrize(("open_stream", "message"), STREAMS.values(), ids=STREAMS)
async def test_client_closes_at_once_with_abandoned_stream(
    open_stream: OpenStream, message: Callable[[str], bytes]
) -> None:
    endless = Answer(body=message("x" * (8 * MEBIBYTE)), endless=True)
    async with hostile_http2(after_connecting(endless)) as server:
        client = await GatewayClient.connect(endpoint=server.endpoint, plaintext=True)
        async with asyncio.timeout(20):
            items = open_stream(client)
            await anext(items)
            await sent_when_stalled(lambda: server.sent)

            await client.close()


@pytest.mark.parametrize(("open_stream", "message"), STREAMS.values(), ids=STREAMS)
async def test_endless_stream_of_small_messages_lets_other_tasks_run(
    open_stream: OpenStream, message: Callable[[str], bytes]
) -> None:
    endless = Answer(body=message("x") * 1000, endless=True)
    async with (
        hostile_http2(after_connecting(endless)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        items = open_stream(client)
        iterations = itertools.count()

        async def count_iterations() -> None:
            while True:
                next(iterations)
                await asyncio.sleep(0)

        async with asyncio.timeout(30):
            other = asyncio.create_task(count_iterations())
            for _ in range(5_000):
                await anext(items)
            other.cancel()

        assert next(iterations) > 10
        await items.close()  # type: ignore[attr-defined]  # every stream has close()


async def test_endless_active_alarms_time_out() -> None:
    endless = Answer(body=framed(pb.ActiveAlarmSnapshot(alarm_full_reference="G!A.B")) * 100, endless=True)
    async with (
        hostile_http2(after_connecting(endless)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        with pytest.raises(MxGatewayTimeoutError):
            async with asyncio.timeout(30):
                async for _ in client.query_active_alarms(timeout=0.2):
                    pass


PAGED: dict[str, Callable[[GatewayClient], AsyncIterator[GalaxyObject]]] = {
    "children": lambda client: client.galaxy.browse_children(),
    "objects": lambda client: client.galaxy.discover(),
}


@pytest.fixture
async def galaxy() -> AsyncIterator[ScriptedGalaxy]:
    """A Galaxy with scripted replies."""
    async with scripted_galaxy() as galaxy:
        yield galaxy


@pytest.mark.parametrize("period", [1, 2, 3, 50])
@pytest.mark.parametrize("read_pages", PAGED.values(), ids=PAGED)
async def test_cycle_of_page_tokens_is_detected(
    galaxy: ScriptedGalaxy, read_pages: Callable[[GatewayClient], AsyncIterator[GalaxyObject]], period: int
) -> None:
    numbers = itertools.count()

    def repeat_tokens(page: Page) -> None:
        page.next_page_token = f"token-{next(numbers) % period}"

    galaxy.edit_page = repeat_tokens
    galaxy.objects = 1
    galaxy.ignore_tokens = True
    async with GatewayClient.connect(endpoint=galaxy.endpoint, plaintext=True) as client:
        with pytest.raises(MxGatewayProtocolError, match="page") as caught:
            async with asyncio.timeout(30):
                async for _ in read_pages(client):
                    pass

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("objects", [0, 1])
@pytest.mark.parametrize("read_pages", PAGED.values(), ids=PAGED)
async def test_reading_endless_pages_can_be_cancelled(
    galaxy: ScriptedGalaxy, read_pages: Callable[[GatewayClient], AsyncIterator[GalaxyObject]], objects: int
) -> None:
    numbers = itertools.count()

    def add_new_token(page: Page) -> None:
        page.next_page_token = f"token-{next(numbers)}"

    galaxy.edit_page = add_new_token
    galaxy.objects = objects
    galaxy.ignore_tokens = True
    async with GatewayClient.connect(endpoint=galaxy.endpoint, plaintext=True) as client:
        with pytest.raises((MxGatewayProtocolError, TimeoutError)):
            async with asyncio.timeout(0.2):
                async for _ in read_pages(client):
                    pass
