"""Reading tags by name: each reading belongs to its tag, and a failing tag does not affect the others."""

from __future__ import annotations

import asyncio
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
    running_timers,
    writes,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
MATRIX = f"{ARRAY}[]"


async def test_read_returns_one_reading_per_tag_in_the_given_order(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
    text, number, array, again = await tags.read(STRING, INT, MATRIX, STRING)

    assert [text.tag, number.tag, array.tag, again.tag] == [STRING, INT, MATRIX, STRING]
    assert [text.value, number.value, array.value, again.value] == ["Hello", 7, [1, 2, 3, 4, 5], "Hello"]
    assert (number.quality, number.timestamp, number.error) == (64, WHEN, None)
    assert [status.category for status in number.statuses] == [MxStatusCategory.OK]
    assert repr(number) == f"TagReading({INT!r}, value=7, quality={number.quality!r})"
    assert commands(gateway)["READ_BULK"] == 1
    assert not gateway.sessions[0].items


async def test_an_unreadable_tag_does_not_affect_the_others(tags: TagClient) -> None:
    bad, good = await tags.read(UNKNOWN, INT)

    assert good.value == 42
    assert isinstance(bad.error, MxAccessError)
    assert UNKNOWN in str(bad.error)
    assert [status.detail for status in bad.error.statuses] == [6]
    assert not bad.quality.is_good
    with pytest.raises(MxAccessError, match="could not be read"):
        _ = bad.value
    assert "error=" in repr(bad)


async def test_a_silent_tag_does_not_use_up_the_timeout_of_the_others(
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


async def test_a_tag_outside_a_limited_key_fails_alone(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        refused, good = await tags.read(STRING, INT)

    assert refused.error is not None
    assert good.value == 42


async def test_reading_a_watched_tag_returns_the_cached_value(tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        (reading,) = await tags.read(INT)

    assert reading.result.was_cached
    assert reading.value == 42


@pytest.mark.parametrize("tag", ["", " ", 5, None, ["A.B"], "A.\ud800"], ids=repr)
async def test_an_invalid_tag_name_does_not_affect_other_reads(
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


async def test_reading_without_tags_returns_no_readings(gateway: SimulatedGateway, tags: TagClient) -> None:
    assert await tags.read() == ()
    assert not commands(gateway)["READ_BULK"]


async def test_a_read_waits_during_a_loss_and_is_retried(gateway: SimulatedGateway, tags: TagClient) -> None:
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


async def test_a_read_is_retried_after_a_transient_refusal(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, rpc="Invoke")
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAVAILABLE, rpc="Invoke")

    assert (await tags.read(INT))[0].value == 42
    assert commands(gateway)["READ_BULK"] == 3


async def test_a_read_timeout_names_the_last_failure(
    gateway: SimulatedGateway, client: GatewayClient, tags: TagClient
) -> None:
    gateway.faults.refuse_next_calls(100, grpc.StatusCode.UNAVAILABLE, "the worker starts", rpc="Invoke")
    with pytest.raises(MxGatewayTimeoutError, match=r"no reading within 0\.1 s.*the worker starts") as refused:
        await tags.read(INT, timeout=0.1)
    assert (refused.value.method, refused.value.target, refused.value.timeout) == ("ReadBulk", client.endpoint, 0.1)


async def test_a_read_timeout_during_a_loss_says_so(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        assert await anext(watch)
        with pytest.raises(MxGatewayTimeoutError, match=r"no reading within 0\.05 s, the connection is lost"):
            await tags.read(INT, timeout=0.05)


async def test_reads_with_different_timeouts_leave_no_timers(gateway: SimulatedGateway, tags: TagClient) -> None:
    before = running_timers()
    await asyncio.gather(*(tags.read(INT, timeout=20 + number / 10) for number in range(200)))

    assert running_timers() <= before + 10
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        late = await asyncio.gather(
            *(tags.read(INT, timeout=0.05 + number / 1000) for number in range(50)), return_exceptions=True
        )
    assert {type(each) for each in late} == {MxGatewayTimeoutError}
    assert running_timers() <= before + 10


async def test_a_read_without_a_reply_times_out(gateway: SimulatedGateway, tags: TagClient) -> None:
    with (
        gateway.faults.held_commands(gateway.sessions[0].session_id),
        pytest.raises(TimeoutError) as timeout,
    ):
        await tags.read(INT, timeout=0.05)
    assert isinstance(timeout.value, MxGatewayTimeoutError)


async def test_a_cancelled_read_raises_cancelled_error(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        reading = asyncio.create_task(tags.read(INT))
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"])
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert (await tags.read(INT))[0].value == 42


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_an_invalid_timeout_is_refused(tags: TagClient, timeout: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        await tags.read(INT, timeout=timeout)
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        await tags.write(INT, 1, timeout=timeout)
