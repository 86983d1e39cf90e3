"""Reading and writing tags by name: every answer is the tag's own, and a write is never repeated or mistaken."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from tagging import (
    ARRAY,
    DOUBLE,
    INT,
    STRING,
    UNKNOWN,
    advised,
    commands,
    first_values,
    following,
    following_change,
    until_value,
    writes,
)

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxStatusCategory,
    SessionState,
    SparseArray,
    TagChange,
    TagClient,
    WatchLost,
    WatchRestored,
)
from mxgateway.testing import SimulatedGateway, Tag

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SECURED = "TestChildObject.TestSecured"
MATRIX = f"{ARRAY}[]"


# Reading


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
    with pytest.raises(MxGatewayConfigurationError, match="is no name"):
        await tags.read(INT, tag)
    with pytest.raises(MxGatewayConfigurationError, match="is no name"):
        await tags.write(tag, 1)
    with pytest.raises(MxGatewayConfigurationError, match="is no name"):
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
        with pytest.raises(MxGatewayTimeoutError, match=r"no reading within 0\.05 s, the connection is away"):
            await tags.read(INT, timeout=0.05)


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


# Writing


async def test_write_returns_when_the_outcome_is_there(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.write(INT, 123)

    assert gateway.plant[INT].value == 123
    assert (await tags.read(INT))[0].value == 123


async def test_write_takes_a_timestamp_a_type_and_an_array(tags: TagClient, gateway: SimulatedGateway) -> None:
    await tags.write(DOUBLE, 2, timestamp=WHEN, data_type=MxDataType.DOUBLE)
    await tags.write(ARRAY, [5, 6])
    assert (gateway.plant[DOUBLE].value, gateway.plant[DOUBLE].timestamp) == (2.0, WHEN)
    assert gateway.plant[ARRAY].value == (5, 6)

    await tags.write(ARRAY, SparseArray(element_data_type=MxDataType.INTEGER, total_length=3, elements={1: 8}))
    assert gateway.plant[ARRAY].value == (0, 8, 0)
    assert (commands(gateway)["WRITE"], commands(gateway)["WRITE2"]) == (2, 1)


async def test_a_refused_outcome_raises_with_every_status(tags: TagClient, gateway: SimulatedGateway) -> None:
    reasons = [
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, detail=5, diagnostic_text="locked"),
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR, detail=6, diagnostic_text="tripped"),
    ]
    with (
        gateway.faults.refused_writes(INT, *reasons),
        pytest.raises(MxAccessError, match=f"{INT} was not written") as refused,
    ):
        await tags.write(INT, 1)

    error = refused.value
    assert [(status.category, status.diagnostic_text) for status in error.statuses] == [
        (MxStatusCategory.SECURITY_ERROR, "locked"),
        (MxStatusCategory.OPERATIONAL_ERROR, "tripped"),
    ]
    assert (error.method, error.session_id) == ("Write", gateway.sessions[0].session_id)
    assert "locked" in str(error)
    await tags.write(INT, 2)
    assert gateway.plant[INT].value == 2


async def test_a_write_that_the_plant_refuses_is_refused_by_its_outcome(tags: TagClient) -> None:
    for tag, value in ((SECURED, 1), (UNKNOWN, 1), (INT, "text")):
        with pytest.raises(MxAccessError, match=f"{tag} was not written") as refused:
            await tags.write(tag, value)
        assert refused.value.statuses


async def test_a_tag_that_the_gateway_does_not_take_is_refused_and_named(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        for _ in range(2):
            with pytest.raises(MxGatewayCommandError, match=f"{STRING} was refused"):
                await tags.write(STRING, "x")
        assert not writes(gateway)
        await tags.write(INT, 1)


async def test_a_key_that_may_not_write_is_told_so(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        with pytest.raises(MxGatewayAuthorizationError, match="invoke:write"):
            await tags.write(INT, 1)
        assert (await tags.read(INT))[0].value == 42


async def test_a_value_that_does_not_fit_is_refused_before_anything_is_asked(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    asked = commands(gateway)
    with pytest.raises(ValueError, match="64 bit"):
        await tags.write(INT, 2**64)
    with pytest.raises(TypeError):
        await tags.write(INT, [1, "two"])
    with pytest.raises(ValueError, match="time zone"):
        await tags.write(INT, 1, timestamp=WHEN.replace(tzinfo=None))
    assert commands(gateway) == asked


async def test_a_written_tag_is_added_once_and_removed_after_a_while(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", linger=0.2) as tags:
        for value in range(5):
            await tags.write(INT, value)
        assert commands(gateway)["ADD_ITEM_BULK"] == 1
        assert advised(gateway) == [INT]
        await gateway.wait_for(lambda: not gateway.sessions[0].items)
        await tags.write(INT, 9)
        assert gateway.plant[INT].value == 9


async def test_the_user_of_a_write_counts_when_the_client_is_supervisory(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", supervisory=True) as tags, client.open_session() as session:
        await tags.write(INT, 1)
        server = await session.register("users")
        user = await session.archestra_user_to_id(server, "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01")
        with pytest.raises(MxAccessError, match="was not written"):
            await tags.write(INT, 2, user_id=user)

        assert [item.supervisory for item in gateway.sessions[0].items] == [True]


async def test_writes_to_one_tag_go_in_the_order_in_which_they_were_asked_for(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        await asyncio.gather(*(tags.write(INT, value) for value in range(100, 150)))
        items = await until_value(watch, 149)

    assert [item.value for item in items if isinstance(item, TagChange)] == list(range(100, 150))
    assert writes(gateway) == 50


async def test_writes_to_many_tags_at_once_all_arrive_and_travel_together(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", 0)).name for number in range(400)]
    await asyncio.gather(*(tags.write(name, number) for number, name in enumerate(names)))

    assert [gateway.plant[name].value for name in names] == list(range(400))
    assert writes(gateway) == 400
    assert commands(gateway)["ADD_ITEM_BULK"] <= 3


# Outcomes that are late or never come


@pytest.fixture
async def slow_gateway() -> AsyncIterator[SimulatedGateway]:
    """A gateway that tells the outcome of a write when the test pushes its clock forward."""
    async with SimulatedGateway(write_time=10, ramp_interval=None) as gateway:
        yield gateway
        assert not gateway.sessions


@pytest.fixture
async def slow_tags(slow_gateway: SimulatedGateway) -> AsyncIterator[TagClient]:
    """A TagClient of that gateway, which knows the usual tag already."""
    async with (
        GatewayClient.connect(endpoint=slow_gateway.endpoint, api_key=slow_gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        yield tags


async def sent(gateway: SimulatedGateway, write: Coroutine[None, None, None], count: int = 1) -> asyncio.Task[None]:
    """Begin a write, and wait until the gateway has taken it."""
    writing = asyncio.create_task(write)
    await taken(gateway, count)
    return writing


async def taken(gateway: SimulatedGateway, count: int) -> None:
    """Wait until the gateway has taken so many writes."""
    await gateway.wait_for(lambda: writes(gateway) == count and not gateway.sessions[0].pending_commands)


async def test_write_waits_for_the_outcome_and_not_only_for_the_reply(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    writing = await sent(slow_gateway, slow_tags.write(INT, 123))
    await slow_tags.read(STRING)
    assert not writing.done()
    slow_gateway.clock.advance(10)
    await writing

    assert slow_gateway.plant[INT].value == 123


async def test_a_write_to_one_tag_does_not_wait_for_one_to_another(
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


async def test_a_write_without_an_outcome_may_have_happened_and_its_late_outcome_is_not_the_next_ones(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    session = slow_gateway.sessions[0].session_id
    with pytest.raises(MxGatewayTimeoutError, match=rf"{INT} may have been written: no outcome came within 0\.1 s"):
        await slow_tags.write(INT, 1, timeout=0.1)
    slow_gateway.clock.advance(5)
    second = await sent(slow_gateway, slow_tags.write(INT, 2), 2)

    with slow_gateway.faults.refused_writes(INT):
        slow_gateway.clock.advance(5)
    slow_gateway.clock.advance(5)

    await second
    assert slow_gateway.plant[INT].value == 2
    assert slow_gateway.sessions[0].session_id == session


async def test_the_late_outcome_of_a_cancelled_write_is_not_the_next_ones(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    async with slow_tags.watch(INT) as watch:
        await following_change(watch)
        first = await sent(slow_gateway, slow_tags.write(INT, 1))
        # A whole round trip later its reply is here as well, and it waits for its outcome.
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
        # The new handle brought the value that was known.
        assert [item.repeated for item in items if isinstance(item, TagChange)] == [True, False]


async def test_a_write_that_is_cancelled_while_it_waits_for_its_turn_takes_nothing_from_the_one_before_it(
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


async def test_a_write_that_is_cancelled_before_it_was_sent_never_happens(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        writing = asyncio.create_task(tags.write(INT, 1))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing

    await tags.write(INT, 2)
    assert writes(gateway) == 1
    assert gateway.plant[INT].value == 2


async def test_a_write_whose_time_is_over_while_its_tag_is_added_was_not_written_and_the_next_one_is(
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


async def test_a_write_without_a_connection_says_that_nothing_was_written(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", reconnect_delay=60, longest_reconnect_delay=60) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        assert isinstance(await following(watch), WatchLost)
        with pytest.raises(MxGatewayTimeoutError, match=f"{INT} was not written") as timeout:
            await tags.write(INT, 1, timeout=0.05)
        assert isinstance(timeout.value, TimeoutError)
    assert not writes(gateway)


async def test_a_write_that_gets_no_answer_may_have_happened_and_costs_the_session(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    session = gateway.sessions[0].session_id
    async with tags.watch(INT) as watch:
        await following_change(watch)
        with gateway.faults.held_commands(session):
            with pytest.raises(MxGatewayTimeoutError, match=f"{INT} may have been written"):
                await tags.write(INT, 1, timeout=0.05)
            assert isinstance(await following(watch), WatchLost)
            assert await following(watch) == WatchRestored(resumed=False)
        assert gateway.sessions[0].session_id != session
        await tags.write(INT, 2)

    assert writes(gateway) == 2


@pytest.mark.parametrize("trouble", ["restart", "kill_worker", "fault_session"])
@pytest.mark.parametrize("moment", ["before the reply", "before the outcome"])
async def test_a_write_whose_session_is_lost_may_have_happened_and_is_never_repeated(
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
        assert await following(watch) == WatchRestored(resumed=False)
        slow_gateway.clock.advance(10)
        assert (await following_change(watch)).value == 42
        assert writes(slow_gateway) == 1


async def test_the_outcome_of_a_write_comes_after_a_resumed_connection(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    writing = await sent(slow_gateway, slow_tags.write(INT, 1))
    dropping = asyncio.create_task(slow_gateway.faults.drop_connections())
    await slow_gateway.wait_for(lambda: not slow_gateway.sessions[0].streams)
    slow_gateway.clock.advance(10)
    await dropping
    await writing

    assert writes(slow_gateway) == 1


async def test_a_write_waits_while_the_connection_is_away(gateway: SimulatedGateway, tags: TagClient) -> None:
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


async def test_writes_that_are_refused_as_too_many_are_not_repeated(gateway: SimulatedGateway, tags: TagClient) -> None:
    await tags.write(INT, 1)
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "too many", rpc="Invoke")
    with pytest.raises(MxGatewayLimitError, match="too many"):
        await tags.write(INT, 2)
    await tags.write(INT, 3)

    assert gateway.plant[INT].value == 3
    assert writes(gateway) == 3


async def test_closing_under_a_write_says_that_it_may_have_happened(
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


async def test_cancelled_writers_at_random_never_get_the_outcome_of_another(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    """Odd values are refused, even ones taken: whoever hears something else got another one's outcome."""

    async def write(value: int) -> None:
        try:
            async with asyncio.timeout(0.0004 * (value % 5)):
                await tags.write(STRING, "ok" if value % 2 == 0 else [f"an array is refused {value}"])
        except MxAccessError:
            assert value % 2 == 1
        except TimeoutError:
            return
        else:
            assert value % 2 == 0

    for begin in range(0, 120, 8):
        await asyncio.gather(*(write(value) for value in range(begin, begin + 8)))
    await tags.write(STRING, "last")
    assert gateway.plant[STRING].value == "last"
