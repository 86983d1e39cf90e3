"""Lost connections and sessions: what the watches report, and that every tag recovers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    OverflowPolicy,
    TagChange,
    TagClient,
    WatchGap,
    WatchLost,
    WatchRestored,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    INT,
    REPLACED,
    RESUMED,
    STRING,
    Restored,
    advised,
    commands,
    first_values,
    following,
    following_change,
    lost,
    until_value,
)
from support.waiting import until


async def test_a_dropped_connection_is_resumed_without_loss_or_repeat(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    session = gateway.sessions[0].session_id
    async with tags.watch(INT, queue_size=10_000) as watch:
        await following_change(watch)
        for burst in range(3):
            for number in range(100):
                gateway.plant[INT].set(burst * 200 + number)
            dropping = asyncio.create_task(gateway.faults.drop_connections())
            for number in range(100, 200):
                gateway.plant[INT].set(burst * 200 + number)
                await asyncio.sleep(0)
            await dropping
        items = await until_value(watch, 599)

    changes = [item for item in items if isinstance(item, TagChange)]
    news = [item for item in items if not isinstance(item, TagChange)]
    assert [change.value for change in changes] == list(range(600))
    assert not any(change.repeated for change in changes)
    assert news
    assert {type(each) for each in news} == {WatchLost, WatchRestored}
    assert all(each.resumed for each in news if isinstance(each, WatchRestored))
    assert [each.session_id for each in gateway.sessions] == [session]
    assert commands(gateway)["ADD_ITEM_BULK"] == 1


async def test_the_error_of_a_lost_connection_names_the_cause(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()

        error = await lost(watch)
        assert isinstance(error, MxGatewayTransportError)
        assert error.grpc_status is grpc.StatusCode.UNAVAILABLE
        assert await following(watch) == RESUMED


async def test_a_drop_before_the_first_event_loses_no_first_value(gateway: SimulatedGateway, tags: TagClient) -> None:
    with gateway.faults.silent_tag(INT):
        async with tags.watch(INT) as watch:
            await gateway.faults.drop_connections()
            gateway.plant[INT].silent = False
            gateway.plant[INT].set(43)

            await lost(watch)
            await until_value(watch, 43)


def fault(name: str) -> Callable[[SimulatedGateway], object]:
    """Return a fault of the present session."""

    def strike(gateway: SimulatedGateway) -> object:
        return getattr(gateway.faults, name)(gateway.sessions[0].session_id)

    return strike


FAULTS: dict[str, tuple[Callable[[SimulatedGateway], object], type[MxGatewayError]]] = {
    "restart": (lambda gateway: gateway.faults.restart(), MxGatewayTransportError),
    "kill_worker": (fault("kill_worker"), MxGatewayTransportError),
    "fault_session": (fault("fault_session"), MxGatewaySessionError),
    "overflow_events": (fault("overflow_events"), MxGatewayLimitError),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_lost_session_is_replaced_and_subscribed_again(
    gateway: SimulatedGateway, tags: TagClient, name: str
) -> None:
    strike, kind = FAULTS[name]
    session = gateway.sessions[0].session_id
    async with tags.watch(INT, STRING) as watch, tags.watch(STRING) as other:
        await first_values(watch, 2)
        await first_values(other)
        struck = strike(gateway)
        if asyncio.iscoroutine(struck):
            await struck

        assert isinstance(await lost(watch), kind)
        assert await following(watch) == REPLACED
        again = [await following_change(watch) for _ in range(2)]
        assert {change.tag: (change.value, change.repeated) for change in again} == {
            INT: (42, True),
            STRING: ("Hello", True),
        }
        gateway.plant[INT].set(43)
        fresh = await following_change(watch)
        assert (fresh.value, fresh.repeated) == (43, False)

        assert isinstance(await lost(other), kind)
        assert await following(other) == REPLACED
        assert (await following_change(other)).repeated
        assert advised(gateway) == [INT, STRING]
        assert gateway.sessions[0].session_id != session


@pytest.mark.parametrize(("timeouts", "news"), [(2, RESUMED), (3, REPLACED)])
async def test_a_session_is_replaced_if_its_gateway_does_not_answer_three_times(
    gateway: SimulatedGateway, tags: TagClient, timeouts: int, news: Restored
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.faults.refuse_next_calls(timeouts, grpc.StatusCode.DEADLINE_EXCEEDED, rpc="Invoke")
        await gateway.faults.drop_connections()
        await lost(watch)

        assert await following(watch) == news


async def test_a_session_ended_by_the_gateway_is_replaced(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with (
        tags.watch(INT) as watch,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as other_client,
    ):
        await following_change(watch)
        await other_client.attach_session(gateway.sessions[0].session_id).close()

        assert isinstance(await lost(watch), MxGatewayStreamEndedError)
        assert await following(watch) == REPLACED
        assert (await following_change(watch)).value == 42


async def test_a_gap_is_followed_by_every_present_value(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, STRING) as watch:
        await first_values(watch, 2)
        dropping = asyncio.create_task(gateway.faults.drop_connections())
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        gateway.plant[INT].set(43)
        gateway.faults.age_out_replay(gateway.sessions[0].session_id)
        await dropping

        await lost(watch)
        assert await following(watch) == RESUMED
        assert await following(watch) == WatchGap(dropped=0)
        again = [await following_change(watch) for _ in range(2)]
        assert {change.tag: (change.value, change.repeated) for change in again} == {
            INT: (43, True),
            STRING: ("Hello", True),
        }
        await gateway.wait_for(lambda: len(gateway.sessions[0].items) == 2)


async def test_no_change_is_missed_while_tags_are_added_again(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await first_values(watch, 1)
        dropping = asyncio.create_task(gateway.faults.drop_connections())
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        gateway.faults.age_out_replay(gateway.sessions[0].session_id)
        gateway.plant[INT].set(1000)
        gateway.faults.age_out_replay(gateway.sessions[0].session_id)
        await dropping
        added = asyncio.create_task(gateway.wait_for(lambda: len(gateway.sessions[0].items) == 2))
        removed = asyncio.create_task(gateway.wait_for(lambda: added.done() and len(gateway.sessions[0].items) == 1))
        value = 1000
        while not removed.done():
            value += 1
            gateway.plant[INT].set(value)
            await asyncio.sleep(0)
        await asyncio.gather(added, removed)
        gateway.plant[INT].set(value + 1)
        while await following(watch) != WatchGap(dropped=0):
            pass
        values = list[object]()
        while not values or values[-1] != value + 1:
            values.append((await following_change(watch)).value)

    # The present value comes once more.
    once = list(dict.fromkeys(values))
    assert once == list(range(value + 2 - len(once), value + 2))
    assert len(values) - len(once) <= 1


async def test_a_watch_that_joins_after_a_gap_gets_no_older_value(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        dropping = asyncio.create_task(gateway.faults.drop_connections())
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        gateway.plant[INT].set(43)
        gateway.faults.age_out_replay(gateway.sessions[0].session_id)
        await dropping
        while await following(watch) != WatchGap(dropped=0):
            pass
        async with tags.watch(INT) as late:
            assert (await following_change(late)).value == 43


async def test_a_write_during_the_refresh_after_a_gap_is_not_refused(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT, STRING) as watch:
        await first_values(watch, 2)
        gateway.faults.delay_commands(0.003)
        for number in range(5):
            dropping = asyncio.create_task(gateway.faults.drop_connections())
            await gateway.wait_for(lambda: not gateway.sessions[0].streams)
            gateway.plant[STRING].set(f"unseen {number}")
            gateway.faults.age_out_replay(gateway.sessions[0].session_id)
            await dropping
            while await following(watch) != WatchGap(dropped=0):
                pass
            for value in range(10):
                await tags.write(INT, value)

    assert gateway.plant[INT].value == 9


# A reader that does not read during the loss


@pytest.mark.parametrize("policy", OverflowPolicy)
async def test_status_items_do_not_count_towards_the_queue_size(
    gateway: SimulatedGateway, tags: TagClient, policy: OverflowPolicy
) -> None:
    async with tags.watch(INT, queue_size=1, overflow=policy) as watch, tags.watch(INT) as quick:
        for _ in range(2):
            assert (await following_change(watch)).value == 42
            await following_change(quick)
            await gateway.faults.restart()
            await lost(quick)
            assert await following(quick) == REPLACED
            await until(lambda: quick.pending)
            await lost(watch)
            assert await following(watch) == REPLACED

        assert (await following_change(watch)).value == 42
        assert watch.dropped == 0


async def test_a_gap_is_in_the_place_of_its_changes(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, queue_size=2) as slow, tags.watch(INT) as quick:
        gateway.plant[INT].set(1)
        await until_value(quick, 1)
        await gateway.faults.drop_connections()
        for number in (2, 3, 4):
            gateway.plant[INT].set(number)
        await until_value(quick, 4)

        assert await following(slow) == WatchGap(dropped=2)
        await lost(slow)
        assert await following(slow) == RESUMED
        assert await following(slow) == WatchGap(dropped=1)
        assert [(await following_change(slow)).value for _ in range(2)] == [3, 4]
        assert slow.dropped == 3


async def test_latest_puts_a_newer_change_behind_a_status_item(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, STRING, overflow=OverflowPolicy.LATEST) as slow, tags.watch(INT) as quick:
        await following_change(quick)
        await gateway.faults.drop_connections()
        gateway.plant[INT].set(43)
        await until_value(quick, 43)

        assert await first_values(slow) == {STRING: "Hello"}
        await lost(slow)
        assert await following(slow) == RESUMED
        assert await first_values(slow) == {INT: 43}
        assert slow.dropped == 1
