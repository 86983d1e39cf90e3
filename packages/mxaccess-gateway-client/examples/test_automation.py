"""A test harness: an automation and its tests, including faults of the plant and the gateway.

pytest test_automation.py. The fixtures are part of the library; pytest-asyncio runs the tests.
"""

import asyncio

import pytest

from mxgateway import MxAccessError, TagChange, TagClient, WatchLost
from mxgateway.testing import SimulatedGateway

LEVEL = "TestMachine_001.TestChangingInt"
VALVE = "TestChildObject.TestBool"


async def keep_level(tags: TagClient, limit: int) -> str:
    """Open the valve when the level is too high. Return "blind" when the level is not known any more."""
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
    # Tags change only when the test changes them.
    return {"ramp_interval": None}


@pytest.mark.asyncio
async def test_valve_opens_when_the_level_is_too_high(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(101)
    assert await keep_level(mx_tags, limit=100) == "opened"
    assert mx_gateway.plant[VALVE].value is True


@pytest.mark.asyncio
async def test_refusing_valve_is_reported(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(101)
    with mx_gateway.faults.refused_writes(VALVE), pytest.raises(MxAccessError):
        await keep_level(mx_tags, limit=100)


@pytest.mark.asyncio
async def test_automation_is_blind_after_a_restart(mx_gateway: SimulatedGateway, mx_tags: TagClient) -> None:
    mx_gateway.plant[LEVEL].set(5)
    automation = asyncio.create_task(keep_level(mx_tags, limit=100))
    await mx_gateway.wait_for(lambda: any(session.items for session in mx_gateway.sessions))
    await mx_gateway.faults.restart()
    assert await automation == "blind"
