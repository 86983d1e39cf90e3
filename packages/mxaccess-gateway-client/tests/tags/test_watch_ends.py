"""Watches that wait, are cancelled, closed or dropped: no item is lost, and nothing is left behind."""

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

# Unwatched tags


async def test_an_unwatched_tag_is_removed_after_the_linger_time(
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


async def test_a_tag_that_is_watched_again_in_time_stays_advised(gateway: SimulatedGateway, tags: TagClient) -> None:
    for _ in range(5):
        async with tags.watch(INT) as watch:
            assert await first_values(watch) == {INT: 42}

    assert commands(gateway)["ADD_ITEM_BULK"] == 1
    assert not commands(gateway)["UNSUBSCRIBE_BULK"]


async def test_a_tag_that_is_watched_again_during_its_removal_is_added_again(
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


async def test_random_watches_leave_each_tag_added_at_most_once(
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


async def test_a_dropped_watch_ends_when_it_is_collected(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", linger=0.001) as tags:
        async for _ in tags.watch(INT):
            break
        watch = tags.watch(STRING)
        await anext(watch)
        del watch
        gc.collect()

        await gateway.wait_for(lambda: not gateway.sessions[0].items)


# Waiting and closing


async def test_cancelling_a_wait_loses_no_item(gateway: SimulatedGateway, tags: TagClient) -> None:
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


async def test_cancelling_the_beginning_of_a_watch_loses_no_item(gateway: SimulatedGateway, tags: TagClient) -> None:
    watch = tags.watch(INT)
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.005):
                    await anext(watch)

    assert (await following_change(watch)).value == 42
    assert advised(gateway) == [INT]
    watch.close()


async def test_a_watch_cancelled_between_add_and_advise_does_not_block_others(
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


async def test_closing_a_watch_ends_its_loop_and_drops_its_items(gateway: SimulatedGateway, tags: TagClient) -> None:
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


async def test_two_tasks_cannot_wait_on_one_watch(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        waiting = asyncio.create_task(following_change(watch))
        await asyncio.sleep(0)
        with pytest.raises(MxGatewayUsageError, match="another task is already waiting"):
            await anext(watch)
        gateway.plant[INT].set(43)
        assert (await waiting).value == 43


async def test_closing_the_client_ends_every_watch_with_a_lasting_error(
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


async def test_closing_the_client_while_a_watch_begins_raises_an_error(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test")
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        entering = asyncio.create_task(following(tags.watch(INT)))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        await tags.close()

        with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
            await entering
