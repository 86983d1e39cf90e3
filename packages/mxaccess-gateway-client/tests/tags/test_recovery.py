"""Subscriptions during a recovery: no tag stays silent, and none is added twice."""

from __future__ import annotations

import asyncio
import re

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    SessionState,
    TagChange,
    TagClient,
    TagWatch,
    WatchLost,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.tagging import (
    INT,
    REPLACED,
    RESUMED,
    STRING,
    add_tags,
    advised,
    commands,
    first_values,
    following,
    following_change,
    lost,
    until_value,
)


async def test_a_watch_that_begins_during_a_loss_gets_its_values(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", reconnect_delay=0.05) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()
        await lost(watch)
        async with tags.watch(INT, STRING) as late:
            known = await following_change(late)
            assert (known.value, known.repeated) == (42, True)
            assert isinstance(await lost(late), MxGatewayTransportError)
            assert await following(late) == RESUMED
            assert await first_values(late) == {STRING: "Hello"}
        assert await following(watch) == RESUMED
        assert commands(gateway)["ADD_ITEM_BULK"] == 2


async def test_a_watch_that_begins_during_a_replacement_gets_its_values(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
            await gateway.faults.restart()
            await lost(watch)
            await gateway.wait_for(lambda: gateway.sessions)
            async with tags.watch(STRING) as late:
                await lost(late)
        async with tags.watch(STRING) as later:
            while not isinstance(item := await following(later), TagChange):
                assert item == REPLACED or isinstance(item, WatchLost)
            assert item.value == "Hello"


async def test_a_replacement_during_a_subscription_leaves_each_tag_once(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    session = gateway.sessions[0].session_id
    with gateway.faults.held_commands(session):
        watches = [tags.watch(INT), tags.watch(STRING), tags.watch(INT, STRING)]
        reading = [asyncio.create_task(until_change(watch, 1 + index // 2)) for index, watch in enumerate(watches)]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands)
        gateway.faults.kill_worker(session)
        await asyncio.gather(*reading)

    assert advised(gateway) == [INT, STRING]
    gateway.plant[INT].set(43)
    for watch in (watches[0], watches[2]):
        assert [type(item) for item in await until_value(watch, 43)] == [TagChange]
    for watch in watches:
        watch.close()


async def until_change(watch: TagWatch, count: int) -> None:
    """Wait until a watch has yielded this many changes."""
    while count:
        count -= isinstance(await following(watch), TagChange)


@pytest.mark.parametrize("method", ["ADD_ITEM_BULK", "ADVISE_ITEM_BULK"])
@pytest.mark.parametrize("trouble", ["drop_connections", "restart"])
async def test_a_drop_during_a_subscription_leaves_no_tag_silent(
    gateway: SimulatedGateway, tags: TagClient, method: str, trouble: str
) -> None:
    gateway.faults.delay_commands(0.02)
    async with tags.watch(STRING) as watch:
        await following_change(watch)
        before = commands(gateway)[method]
        entering = asyncio.create_task(until_value(late := tags.watch(INT), 42))
        await gateway.wait_for(lambda: commands(gateway)[method] > before)
        await getattr(gateway.faults, trouble)()
        await entering
        # A session that was replaced is closed in the background.
        await gateway.wait_for(lambda: len(gateway.sessions) == 1)

        assert advised(gateway) == [INT, STRING]
        gateway.plant[INT].set(43)
        assert (await following_change(late)).value == 43
        late.close()


async def test_a_subscription_without_a_reply_replaces_the_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    impatient = GatewayClient.connect(
        endpoint=client.endpoint, api_key=gateway.api_key, plaintext=True, timeout=0.1, close_timeout=0.1
    )
    async with impatient as other, other.tags("test", reconnect_delay=0.01) as tags:
        with gateway.faults.held_commands(gateway.sessions[0].session_id):
            async with tags.watch(INT) as watch:
                assert isinstance(await lost(watch), MxGatewayTimeoutError)
                assert await following(watch) == REPLACED
                assert (await following_change(watch)).value == 42
        await gateway.wait_for(lambda: len(gateway.sessions) == 1)


async def test_every_tag_survives_many_faults_in_a_row(gateway: SimulatedGateway, tags: TagClient) -> None:
    """Cause one fault after the other, some of them during a recovery."""
    names = [tag.name for tag in gateway.plant if tag.name.endswith(("TestChangingInt", "TestSine"))]
    watches = [tags.watch(*names[number:], queue_size=10_000) for number in range(6)]
    readers = [asyncio.create_task(read_on(watch)) for watch in watches]
    for turn in range(12):
        if turn % 3 == 0:
            await gateway.faults.drop_connections()
        elif turn % 3 == 1:
            await gateway.faults.restart()
        else:
            for session in gateway.sessions:
                gateway.faults.kill_worker(session.session_id)
        await asyncio.sleep(0.003 * (turn % 4))
    await gateway.wait_for(lambda: [s for s in gateway.sessions if s.state == SessionState.READY and s.streams])
    await gateway.wait_for(lambda: len(advised_in_ready(gateway)) == len(names))
    for name in names:
        gateway.plant[name].set(-1)
    last = [await reader for reader in readers]

    assert [set(values) for values in last] == [set(names[number:]) for number in range(6)]
    for watch in watches:
        watch.close()


def advised_in_ready(gateway: SimulatedGateway) -> list[str]:
    """Return the tags that are advised in live sessions."""
    ready = [session for session in gateway.sessions if session.state == SessionState.READY]
    return [item.definition for session in ready for item in session.items if item.advised]


async def read_on(watch: TagWatch) -> dict[str, object]:
    """Read until every tag is -1."""
    values: dict[str, object] = {}
    while set(values) != set(watch.tags) or set(values.values()) != {-1}:
        item = await following(watch)
        if isinstance(item, TagChange):
            values[item.tag] = item.value
    return values


async def test_more_tags_than_the_event_queue_holds_do_not_overflow_it(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(12_000)]
    async with tags.watch(*names, queue_size=20_000) as watch:
        assert len(await first_values(watch, len(names))) == len(names)
        before = sum(commands(gateway).values())
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == REPLACED
        changes = [await following_change(watch) for _ in names]

        assert {change.tag for change in changes} == set(names)
        assert all(change.repeated for change in changes)
        assert sum(commands(gateway).values()) - before <= 8


async def test_a_new_session_gets_the_next_tags_as_soon_as_the_first_values_of_the_last_ones_have_arrived(
    gateway: SimulatedGateway, tags: TagClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxgateway.tags.subscriptions.subscriptions._TAGS_PER_ADVISE", 5)
    names = add_tags(gateway, 100)
    async with tags.watch(*names) as watch:
        await first_values(watch, len(names))
        await gateway.faults.restart()
        await lost(watch)
        # Without first values, each of the 20 parts would wait for half a second.
        async with asyncio.timeout(5):
            assert await following(watch) == REPLACED
        assert (await first_values(watch, len(names))).keys() == set(names)


async def test_silent_tags_hold_up_the_next_ones_only_for_a_moment(
    gateway: SimulatedGateway, tags: TagClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxgateway.tags.subscriptions.subscriptions._TAGS_PER_ADVISE", 1)
    with gateway.faults.silent_tag(INT):
        async with asyncio.timeout(3), tags.watch(INT, STRING) as watch:
            assert await first_values(watch) == {STRING: "Hello"}


async def test_a_silent_tag_does_not_hold_up_a_large_watch(gateway: SimulatedGateway, tags: TagClient) -> None:
    silent, changing, *others = add_tags(gateway, 5_100)
    keeps_changing = asyncio.create_task(_change(gateway, changing))
    with gateway.faults.silent_tag(silent):
        async with asyncio.timeout(30), tags.watch(silent, changing, *others, queue_size=20_000) as watch:
            missing = {changing, *others}
            while missing:
                missing.discard((await following_change(watch)).tag)
    keeps_changing.cancel()


async def _change(gateway: SimulatedGateway, name: str) -> None:
    value = 0
    while True:
        value += 1
        gateway.plant[name].set(value)
        await asyncio.sleep(0.01)


async def test_delays_between_attempts_double_up_to_the_longest(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with (
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        gateway.faults.refuse_next_calls(5, grpc.StatusCode.UNAVAILABLE, "starting", rpc="OpenSession")
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == REPLACED

    texts = [record.getMessage() for record in caplog.records if record.name == "mxgateway.tags"]
    delays = [float(found[1]) for text in texts if (found := re.search(r"next attempt within (\S+) s", text))]
    assert delays[:5] == [0.02, 0.04, 0.05, 0.05, 0.05]
