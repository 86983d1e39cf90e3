"""Watching tags by name: each tag is subscribed once, in a handful of round trips."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxGatewayConfigurationError,
    MxGatewayProtocolError,
    OverflowPolicy,
    TagClient,
    TagOptions,
    TagRefused,
)
from mxgateway.testing import Limits, Plant, SimulatedGateway, Tag
from support.scripted_gateway import Edit, ScriptedGateway
from support.tagging import (
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
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_a_watch_yields_present_values_then_every_change(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT, STRING) as watch:
        assert await first_values(watch, 2) == {INT: 42, STRING: "Hello"}
        gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
        change = await following_change(watch)

    assert (change.tag, change.value, change.quality, change.timestamp) == (INT, 7, 64, WHEN)
    assert not change.repeated
    assert repr(change) == f"TagChange({INT!r}, value=7, quality={change.quality!r}, repeated=False)"


async def test_an_unknown_tag_is_reported_by_its_statuses(tags: TagClient) -> None:
    async with tags.watch(UNKNOWN) as watch:
        change = await following_change(watch)

    assert not change.quality.is_good
    assert [status.detail for status in change.statuses] == [6]


async def test_an_array_is_watched_by_its_bare_name(tags: TagClient) -> None:
    async with tags.watch(ARRAY) as watch:
        assert await first_values(watch) == {ARRAY: [1, 2, 3, 4, 5]}


async def test_nothing_is_sent_before_a_watch_is_entered_or_iterated(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    watch = tags.watch(INT)
    assert not commands(gateway)["ADD_ITEM_BULK"]

    assert (await anext(watch)).tag == INT  # type: ignore[union-attr]  # the first value of its only tag
    assert commands(gateway)["ADD_ITEM_BULK"] == 1
    watch.close()


async def test_a_tag_with_many_watches_is_added_and_advised_once(gateway: SimulatedGateway, tags: TagClient) -> None:
    watches = [tags.watch(INT, STRING) for _ in range(20)]
    values = await asyncio.gather(*(first_values(watch, 2) for watch in watches))

    assert values == [{INT: 42, STRING: "Hello"}] * 20
    assert advised(gateway) == [INT, STRING]
    gateway.plant[INT].set(43)
    assert [(await following_change(watch)).value for watch in watches] == [43] * 20
    for watch in watches:
        watch.close()


async def test_a_tag_that_is_named_twice_in_a_watch_is_delivered_once(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT, INT) as watch:
        assert watch.tags == (INT,)
        await following_change(watch)
        gateway.plant[INT].set(43)
        assert (await following_change(watch)).value == 43
        assert watch.pending == 0


async def test_a_watch_that_joins_later_gets_the_known_value_as_repeated(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    async with tags.watch(INT) as early:
        await following_change(early)
        asked = commands(gateway)
        async with tags.watch(INT) as late:
            known = await following_change(late)
            gateway.plant[INT].set(43)
            fresh = await following_change(late)

        assert (known.value, known.repeated) == (42, True)
        assert (fresh.value, fresh.repeated) == (43, False)
        assert (await following_change(early)).value == 43
        assert commands(gateway) == asked


async def test_watches_that_begin_together_are_subscribed_together(gateway: SimulatedGateway, tags: TagClient) -> None:
    machines = [tag.name for tag in gateway.plant if tag.name.endswith(("TestChangingInt", "TestSine"))]
    watches = [tags.watch(tag) for tag in machines]
    await asyncio.gather(*map(following_change, watches))

    assert len(machines) == 12
    assert commands(gateway)["ADD_ITEM_BULK"] <= 2
    for watch in watches:
        watch.close()


async def test_ten_thousand_tags_take_a_handful_of_round_trips(gateway: SimulatedGateway, tags: TagClient) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(10_000)]
    before = sum(commands(gateway).values())
    async with tags.watch(*names) as watch:
        values = await first_values(watch, len(names))
        round_trips = sum(commands(gateway).values()) - before

    assert values == {name: number for number, name in enumerate(names)}
    assert round_trips <= 4
    assert watch.dropped == 0


async def test_watch_needs_a_tag_and_room_for_a_change(tags: TagClient) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="at least one tag"):
        tags.watch()
    with pytest.raises(MxGatewayConfigurationError, match="queue_size 0"):
        tags.watch(INT, queue_size=0)


def test_options_that_are_left_out_have_their_documented_values(tags: TagClient) -> None:
    options = TagOptions(client_name="test")

    assert (options.supervisory, options.queue_size, options.overflow) == (False, 10_000, OverflowPolicy.DROP_OLDEST)
    assert (options.reconnect_delay, options.longest_reconnect_delay) == (0.2, 15.0)
    assert (options.linger, options.failover_after) == (30.0, 30.0)
    assert tags.poll(INT).every == 10.0


@pytest.mark.parametrize(
    ("field", "value"), [("queue_size", 0), ("linger", 0), ("reconnect_delay", -1), ("longest_reconnect_delay", 0)]
)
def test_options_out_of_range_are_named(field: str, value: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=f"{field} {value}"):
        TagOptions(client_name="test", **{field: value})  # type: ignore[arg-type]  # the fields of this test are numbers


# Refused tags


async def test_a_refused_tag_is_reported_and_the_watch_continues(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=client.endpoint, api_key=key, plaintext=True) as limited,
        limited.tags("test") as tags,
        tags.watch(STRING, INT) as watch,
    ):
        refused = await following(watch)
        change = await following_change(watch)

        assert isinstance(refused, TagRefused)
        assert refused.tag == STRING
        assert refused.error_message
        assert (change.tag, change.value) == (INT, 42)
        assert advised(gateway) == [INT]


async def test_each_watch_gets_a_refusal_once(gateway: SimulatedGateway, client: GatewayClient) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", "events:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=client.endpoint, api_key=key, plaintext=True) as limited,
        limited.tags("test") as tags,
        tags.watch(STRING, INT) as early,
    ):
        await following(early)
        await following_change(early)
        async with tags.watch(STRING) as late:
            assert isinstance(await following(late), TagRefused)
        async with tags.watch(INT):
            pass

        assert early.pending == 0


def refused_advises(*handles: int) -> Edit:
    """Accept every item, and refuse to advise some."""

    def edit(reply: pb.MxCommandReply) -> None:
        if reply.kind == pb.MX_COMMAND_KIND_ADD_ITEM_BULK:
            reply.add_item_bulk.results.add(item_handle=5, was_successful=True)
        if reply.kind == pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK:
            reply.advise_item_bulk.results.add(item_handle=5, was_successful=5 not in handles, error_message="no room")
        if reply.kind == pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK:
            reply.remove_item_bulk.results.add(item_handle=5, was_successful=True)

    return edit


async def test_a_tag_with_a_refused_advise_is_retried_by_the_next_watch(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    scripted.edit_reply = refused_advises(5)
    async with scripted_client.tags("test") as tags, tags.watch("A.B") as watch:
        assert await following(watch) == TagRefused(tag="A.B", error_message="no room")
        async with tags.watch("A.B") as late:
            assert await following(late) == TagRefused(tag="A.B", error_message="no room")

    kinds = [
        request.command.kind for request in scripted.requests("Invoke") if isinstance(request, pb.MxCommandRequest)
    ]
    asked = [pb.MX_COMMAND_KIND_ADD_ITEM_BULK, pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK, pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK]
    assert kinds == [pb.MX_COMMAND_KIND_REGISTER, *asked, *asked]


async def test_a_tag_with_a_failed_advise_is_watched_again_under_the_same_handle(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def advise_without_results(reply: pb.MxCommandReply) -> None:
        if reply.kind == pb.MX_COMMAND_KIND_ADD_ITEM_BULK:
            reply.add_item_bulk.results.add(item_handle=5, was_successful=True)

    scripted.edit_reply = advise_without_results
    async with scripted_client.tags("test") as tags:
        with pytest.raises(MxGatewayProtocolError, match="advise_item_bulk payload"):
            await anext(tags.watch("A.B"))
        # The reason is that of the gateway, not that its handle is in use.
        scripted.edit_reply = refused_advises(5)
        async with tags.watch("A.B") as again:
            assert await following(again) == TagRefused(tag="A.B", error_message="no room")


async def test_an_invalid_or_foreign_handle_is_refused(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        if reply.kind == pb.MX_COMMAND_KIND_ADD_ITEM_BULK:
            for handle in (5, 5, 0):
                reply.add_item_bulk.results.add(item_handle=handle, was_successful=True)
        if reply.kind == pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK:
            reply.advise_item_bulk.results.add(item_handle=5, was_successful=True)

    scripted.edit_reply = edit
    async with scripted_client.tags("test") as tags, tags.watch("A.B", "A.C", "A.D") as watch:
        refused = [await following(watch) for _ in range(2)]

    assert [item.tag for item in refused if isinstance(item, TagRefused)] == ["A.C", "A.D"]


async def test_an_unmatched_reply_ends_only_the_new_watch(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    async with scripted_client.tags("test") as tags, tags.watch("A.B") as watch:
        with pytest.raises(MxGatewayProtocolError, match="add_item_bulk payload"):
            await anext(watch)
        scripted.edit_reply = refused_advises(5)
        async with tags.watch("A.C") as other:
            assert await following(other) == TagRefused(tag="A.C", error_message="no room")


# Supervisory


async def test_supervisory_advises_every_tag_as_supervisory(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.tags("test", supervisory=True) as tags, tags.watch(INT, STRING, DOUBLE) as watch:
        await first_values(watch, 3)

        assert [item.supervisory for item in gateway.sessions[0].items] == [True] * 3
        assert commands(gateway)["ADVISE_SUPERVISORY"] == 3
        assert commands(gateway)["ADD_ITEM_BULK"] == 1


async def test_many_supervisory_tags_stay_within_the_command_limit() -> None:
    plant = Plant(tags=[Tag(f"Many.Tag{number}", "integer", number) for number in range(300)])
    async with (
        SimulatedGateway(plant=plant, limits=Limits(pending_commands=64)) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", supervisory=True) as tags,
        tags.watch(*(tag.name for tag in plant)) as watch,
    ):
        assert len(await first_values(watch, 300)) == 300
