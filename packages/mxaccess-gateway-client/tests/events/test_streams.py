"""Event streams that are resumed, refused or broken: every loss raises an error or is a ReplayGap."""

from __future__ import annotations

import gc
import re

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    DataChange,
    GatewayClient,
    MxEvent,
    MxEventFamily,
    MxGatewayEventLossError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayWorkerError,
    ReplayGap,
    Session,
    SessionState,
)
from mxgateway.testing import SimulatedGateway
from support.event_reading import TAG, advised, numbered, take, values
from support.scripted_gateway import SESSION_ID, ScriptedGateway
from support.waiting import until


async def test_stream_counts_delivered_and_pending_events(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    stream = session.stream_events()
    assert (stream.last_sequence, stream.delivered, stream.pending, stream.is_open) == (0, 0, 0, False)

    async with stream:
        assert stream.is_open
        await anext(stream)
        for number in range(3):
            gateway.plant[TAG].set(number)
        await anext(stream)
        await until(lambda: stream.pending == 2)
        assert (stream.last_sequence, stream.delivered, stream.pending) == (2, 2, 2)

    assert not stream.is_open


async def test_events_before_the_stream_are_not_lost(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    for number in range(10):
        gateway.plant[TAG].set(number)

    async with session.stream_events() as stream:
        events = await take(stream, 11)

    assert values(events)[1:] == list(range(10))


async def test_closing_a_stream_ends_the_loop_and_keeps_the_session_open(
    gateway: SimulatedGateway, session: Session
) -> None:
    await advised(session)
    stream = session.stream_events()
    seen: list[MxEvent] = []
    async for event in stream:
        seen.append(event)
        await stream.close()

    assert len(seen) == 1
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 0)
    assert gateway.sessions[0].state is SessionState.READY
    assert await session.get_state() is SessionState.READY


async def test_stream_can_be_closed_twice_and_before_it_started(session: Session) -> None:
    stream = session.stream_events()

    await stream.close()
    await stream.close()

    assert [event async for event in stream] == []


async def test_closed_stream_cannot_be_entered_again(session: Session) -> None:
    stream = session.stream_events()
    await stream.close()

    with pytest.raises(MxGatewayUsageError, match="the stream is closed"):
        await stream.__aenter__()


async def test_next_stream_can_open_after_break(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)

    async for event in session.stream_events():
        assert isinstance(event, DataChange)
        break

    await gateway.wait_for(lambda: gateway.sessions[0].streams == 0)
    assert gateway.calls[-1].rpc == "StreamEvents"
    assert gateway.calls[-1].cancelled


async def test_next_stream_can_open_at_once_after_close(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    last = 0
    for number in range(50):
        async with session.stream_events(after_sequence=last) as stream:
            event = await anext(stream)
            assert event.sequence == last + 1
            last = stream.last_sequence
            gateway.plant[TAG].set(number)


async def test_next_stream_can_open_at_once_after_break(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    last = 0
    for number in range(50):
        async for event in session.stream_events(after_sequence=last):
            assert event.sequence == last + 1
            last = event.sequence
            gateway.plant[TAG].set(number)
            break


@pytest.mark.parametrize("way", ["close", "break"])
async def test_stream_is_retried_while_the_gateway_still_counts_the_closed_one(
    gateway: SimulatedGateway, session: Session, way: str
) -> None:
    await advised(session)
    if way == "close":
        async with session.stream_events() as stream:
            await anext(stream)
    else:
        async for _ in session.stream_events():
            break
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.FAILED_PRECONDITION, rpc="StreamEvents")
    gateway.plant[TAG].set(5)

    async with session.stream_events(after_sequence=1) as stream:
        assert (await anext(stream)).value == 5

    assert len([call for call in gateway.calls if call.rpc == "StreamEvents"]) == 5


async def test_stream_is_not_retried_if_another_client_has_it(gateway: SimulatedGateway, session: Session) -> None:
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.FAILED_PRECONDITION, rpc="StreamEvents")

    with pytest.raises(MxGatewaySessionError):
        await anext(session.stream_events())

    assert len([call for call in gateway.calls if call.rpc == "StreamEvents"]) == 1


async def test_garbage_collected_stream_ends_at_the_gateway(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    stream = session.stream_events()
    await anext(stream)

    del stream
    gc.collect()

    await gateway.wait_for(lambda: gateway.sessions[0].streams == 0)


async def test_resume_delivers_missed_events_and_continues_live(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
    for number in range(10):
        gateway.plant[TAG].set(number)

    async with session.stream_events(after_sequence=stream.last_sequence) as resumed:
        assert resumed.last_sequence == 1
        events = await take(resumed, 10)
        gateway.plant[TAG].set(4711)
        events.append(await anext(resumed))

    assert [event.sequence for event in events] == list(range(2, 13))
    assert values(events) == [*range(10), 4711]


async def test_resume_delivers_events_that_close_dropped(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    stream = session.stream_events()
    await anext(stream)
    for number in range(100):
        gateway.plant[TAG].set(number)
    await until(lambda: stream.pending)
    await stream.close()

    async with session.stream_events(after_sequence=stream.last_sequence) as resumed:
        events = await take(resumed, 100)

    assert values(events) == list(range(100))


async def test_late_resume_begins_with_a_replay_gap(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
    for number in range(5):
        gateway.plant[TAG].set(number)
    gateway.faults.age_out_replay(session.session_id)
    gateway.plant[TAG].set(99)

    async with session.stream_events(after_sequence=stream.last_sequence) as resumed:
        gap, event = await take(resumed, 2)
        gateway.plant[TAG].set(100)
        after = await anext(resumed)

    assert isinstance(gap, ReplayGap)
    assert (gap.requested_after_sequence, gap.oldest_available_sequence) == (1, 7)
    assert (gap.family, gap.sequence, gap.hresult) == (MxEventFamily.UNSPECIFIED, 0, None)
    assert repr(gap) == "ReplayGap(after 1, oldest 7)"
    assert (event.value, event.sequence) == (99, 7)
    assert (after.value, resumed.last_sequence) == (100, 8)


async def test_overflow_raises_and_faults_the_session(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.faults.overflow_events(session.session_id)

        with pytest.raises(MxGatewayLimitError, match="overflowed at 10000 events") as caught:
            await anext(stream)

    assert "process events faster" in str(caught.value)
    assert caught.value.grpc_status is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await session.get_state() is SessionState.FAULTED


async def test_killed_worker_fails_the_stream_and_the_next_command(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.faults.kill_worker(session.session_id)

        with pytest.raises(MxGatewayTransportError, match="has ended unexpectedly"):
            await anext(stream)
    with pytest.raises((MxGatewaySessionError, MxGatewayWorkerError)):
        await session.write(1, item, 5)


async def test_faulted_session_fails_the_stream(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.faults.fault_session(session.session_id)

        with pytest.raises(MxGatewaySessionError, match="FAULTED"):
            await anext(stream)


async def test_stream_raises_when_the_gateway_dies(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        await gateway.faults.restart()

        with pytest.raises(MxGatewayTransportError):
            await anext(stream)


async def test_failed_stream_keeps_raising(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        await gateway.faults.drop_connections()
        for _ in range(2):
            with pytest.raises(MxGatewayTransportError):
                await anext(stream)
        assert not stream.is_open


async def test_stream_resumes_over_a_new_connection(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.plant[TAG].set(1)
        await gateway.faults.drop_connections()
        gateway.plant[TAG].set(2)
        with pytest.raises(MxGatewayTransportError):
            await take(stream, 2)

    async with session.stream_events(after_sequence=stream.last_sequence) as resumed:
        events = await take(resumed, 3 - stream.last_sequence)

    assert events[-1].value == 2
    assert events[-1].sequence == 3


async def test_stream_raises_when_another_client_closes_the_session(client: GatewayClient, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        await client.attach_session(session.session_id).close()

        with pytest.raises(MxGatewayStreamEndedError, match="ended the stream") as caught:
            await anext(stream)

    assert caught.value.session_id == session.session_id
    assert caught.value.hint


async def test_stream_of_an_unknown_session_raises(client: GatewayClient) -> None:
    with pytest.raises(MxGatewaySessionError) as caught:
        await anext(client.attach_session(SESSION_ID).stream_events())

    assert caught.value.grpc_status is grpc.StatusCode.NOT_FOUND


async def test_resume_after_a_future_sequence_raises(session: Session) -> None:
    with pytest.raises(Exception, match="is ahead of the session"):
        await anext(session.stream_events(after_sequence=99))


@pytest.mark.parametrize("after_sequence", [-1, 2**64])
async def test_invalid_after_sequence_raises(session: Session, after_sequence: int) -> None:
    with pytest.raises(ValueError, match=r"after_sequence .* is not between 0 and 18446744073709551615"):
        session.stream_events(after_sequence=after_sequence)


async def test_nothing_is_sent_before_the_stream_is_used(gateway: SimulatedGateway, session: Session) -> None:
    session.stream_events()
    await session.ping()

    assert "StreamEvents" not in {call.rpc for call in gateway.calls}


async def test_stream_that_the_gateway_ends_with_ok_raises(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = numbered(1, 2)
    scripted.end_of_events = (grpc.StatusCode.OK, "")
    stream = scripted_session.stream_events()

    assert [event.sequence for event in await take(stream, 2)] == [1, 2]
    with pytest.raises(MxGatewayStreamEndedError):
        await anext(stream)


@pytest.mark.parametrize(
    ("after", "sequences", "good", "words"),
    [
        (0, [1, 2, 5], 2, "has a gap (2 missing): 5 follows 2"),
        (0, [7, 8, 10], 2, "has a gap (1 missing): 10 follows 8"),
        (0, [3, 4, 4], 2, "runs backwards: 4 follows 4"),
        (0, [3, 4, 1], 2, "runs backwards: 1 follows 4"),
        (5, [7], 0, "has a gap (1 missing): 7 follows 5"),
        (5, [5], 0, "runs backwards: 5 follows 5"),
        (5, [6, 7, 9], 2, "has a gap (1 missing): 9 follows 7"),
    ],
)
async def test_gap_or_step_back_in_the_sequence_raises_and_ends_the_stream(
    scripted: ScriptedGateway, scripted_session: Session, after: int, sequences: list[int], good: int, words: str
) -> None:
    scripted.events = numbered(*sequences, 1000)
    stream = scripted_session.stream_events(after_sequence=after)
    assert [event.sequence for event in await take(stream, good)] == sequences[:good]

    for _ in range(2):
        with pytest.raises(MxGatewayEventLossError, match=f"{re.escape(words)} .*read the items again"):
            await anext(stream)

    assert stream.last_sequence == (sequences[good - 1] if good else after)
    await until(lambda: not scripted.open_streams)
    await stream.close()


async def test_new_stream_may_begin_at_any_sequence(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.events = numbered(4711, 4712)

    async with scripted_session.stream_events() as stream:
        assert [event.sequence for event in await take(stream, 2)] == [4711, 4712]


async def test_sequence_must_still_rise_after_a_replay_gap(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    gap = pb.MxEvent(replay_gap=pb.ReplayGap(requested_after_sequence=5, oldest_available_sequence=9))
    scripted.events = [gap, *numbered(9, 11)]

    async with scripted_session.stream_events(after_sequence=5) as stream:
        assert [type(event) for event in await take(stream, 2)] == [ReplayGap, DataChange]
        with pytest.raises(MxGatewayEventLossError, match=r"gap \(1 missing\)"):
            await anext(stream)


async def test_slow_reader_slows_the_gateway_and_loses_nothing(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = numbered(*range(1, 10_001))

    async with scripted_session.stream_events() as stream:
        await anext(stream)
        await until(lambda: stream.pending >= 4096)
        await scripted_session.ping()
        assert stream.pending < 4500
        events = await take(stream, 9_999)

    assert [event.sequence for event in events] == list(range(2, 10_001))
