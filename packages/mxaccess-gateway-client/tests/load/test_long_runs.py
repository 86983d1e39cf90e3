"""Clients that run for ten hours: leases, keepalive probes, and thousands of broken connections.

The hours pass on the gateway's clock, which the tests advance. Times that gRPC measures in real time are shortened.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections import Counter
from contextlib import AsyncExitStack
from typing import Final

import pytest

from mxgateway import (
    DataChange,
    GatewayClient,
    MxGatewaySessionError,
    Session,
    TagChange,
    TagWatch,
    WatchLost,
    WatchRestored,
)
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess
from support.faults.gateway_program import COUNTER
from support.footprint import Footprints, assert_no_growth, gateway_with_short_history

TEN_HOURS_SECONDS: Final = 36_000.0
# A session without a stream is called at least this often, to renew its lease of 1800 seconds.
RENEWAL_SECONDS: Final = 1200.0
# A connection breaks every ten seconds of the gateway's clock. With one break in this many the session is lost as well.
RECONNECTS: Final = round(TEN_HOURS_SECONDS / 10)
BREAKS_PER_LOST_SESSION: Final = 30
WARM_UP_RECONNECTS: Final = 60
WARM_UP_CLIENTS: Final = 10
# By default gRPC probes a quiet connection every 310 seconds.
PROBES: Final = round(TEN_HOURS_SECONDS / 310)


async def wait_for_probe(proxy: FaultProxy) -> None:
    """Wait for the next keepalive probe."""
    seen = proxy.pings
    await proxy.wait_until(lambda: proxy.pings > seen)


async def pass_time(gateway: GatewayProcess, seconds: float, renewed: Session) -> None:
    """Advance the gateway's clock, and call one session often enough to renew its lease."""
    while seconds > 0:
        await gateway.run("pass_time", seconds=min(seconds, RENEWAL_SECONDS))
        await renewed.ping()
        seconds -= RENEWAL_SECONDS


@pytest.mark.parametrize(
    "probes",
    [pytest.param(3, id="short"), pytest.param(PROBES, id="long", marks=[pytest.mark.long, pytest.mark.timeout(400)])],
)
async def test_client_stays_open_for_ten_hours(probes: int) -> None:
    async with (
        gateway_with_short_history() as gateway,
        FaultProxy(gateway.port) as proxy,
        # The shortest interval that gRPC allows: one probe per second without data.
        GatewayClient.connect(
            endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True, keepalive_time=1.0
        ) as client,
        client.open_session(client_session_name="quiet") as quiet,
        client.open_session(client_session_name="renewed") as renewed,
        AsyncExitStack() as stack,
    ):
        expiring = await client.open_session(client_session_name="expiring")
        server = await quiet.register("load")
        await quiet.advise(server, await quiet.add_item(server, COUNTER))
        events = await stack.enter_async_context(quiet.stream_events())
        value = (await anext(events)).value
        warm = await Footprints.measure(gateway)

        for _ in range(probes):
            await wait_for_probe(proxy)
            await pass_time(gateway, TEN_HOURS_SECONDS / probes, renewed)
            expected = await gateway.run("burst", changes=1)
            event = await anext(events)
            assert isinstance(event, DataChange)
            value = event.value
            assert value == expected

        # The lease of the unused session has expired. A stream held one of the others, calls renewed the other.
        with pytest.raises(MxGatewaySessionError):
            await expiring.ping()
        await expiring.close()
        assert set((await gateway.status()).sessions) == {quiet.session_id, renewed.session_id}
        assert value == probes
        await assert_no_growth(warm, gateway, f"{TEN_HOURS_SECONDS / 3600:g} hours with {proxy.pings} keepalive probes")


async def break_connection(gateway: GatewayProcess, proxy: FaultProxy, number: int) -> str:
    """Break the connection in a way that depends on the number; return which way."""
    if number % BREAKS_PER_LOST_SESSION == 0:
        await gateway.run("restart" if number % (2 * BREAKS_PER_LOST_SESSION) else "kill_workers")
        return "session lost"
    if number % 2:
        await proxy.reset_connections()
        return "reset"
    await proxy.close_connections()
    return "closed"


async def read_until_restored(watch: TagWatch, value: int) -> bool:
    """Read a watch until it is restored and delivers a value; return whether it resumed its stream."""
    resumed: bool | None = None
    async for item in watch:
        match item:
            case WatchLost():
                assert resumed is None
            case WatchRestored():
                assert resumed is None
                resumed = item.resumed
            case TagChange(value=int(now)) if resumed is not None and now >= value:
                assert now == value
                return resumed
            case TagChange():
                pass
            case _:
                raise AssertionError(f"unexpected item: {item}")
    raise AssertionError("the watch has ended")


@pytest.mark.parametrize(
    "reconnects",
    [
        pytest.param(90, id="short"),
        pytest.param(RECONNECTS, id="long", marks=[pytest.mark.long, pytest.mark.timeout(400)]),
    ],
)
async def test_ten_hours_of_broken_connections_leave_nothing(caplog: pytest.LogCaptureFixture, reconnects: int) -> None:
    # pytest keeps log records in memory, which would count as growth.
    caplog.set_level(logging.CRITICAL, "mxgateway")
    outcomes = Counter[str]()
    async with (
        gateway_with_short_history() as gateway,
        FaultProxy(gateway.port) as proxy,
        GatewayClient.connect(
            endpoint=proxy.endpoint,
            api_key=gateway.api_key,
            plaintext=True,
            # Before 1.80 gRPC misses one reset in a hundred until it probes the connection.
            keepalive_time=1.0,
            keepalive_timeout=0.5,
        ) as client,
        client.tags("load", reconnect_delay=0.001, longest_reconnect_delay=0.05) as tags,
        tags.watch(COUNTER) as watch,
    ):
        async for _ in watch:
            break
        warm = await Footprints.measure(gateway)
        began = time.monotonic()
        for number in range(1, reconnects + 1):
            kind = await break_connection(gateway, proxy, number)
            value = await gateway.run("burst", changes=1)
            outcomes[f"{kind}, {'resumed' if await read_until_restored(watch, value) else 'restored'}"] += 1
            await gateway.run("pass_time", seconds=10)
            if number == WARM_UP_RECONNECTS:
                warm = await Footprints.measure(gateway)
        seconds = time.monotonic() - began

        assert outcomes["session lost, restored"] == reconnects // BREAKS_PER_LOST_SESSION
        assert len((await gateway.status()).sessions) == 1
        what = ", ".join(f"{count} {name}" for name, count in outcomes.most_common())
        await assert_no_growth(warm, gateway, f"{reconnects} broken connections, {reconnects / seconds:.0f}/s: {what}")


@pytest.mark.parametrize(
    "clients",
    [pytest.param(20, id="short"), pytest.param(1000, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)])],
)
async def test_many_successive_clients_leave_nothing(clients: int) -> None:
    async with gateway_with_short_history() as gateway:
        warm = await Footprints.measure(gateway)
        began = time.monotonic()
        for number in itertools.count():
            if number == WARM_UP_CLIENTS:
                warm = await Footprints.measure(gateway)
            if number == clients:
                break
            async with (
                GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
                client.open_session() as session,
                session.stream_events() as events,
            ):
                server = await session.register("load")
                await session.advise(server, await session.add_item(server, COUNTER))
                assert (await anext(events)).value == 0
        seconds = time.monotonic() - began

        await assert_no_growth(warm, gateway, f"{clients} clients, one after the other, {clients / seconds:.0f}/s")
