"""A TagClient in another process continues a session, and misses nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from mxgateway import (
    GatewayClient,
    SavedSession,
    TagChange,
    TagClient,
    WatchGap,
    WatchItem,
    WatchLost,
    WatchRestored,
)
from mxgateway.tags import TagWatch
from mxgateway.testing import SimulatedGateway
from support.pairs import GatewayPair
from support.tagging import INT, STRING


@pytest.fixture
async def other(gateway: SimulatedGateway) -> AsyncIterator[TagClient]:
    """A TagClient of another GatewayClient."""
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("successor", linger=0.05, reconnect_delay=0.01) as other,
    ):
        yield other


async def values(watch: TagWatch, count: int) -> list[object]:
    """Return the values of the next changes, and the classes of other items."""
    items: list[WatchItem] = []
    while len(items) < count:
        items += await watch.take(count - len(items))
    return [item.value if isinstance(item, TagChange) else type(item) for item in items]


async def leave(tags: TagClient, gateway: SimulatedGateway, *names: str) -> SavedSession:
    """Watch tags until each has a value, then detach the client."""
    async with tags.watch(*names) as watch:
        await values(watch, len(names))
        saved = await tags.detach()
        await tags.close()
    assert saved is not None
    await gateway.wait_for(lambda: saved.session_id not in with_stream(gateway))
    return saved


def with_stream(gateway: SimulatedGateway) -> list[str]:
    """Return the sessions that have an event stream."""
    return [session.session_id for session in gateway.sessions if session.streams]


def session_ids(gateway: SimulatedGateway) -> list[str]:
    """Return the ids of the open sessions."""
    return [session.session_id for session in gateway.sessions]


async def test_changes_between_two_processes_are_delivered_once(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT, STRING)
    for number in range(5):
        gateway.plant[INT].set(number)

    assert await other.resume(saved)
    async with other.watch(INT, STRING) as watch:
        assert await values(watch, 6) == [WatchRestored, 0, 1, 2, 3, 4]
        gateway.plant[STRING].set("new")
        assert await values(watch, 1) == ["new"]
    await gateway.wait_for(lambda: session_ids(gateway) == [saved.session_id])


async def test_events_after_the_saved_sequence_are_delivered_again(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    async with tags.watch(INT) as watch:
        await values(watch, 1)
        saved = tags.saved_session()
        gateway.plant[INT].set(1)
        gateway.plant[INT].set(2)
        assert await values(watch, 2) == [1, 2]
        await tags.detach()
    assert saved is not None

    await gateway.wait_for(lambda: saved.session_id not in with_stream(gateway))
    assert await other.resume(saved)
    async with other.watch(INT) as watch:
        assert await values(watch, 3) == [WatchRestored, 1, 2]


async def test_new_tags_are_added_and_unwanted_ones_removed(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT)

    assert await other.resume(saved)
    async with other.watch(STRING) as watch:
        gateway.plant[INT].set(1)
        assert await values(watch, 2) == [WatchRestored, "Hello"]
        await gateway.wait_for(lambda: sum(len(each.items) for each in gateway.sessions) == 1)


async def test_a_saved_session_is_outdated_once_a_tag_is_added(tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await values(watch, 1)
        changes, saved = tags.session_changes, tags.saved_session()
        assert tags.session_changes == changes
        async with tags.watch(STRING) as more:
            await values(more, 1)
            later = tags.saved_session()

    assert tags.session_changes > changes
    assert saved is not None
    assert later is not None
    assert list(saved.item_handles) == [INT]
    assert list(later.item_handles) == [INT, STRING]


async def test_a_change_of_a_tag_that_was_not_saved_is_a_gap(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT, STRING)
    gateway.plant[STRING].set("new")

    assert await other.resume(replace(saved, item_handles={INT: saved.item_handles[INT]}))
    async with other.watch(INT, STRING) as watch:
        assert await values(watch, 3) == [WatchRestored, WatchGap, "new"]


async def test_a_tag_whose_handle_was_renewed_after_saving_is_watched_again(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT)
    gateway.plant[INT].set(1)

    assert await other.resume(replace(saved, item_handles={INT: saved.item_handles[INT] + 1000}))
    async with other.watch(INT) as watch:
        assert await values(watch, 3) == [WatchRestored, WatchGap, 1]
        gateway.plant[INT].set(2)
        assert await values(watch, 1) == [2]


async def test_events_that_the_gateway_no_longer_has_are_a_gap(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT)
    gateway.plant[INT].set(1)
    gateway.plant[INT].set(2)
    gateway.faults.age_out_replay(saved.session_id)

    assert await other.resume(saved)
    async with other.watch(INT) as watch:
        assert await values(watch, 3) == [WatchRestored, WatchGap, 2]


async def test_a_session_that_has_ended_is_not_continued(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT)
    gateway.clock.advance(31)
    await gateway.wait_for(lambda: saved.session_id not in session_ids(gateway))

    assert not await other.resume(saved)
    async with other.watch(INT) as watch:
        assert await values(watch, 1) == [42]


async def test_a_session_that_its_first_process_still_reads_is_closed(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    async with tags.watch(INT) as watch:
        await values(watch, 1)
        saved = tags.saved_session()
        assert saved is not None

        # The gateway's refusal may arrive at once or a moment later.
        resumed = await other.resume(saved)
        async with other.watch(INT) as second:
            items = await values(second, 4 if resumed else 1)
        assert items == [*([WatchRestored, WatchLost, WatchRestored] if resumed else []), 42]
        await gateway.wait_for(lambda: saved.session_id not in session_ids(gateway))


async def test_a_write_after_the_resume_has_its_own_outcome(
    tags: TagClient, other: TagClient, gateway: SimulatedGateway
) -> None:
    saved = await leave(tags, gateway, INT)

    assert await other.resume(saved)
    await other.write(INT, 7)
    assert gateway.plant[INT].value == 7


async def test_a_client_that_has_tags_keeps_its_session(tags: TagClient, other: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await values(watch, 1)
        saved = tags.saved_session()
    assert saved is not None
    async with other.watch(INT) as watch:
        await values(watch, 1)
        assert not await other.resume(saved)
        assert saved.session_id in repr(tags)


async def test_a_client_without_tags_is_closed_instead_of_detached(tags: TagClient, gateway: SimulatedGateway) -> None:
    assert tags.saved_session() is None
    assert await tags.detach() is None
    assert not gateway.sessions


async def test_a_session_is_continued_at_the_gateway_that_has_it() -> None:
    async with GatewayPair() as pair:
        async with (
            GatewayClient.connect(pair.options(endpoints=[pair.second.endpoint])) as client,
            client.tags("first") as tags,
        ):
            saved = await leave(tags, pair.second, INT)
        assert saved.endpoint == pair.second.endpoint
        async with GatewayClient.connect(pair.options()) as client, client.tags("successor") as tags:
            pair.set(INT, 1)
            assert await tags.resume(saved)
            assert tags.endpoint == pair.second.endpoint
            async with tags.watch(INT) as watch:
                assert await values(watch, 2) == [WatchRestored, 1]
            await pair.first.wait_for(lambda: not pair.first.sessions)


async def test_a_session_of_a_gateway_that_is_away_is_not_continued() -> None:
    async with GatewayPair() as pair:
        async with (
            GatewayClient.connect(pair.options(endpoints=[pair.second.endpoint])) as client,
            client.tags("first") as tags,
        ):
            saved = await leave(tags, pair.second, INT)
        await pair.second.stop()
        async with GatewayClient.connect(pair.options()) as client, client.tags("successor") as tags:
            assert not await tags.resume(saved)
            async with tags.watch(INT) as watch:
                assert await values(watch, 1) == [42]
