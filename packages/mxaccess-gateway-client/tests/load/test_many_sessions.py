"""As many sessions as a gateway has, each with as many commands in flight as it takes, and their events beside them."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

import pytest

from mxgateway import GatewayClient, MxGatewayLimitError, Session, WriteComplete
from mxgateway.testing import SimulatedGateway
from support.faults.gateway_program import COUNTER
from support.footprint import Footprints, a_gateway, nothing_grew

# What a gateway takes by default.
SESSIONS: Final = 64
COMMANDS: Final = 128


async def writes(session: Session, count: int) -> int:
    """Write so many times at once, and take the outcome of each from the events; gives how many commands it were."""
    server = await session.register("load")
    item = await session.add_item(server, COUNTER)
    await session.advise(server, item)
    async with session.stream_events() as events, asyncio.TaskGroup() as group:
        for value in range(count):
            group.create_task(session.write(server, item, value))
        done = 0
        async for event in events:
            if isinstance(event, WriteComplete):
                assert event.item_handle == item
                assert event.succeeded
                done += 1
                if done == count:
                    break
    return count + 3


async def adds(session: Session, count: int) -> int:
    """Add so many items at once; gives how many commands it were."""
    server = await session.register("load")
    items = await asyncio.gather(*(session.add_item(server, COUNTER) for _ in range(count)))
    assert sorted(items) == list(range(1, count + 1))
    return count + 1


async def a_round(client: GatewayClient, commands: int) -> int:
    """Open all sessions, use each at the same time, and close them; gives how many commands were carried out."""
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*(client.open_session(timeout=120) for _ in range(SESSIONS)))
        for session in opened:
            await stack.enter_async_context(session)
        assert len({session.session_id for session in opened}) == SESSIONS
        use = [writes if number % 2 else adds for number in range(SESSIONS)]
        return sum(await asyncio.gather(*(do(session, commands) for do, session in zip(use, opened, strict=True))))


@pytest.mark.parametrize(
    ("commands", "rounds"),
    [
        pytest.param(8, 2, id="short"),
        pytest.param(COMMANDS, 6, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_sessions_at_once_get_what_is_theirs_and_leave_nothing(commands: int, rounds: int) -> None:
    async with (
        a_gateway() as gateway,
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=120.0
        ) as client,
    ):
        await a_round(client, commands)
        warm = await Footprints.now(gateway)
        began = time.monotonic()
        done = sum([await a_round(client, commands) for _ in range(rounds)])
        rate = done / (time.monotonic() - began)

        what = f"{rounds} times {SESSIONS} sessions, {commands} commands in flight in each: {done}, {rate:.0f}/s"
        await nothing_grew(warm, gateway, what)


async def test_one_command_more_than_a_session_takes_is_refused_and_the_others_are_not(
    gateway: SimulatedGateway, session: Session
) -> None:
    server = await session.register("load")
    with gateway.faults.held_commands(session.session_id):
        adding = [asyncio.create_task(session.add_item(server, COUNTER)) for _ in range(COMMANDS)]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == COMMANDS)
        with pytest.raises(MxGatewayLimitError, match=f"{COMMANDS} pending commands"):
            await session.add_item(server, COUNTER)

    assert sorted(await asyncio.gather(*adding)) == list(range(1, COMMANDS + 1))
