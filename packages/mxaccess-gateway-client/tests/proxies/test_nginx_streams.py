"""Events pass through a real nginx without delay, and streams broken by its timeouts and reloads are reported."""

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
from support.tagging import RESUMED, following, following_change, until_value

INT = "TestChildObject.TestInt"


async def next_value(stream: EventStream) -> object:
    """Return the value of the next data change."""
    async with asyncio.timeout(5):
        async for event in stream:
            if isinstance(event, DataChange):
                return event.value
    raise AssertionError("the stream has ended")


async def advise_tag(session: Session) -> None:
    server = await session.register("test")
    await session.advise(server, await session.add_item(server, INT))


async def test_proxy_does_not_delay_events(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advise_tag(session)
        await next_value(events)
        for number in range(100, 200):
            gateway.plant[INT].set(number)
            assert await next_value(events) == number


async def test_many_events_arrive_in_order(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advise_tag(session)
        await next_value(events)

        async def change_tag() -> None:
            for number in range(2_000):
                gateway.plant[INT].set(number)
                if number % 100 == 0:
                    await asyncio.sleep(0)

        changing = asyncio.create_task(change_tag())
        assert [await next_value(events) for _ in range(2_000)] == list(range(2_000))
        await changing


@pytest.fixture
async def strict_nginx(gateway: SimulatedGateway, tmp_path: Path) -> AsyncIterator[Nginx]:
    """An nginx that breaks a silent stream after a second instead of a minute."""
    streams = f"location ~ /Stream {{ grpc_pass grpc://{gateway.endpoint}; grpc_read_timeout 1s; }}"
    async with nginx_before(tmp_path, gateway.endpoint, server=streams) as nginx:
        yield nginx


async def test_stream_idle_too_long_raises_and_loses_no_event(gateway: SimulatedGateway, strict_nginx: Nginx) -> None:
    async with (
        GatewayClient.connect(endpoint=strict_nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await advise_tag(session)
        last = 0
        for number in (1, 2):
            async with session.stream_events(after_sequence=last) as events:
                if number > 1:
                    assert await next_value(events) == number - 1
                with pytest.raises(MxGatewayTransportError) as caught:
                    while True:
                        await anext(events)
            assert caught.value.session_id == session.session_id
            last = events.last_sequence
            # This change happens while no stream is open.
            gateway.plant[INT].set(number)


async def test_stream_idle_from_start_raises_with_hint(gateway: SimulatedGateway, strict_nginx: Nginx) -> None:
    async with (
        GatewayClient.connect(endpoint=strict_nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        with pytest.raises(MxGatewayTransportError) as caught:
            await anext(session.stream_events())
    # gRPC doesn't always report the HTTP status of a response that ends a stream.
    assert caught.value.http_status in {504, None}
    assert caught.value.hint is not None


async def test_watch_outlives_idle_timeouts_of_proxy(gateway: SimulatedGateway, strict_nginx: Nginx) -> None:
    async with (
        GatewayClient.connect(endpoint=strict_nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        # nginx breaks the stream repeatedly; the session and its items remain.
        for _ in range(2):
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == RESUMED
        gateway.plant[INT].set(4711)
        between = await until_value(watch, 4711)
        assert {type(item) for item in between[:-1]} <= {WatchLost, WatchRestored}
        assert len(gateway.sessions) == 1


async def test_idle_alarm_feed_raises(gateway: SimulatedGateway, strict_nginx: Nginx) -> None:
    async with GatewayClient.connect(endpoint=strict_nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client:
        with pytest.raises(MxGatewayTransportError):
            async for _ in client.stream_alarms():
                pass


async def test_stream_continues_during_proxy_reload(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await advise_tag(session)
        await next_value(events)
        for number in (1, 2, 3):
            await nginx.reload()
            gateway.plant[INT].set(number)
            assert await next_value(events) == number
            await session.ping()


async def test_watch_recovers_when_proxy_reload_breaks_its_stream(gateway: SimulatedGateway, tmp_path: Path) -> None:
    # The old workers may take this long to finish their connections.
    shutdown_timeout = "worker_shutdown_timeout 50ms;"
    async with (
        nginx_before(tmp_path, gateway.endpoint, main=shutdown_timeout) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        for number in (1, 2):
            await nginx.reload()
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == RESUMED
            gateway.plant[INT].set(number)
            await until_value(watch, number)
        assert len(gateway.sessions) == 1


async def test_watch_recovers_after_proxy_was_down(gateway: SimulatedGateway, tmp_path: Path) -> None:
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


async def test_proxy_accepts_keepalive_probes_of_idle_connection(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        FaultProxy(int(nginx.endpoint.rpartition(":")[2])) as proxy,
        # One probe per second is the most that gRPC sends; the default is one in 310 seconds.
        GatewayClient.connect(
            endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True, keepalive_time=1
        ) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        await proxy.wait_until(lambda: proxy.pings >= 3)
        await advise_tag(session)
        assert await next_value(events) is not None
        assert proxy.pings >= 3
