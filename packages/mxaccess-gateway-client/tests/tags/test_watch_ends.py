"""Watches that wait, are cancelled, closed or dropped: nothing is lost before, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc

import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayUsageError,
    TagClient,
    WatchItem,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import (
    INT,
    STRING,
    advised,
    commands,
    first_values,
    following,
    following_change,
)
from support.waiting import until

# What nobody watches any more


async def test_what_nobody_watches_any_more_is_removed_after_a_while(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", linger=0.02) as tags:
        async with tags.watch(INT, STRING) as watch, tags.watch(STRING) as other:
            await following_change(watch)
            await following_change(other)
            watch.close()
            await gateway.wait_for(lambda: advised(gateway) == [STRING])
        await gateway.wait_for(lambda: not gateway.sessions[0].items)
        assert gateway.sessions[0].streams == 1


async def test_a_tag_that_is_wanted_again_in_time_stays_advised(gateway: SimulatedGateway, tags: TagClient) -> None:
    for _ in range(5):
        async with tags.watch(INT) as watch:
            assert await first_values(watch) == {INT: 42}

    assert commands(gateway)["ADD_ITEM_BULK"] == 1
    assert not commands(gateway)["UNSUBSCRIBE_BULK"]


async def test_a_tag_that_is_wanted_again_while_it_is_removed_comes_back(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", linger=0.001) as tags:
        async with tags.watch(INT) as watch:
            await following_change(watch)
        with gateway.faults.held_commands(gateway.sessions[0].session_id):
            await gateway.wait_for(lambda: commands(gateway)["UNSUBSCRIBE_BULK"])
            entering = asyncio.create_task(first_values(again := tags.watch(INT)))
            await asyncio.sleep(0)

        assert await entering == {INT: 42}
        await gateway.wait_for(lambda: len(gateway.sessions[0].items) == 1)
        gateway.plant[INT].set(43)
        assert (await following_change(again)).value == 43
        again.close()


async def test_watches_that_come_and_go_at_random_leave_each_tag_added_at_most_once(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    names = [tag.name for tag in gateway.plant if tag.name.endswith(("TestChangingInt", "TestSine"))]
    async with client.tags("test", linger=0.0005) as tags:

        async def come_and_go(offset: int) -> None:
            for turn in range(15):
                chosen = names[(offset + turn) % 12 :][:3]
                async with tags.watch(*chosen) as watch:
                    assert set(await first_values(watch, len(chosen))) == set(chosen)
                    definitions = [item.definition for item in gateway.sessions[0].items]
                    assert len(definitions) == len(set(definitions))

        await asyncio.gather(*map(come_and_go, range(8)))
        await gateway.wait_for(lambda: not gateway.sessions[0].items)


async def test_a_watch_that_is_dropped_ends_when_it_is_collected(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", linger=0.001) as tags:
        async for _ in tags.watch(INT):
            break
        watch = tags.watch(STRING)
        await anext(watch)
        del watch
        gc.collect()

        await gateway.wait_for(lambda: not gateway.sessions[0].items)


# Waiting and closing


async def test_cancelling_a_wait_loses_nothing(gateway: SimulatedGateway, tags: TagClient) -> None:
    seen: list[object] = []
    timeouts = 0
    async with tags.watch(INT) as watch:
        await following_change(watch)

        async def feed() -> None:
            for number in range(300):
                gateway.plant[INT].set(number)
                if number % 10 == 0:
                    await asyncio.sleep(0.001)

        feeding = asyncio.create_task(feed())
        while len(seen) < 300:
            try:
                async with asyncio.timeout(0.0005):
                    while True:
                        seen.append((await following_change(watch)).value)
            except TimeoutError:
                timeouts += 1
        await feeding

    assert seen == list(range(300))
    assert timeouts > 1


async def test_a_wait_that_is_cancelled_while_the_watch_begins_loses_nothing(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    watch = tags.watch(INT)
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await anext(watch)

    assert (await following_change(watch)).value == 42
    assert advised(gateway) == [INT]
    watch.close()


async def test_a_watch_whose_beginning_was_cancelled_between_add_and_advise_keeps_nobody_else_waiting(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    gateway.faults.delay_commands(0.01)
    entering = asyncio.create_task(first_values(tags.watch(INT)))
    await gateway.wait_for(lambda: gateway.sessions[0].items)
    assert not advised(gateway)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering

    async with tags.watch(INT) as watch:
        assert await first_values(watch) == {INT: 42}
    assert commands(gateway)["ADD_ITEM_BULK"] == 1


async def test_closing_a_watch_ends_its_loop_and_drops_what_it_holds(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT) as watch:
        seen: list[WatchItem] = []

        async def read() -> None:
            async for item in watch:
                seen[:] = [*seen, item]

        reading = asyncio.create_task(read())
        await until(lambda: seen)
        watch.close()
        watch.close()
        await reading
        gateway.plant[INT].set(43)

    assert len(seen) == 1
    assert watch.pending == 0
    with pytest.raises(StopAsyncIteration):
        await anext(watch)


async def test_two_tasks_can_not_wait_on_one_watch(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        waiting = asyncio.create_task(following_change(watch))
        await asyncio.sleep(0)
        with pytest.raises(MxGatewayUsageError, match="another task is already waiting"):
            await anext(watch)
        gateway.plant[INT].set(43)
        assert (await waiting).value == 43


async def test_closing_the_client_ends_every_watch_with_an_error_that_stays(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test")
    waiting, begun_late = tags.watch(INT), tags.watch(INT)
    await following_change(waiting)
    reading = asyncio.create_task(following(waiting))
    await asyncio.sleep(0)
    await tags.close()
    await tags.close()

    with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
        await reading
    for watch in (waiting, begun_late):
        for _ in range(2):
            with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
                async with asyncio.timeout(1):
                    await anext(watch)
    assert not gateway.sessions


async def test_closing_the_client_while_a_watch_begins_is_an_error_and_no_cancellation(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test")
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        entering = asyncio.create_task(following(tags.watch(INT)))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        await tags.close()

        with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
            await entering
