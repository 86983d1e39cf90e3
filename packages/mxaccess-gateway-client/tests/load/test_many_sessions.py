"""As many sessions, commands in flight and event streams as a gateway allows, all at the same time."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Final

import pytest

from mxgateway import GatewayClient, MxGatewayLimitError, Session, WriteComplete
from mxgateway.testing import SimulatedGateway
from support.faults.gateway_program import COUNTER
from support.footprint import Footprints, assert_no_growth, gateway_with_short_history

# The gateway's default limits.
SESSIONS: Final = 64
COMMANDS_PER_SESSION: Final = 128


async def write_concurrently(session: Session, count: int) -> int:
    """Start `count` writes at once, and await the outcome of each; return how many commands that took."""
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


async def add_concurrently(session: Session, count: int) -> int:
    """Add `count` items at once; return how many commands that took."""
    server = await session.register("load")
    items = await asyncio.gather(*(session.add_item(server, COUNTER) for _ in range(count)))
    assert sorted(items) == list(range(1, count + 1))
    return count + 1


async def use_all_sessions(client: GatewayClient, commands: int) -> int:
    """Open all sessions, use them concurrently, and close them; return how many commands were run."""
    async with AsyncExitStack() as stack:
        opened = await asyncio.gather(*(client.open_session(timeout=120) for _ in range(SESSIONS)))
        for session in opened:
            await stack.enter_async_context(session)
        assert len({session.session_id for session in opened}) == SESSIONS
        uses = [write_concurrently if number % 2 else add_concurrently for number in range(SESSIONS)]
        return sum(await asyncio.gather(*(use(session, commands) for use, session in zip(uses, opened, strict=True))))


@pytest.mark.parametrize(
    ("commands", "rounds"),
    [
        pytest.param(8, 2, id="short"),
        pytest.param(COMMANDS_PER_SESSION, 6, id="long", marks=[pytest.mark.long, pytest.mark.timeout(300)]),
    ],
)
async def test_concurrent_sessions_get_their_replies_and_leave_nothing(commands: int, rounds: int) -> None:
    async with (
        gateway_with_short_history() as gateway,
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=120.0
        ) as client,
    ):
        await use_all_sessions(client, commands)
        warm = await Footprints.measure(gateway)
        began = time.monotonic()
        done = sum([await use_all_sessions(client, commands) for _ in range(rounds)])
        rate = done / (time.monotonic() - began)

        what = f"{rounds} times {SESSIONS} sessions, {commands} commands in flight in each: {done}, {rate:.0f}/s"
        await assert_no_growth(warm, gateway, what)


async def test_only_the_command_over_the_session_limit_is_refused(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("load")
    with gateway.faults.held_commands(session.session_id):
        adding = [asyncio.create_task(session.add_item(server, COUNTER)) for _ in range(COMMANDS_PER_SESSION)]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == COMMANDS_PER_SESSION)
        with pytest.raises(MxGatewayLimitError, match=f"{COMMANDS_PER_SESSION} pending commands"):
            await session.add_item(server, COUNTER)

    assert sorted(await asyncio.gather(*adding)) == list(range(1, COMMANDS_PER_SESSION + 1))
