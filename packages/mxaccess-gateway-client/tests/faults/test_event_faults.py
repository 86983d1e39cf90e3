"""Whatever happens on the way, no event of a session is lost in silence, and none comes twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import pytest

from mxgateway import GatewayClient, MxGatewayTransportError
from mxgateway.testing import SimulatedGateway
from support.faults.consumers import AHEAD, EventConsumer
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess
from support.faults.storms import ALL_EVENTS, EVENTS, FAULTS, SEED, nothing_is_left, options
from support.faults.weather import EVERYTHING, LARGEST_BURST, NETWORK, Fault, Weather

# Those that once found something, and that of this run.
SEEDS: Final = (SEED, 1756423351)
NETWORK_SEEDS: Final = (SEED, 1756423351)


@asynccontextmanager
async def storm(
    seed: int, kinds: Mapping[Fault, int], faults: int, events: int
) -> AsyncGenerator[tuple[EventConsumer, Weather]]:
    """Take events in a storm; afterwards nothing of the client is left, here or at the gateway."""
    print(f"FAULT_SEED={seed}")  # noqa: T201 - with it a failure can be had again
    async with GatewayProcess() as gateway, FaultProxy(gateway.port) as proxy:
        async with GatewayClient.connect(options(gateway, proxy)) as client:
            consumer = EventConsumer(gateway, client)
            weather = Weather(seed, gateway, proxy, consumer)
            async with asyncio.TaskGroup() as group:
                group.create_task(consumer.run(), name="consumer")
                await weather.storm(kinds, faults, events)
                await consumer.stop()
        assert consumer.ledgers.keys().isdisjoint((await gateway.status()).sessions)
        await nothing_is_left(gateway, proxy, without_reply=consumer.without_reply)
        yield consumer, weather


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(("seed", "events"), [*((seed, EVENTS) for seed in SEEDS), pytest.param(SEED, ALL_EVENTS)])
async def test_every_event_comes_once_or_is_covered_by_a_reported_loss(seed: int, events: int) -> None:
    async with storm(seed, {**EVERYTHING, Weather.leave: 6}, FAULTS, events) as (consumer, weather):
        ledgers = [ledger for ledger in consumer.ledgers.values() if ledger.last]

    # Each event was checked when it came: its sequence follows the last one, or the gap that was reported before it.
    assert weather.happened.total() >= FAULTS
    assert consumer.taken >= events
    # Only what the gateway had dropped is missing, and only sessions that it had lost were replaced.
    forgetful = weather.happened["age_out"], weather.happened["burst_while_away"]
    missed = sum(ledger.last for ledger in ledgers) - consumer.taken
    assert 0 <= missed <= AHEAD * sum(forgetful) + LARGEST_BURST * forgetful[1]
    assert len(ledgers) - 1 <= weather.sessions_lost
    assert len(consumer.reported_lost) >= len(ledgers) - 1


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", NETWORK_SEEDS)
async def test_what_only_the_network_does_loses_neither_a_session_nor_an_event(seed: int) -> None:
    async with storm(seed, {**NETWORK, Weather.leave: 6}, 60, 20_000) as (consumer, _):
        (ledger,) = [ledger for ledger in consumer.ledgers.values() if ledger.last]

    assert ledger.gaps == []
    assert ledger.last == consumer.taken >= 20_000


async def test_streams_that_could_not_connect_leave_no_connection_when_the_gateway_is_back() -> None:
    async with (
        SimulatedGateway() as gateway,
        FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await proxy.refuse()
        await proxy.cut()
        for _ in range(10):
            with pytest.raises(MxGatewayTransportError):
                await anext(session.stream_events())

        await proxy.accept()
        await session.ping()
        # What is left behind would try again by now.
        await asyncio.sleep(1)
        assert proxy.connections == 1
