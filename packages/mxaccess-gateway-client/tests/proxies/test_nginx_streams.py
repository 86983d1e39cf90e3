"""Events come through a real nginx as they happen, and what its timeouts and reloads break is told, and mended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mxgateway import (
    DataChange,
    EventStream,
    GatewayClient,
    MxGatewayTransportError,
    Session,
    WatchLost,
    WatchRestored,
)
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.faults.fault_proxy import FaultProxy
from support.nginx import Nginx, nginx_before
from support.tagging import following, following_change, until_value

INT = "TestChildObject.TestInt"


async def value_of_next(stream: EventStream) -> object:
    """The value of the next data change."""
    async with asyncio.timeout(5):
        async for event in stream:
            if isinstance(event, DataChange):
                return event.value
    raise AssertionError("the stream has ended")


async def advised(session: Session) -> None:
    """Advise a tag."""
    server = await session.register("test")
    await session.advise(server, await session.add_item(server, INT))


async def test_an_event_waits_in_nginx_for_no_other(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advised(session)
        await value_of_next(events)
        for number in range(100, 200):
            gateway.plant[INT].set(number)
            assert await value_of_next(events) == number


async def test_many_events_come_in_order(gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advised(session)
        await value_of_next(events)

        async def move() -> None:
            for number in range(2_000):
                gateway.plant[INT].set(number)
                if number % 100 == 0:
                    await asyncio.sleep(0)

        moving = asyncio.create_task(move())
        assert [await value_of_next(events) for _ in range(2_000)] == list(range(2_000))
        await moving


@pytest.fixture
async def impatient(gateway: SimulatedGateway, tmp_path: Path) -> AsyncIterator[Nginx]:
    """An nginx whose minute of patience with a silent stream has become a second."""
    streams = f"location ~ /Stream {{ grpc_pass grpc://{gateway.endpoint}; grpc_read_timeout 1s; }}"
    async with nginx_before(tmp_path, gateway.endpoint, server=streams) as nginx:
        yield nginx


async def test_a_stream_that_is_idle_for_too_long_for_nginx_raises_and_loses_nothing(
    gateway: SimulatedGateway, impatient: Nginx
) -> None:
    async with (
        GatewayClient.connect(endpoint=impatient.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await advised(session)
        last = 0
        for number in (1, 2):
            async with session.stream_events(after_sequence=last) as events:
                if number > 1:
                    assert await value_of_next(events) == number - 1
                with pytest.raises(MxGatewayTransportError) as caught:
                    while True:
                        await anext(events)
            assert caught.value.session_id == session.session_id
            last = events.last_sequence
            # What happens while nobody streams.
            gateway.plant[INT].set(number)


async def test_a_stream_that_is_idle_from_its_beginning_raises_with_a_hint(
    gateway: SimulatedGateway, impatient: Nginx
) -> None:
    async with (
        GatewayClient.connect(endpoint=impatient.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        with pytest.raises(MxGatewayTransportError) as caught:
            await anext(session.stream_events())
    # gRPC doesn't always see the status of what ends a stream.
    assert caught.value.http_status in {504, None}
    assert caught.value.hint is not None


async def test_a_watch_outlives_an_hour_of_silence(gateway: SimulatedGateway, impatient: Nginx) -> None:
    async with (
        GatewayClient.connect(endpoint=impatient.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        # nginx breaks the stream again and again; the session and its items stay.
        for _ in range(2):
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == WatchRestored(resumed=True)
        gateway.plant[INT].set(4711)
        between = await until_value(watch, 4711)
        assert {type(item) for item in between[:-1]} <= {WatchLost, WatchRestored}
        assert len(gateway.sessions) == 1


async def test_a_feed_of_alarms_that_is_idle_for_too_long_raises(gateway: SimulatedGateway, impatient: Nginx) -> None:
    async with GatewayClient.connect(endpoint=impatient.endpoint, api_key=gateway.api_key, plaintext=True) as client:
        with pytest.raises(MxGatewayTransportError):
            async for _ in client.stream_alarms():
                pass


async def test_a_stream_goes_on_through_a_reload(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advised(session)
        await value_of_next(events)
        for number in (1, 2, 3):
            await nginx.reload()
            gateway.plant[INT].set(number)
            assert await value_of_next(events) == number
            await session.ping()


async def test_a_watch_goes_on_when_a_reload_breaks_its_stream(gateway: SimulatedGateway, tmp_path: Path) -> None:
    # How long the old workers may take to end what they have.
    patience = "worker_shutdown_timeout 50ms;"
    async with (
        nginx_before(tmp_path, gateway.endpoint, main=patience) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        for number in (1, 2):
            await nginx.reload()
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == WatchRestored(resumed=True)
            gateway.plant[INT].set(number)
            await until_value(watch, number)
        assert len(gateway.sessions) == 1


async def test_a_watch_goes_on_when_nginx_was_gone(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with nginx_before(tmp_path, gateway.endpoint) as nginx:
        port = int(nginx.endpoint.rpartition(":")[2])
        client = await GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True)
        tags = await client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05)
        watch = tags.watch(INT)
        await following_change(watch)
    assert isinstance(await following(watch), WatchLost)
    gateway.plant[INT].set(4711)
    async with nginx_before(tmp_path, gateway.endpoint, port=port):
        await until_value(watch, 4711)
        watch.close()
        await tags.close()
        await client.close()


async def test_probes_of_an_idle_connection_are_no_attack_to_nginx(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        FaultProxy(int(nginx.endpoint.rpartition(":")[2])) as wire,
        # gRPC probes at most once a second; by default it is once in 310.
        GatewayClient.connect(
            endpoint=wire.endpoint, api_key=gateway.api_key, plaintext=True, keepalive_time=1
        ) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await wire.wait_until(lambda: wire.pings >= 3)
        await advised(session)
        assert await value_of_next(events) is not None
        assert wire.pings >= 3
