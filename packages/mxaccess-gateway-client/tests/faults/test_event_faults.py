"""Under random faults every event is delivered exactly once, or its loss is reported."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import pytest

from mxgateway import GatewayClient, MxGatewayTransportError
from mxgateway.testing import SimulatedGateway
from support.faults.checkers import CHANGES_AHEAD, StreamChecker
from support.faults.fault_proxy import FaultProxy
from support.faults.fault_runs import ALL_EVENTS, EVENTS, FAULTS, SEED, assert_nothing_left, client_options
from support.faults.fault_schedule import ALL_FAULTS, LARGEST_BURST, NETWORK_FAULTS, Fault, FaultSchedule
from support.faults.gateway_process import GatewayProcess

# This run's seed, and a seed that once found a bug.
SEEDS: Final = {"seed of this run": SEED, "1756423351": 1756423351}


@asynccontextmanager
async def streamed_through_faults(
    seed: int, weights: Mapping[Fault, int], faults: int, events: int
) -> AsyncGenerator[tuple[StreamChecker, FaultSchedule]]:
    """Stream events while faults are injected, close the client, and assert that it leaves nothing behind."""
    print(f"FAULT_SEED={seed}")  # noqa: T201 - repeats a failed run
    async with GatewayProcess() as gateway, FaultProxy(gateway.port) as proxy:
        async with GatewayClient.connect(client_options(gateway, proxy)) as client:
            checker = StreamChecker(gateway, client)
            schedule = FaultSchedule(seed, gateway, proxy, checker)
            async with asyncio.TaskGroup() as group:
                group.create_task(checker.run(), name="checker")
                await schedule.run(weights, faults, events)
                await checker.stop()
        assert checker.sequences.keys().isdisjoint((await gateway.status()).sessions)
        await assert_nothing_left(gateway, proxy, opens_without_reply=checker.opens_without_reply)
        yield checker, schedule


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("seed", "events"),
    [
        *(pytest.param(seed, EVENTS, id=name) for name, seed in SEEDS.items()),
        pytest.param(SEED, ALL_EVENTS, id="seed of this run, all events"),
    ],
)
async def test_every_event_arrives_once_or_its_loss_is_reported(seed: int, events: int) -> None:
    weights = {**ALL_FAULTS, FaultSchedule.reopen_stream: 6}
    async with streamed_through_faults(seed, weights, FAULTS, events) as (checker, schedule):
        used = [sequences for sequences in checker.sequences.values() if sequences.last]

    # The checker has checked each event: its sequence follows the previous one, or a reported gap.
    assert schedule.injected.total() >= FAULTS
    assert checker.received >= events
    # Only events that the gateway had dropped are missing, and only sessions that it had lost were replaced.
    aged_out, bursts = schedule.injected["age_out"], schedule.injected["burst_while_disconnected"]
    missed = sum(sequences.last for sequences in used) - checker.received
    assert 0 <= missed <= CHANGES_AHEAD * (aged_out + bursts) + LARGEST_BURST * bursts
    assert len(used) - 1 <= schedule.sessions_lost
    assert len(checker.session_errors) >= len(used) - 1


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS.values(), ids=SEEDS)
async def test_network_faults_lose_neither_session_nor_event(seed: int) -> None:
    weights = {**NETWORK_FAULTS, FaultSchedule.reopen_stream: 6}
    async with streamed_through_faults(seed, weights, 60, 20_000) as (checker, _):
        (sequences,) = [sequences for sequences in checker.sequences.values() if sequences.last]

    assert sequences.gaps == []
    assert sequences.last == checker.received >= 20_000


async def test_streams_that_failed_to_connect_leave_no_connection() -> None:
    async with (
        SimulatedGateway() as gateway,
        FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await proxy.refuse()
        await proxy.reset_connections()
        for _ in range(10):
            with pytest.raises(MxGatewayTransportError):
                await anext(session.stream_events())

        await proxy.accept()
        await session.ping()
        # A connection left behind would reconnect within this time.
        await asyncio.sleep(1)
        assert proxy.connections == 1
