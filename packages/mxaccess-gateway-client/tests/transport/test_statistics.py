"""What a client and a TagClient say about what they have done."""

from __future__ import annotations

import asyncio

import pytest

from mxgateway import GatewayClient, MxAccessError, MxGatewayError, MxGatewaySessionError, WatchRestored
from mxgateway.testing import SimulatedGateway
from support.waiting import until

INT = "TestChildObject.TestInt"


async def test_calls_and_their_errors_are_counted_by_class_and_stay_after_close(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    assert client.statistics().calls.started == 0, "the calls of connect do not count"
    async with client.open_session() as session:
        await session.ping()
        with pytest.raises(MxGatewayError) as refused:
            await session.add_item(99, INT)
    with pytest.raises(MxGatewaySessionError):
        await client.attach_session("session-unknown").ping()
    await client.close()

    calls = client.statistics().calls
    assert (calls.started, calls.running, calls.cancelled, calls.failed) == (5, 0, 0, 2)
    assert calls.errors == {refused.type.__name__: 1, "MxGatewaySessionError": 1}
    assert refused.type is MxAccessError
    assert not gateway.sessions


async def test_a_cancelled_call_is_counted_and_a_running_one_is_visible(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.open_session() as session:
        gateway.faults.delay_commands(1000)
        call = asyncio.create_task(session.ping())
        await until(lambda: client.statistics().calls.running == 1)
        call.cancel()
        await asyncio.wait([call])
        gateway.faults.delay_commands(0)
        gateway.clock.advance(1000)
        calls = client.statistics().calls
        assert (calls.started, calls.running, calls.cancelled, calls.failed) == (2, 0, 1, 0)


async def test_events_losses_and_reconnects_are_counted_for_the_client_and_the_tag_client(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.tags("statistics", reconnect_delay=0.01) as tags, tags.watch(INT) as watch:
        await anext(watch)
        before, of_tags = client.statistics(), tags.statistics()
        assert (before.events.opened, before.events.open, before.events.messages) == (1, 1, 1)
        assert (before.losses, before.reconnects) == (0, 0)
        assert before.events.last_message_age is not None
        assert 0 <= before.events.last_message_age < 60
        assert (of_tags.events, of_tags.tags, of_tags.watches, of_tags.queued) == (1, 1, 1, 0)

        await gateway.faults.drop_connections()
        while not isinstance(await anext(watch), WatchRestored):
            pass
        after, of_tags = client.statistics(), tags.statistics()
        assert (after.events.opened, after.events.open, after.losses, after.reconnects) == (2, 1, 1, 1)
        assert (of_tags.losses, of_tags.reconnects, of_tags.watches) == (1, 1, 1)
        assert sum(after.events.errors.values()) == 1
        gateway.plant[INT].set(43)
        await until(lambda: tags.statistics().queued > 0)
    assert client.statistics().events.open == 0
    assert client.statistics().events.messages >= 2


async def test_waiting_events_and_alarm_feeds_are_counted_each_for_itself(client: GatewayClient) -> None:
    async with client.open_session() as session:
        server = await session.register("statistics")
        async with session.stream_events() as events:
            await session.advise(server, await session.add_item(server, INT))
            await until(lambda: client.statistics().events.queued == 1)
            await anext(events)
        async with client.watch_alarms() as alarms:
            await alarms.wait_complete()
            now = client.statistics()
    assert (now.events.messages, now.events.queued, now.events.open) == (1, 0, 0)
    assert now.alarms.open == 1
    assert now.alarms.messages >= 1
