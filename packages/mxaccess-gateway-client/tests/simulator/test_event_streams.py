"""The event stream: order, the single subscriber, the queue, and resuming."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import Limits, SimulatedGateway
from support.wire import connected, int32, refused

if TYPE_CHECKING:
    from support.wire import Stream, WireSession


def tag_changes(gateway: SimulatedGateway, *values: int) -> None:
    for value in values:
        gateway.plant["TestChildObject.TestInt"].set(value)


async def values_of(events: Stream[pb.MxEvent], count: int) -> list[int]:
    return [event.value.int32_value for event in await events.receive(count)]


async def test_session_has_one_subscriber(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events():
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        async with session.events() as second:
            assert await second.end() is grpc.StatusCode.FAILED_PRECONDITION


async def test_cancelled_stream_can_be_replaced_in_the_same_session(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    for _ in range(3):
        async with session.events():
            await gateway.wait_for(lambda: gateway.sessions[0].streams)
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        assert gateway.calls[-1].cancelled
    assert await session.state() == pb.SESSION_STATE_READY


async def test_sequence_has_no_gaps(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        handles = await session.advised("TestChildObject.TestInt")
        await session.write(handles, int32(1))
        tag_changes(gateway, *range(50))
        assert [event.worker_sequence for event in await events.receive(53)] == list(range(1, 54))


async def test_closing_the_session_ends_its_stream_with_ok(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        await session.close()
        assert await events.end() is grpc.StatusCode.OK


async def test_first_stream_starts_with_earlier_events(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    tag_changes(gateway, 1, 2)
    async with session.events() as events:
        tag_changes(gateway, 3)
        assert await values_of(events, 4) == [42, 1, 2, 3]


async def test_later_new_stream_has_only_new_events(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    async with session.events() as events:
        await events.next()
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    tag_changes(gateway, 1)
    async with session.events() as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        tag_changes(gateway, 2)
        event = await events.next()
    assert (event.value.int32_value, event.worker_sequence) == (2, 3)


async def test_resume_has_every_event_once(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    async with session.events() as events:
        await events.next()
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    tag_changes(gateway, 2, 3)
    async with session.events(after=1) as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        tag_changes(gateway, 4)
        assert [event.worker_sequence for event in await events.receive(3)] == [2, 3, 4]
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    async with session.events(after=4) as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        tag_changes(gateway, 5)
        assert (await events.next()).worker_sequence == 5


async def test_first_stream_can_be_a_resume(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    tag_changes(gateway, *range(2000))
    async with session.events(after=1) as events:
        assert (await events.next()).worker_sequence == 2


async def test_resume_after_a_future_sequence_is_an_invalid_argument(session: WireSession) -> None:
    async with session.events(after=1) as events:
        assert await events.end() is grpc.StatusCode.INVALID_ARGUMENT


async def streamed_once(gateway: SimulatedGateway, session: WireSession) -> None:
    """Leave the session with one event that has been streamed, and without a subscriber."""
    await session.advised("TestChildObject.TestInt")
    async with session.events() as events:
        await events.next()
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)


def is_gap(event: pb.MxEvent, after: int, oldest: int) -> bool:
    return (
        event.HasField("replay_gap")
        and event.replay_gap.requested_after_sequence == after
        and event.replay_gap.oldest_available_sequence == oldest
        and event.family == pb.MX_EVENT_FAMILY_UNSPECIFIED
        and event.WhichOneof("body") is None
        and event.worker_sequence == 0
    )


async def test_1024_events_are_retained_and_older_ones_are_a_gap(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    await streamed_once(gateway, session)
    tag_changes(gateway, *range(1025))
    async with session.events(after=2) as events:
        assert (await events.next()).worker_sequence == 3
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    async with session.events(after=1) as events:
        assert is_gap(await events.next(), 1, 3)
        assert [event.worker_sequence for event in await events.receive(1024)] == list(range(3, 1027))
        tag_changes(gateway, 7)
        assert (await events.next()).worker_sequence == 1027


async def test_events_are_retained_for_300_seconds() -> None:
    async with (
        SimulatedGateway(ramp_interval=None, limits=Limits(stream_grace=10_000)) as gateway,
        connected(gateway) as wire,
    ):
        session = await wire.open_session()
        await streamed_once(gateway, session)
        tag_changes(gateway, 2)
        gateway.clock.advance(299)
        tag_changes(gateway, 3)
        async with session.events(after=1) as events:
            assert (await events.next()).worker_sequence == 2
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        gateway.clock.advance(2)
        async with session.events(after=1) as events:
            assert is_gap(await events.next(), 1, 3)
            assert (await events.next()).worker_sequence == 3


async def test_gap_is_sent_even_if_no_events_are_retained(gateway: SimulatedGateway, session: WireSession) -> None:
    await streamed_once(gateway, session)
    tag_changes(gateway, 2, 3)
    gateway.faults.age_out_replay(session.session_id)
    async with session.events(after=1) as events:
        assert is_gap(await events.next(), 1, 4)
        tag_changes(gateway, 4)
        assert (await events.next()).worker_sequence == 4
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    gateway.faults.age_out_replay(session.session_id)
    async with session.events(after=4) as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        tag_changes(gateway, 5)
        assert (await events.next()).worker_sequence == 5


async def test_slow_subscriber_loses_stream_and_session(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestInt")
        await events.next()
        tag_changes(gateway, *range(10_001))
        assert await events.end() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await session.state() == pb.SESSION_STATE_FAULTED


async def test_ten_thousand_events_are_queued(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestInt")
        await events.next()
        tag_changes(gateway, *range(10_000))
        assert await values_of(events, 10_000) == list(range(10_000))
    assert await session.state() == pb.SESSION_STATE_READY


async def test_overflow_can_leave_the_session_ready() -> None:
    limits = Limits(queued_events=10, fault_on_overflow=False)
    async with SimulatedGateway(ramp_interval=None, limits=limits) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        async with session.events() as events:
            await session.advised("TestChildObject.TestInt")
            await events.next()
            tag_changes(gateway, *range(11))
            assert await events.end() is grpc.StatusCode.RESOURCE_EXHAUSTED
        async with session.events(after=1) as events:
            assert await values_of(events, 11) == list(range(11))


async def test_session_faulted_while_an_item_settles_stops_listening() -> None:
    limits = Limits(queued_events=0)
    async with SimulatedGateway(ramp_interval=None, limits=limits) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        server = await session.register()
        item = await session.add_item(server, "TestChildObject.TestSettling")
        async with session.events() as events:
            await gateway.wait_for(lambda: gateway.sessions[0].streams)
            reply = await session.reply(pb.MX_COMMAND_KIND_ADVISE, server_handle=server, item_handle=item)
            assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
            assert await events.end() is grpc.StatusCode.RESOURCE_EXHAUSTED
        gateway.clock.advance(1)
        assert gateway.plant["TestChildObject.TestSettling"].listeners == 0


async def test_overflow_events(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        gateway.faults.overflow_events(session.session_id)
        assert await events.end() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await session.state() == pb.SESSION_STATE_FAULTED


async def test_backlog_drops_the_oldest_events(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    tag_changes(gateway, *range(10_000))
    async with session.events() as events:
        assert (await events.next()).worker_sequence == 2
    assert await session.state() == pb.SESSION_STATE_READY


async def test_stopping_gateway_ends_streams_unavailable() -> None:
    gateway = SimulatedGateway()
    await gateway.start()
    async with connected(gateway) as wire:
        session = await wire.open_session()
        async with session.events() as events:
            await gateway.wait_for(lambda: gateway.sessions[0].streams)
            await gateway.stop()
            assert await events.end() is grpc.StatusCode.UNAVAILABLE
        with refused(grpc.StatusCode.UNAVAILABLE):
            await wire.open_session()
