"""write_many: one outcome per tag, in the given order, and no error for a single refusal."""

from __future__ import annotations

import asyncio
import logging

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxStatusCategory,
    TagClient,
    WriteOutcome,
    WriteState,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import DOUBLE, INT, STRING, UNKNOWN, add_tags, commands, taken, writes
from support.waiting import until

CONFIRMED, ACCEPTED = WriteState.CONFIRMED, WriteState.ACCEPTED
REFUSED, NOT_SENT, MAYBE = WriteState.REFUSED, WriteState.NOT_SENT, WriteState.UNKNOWN


def turns() -> list[asyncio.Task[None]]:
    return [task for task in asyncio.all_tasks() if task.get_name() == "mxgateway tags turn"]


def states(outcomes: tuple[WriteOutcome, ...]) -> dict[str, WriteState]:
    return {outcome.tag: outcome.state for outcome in outcomes}


async def test_outcomes_are_in_the_given_order(tags: TagClient, gateway: SimulatedGateway) -> None:
    outcomes = await tags.write_many({STRING: "recipe", INT: 5, DOUBLE: 2.5})

    assert outcomes == tuple(WriteOutcome(tag=tag, state=CONFIRMED) for tag in (STRING, INT, DOUBLE))
    assert all(outcome.succeeded for outcome in outcomes)
    assert [gateway.plant[tag].value for tag in (STRING, INT, DOUBLE)] == ["recipe", 5, 2.5]


async def test_a_thousand_writes_take_a_handful_of_commands(tags: TagClient, gateway: SimulatedGateway) -> None:
    names = add_tags(gateway, 1_000)

    outcomes = await tags.write_many(dict.fromkeys(names, -1))

    assert states(outcomes) == dict.fromkeys(names, CONFIRMED)
    assert commands(gateway)["WRITE_BULK"] <= 2
    assert {gateway.plant[name].value for name in names} == {-1}


async def test_a_refusal_is_an_outcome_with_its_statuses(tags: TagClient, gateway: SimulatedGateway) -> None:
    locked = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, detail=5, diagnostic_text="locked")
    with gateway.faults.refused_writes(INT, locked):
        refused, written = await tags.write_many({INT: 1, STRING: "a"})

    assert (refused.state, written.state) == (REFUSED, CONFIRMED)
    assert not refused.succeeded
    assert [(each.category, each.diagnostic_text) for each in refused.statuses] == [
        (MxStatusCategory.SECURITY_ERROR, "locked")
    ]
    assert isinstance(refused.error, MxAccessError)
    assert gateway.plant[STRING].value == "a"


async def test_a_tag_that_cannot_be_added_is_refused_alone(client: GatewayClient, gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=client.endpoint, api_key=key, plaintext=True) as limited,
        limited.tags("test") as tags,
    ):
        foreign, own = await tags.write_many({STRING: "a", INT: 5})

    assert (foreign.state, own.state) == (REFUSED, CONFIRMED)
    assert isinstance(foreign.error, MxGatewayCommandError)


async def test_a_write_to_an_unknown_tag_is_refused_by_mxaccess(tags: TagClient) -> None:
    unknown, known = await tags.write_many({UNKNOWN: 1, INT: 5})

    assert (unknown.state, known.state) == (REFUSED, CONFIRMED)
    assert isinstance(unknown.error, MxAccessError)


async def test_the_user_of_a_supervisory_client_counts_and_may_be_left_out(client: GatewayClient) -> None:
    async with client.tags("test", supervisory=True) as tags:
        assert states(await tags.write_many({INT: 1, STRING: "a"})) == {INT: CONFIRMED, STRING: CONFIRMED}
        (unknown,) = await tags.write_many({INT: 2}, user_id=4711)

    assert unknown.state is REFUSED


async def test_without_confirm_outcomes_are_accepted_and_a_later_refusal_is_logged(
    slow_gateway: SimulatedGateway, slow_tags: TagClient, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = await slow_tags.write_many({INT: 1, STRING: "a"}, confirm=False)
    next_write = asyncio.create_task(slow_tags.write(INT, 2))
    with slow_gateway.faults.refused_writes(INT), caplog.at_level(logging.WARNING, "mxgateway.tags"):
        slow_gateway.clock.advance(10)
        # The next write to the tag is sent when the refused one has ended.
        await taken(slow_gateway, 3)
    slow_gateway.clock.advance(10)
    await next_write

    assert states(outcomes) == {INT: ACCEPTED, STRING: ACCEPTED}
    assert f"{INT} was not written" in caplog.text


async def test_a_missing_outcome_is_unknown(slow_gateway: SimulatedGateway, slow_tags: TagClient) -> None:
    recipe = asyncio.create_task(slow_tags.write_many({INT: 2, STRING: "b"}))
    await taken(slow_gateway, 2)
    await slow_gateway.faults.restart()

    outcomes = await recipe
    assert states(outcomes) == {INT: MAYBE, STRING: MAYBE}
    assert all(isinstance(outcome.error, MxGatewayTransportError) for outcome in outcomes)


async def test_an_outcome_that_takes_too_long_is_unknown(slow_tags: TagClient) -> None:
    outcomes = await slow_tags.write_many({INT: 2, STRING: "b"}, timeout=0.3)

    assert states(outcomes) == {INT: MAYBE, STRING: MAYBE}
    assert all(isinstance(outcome.error, MxGatewayTimeoutError) for outcome in outcomes)


async def test_a_write_that_could_not_be_sent_says_so(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags:
        await gateway.stop()
        (outcome,) = await tags.write_many({INT: 1}, timeout=0.3)

    assert outcome.state is NOT_SENT
    assert isinstance(outcome.error, MxGatewayTimeoutError)
    assert outcome.statuses == ()


async def test_a_value_that_is_too_large_is_not_sent_and_the_others_are(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with (
        GatewayClient.connect(
            endpoint=client.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=64 * 1024
        ) as limited,
        limited.tags("test") as tags,
    ):
        large, small = await tags.write_many({STRING: "x" * 100_000, INT: 5})

    assert (large.state, small.state) == (NOT_SENT, CONFIRMED)
    assert isinstance(large.error, MxGatewayLimitError)


async def test_a_missing_scope_refuses_every_write(client: GatewayClient, gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read")
    async with (
        GatewayClient.connect(endpoint=client.endpoint, api_key=key, plaintext=True) as limited,
        limited.tags("test") as tags,
    ):
        outcomes = await tags.write_many({INT: 1, STRING: "a"})

    assert states(outcomes) == {INT: REFUSED, STRING: REFUSED}
    assert all(isinstance(outcome.error, MxGatewayAuthorizationError) for outcome in outcomes)
    assert gateway.plant[STRING].value != "a"


async def test_writes_to_a_busy_tag_wait_and_the_others_do_not(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    first = asyncio.create_task(slow_tags.write(INT, 1))
    await taken(slow_gateway, 1)
    recipe = asyncio.create_task(slow_tags.write_many({INT: 2, STRING: "b"}))
    await taken(slow_gateway, 2)
    slow_gateway.clock.advance(10)
    await first
    assert not recipe.done()
    await taken(slow_gateway, 3)
    slow_gateway.clock.advance(10)

    assert states(await recipe) == {INT: CONFIRMED, STRING: CONFIRMED}
    assert slow_gateway.plant[INT].value == 2


async def test_a_busy_tag_that_is_not_free_in_time_is_not_sent(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    first = asyncio.create_task(slow_tags.write(INT, 1))
    await taken(slow_gateway, 1)
    (outcome,) = await slow_tags.write_many({INT: 2}, timeout=0.1)
    slow_gateway.clock.advance(10)
    await first

    assert outcome.state is NOT_SENT
    assert slow_gateway.plant[INT].value == 1


async def test_invalid_input_is_raised_before_anything_is_sent(tags: TagClient, gateway: SimulatedGateway) -> None:
    with pytest.raises(TypeError):
        await tags.write_many({STRING: "a", INT: object()})  # type: ignore[dict-item]  # the mistake under test
    with pytest.raises(MxGatewayConfigurationError):
        await tags.write_many({STRING: "a", "": 1})
    with pytest.raises(MxGatewayConfigurationError):
        await tags.write_many({STRING: "a"}, timeout=0)

    assert writes(gateway) == 0


async def test_an_empty_mapping_has_no_outcomes(tags: TagClient, gateway: SimulatedGateway) -> None:
    assert await tags.write_many({}) == ()
    assert writes(gateway) == 0


async def test_a_closed_tag_client_sends_nothing(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.close()

    with pytest.raises(MxGatewayUsageError):
        await tags.write_many({INT: 1})
    assert writes(gateway) == 0


async def test_cancelling_leaves_the_tags_usable(slow_gateway: SimulatedGateway, slow_tags: TagClient) -> None:
    busy = asyncio.create_task(slow_tags.write(DOUBLE, 1.0))
    await taken(slow_gateway, 1)
    recipe = asyncio.create_task(slow_tags.write_many({INT: 1, STRING: "a", DOUBLE: 2.0}))
    await taken(slow_gateway, 3)
    recipe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await recipe
    slow_gateway.clock.advance(10)
    await busy
    again = asyncio.create_task(slow_tags.write_many({INT: 2, STRING: "b", DOUBLE: 3.0}))
    await taken(slow_gateway, 6)
    slow_gateway.clock.advance(10)

    assert states(await again) == {INT: CONFIRMED, STRING: CONFIRMED, DOUBLE: CONFIRMED}
    assert [slow_gateway.plant[tag].value for tag in (INT, STRING, DOUBLE)] == [2, "b", 3.0]


async def test_cancelling_before_the_writes_are_sent_writes_nothing(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        recipe = asyncio.create_task(tags.write_many({INT: 1, STRING: "a"}))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        recipe.cancel()
        with pytest.raises(asyncio.CancelledError):
            await recipe

    await tags.write_many({INT: 2, STRING: "b"})
    assert writes(gateway) == 2


async def test_a_write_whose_turn_is_cancelled_from_outside_is_not_sent(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    first = asyncio.create_task(slow_tags.write(INT, 1))
    await taken(slow_gateway, 1)
    recipe = asyncio.create_task(slow_tags.write_many({INT: 2}))
    await until(lambda: bool(turns()))
    turns()[0].cancel()
    (outcome,) = await recipe
    slow_gateway.clock.advance(10)
    await first

    assert outcome.state is NOT_SENT
    assert isinstance(outcome.error, MxGatewayUsageError)
