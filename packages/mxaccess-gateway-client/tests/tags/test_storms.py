"""Random use of a TagClient on a gateway that restarts, hangs, drops, refuses and is slow."""

from __future__ import annotations

import asyncio

import pytest

from mxgateway import GatewayClient
from mxgateway.testing import SimulatedGateway
from support.tag_storm import TagStorm
from support.tagging import add_tags

_STEPS = 60


async def _rage(seed: int) -> None:
    async with SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway:
        names = add_tags(gateway, 10)
        client = await GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=3, close_timeout=1
        )
        tags = await client.tags("storm", reconnect_delay=0.01, longest_reconnect_delay=0.1, linger=0.05)
        storm = TagStorm(gateway, tags, names, seed)
        async with asyncio.timeout(60):
            await storm.run(_STEPS)
            await storm.check()
            await storm.end()
            await tags.close()
            await client.close()


@pytest.mark.parametrize("seed", range(5))
async def test_after_a_storm_every_watch_is_up_to_date_and_every_outcome_was_true(seed: int) -> None:
    await _rage(seed)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1_000, 1_200))
async def test_after_two_hundred_storms_every_watch_is_up_to_date(seed: int) -> None:
    await _rage(seed)
