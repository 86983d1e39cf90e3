"""Whatever happens on the way, a watch brings each value once, or says that there is a hole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import pytest

from mxgateway import GatewayClient
from support.faults.consumers import WatchConsumer
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess
from support.faults.storms import SEED, nothing_is_left, options
from support.faults.weather import EVERYTHING, NETWORK, Fault, Weather

# Those that once found something, and that of this run.
SEEDS: Final = (SEED,)
FAULTS: Final = 80
CHANGES: Final = 12_000


@asynccontextmanager
async def storm(seed: int, kinds: Mapping[Fault, int]) -> AsyncGenerator[tuple[WatchConsumer, Weather]]:
    """Watch a tag in a storm; afterwards nothing of the client is left, here or at the gateway."""
    print(f"FAULT_SEED={seed}")  # noqa: T201 - with it a failure can be had again
    async with GatewayProcess() as gateway, FaultProxy(gateway.port) as proxy:
        async with (
            GatewayClient.connect(options(gateway, proxy)) as client,
            client.tags("faults", reconnect_delay=0.01, longest_reconnect_delay=0.1) as tags,
        ):
            consumer = WatchConsumer(gateway, tags)
            weather = Weather(seed, gateway, proxy, consumer)
            async with asyncio.TaskGroup() as group:
                group.create_task(consumer.run(), name="consumer")
                await weather.storm(kinds, FAULTS, CHANGES)
                await consumer.stop()
        await nothing_is_left(gateway, proxy, without_reply=consumer.breaks)
        yield consumer, weather


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_every_value_comes_once_or_lies_in_a_stretch_that_has_a_hole(seed: int) -> None:
    async with storm(seed, EVERYTHING) as (consumer, weather):
        pass

    # Each change was checked when it came: it follows the last one, or a hole was told before it.
    assert weather.happened.total() >= FAULTS
    assert consumer.taken >= CHANGES
    assert consumer.restored[True]
    assert consumer.restored[False]
    assert consumer.breaks == consumer.restored.total()


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", SEEDS)
async def test_what_only_the_network_does_is_resumed_without_a_hole(seed: int) -> None:
    async with storm(seed, NETWORK) as (consumer, _):
        pass

    assert consumer.taken >= CHANGES
    assert consumer.restored[True]
    # A session is replaced when nothing of it had come yet, or when the gateway still held the stream that broke.
    assert len(consumer.holes) <= consumer.restored[False] < consumer.restored[True]
