"""A subscription that a loss interrupts: each tag once per session, and a late failure harms no later session."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    SessionState,
    TagChange,
    TagClient,
    WatchGap,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway
from support.tagging import (
    DOUBLE,
    INT,
    REPLACED,
    RESUMED,
    STRING,
    advised,
    commands,
    first_values,
    following,
    following_change,
    lost,
    sent,
    until_value,
)
from support.waiting import until


def opened(gateway: SimulatedGateway) -> int:
    """Return the number of sessions that were opened."""
    return sum(call.rpc == "OpenSession" for call in gateway.calls)


async def test_a_drop_while_tags_are_added_in_a_resumed_session_adds_none_twice(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with (
        client.tags("test", reconnect_delay=0.1, longest_reconnect_delay=0.1) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        gateway.faults.delay_commands(0.05)
        await gateway.faults.drop_connections()
        await lost(watch)
        late = tags.watch(STRING)
        reading = asyncio.create_task(until_value(late, "Hello"))
        await gateway.wait_for(lambda: commands(gateway)["ADD_ITEM_BULK"] == 2)
        await gateway.faults.drop_connections()
        await reading
        gateway.faults.delay_commands(0)

        await gateway.wait_for(lambda: len(gateway.sessions) == 1)
        assert sorted(item.definition for item in gateway.sessions[0].items) == [INT, STRING]
        gateway.plant[STRING].set("once")
        items = [await following(late)]
        gateway.plant[STRING].set("again")
        items.append(await following(late))
        assert [item.value for item in items if isinstance(item, TagChange)] == ["once", "again"]
        late.close()


async def test_a_late_reply_of_a_replaced_session_does_not_replace_the_next_one(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    session = gateway.sessions[0].session_id
    async with tags.watch(INT, DOUBLE) as watch:
        await first_values(watch, 2)
        with gateway.faults.held_sessions(SessionState.CLOSING):
            with gateway.faults.held_commands(session):
                late = tags.watch(STRING)
                reading = asyncio.create_task(until_value(late, "Hello"))
                await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
                other = asyncio.create_task(tags.write(DOUBLE, 2.5, timeout=0.5))
                deadline = asyncio.get_running_loop().time() + 0.5
                await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 2)
                # Without a reply the session must be replaced, while the other commands are still pending.
                with pytest.raises(MxGatewayTimeoutError):
                    await tags.write(INT, 7, timeout=0.2)
                await lost(watch)
                assert await following(watch) == REPLACED
                assert (await first_values(watch, 2)).keys() == {INT, DOUBLE}
                with pytest.raises((MxGatewayTransportError, MxGatewayTimeoutError), match="may have been written"):
                    await other
            # Now the commands of the first session are carried out, and their replies arrive.
            await reading
        await gateway.wait_for(lambda: len(gateway.sessions) == 1)
        await asyncio.sleep(deadline - asyncio.get_running_loop().time())
        gateway.plant[STRING].set("still here")
        assert (await following_change(late)).value == "still here"
        late.close()

        assert opened(gateway) == 2
        assert advised(gateway) == [DOUBLE, INT, STRING]


async def test_a_refused_advise_of_all_tags_leaves_no_tag_silent(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.faults.delay_commands(0.05)
    watch = tags.watch(INT, STRING)
    beginning = asyncio.create_task(following(watch))
    await gateway.wait_for(lambda: commands(gateway)["ADD_ITEM_BULK"])
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, "not you", rpc="Invoke")
    with pytest.raises(MxGatewayAuthorizationError, match="not you"):
        await beginning
    gateway.faults.delay_commands(0)

    async with tags.watch(INT, STRING) as again:
        assert await first_values(again, 2) == {INT: 42, STRING: "Hello"}
        gateway.plant[INT].set(43)
        assert (await following_change(again)).value == 43
    assert opened(gateway) == 1


async def test_a_refused_supervisory_advise_is_raised_when_the_others_have_ended(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("test", supervisory=True) as tags:
        with gateway.faults.held_commands(gateway.sessions[0].session_id):
            reading = asyncio.create_task(until_value(tags.watch(INT, STRING), "no tag has this value"))
            await gateway.wait_for(lambda: commands(gateway)["ADD_ITEM_BULK"])
            gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, "not you", rpc="Invoke")
            gateway.faults.delay_commands(0.3)
        with pytest.raises(MxGatewayAuthorizationError, match="not you"):
            await reading

        assert commands(gateway)["ADVISE_SUPERVISORY"] == 2
        assert not [call for call in gateway.calls if call.rpc == "Invoke" and call.running]


async def test_a_refused_tag_whose_next_attempt_is_lost_is_tried_in_the_next_session(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    accepts = False

    def edit(reply: pb.MxCommandReply) -> None:
        if reply.kind == pb.MX_COMMAND_KIND_ADD_ITEM_BULK:
            reply.add_item_bulk.results.add(item_handle=5, was_successful=accepts, error_message="no room")
        if reply.kind == pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK:
            reply.advise_item_bulk.results.add(item_handle=5, was_successful=True)

    scripted.edit_reply = edit
    async with scripted_client.tags("test", reconnect_delay=0.01) as tags:
        with pytest.raises(MxGatewayCommandError, match="no room"):
            await tags.write("A.B", 1, confirm=False)
        before = len(scripted.requests("Invoke"))
        scripted.refusal = (grpc.StatusCode.UNAVAILABLE, "away")
        writing = asyncio.create_task(tags.write("A.B", 2, confirm=False))
        await until(lambda: len(scripted.requests("Invoke")) > before)
        accepts, scripted.refusal = True, None
        await writing

    sent = [call.request.command for call in scripted.received if isinstance(call.request, pb.MxCommandRequest)]
    assert [command.write.value.int32_value for command in sent if command.HasField("write")] == [2]


async def test_after_a_gap_other_tags_do_not_wait_for_a_tag_that_is_written_to(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    async with slow_tags.watch(INT, STRING) as watch:
        await first_values(watch, 2)
        writing = await sent(slow_gateway, slow_tags.write(INT, 1))
        dropping = asyncio.create_task(slow_gateway.faults.drop_connections())
        await slow_gateway.wait_for(lambda: not slow_gateway.sessions[0].streams)
        slow_gateway.plant[STRING].set("missed")
        slow_gateway.faults.age_out_replay(slow_gateway.sessions[0].session_id)
        await dropping
        await lost(watch)
        assert await following(watch) == RESUMED
        assert await following(watch) == WatchGap(dropped=0)

        change = await following_change(watch)
        assert (change.tag, change.value, change.repeated) == (STRING, "missed", True)
        assert not writing.done()
        slow_gateway.clock.advance(10)
        await writing
        # The written value may arrive first as a change, then as the present value.
        await until(lambda: watch.pending >= 1)
        last = await following_change(watch)
        while not last.repeated:
            last = await following_change(watch)
        assert (last.tag, last.value) == (INT, 1)


async def test_a_resumed_watch_yields_no_change_twice(gateway: SimulatedGateway, tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        values = [(await following_change(watch)).value]
        for number in range(1, 4):
            await gateway.faults.drop_connections()
            gateway.plant[INT].set(number)
            await lost(watch)
            assert await following(watch) == RESUMED
            values.append((await following_change(watch)).value)
        gateway.plant[INT].set(4)
        values.append((await following_change(watch)).value)

    assert values == [42, 1, 2, 3, 4]
    assert opened(gateway) == 1
