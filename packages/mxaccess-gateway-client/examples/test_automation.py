"""A test harness: somebody's automation, and how it is tested against the faults of a plant.

pytest test_automation.py. The fixtures come with the library; pytest-asyncio runs the tests.
"""

import asyncio

import pytest

from mxgateway import MxAccessError, TagChange, TagClient, WatchLost
from mxgateway.testing import SimulatedGateway

LEVEL = "TestMachine_001.TestChangingInt"
VALVE = "TestChildObject.TestBool"


async def keep_level(tags: TagClient, limit: int) -> str:
    """The automation: open the valve when the level is too high, and close it when the level is not known any more."""
    async for item in tags.watch(LEVEL):
        match item:
            case TagChange(value=int(level), quality=quality) if quality.is_good and level > limit:
                await tags.write(VALVE, True)
                return "opened"
            case WatchLost():
                return "blind"
            case _:
                continue
    return "stopped"


@pytest.fixture
def mx_gateway_options() -> dict[str, object]:
    # Tags move only when the test says so.
    return {"ramp_interval": None}


@pytest.mark.asyncio
async def test_the_valve_opens_when_the_level_is_too_high(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(101)
    assert await keep_level(mx_tags, limit=100) == "opened"
    assert mx_gateway.plant[VALVE].value is True


@pytest.mark.asyncio
async def test_a_valve_that_refuses_is_noticed(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(101)
    with mx_gateway.faults.refused_writes(VALVE), pytest.raises(MxAccessError):
        await keep_level(mx_tags, limit=100)


@pytest.mark.asyncio
async def test_a_gateway_that_restarts_makes_it_blind(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(5)
    automation = asyncio.create_task(keep_level(mx_tags, limit=100))
    await mx_gateway.wait_for(lambda: any(session.items for session in mx_gateway.sessions))
    await mx_gateway.faults.restart()
    assert await automation == "blind"
