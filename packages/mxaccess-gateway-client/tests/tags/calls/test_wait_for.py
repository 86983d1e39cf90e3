"""Waiting until a tag meets a condition."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayTimeoutError,
    MxGatewayWaitTimeoutError,
    TagChange,
    TagClient,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    INT,
    RESUMED,
    STRING,
    UNKNOWN,
    advised,
    commands,
    first_values,
    following,
    following_change,
    lost,
)
from support.waiting import until


async def test_present_value_counts(tags: TagClient) -> None:
    change = await tags.wait_for(INT, lambda change: change.value == 42)

    assert (change.tag, change.value) == (INT, 42)


async def test_first_change_that_meets_the_condition_is_returned(gateway: SimulatedGateway, tags: TagClient) -> None:
    seen: list[object] = []

    def is_large(change: TagChange) -> bool:
        seen.append(change.value)
        return int(str(change.value)) > 100

    waiting = asyncio.create_task(tags.wait_for(INT, is_large))
    await until(lambda: seen == [42])
    for value in (7, 101, 102):
        gateway.plant[INT].set(value)

    assert (await waiting).value == 101
    assert seen == [42, 7, 101]


async def test_value_of_bad_quality_is_skipped(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[INT].set(7, quality=0)
    waiting = asyncio.create_task(tags.wait_for(INT, lambda change: change.value == 7))
    bad = await tags.wait_for(INT, lambda change: change.quality.is_bad, any_quality=True)
    assert bad.value == 7
    assert not waiting.done()
    gateway.plant[INT].set(7, quality=64)

    assert (await waiting).quality == 64


async def test_timeout_says_the_last_value(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[INT].set(7, quality=64)
    with pytest.raises(
        MxGatewayWaitTimeoutError,
        match=rf"{INT} did not meet the condition within 0\.1 s: the last value was 7, quality uncertain \(64\)",
    ) as late:
        await tags.wait_for(INT, lambda change: change.value == 8, timeout=0.1)

    assert isinstance(late.value, MxGatewayTimeoutError)
    assert late.value.last is not None
    assert (late.value.last.value, late.value.timeout) == (7, 0.1)
    copy = pickle.loads(pickle.dumps(late.value))  # noqa: S301 - our own bytes
    assert (str(copy), copy.last.value) == (str(late.value), 7)


async def test_timeout_of_a_silent_tag_says_so(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.silent_tag(STRING), pytest.raises(MxGatewayWaitTimeoutError, match="no value arrived") as late:
        await tags.wait_for(STRING, lambda change: change.value, timeout=0.1)

    assert late.value.last is None


async def test_unknown_tag_raises_its_reason_at_once(tags: TagClient) -> None:
    with pytest.raises(MxAccessError, match=rf"{UNKNOWN} has no valid value .*\(invalid reference\)") as unknown:
        await tags.wait_for(UNKNOWN, lambda _: True, timeout=50)

    assert [status.detail for status in unknown.value.statuses] == [6]


async def test_tag_refused_by_the_gateway_raises_at_once(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        with pytest.raises(MxGatewayCommandError, match=f"{STRING} was refused"):
            await tags.wait_for(STRING, lambda _: True, timeout=50)


async def test_outdated_value_does_not_count(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        await lost(watch)
        with pytest.raises(MxGatewayWaitTimeoutError, match=r"the last value was 42, .*, and the connection is lost"):
            await tags.wait_for(INT, lambda _: True, timeout=0.1)


async def test_outdated_value_counts_again_if_no_change_was_missed(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, rpc="Invoke")
        await gateway.faults.drop_connections()
        await lost(watch)
        change = await tags.wait_for(INT, lambda change: change.value == 42)

        assert change.repeated
        assert await following(watch) == RESUMED


async def test_tag_is_released_after_the_wait(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", linger=0.01) as tags:
        await tags.wait_for(INT, lambda change: change.value == 42)
        await gateway.wait_for(lambda: not advised(gateway))


async def test_error_of_the_predicate_is_raised_unchanged(tags: TagClient) -> None:
    def fail(_: TagChange) -> bool:
        raise TimeoutError("of the predicate")

    with pytest.raises(TimeoutError, match="of the predicate") as raised:
        await tags.wait_for(INT, fail)
    assert not isinstance(raised.value, MxGatewayTimeoutError)


async def predicate(_: TagChange) -> bool:
    """A mistake: the result of a coroutine function is always true."""
    return False


@pytest.mark.parametrize(("wrong", "words"), [(predicate, "plain function"), (42, "must be a function .*, not int")])
async def test_predicate_must_be_a_plain_function(tags: TagClient, wrong: Any, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        await tags.wait_for(INT, wrong)


async def test_invalid_arguments_are_refused_before_anything_is_sent(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    before = commands(gateway)
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        await tags.wait_for(INT, lambda _: True, timeout=0)
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        await tags.wait_for("", lambda _: True)
    assert commands(gateway) == before


async def test_waits_for_many_tags_share_their_subscription(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, STRING) as watch:
        await first_values(watch, 2)
        await asyncio.gather(*(tags.wait_for(tag, lambda _: True) for tag in (INT, STRING) * 20))

    assert commands(gateway)["ADD_ITEM_BULK"] == 1
