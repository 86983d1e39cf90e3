"""TagClient through everything that happens to a gateway: what its watches are told, and that nothing stays lost."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import weakref
from collections.abc import AsyncIterator, Callable
from unittest.mock import Mock

import grpc
import pytest
from tagging import (
    INT,
    STRING,
    advised,
    commands,
    first_values,
    following,
    following_change,
    until_value,
)
from waiting import until

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayVersionError,
    OverflowPolicy,
    SessionState,
    TagChange,
    TagClient,
    TagWatch,
    WatchGap,
    WatchLost,
    WatchRestored,
)
from mxgateway.testing import SimulatedGateway, Tag

RESUMED = WatchRestored(resumed=True)
ANEW = WatchRestored(resumed=False)


async def lost(watch: TagWatch) -> MxGatewayError:
    """Give why the connection is lost, which the watch must say next."""
    item = await following(watch)
    assert isinstance(item, WatchLost), item
    return item.error


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


async def test_the_error_of_a_lost_connection_says_what_happened(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        await gateway.faults.drop_connections()

        error = await lost(watch)
        assert isinstance(error, MxGatewayTransportError)
        assert error.grpc_status is grpc.StatusCode.UNAVAILABLE
        assert await following(watch) == RESUMED


async def test_a_connection_that_drops_before_the_first_event_loses_no_first_value(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    with gateway.faults.silent_tag(INT):
        async with tags.watch(INT) as watch:
            await gateway.faults.drop_connections()
            gateway.plant[INT].silent = False
            gateway.plant[INT].set(43)

            await lost(watch)
            await until_value(watch, 43)


def fault(name: str) -> Callable[[SimulatedGateway], object]:
    """Give a fault of the session that a TagClient has."""

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
async def test_a_lost_session_is_replaced_and_everything_is_subscribed_again(
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
        assert await following(watch) == ANEW
        again = [await following_change(watch) for _ in range(2)]
        assert {change.tag: (change.value, change.repeated) for change in again} == {
            INT: (42, True),
            STRING: ("Hello", True),
        }
        gateway.plant[INT].set(43)
        fresh = await following_change(watch)
        assert (fresh.value, fresh.repeated) == (43, False)

        assert isinstance(await lost(other), kind)
        assert await following(other) == ANEW
        assert (await following_change(other)).repeated
        assert advised(gateway) == [INT, STRING]
        assert gateway.sessions[0].session_id != session


async def test_a_session_that_the_gateway_ends_is_replaced(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with (
        tags.watch(INT) as watch,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as somebody,
    ):
        await following_change(watch)
        await somebody.attach_session(gateway.sessions[0].session_id).close()

        assert isinstance(await lost(watch), MxGatewayStreamEndedError)
        assert await following(watch) == ANEW
        assert (await following_change(watch)).value == 42


async def test_events_that_the_gateway_no_longer_has_are_a_gap_and_every_value_comes_afresh(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
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
        assert len(gateway.sessions[0].items) == 2


async def test_a_late_watcher_after_a_gap_gets_no_value_from_before_it(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
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


async def test_a_write_beside_the_refresh_after_a_gap_is_not_refused(
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


async def test_a_watch_that_begins_while_the_connection_is_away_is_told_and_gets_its_values(
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


async def test_a_watch_that_begins_while_the_session_is_replaced_gets_its_values(
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
                assert item == ANEW or isinstance(item, WatchLost)
            assert item.value == "Hello"


async def test_a_session_that_is_replaced_while_a_subscription_is_under_way_leaves_no_tag_silent_or_twice(
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
    """Wait until a watch has brought so many changes."""
    while count:
        count -= isinstance(await following(watch), TagChange)


@pytest.mark.parametrize("method", ["ADD_ITEM_BULK", "ADVISE_ITEM_BULK"])
@pytest.mark.parametrize("trouble", ["drop_connections", "restart"])
async def test_a_connection_that_drops_in_the_middle_of_a_subscription_leaves_no_tag_silent(
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

        assert advised(gateway) == [INT, STRING]
        gateway.plant[INT].set(43)
        assert (await following_change(late)).value == 43
        late.close()


async def test_a_subscription_that_gets_no_answer_gets_another_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    impatient = GatewayClient.connect(
        endpoint=client.endpoint, api_key=gateway.api_key, plaintext=True, timeout=0.1, close_timeout=0.1
    )
    async with impatient as other, other.tags("test", reconnect_delay=0.01) as tags:
        with gateway.faults.held_commands(gateway.sessions[0].session_id):
            async with tags.watch(INT) as watch:
                assert "no answer" in str(await lost(watch))
                assert await following(watch) == ANEW
                assert (await following_change(watch)).value == 42
        await gateway.wait_for(lambda: len(gateway.sessions) == 1)


async def test_many_faults_in_a_row_end_with_every_tag_alive(gateway: SimulatedGateway, tags: TagClient) -> None:
    """One trouble after the other, some of them in the middle of a recovery."""
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
    """Give what is advised in sessions that live."""
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


async def test_more_tags_than_the_gateway_holds_events_begin_and_come_back_without_overflow(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(12_000)]
    async with tags.watch(*names, queue_size=20_000) as watch:
        assert len(await first_values(watch, len(names))) == len(names)
        before = sum(commands(gateway).values())
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == ANEW
        changes = [await following_change(watch) for _ in names]

        assert {change.tag for change in changes} == set(names)
        assert all(change.repeated for change in changes)
        assert sum(commands(gateway).values()) - before <= 8


# A reader that does not read meanwhile


@pytest.mark.parametrize("policy", OverflowPolicy)
async def test_news_takes_no_room_from_changes(
    gateway: SimulatedGateway, tags: TagClient, policy: OverflowPolicy
) -> None:
    async with tags.watch(INT, queue_size=1, overflow=policy) as watch, tags.watch(INT) as quick:
        for _ in range(2):
            assert (await following_change(watch)).value == 42
            await following_change(quick)
            await gateway.faults.restart()
            await lost(quick)
            assert await following(quick) == ANEW
            await until(lambda: quick.pending)
            await lost(watch)
            assert await following(watch) == ANEW

        assert (await following_change(watch)).value == 42
        assert watch.dropped == 0


async def test_a_gap_stands_where_its_changes_were(gateway: SimulatedGateway, tags: TagClient) -> None:
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


async def test_latest_keeps_one_change_of_a_tag_and_puts_a_newer_one_behind_the_news(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
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


# The end


@pytest.fixture
async def reader_tags(gateway: SimulatedGateway) -> AsyncIterator[tuple[TagClient, str]]:
    """A TagClient whose key can be revoked, and the key."""
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write", "events:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        yield tags, key


async def test_a_revoked_key_ends_everything_with_that_error(
    gateway: SimulatedGateway, reader_tags: tuple[TagClient, str], caplog: pytest.LogCaptureFixture
) -> None:
    tags, key = reader_tags
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.revoke_key(key)
        await gateway.faults.restart()

        await lost(watch)
        for _ in range(2):
            with pytest.raises(MxGatewayAuthenticationError):
                await following(watch)
        with pytest.raises(MxGatewayAuthenticationError):
            await tags.read(INT)
        with pytest.raises(MxGatewayAuthenticationError):
            await tags.write(INT, 1)
        late = tags.watch(STRING)
        for _ in range(2):
            with pytest.raises(MxGatewayAuthenticationError):
                await following(late)
    assert key not in caplog.text
    assert "given up" in caplog.text


async def test_another_protocol_version_after_an_update_ends_it_with_that_error() -> None:
    async with SimulatedGateway() as old:
        options = ClientOptions(endpoint=old.endpoint, api_key=old.api_key, plaintext=True)
        client = await GatewayClient.connect(options)
        tags = await client.tags("test", reconnect_delay=0.01)
        watch = tags.watch(INT)
        await following_change(watch)
    port = int(options.endpoint.rpartition(":")[2])
    async with SimulatedGateway(port=port, api_key=old.api_key, gateway_protocol_version=4) as new:
        await lost(watch)
        with pytest.raises(MxGatewayVersionError):
            await following(watch)
        with pytest.raises(MxGatewayVersionError):
            await tags.read(INT)
        await tags.close()
        await client.close()
        assert not new.sessions


async def test_a_key_without_a_scope_that_watching_needs_is_named(
    gateway: SimulatedGateway,
) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        watch = tags.watch(INT)
        with pytest.raises(MxGatewayAuthorizationError, match="events:read"):
            await until_value(watch, 42)


async def test_closing_while_the_connection_is_lost_ends_at_once_and_leaves_nothing(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test", reconnect_delay=60, longest_reconnect_delay=60)
    watch = tags.watch(INT)
    await following_change(watch)
    await gateway.faults.drop_connections()
    await lost(watch)
    reading, writing = asyncio.create_task(tags.read(INT)), asyncio.create_task(tags.write(INT, 1))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await tags.close()

    for task in (asyncio.create_task(following(watch)), reading, writing):
        with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
            await task
    assert not gateway.sessions


async def test_closing_while_a_session_is_opened_leaves_none(gateway: SimulatedGateway, client: GatewayClient) -> None:
    tags = await client.tags("test", reconnect_delay=0.01)
    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        await gateway.faults.restart()
        await gateway.wait_for(lambda: gateway.sessions)
        await tags.close()

    await gateway.wait_for(lambda: not gateway.sessions)


async def test_closing_while_everything_is_subscribed_again_leaves_nothing(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test", reconnect_delay=0.01)
    watch = tags.watch(INT)
    await following_change(watch)
    gateway.faults.delay_commands(0.01)
    before = commands(gateway)["ADD_ITEM_BULK"]
    await gateway.faults.restart()
    await gateway.wait_for(lambda: commands(gateway)["ADD_ITEM_BULK"] > before)
    await tags.close()

    assert not gateway.sessions


async def test_a_first_session_that_can_not_be_opened_is_the_callers_error(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("invoke:read")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client:
        with pytest.raises(MxGatewayError, match="session:open"):
            await client.tags("test")


async def test_a_client_whose_opening_is_cancelled_leaves_no_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async def open_it() -> None:
        await client.tags("test")

    gateway.faults.delay_commands(3600)
    opening = asyncio.create_task(open_it())
    await gateway.wait_for(lambda: gateway.sessions and gateway.sessions[0].pending_commands)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    assert not gateway.sessions


async def test_whatever_fails_in_the_supervision_is_told_and_never_waited_for(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client.tags("test", reconnect_delay=0.01) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        monkeypatch.setattr(random, "uniform", Mock(side_effect=ZeroDivisionError))
        await gateway.faults.drop_connections()

        await lost(watch)
        with pytest.raises(MxGatewayError, match="ZeroDivisionError"):
            await following(watch)
        with pytest.raises(MxGatewayError, match="ZeroDivisionError"):
            await tags.read(INT)
    assert "Traceback" in caplog.text


async def test_a_session_that_can_not_be_closed_is_named_in_the_log(
    gateway: SimulatedGateway, reader_tags: tuple[TagClient, str], caplog: pytest.LogCaptureFixture
) -> None:
    tags, _ = reader_tags
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")
    session = gateway.sessions[0].session_id
    await tags.close()

    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name == "mxgateway.tags"
    assert session in record.getMessage()
    await tags.close()
    assert not gateway.sessions


async def test_what_happens_is_logged_once_for_each_time(
    gateway: SimulatedGateway, tags: TagClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, "starting", rpc="OpenSession")
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == ANEW

    texts = [record.getMessage() for record in caplog.records if record.name == "mxgateway.tags"]
    assert len([text for text in texts if "are lost" in text]) == 1
    assert len([text for text in texts if "not back yet" in text]) >= 2
    assert len([text for text in texts if "go on, anew" in text]) == 1


async def test_nothing_of_a_tag_client_is_left_when_it_is_closed_and_dropped(client: GatewayClient) -> None:
    tags = await client.tags("test")
    watch = tags.watch(INT)
    await following_change(watch)
    await tags.close()
    left = weakref.ref(tags), weakref.ref(watch)
    del tags, watch
    await asyncio.sleep(0)
    gc.collect()

    assert [each() for each in left] == [None, None]
