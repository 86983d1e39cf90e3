"""Reading tags by name: every reading is the tag's own, and a tag in trouble is none to the others."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxGatewayConfigurationError,
    MxGatewayTimeoutError,
    MxStatusCategory,
    SessionState,
    TagClient,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    ARRAY,
    INT,
    STRING,
    UNKNOWN,
    commands,
    first_values,
    following_change,
    writes,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MATRIX = f"{ARRAY}[]"


async def test_read_gives_a_reading_for_each_tag_in_the_order_of_the_call(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
    text, number, array, again = await tags.read(STRING, INT, MATRIX, STRING)

    assert [text.tag, number.tag, array.tag, again.tag] == [STRING, INT, MATRIX, STRING]
    assert [text.value, number.value, array.value, again.value] == ["Hello", 7, [1, 2, 3, 4, 5], "Hello"]
    assert (number.quality, number.timestamp, number.error) == (64, WHEN, None)
    assert [status.category for status in number.statuses] == [MxStatusCategory.OK]
    assert repr(number) == f"TagReading({INT!r}, value=7, quality={number.quality!r})"
    assert commands(gateway)["READ_BULK"] == 1
    assert not gateway.sessions[0].items


async def test_a_tag_that_can_not_be_read_does_not_disturb_the_others(tags: TagClient) -> None:
    bad, good = await tags.read(UNKNOWN, INT)

    assert good.value == 42
    assert isinstance(bad.error, MxAccessError)
    assert UNKNOWN in str(bad.error)
    assert [status.detail for status in bad.error.statuses] == [6]
    assert not bad.quality.is_good
    with pytest.raises(MxAccessError, match="could not be read"):
        _ = bad.value
    assert "error=" in repr(bad)


async def test_a_tag_that_tells_nothing_does_not_use_up_the_time_of_the_others(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    with gateway.faults.silent_tag(STRING):
        reading = asyncio.create_task(tags.read(STRING, INT))
        await gateway.wait_for(lambda: gateway.plant[STRING].listeners)
        gateway.clock.advance(5)
        silent, good = await reading

    assert good.value == 42
    assert "no value within 5 s" in str(silent.error)
    await tags.read(INT, timeout=4)
    requests = [call.request for call in gateway.calls if isinstance(call.request, pb.MxCommandRequest)]
    assert requests[-1].command.read_bulk.timeout_ms == 2000


async def test_what_a_limited_key_does_not_reach_fails_alone(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        refused, good = await tags.read(STRING, INT)

    assert refused.error is not None
    assert good.value == 42


async def test_reading_a_watched_tag_gives_the_value_that_is_known(tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        (reading,) = await tags.read(INT)

    assert reading.result.was_cached
    assert reading.value == 42


@pytest.mark.parametrize("tag", ["", " ", 5, None, ["A.B"], "A.\ud800"], ids=repr)
async def test_what_is_no_tag_is_refused_and_disturbs_nobody(
    gateway: SimulatedGateway, tags: TagClient, tag: Any
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        await tags.read(INT, tag)
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        await tags.write(tag, 1)
    with pytest.raises(MxGatewayConfigurationError, match="invalid tag name"):
        tags.watch(INT, tag)
    async with tags.watch(INT) as watch:
        assert await first_values(watch) == {INT: 42}
    assert not writes(gateway)


async def test_reading_no_tag_gives_no_reading(gateway: SimulatedGateway, tags: TagClient) -> None:
    assert await tags.read() == ()
    assert not commands(gateway)["READ_BULK"]


async def test_a_read_waits_while_the_connection_is_away_and_is_asked_again(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        reading = asyncio.create_task(tags.read(INT))
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"] == 1)
        with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
            await gateway.faults.restart()
            await gateway.wait_for(lambda: gateway.sessions)
            late = asyncio.create_task(tags.read(STRING))
            await asyncio.sleep(0)
            assert not reading.done()

    assert (await reading)[0].value == 42
    assert (await late)[0].value == "Hello"


async def test_a_read_that_is_refused_for_a_passing_reason_is_asked_again(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, rpc="Invoke")
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAVAILABLE, rpc="Invoke")

    assert (await tags.read(INT))[0].value == 42
    assert commands(gateway)["READ_BULK"] == 3


async def test_a_read_says_what_stood_in_its_way_when_its_time_is_over(
    gateway: SimulatedGateway, client: GatewayClient, tags: TagClient
) -> None:
    gateway.faults.refuse_next_calls(100, grpc.StatusCode.UNAVAILABLE, "the worker starts", rpc="Invoke")
    with pytest.raises(MxGatewayTimeoutError, match=r"no reading within 0\.1 s.*the worker starts") as refused:
        await tags.read(INT, timeout=0.1)
    assert (refused.value.method, refused.value.target, refused.value.timeout) == ("ReadBulk", client.endpoint, 0.1)


async def test_a_read_without_a_connection_says_so_when_its_time_is_over(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        assert await anext(watch)
        with pytest.raises(MxGatewayTimeoutError, match=r"no reading within 0\.05 s, the connection is lost"):
            await tags.read(INT, timeout=0.05)


async def test_reads_that_each_have_a_time_of_their_own_leave_no_timers(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    def timers() -> int:
        gc.collect()
        found = [each for each in gc.get_objects() if type(each) is asyncio.TimerHandle]
        return sum(not each.cancelled() for each in found)

    before = timers()
    await asyncio.gather(*(tags.read(INT, timeout=20 + number / 10) for number in range(200)))

    assert timers() <= before + 10
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        late = await asyncio.gather(
            *(tags.read(INT, timeout=0.05 + number / 1000) for number in range(50)), return_exceptions=True
        )
    assert {type(each) for each in late} == {MxGatewayTimeoutError}
    assert timers() <= before + 10


async def test_a_read_that_gets_no_answer_is_a_timeout(gateway: SimulatedGateway, tags: TagClient) -> None:
    with (
        gateway.faults.held_commands(gateway.sessions[0].session_id),
        pytest.raises(TimeoutError) as timeout,
    ):
        await tags.read(INT, timeout=0.05)
    assert isinstance(timeout.value, MxGatewayTimeoutError)


async def test_a_cancelled_read_is_cancelled(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        reading = asyncio.create_task(tags.read(INT))
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"])
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert (await tags.read(INT))[0].value == 42


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_a_timeout_that_is_none_is_refused(tags: TagClient, timeout: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        await tags.read(INT, timeout=timeout)
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        await tags.write(INT, 1, timeout=timeout)
