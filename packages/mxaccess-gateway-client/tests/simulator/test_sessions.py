"""Sessions: states, limits, leases and ends."""

from __future__ import annotations

import asyncio
import re

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.protocol import SessionState
from mxgateway.testing import Limits, SimulatedGateway
from support.wire import Wire, WireSession, connected, refused

STARTING = (
    SessionState.CREATING,
    SessionState.STARTING_WORKER,
    SessionState.WAITING_FOR_PIPE,
    SessionState.HANDSHAKING,
    SessionState.INITIALIZING_WORKER,
)


async def test_open_session_reply_has_all_fields(wire: Wire) -> None:
    reply = await wire.open_session_reply(client_session_name="mine", client_correlation_id="1")
    assert re.fullmatch(r"session-[0-9a-f]{32}", reply.session_id)
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
    assert reply.gateway_protocol_version == 3
    assert reply.worker_process_id > 0
    assert reply.default_command_timeout.seconds == 30
    assert list(reply.capabilities) == ["unary-acknowledge-alarm", "server-stream-active-alarms"]


async def test_gateway_protocol_version_can_be_set() -> None:
    async with SimulatedGateway(gateway_protocol_version=9) as gateway, connected(gateway) as wire:
        assert (await wire.open_session_reply()).gateway_protocol_version == 9


async def test_every_session_has_its_own_worker(wire: Wire) -> None:
    first, second = await wire.open_session_reply(), await wire.open_session_reply()
    assert first.session_id != second.session_id
    assert first.worker_process_id != second.worker_process_id
    session = wire.session(first.session_id)
    await session.advised("TestChildObject.TestInt")
    other = wire.session(second.session_id)
    reply = await other.reply(pb.MX_COMMAND_KIND_ADVISE, server_handle=1, item_handle=1)
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE


async def test_unknown_session_is_not_found(wire: Wire) -> None:
    unknown = wire.session("session-" + "0" * 32)
    with refused(grpc.StatusCode.NOT_FOUND, unknown.session_id):
        await unknown.reply(pb.MX_COMMAND_KIND_PING)
    with refused(grpc.StatusCode.NOT_FOUND):
        await unknown.close()
    async with unknown.events() as events:
        assert await events.end() is grpc.StatusCode.NOT_FOUND


async def test_missing_session_id_is_an_invalid_argument(wire: Wire) -> None:
    unnamed = wire.session("")
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "session_id"):
        await unnamed.reply(pb.MX_COMMAND_KIND_PING)
    with refused(grpc.StatusCode.INVALID_ARGUMENT):
        await unnamed.close()
    async with unnamed.events() as events:
        assert await events.end() is grpc.StatusCode.INVALID_ARGUMENT


async def test_65th_session_is_refused_until_one_is_closed(wire: Wire, gateway: SimulatedGateway) -> None:
    sessions = [await wire.open_session() for _ in range(64)]
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "64"):
        await wire.open_session()
    await sessions[0].close()
    await wire.open_session()
    assert len(gateway.sessions) == 64


async def test_closed_session_can_be_closed_again(session: WireSession, gateway: SimulatedGateway) -> None:
    for _ in range(3):
        reply = await session.close()
        assert reply.final_state == pb.SESSION_STATE_CLOSED
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
    assert gateway.sessions == ()


async def test_session_closed_long_ago_is_forgotten() -> None:
    limits = Limits(known_closed_sessions=1)
    async with SimulatedGateway(limits=limits) as gateway, connected(gateway) as wire:
        first, second = await wire.open_session(), await wire.open_session()
        await first.close()
        await second.close()
        await wire.open_session()
        await second.close()
        with refused(grpc.StatusCode.NOT_FOUND):
            await first.close()


async def test_closed_session_answers_only_get_session_state(session: WireSession) -> None:
    await session.close()
    assert await session.state() == pb.SESSION_STATE_CLOSED
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "CLOSED"):
        await session.register()
    async with session.events() as events:
        assert await events.end() is grpc.StatusCode.FAILED_PRECONDITION


async def test_faulted_session_answers_only_get_session_state(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.faults.fault_session(session.session_id)
    assert await session.state() == pb.SESSION_STATE_FAULTED
    with refused(grpc.StatusCode.FAILED_PRECONDITION, "FAULTED"):
        await session.register()
    async with session.events() as events:
        assert await events.end() is grpc.StatusCode.FAILED_PRECONDITION
    assert (await session.close()).final_state == pb.SESSION_STATE_CLOSED


@pytest.mark.parametrize("state", STARTING, ids=lambda state: state.name)
async def test_starting_session_answers_only_get_session_state(
    gateway: SimulatedGateway, wire: Wire, state: SessionState
) -> None:
    with gateway.faults.held_sessions(state):
        opening = asyncio.create_task(wire.open_session_reply())
        await gateway.wait_for(lambda: [session.state for session in gateway.sessions] == [state])
        early = wire.session(gateway.sessions[0].session_id)
        assert SessionState(await early.state()) is state
        with refused(grpc.StatusCode.FAILED_PRECONDITION, state.name):
            await early.register()
        assert not opening.done()
    assert (await opening).session_id == early.session_id
    assert await early.state() == pb.SESSION_STATE_READY


async def test_closing_session_answers_only_get_session_state(gateway: SimulatedGateway, session: WireSession) -> None:
    with gateway.faults.held_sessions(SessionState.CLOSING):
        closing = asyncio.create_task(session.close())
        await gateway.wait_for(lambda: gateway.sessions[0].state is SessionState.CLOSING)
        assert await session.state() == pb.SESSION_STATE_CLOSING
        with refused(grpc.StatusCode.FAILED_PRECONDITION, "CLOSING"):
            await session.register()
    assert (await closing).final_state == pb.SESSION_STATE_CLOSED


async def test_cancelled_open_session_leaves_no_session(gateway: SimulatedGateway, wire: Wire) -> None:
    with gateway.faults.held_sessions(SessionState.HANDSHAKING):
        opening = asyncio.create_task(wire.open_session_reply())
        await gateway.wait_for(lambda: gateway.sessions)
        opening.cancel()
        await gateway.wait_for(lambda: not gateway.sessions)
    assert gateway.calls[-1].cancelled


async def test_session_closed_while_starting_never_opens(gateway: SimulatedGateway, wire: Wire) -> None:
    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        opening = asyncio.create_task(wire.open_session_reply())
        await gateway.wait_for(lambda: gateway.sessions)
        await wire.close_session(gateway.sessions[0].session_id)
    with refused(grpc.StatusCode.UNAVAILABLE):
        await opening


async def test_session_faulted_while_starting_never_opens(gateway: SimulatedGateway, wire: Wire) -> None:
    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        opening = asyncio.create_task(wire.open_session_reply())
        await gateway.wait_for(lambda: gateway.sessions)
        gateway.faults.kill_worker(gateway.sessions[0].session_id)
    with refused(grpc.StatusCode.UNAVAILABLE):
        await opening
    await gateway.wait_for(lambda: not gateway.sessions)


async def test_fault_of_an_unknown_session_raises_key_error(gateway: SimulatedGateway) -> None:
    with pytest.raises(KeyError, match="session-1"):
        gateway.faults.kill_worker("session-1")


async def test_lease_closes_an_idle_session(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.clock.advance(1799)
    assert await session.state() == pb.SESSION_STATE_READY
    gateway.clock.advance(1801)
    await gateway.wait_for(lambda: not gateway.sessions)
    assert await session.state() == pb.SESSION_STATE_CLOSED


async def test_every_call_renews_the_lease(gateway: SimulatedGateway, session: WireSession) -> None:
    for _ in range(3):
        gateway.clock.advance(1700)
        await session.execute(pb.MX_COMMAND_KIND_PING)
    assert await session.state() == pb.SESSION_STATE_READY


async def test_open_stream_keeps_the_lease(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events():
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        for _ in range(3):
            gateway.clock.advance(1801)
        assert await session.state() == pb.SESSION_STATE_READY


async def test_session_closes_thirty_seconds_after_its_stream_ended(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    async with session.events():
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
    await gateway.wait_for(lambda: not gateway.sessions[0].streams)
    gateway.clock.advance(29)
    assert await session.state() == pb.SESSION_STATE_READY
    gateway.clock.advance(2)
    await gateway.wait_for(lambda: not gateway.sessions)


async def test_new_stream_within_the_grace_period_keeps_the_session(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    for _ in range(2):
        async with session.events():
            await gateway.wait_for(lambda: gateway.sessions[0].streams)
            gateway.clock.advance(60)
        await gateway.wait_for(lambda: not gateway.sessions[0].streams)
        gateway.clock.advance(29)
    assert await session.state() == pb.SESSION_STATE_READY


async def test_session_that_never_streamed_has_no_grace_period(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.clock.advance(600)
    assert await session.state() == pb.SESSION_STATE_READY


async def test_restart_loses_all_sessions(gateway: SimulatedGateway, session: WireSession) -> None:
    endpoint = gateway.endpoint
    await gateway.faults.restart()
    assert gateway.endpoint == endpoint
    async with connected(gateway) as wire:
        with refused(grpc.StatusCode.NOT_FOUND):
            await wire.session(session.session_id).state()


async def test_killed_worker_faults_its_session(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await gateway.wait_for(lambda: gateway.sessions[0].streams)
        with gateway.faults.held_commands(session.session_id):
            running = session.call(pb.MX_COMMAND_KIND_PING)
            await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
            gateway.faults.kill_worker(session.session_id)
            reply = await running
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
        assert await events.end() is grpc.StatusCode.UNAVAILABLE
    assert await session.state() == pb.SESSION_STATE_FAULTED


async def test_negative_command_timeout_is_an_invalid_argument(wire: Wire) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "command_timeout"):
        await wire.open_session_reply(command_timeout={"seconds": -1})


async def test_sessions_are_visible_to_a_test(gateway: SimulatedGateway, wire: Wire) -> None:
    session = await wire.open_session(client_session_name="shown")
    await session.advised("TestChildObject.TestIntArray")
    (view,) = gateway.sessions
    assert (view.session_id, view.client_session_name, view.state) == (session.session_id, "shown", SessionState.READY)
    (item,) = view.items
    assert (item.server_handle, item.item_handle) == (1, 1)
    assert item.definition == "TestChildObject.TestIntArray[]"
    assert item.advised
    assert not item.supervisory


async def test_wait_for_timeout_describes_the_gateway(gateway: SimulatedGateway, session: WireSession) -> None:
    with pytest.raises(TimeoutError, match=session.session_id):
        await gateway.wait_for(lambda: False, timeout=0.01)
