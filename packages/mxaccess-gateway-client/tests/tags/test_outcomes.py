"""Writes with a late, lost or missing outcome: the error is true, and no other write gets the outcome."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayAuthorizationError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    SessionState,
    TagChange,
    TagClient,
    WatchLost,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    INT,
    REPLACED,
    STRING,
    advised,
    commands,
    following,
    following_change,
    sent,
    taken,
    until_value,
    writes,
)


async def test_write_waits_for_the_outcome_and_not_only_for_the_reply(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    writing = await sent(slow_gateway, slow_tags.write(INT, 123))
    await slow_tags.read(STRING)
    assert not writing.done()
    slow_gateway.clock.advance(10)
    await writing

    assert slow_gateway.plant[INT].value == 123


async def test_writes_to_different_tags_do_not_wait_for_each_other(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    first = await sent(slow_gateway, slow_tags.write(INT, 1))
    third = asyncio.create_task(slow_tags.write(INT, 3))
    second = await sent(slow_gateway, slow_tags.write(STRING, "a"), 2)
    slow_gateway.clock.advance(10)
    await asyncio.gather(first, second)
    assert not third.done()
    await taken(slow_gateway, 3)
    slow_gateway.clock.advance(10)
    await third


async def test_late_outcome_is_not_matched_to_next_write(slow_gateway: SimulatedGateway, slow_tags: TagClient) -> None:
    session = slow_gateway.sessions[0].session_id
    with pytest.raises(MxGatewayTimeoutError, match=rf"{INT} may have been written: no outcome arrived within 0\.1 s"):
        await slow_tags.write(INT, 1, timeout=0.1)
    slow_gateway.clock.advance(5)
    second = await sent(slow_gateway, slow_tags.write(INT, 2), 2)

    with slow_gateway.faults.refused_writes(INT):
        slow_gateway.clock.advance(5)
    slow_gateway.clock.advance(5)

    await second
    assert slow_gateway.plant[INT].value == 2
    assert slow_gateway.sessions[0].session_id == session


async def test_a_tag_whose_new_handle_is_refused_is_added_by_the_next_write(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    with pytest.raises(MxGatewayTimeoutError):
        await slow_tags.write(INT, 1, timeout=0.1)
    slow_gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, "not you", rpc="Invoke")
    with pytest.raises(MxGatewayAuthorizationError, match="not you"):
        await slow_tags.write(INT, 2)
    before = commands(slow_gateway)

    third = await sent(slow_gateway, slow_tags.write(INT, 3), 2)
    slow_gateway.clock.advance(10)
    await third
    assert slow_gateway.plant[INT].value == 3
    # The former item stayed until now, so that no change was missed.
    renewing = {"ADD_ITEM_BULK", "ADVISE_ITEM_BULK", "UNSUBSCRIBE_BULK"}
    assert set(commands(slow_gateway) - before) == {*renewing, "WRITE"}


async def test_late_outcome_of_cancelled_write_is_not_matched_to_next_write(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    async with slow_tags.watch(INT) as watch:
        await following_change(watch)
        first = await sent(slow_gateway, slow_tags.write(INT, 1))
        # One round trip later its reply has arrived, and it waits for its outcome.
        await slow_tags.read(STRING)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        slow_gateway.clock.advance(5)
        second = await sent(slow_gateway, slow_tags.write(INT, 2), 2)

        slow_gateway.clock.advance(5)
        with slow_gateway.faults.refused_writes(INT):
            slow_gateway.clock.advance(5)

        with pytest.raises(MxAccessError, match="refuses on request"):
            await second
        assert slow_gateway.plant[INT].value == 1
        items = await until_value(watch, 1)
        # The new handle delivered the known value again.
        assert [item.repeated for item in items if isinstance(item, TagChange)] == [True, False]


async def test_a_write_cancelled_in_its_turn_does_not_affect_the_previous_one(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    first = await sent(slow_gateway, slow_tags.write(INT, 1))
    second = asyncio.create_task(slow_tags.write(INT, 2))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    with pytest.raises(MxGatewayTimeoutError, match="was not written"):
        await slow_tags.write(INT, 3, timeout=0.01)

    slow_gateway.clock.advance(10)
    async with asyncio.timeout(5):
        await first
    assert writes(slow_gateway) == 1


async def test_a_write_cancelled_before_the_send_never_happens(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        writing = asyncio.create_task(tags.write(INT, 1))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    await tags.write(INT, 2)
    assert writes(gateway) == 1
    assert gateway.plant[INT].value == 2


async def test_a_write_that_times_out_while_its_tag_is_added_was_not_written(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    gateway.faults.delay_commands(0.03)
    writing = asyncio.create_task(tags.write(INT, 1, timeout=0.04))
    await gateway.wait_for(lambda: gateway.sessions[0].items)
    assert not advised(gateway)
    with pytest.raises(MxGatewayTimeoutError, match=f"{INT} was not written"):
        await writing
    gateway.faults.delay_commands(0)

    await tags.write(INT, 2)
    async with tags.watch(INT) as watch:
        await until_value(watch, 2)
    assert writes(gateway) == 1
    assert commands(gateway)["ADD_ITEM_BULK"] == 1


async def test_a_write_during_a_loss_times_out_as_not_written(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        assert isinstance(await following(watch), WatchLost)
        with pytest.raises(MxGatewayTimeoutError, match=f"{INT} was not written") as timeout:
            await tags.write(INT, 1, timeout=0.05)
        assert isinstance(timeout.value, TimeoutError)
    assert not writes(gateway)


async def test_a_write_without_a_reply_may_have_happened_and_replaces_the_session(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    session = gateway.sessions[0].session_id
    async with tags.watch(INT) as watch:
        await following_change(watch)
        with gateway.faults.held_commands(session):
            with pytest.raises(MxGatewayTimeoutError, match=f"{INT} may have been written"):
                await tags.write(INT, 1, timeout=0.05)
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == REPLACED
        assert gateway.sessions[0].session_id != session
        await tags.write(INT, 2)

    assert writes(gateway) == 2


@pytest.mark.parametrize("trouble", ["restart", "kill_worker", "fault_session"])
@pytest.mark.parametrize("moment", ["before the reply", "before the outcome"])
async def test_a_write_of_a_lost_session_may_have_happened(
    slow_gateway: SimulatedGateway, slow_tags: TagClient, trouble: str, moment: str
) -> None:
    session = slow_gateway.sessions[0].session_id
    async with slow_tags.watch(INT) as watch:
        await following_change(watch)
        with contextlib.ExitStack() as held:
            if moment == "before the reply":
                held.enter_context(slow_gateway.faults.held_commands(session))
            writing = asyncio.create_task(slow_tags.write(INT, 1))
            await slow_gateway.wait_for(lambda: writes(slow_gateway) == 1)
            if moment == "before the outcome":
                await slow_gateway.wait_for(lambda: not slow_gateway.sessions[0].pending_commands)
            if trouble == "restart":
                await slow_gateway.faults.restart()
            else:
                getattr(slow_gateway.faults, trouble)(session)
            with pytest.raises(MxGatewayTransportError, match=f"{INT} may have been written") as lost:
                await writing

        assert lost.value.method == "Write"
        assert isinstance(await following(watch), WatchLost)
        assert await following(watch) == REPLACED
        slow_gateway.clock.advance(10)
        assert (await following_change(watch)).value == 42
        assert writes(slow_gateway) == 1


async def test_an_outcome_arrives_after_a_resumed_connection(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    writing = await sent(slow_gateway, slow_tags.write(INT, 1))
    dropping = asyncio.create_task(slow_gateway.faults.drop_connections())
    await slow_gateway.wait_for(lambda: not slow_gateway.sessions[0].streams)
    slow_gateway.clock.advance(10)
    await dropping
    await writing

    assert writes(slow_gateway) == 1


async def test_a_write_waits_during_a_loss(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
            await gateway.faults.restart()
            assert isinstance(await following(watch), WatchLost)
            writing = asyncio.create_task(tags.write(INT, 7))
            await gateway.wait_for(lambda: gateway.sessions)
            assert not writing.done()
        await writing

    assert gateway.plant[INT].value == 7
    assert writes(gateway) == 1


async def test_writes_refused_by_the_command_limit_are_not_repeated(gateway: SimulatedGateway, tags: TagClient) -> None:
    await tags.write(INT, 1)
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", rpc="Invoke")
    with pytest.raises(MxGatewayLimitError, match="too many"):
        await tags.write(INT, 2)
    await tags.write(INT, 3)

    assert gateway.plant[INT].value == 3
    assert writes(gateway) == 3


async def test_closing_during_a_write_says_that_it_may_have_happened(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    writing = await sent(slow_gateway, slow_tags.write(INT, 1))
    waiting = asyncio.create_task(slow_tags.write(INT, 2))
    await asyncio.sleep(0)
    await slow_tags.close()

    with pytest.raises(MxGatewayTransportError, match=r"may have been written.*the TagClient is closed"):
        await writing
    with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
        await waiting


async def test_randomly_cancelled_writes_never_get_a_foreign_outcome(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    """Even values are accepted and odd ones refused: any other result is the outcome of another write."""
    outcomes: Counter[str] = Counter()

    async def write(value: int) -> None:
        # Without its type a number would be converted to text.
        data_type = MxDataType.STRING if value % 2 == 0 else MxDataType.INTEGER
        try:
            # Half of the writes wait for their outcome, the others for up to 1.6 ms.
            async with asyncio.timeout(0.0004 * (value % 5) if value % 4 < 2 else None):
                await tags.write(STRING, str(value) if value % 2 == 0 else value, data_type=data_type)
        except MxAccessError:
            assert value % 2 == 1
            outcomes["refused"] += 1
        except TimeoutError:
            outcomes["cancelled"] += 1
        else:
            assert value % 2 == 0
            outcomes["accepted"] += 1

    for begin in range(0, 120, 8):
        await asyncio.gather(*(write(value) for value in range(begin, begin + 8)))
    await tags.write(STRING, "last")
    assert gateway.plant[STRING].value == "last"
    assert outcomes.keys() == {"accepted", "refused", "cancelled"}
