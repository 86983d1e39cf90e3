"""Whatever is opened is closed, once, by whoever asks first, and no error hides another."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
import weakref
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewaySessionError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayVersionError,
    Session,
    SessionState,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import SESSION_ID, ScriptedGateway


def closings(gateway: SimulatedGateway) -> int:
    """How often CloseSession was called."""
    return len([call for call in gateway.calls if call.rpc == "CloseSession"])


async def connected(gateway: SimulatedGateway) -> GatewayClient:
    """Another client."""
    return await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)


async def test_leaving_a_session_closes_it(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session(client_session_name="short") as session:
        assert [view.client_session_name for view in gateway.sessions] == ["short"]

    assert session.closed
    assert not gateway.sessions


async def test_closing_a_session_twice_asks_the_gateway_once(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()

    await session.close()
    await session.close()

    assert closings(gateway) == 1


async def test_closing_a_session_from_several_tasks_asks_the_gateway_once(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    session = await client.open_session()

    await asyncio.gather(*(session.close() for _ in range(10)))

    assert closings(gateway) == 1
    assert session.closed


async def test_closing_the_client_closes_its_sessions(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    sessions = [await client.open_session() for _ in range(3)]

    await client.close()

    assert client.closed
    assert all(session.closed for session in sessions)
    assert not gateway.sessions


async def test_closing_the_client_from_several_tasks_is_fine(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    await client.open_session()

    await asyncio.gather(*(client.close() for _ in range(10)))
    await client.close()

    assert closings(gateway) == 1


async def test_closing_the_client_leaves_attached_and_detached_sessions_open(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    other = await connected(gateway)
    attached = other.attach_session((await client.open_session()).session_id)
    detached = await other.open_session()
    other.detach_session(detached)
    await attached.ping()

    await other.close()

    assert len(gateway.sessions) == 2
    await client.attach_session(detached.session_id).close()


async def test_an_attached_session_is_closed_by_leaving_it(gateway: SimulatedGateway, client: GatewayClient) -> None:
    opened = await client.open_session()

    async with client.attach_session(f" {opened.session_id} ") as session:
        assert session.info.session_id == opened.session_id

    assert not gateway.sessions


async def test_a_body_that_raises_keeps_its_error_and_closes_the_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    with pytest.raises(KeyError, match="mine") as caught:
        async with client.open_session():
            raise KeyError("mine")

    assert not gateway.sessions
    assert caught.value.__context__ is None


async def test_a_body_that_raises_keeps_its_error_when_closing_fails_too(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, rpc="CloseSession")

    session = await client.open_session()
    with pytest.raises(KeyError, match="mine"):
        async with session:
            raise KeyError("mine")

    assert not session.closed
    (record,) = [record for record in caplog.records if record.name == "mxgateway.session"]
    assert record.levelno == logging.WARNING
    assert session.session_id in record.getMessage()


async def test_a_session_that_can_not_be_closed_says_so_and_can_be_closed_again(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    session = await client.open_session()
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")
    with pytest.raises(MxGatewayTransportError):
        await session.close()

    await session.close()

    assert session.closed
    assert not gateway.sessions


async def test_closing_is_tried_again_when_the_connection_breaks_at_that_moment(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    session = await client.open_session()
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")

    await session.close()

    requests: list[Any] = [call.request for call in gateway.calls if call.rpc == "CloseSession"]
    assert len({request.client_correlation_id for request in requests}) == 3
    assert not gateway.sessions


async def test_a_client_whose_session_can_not_be_closed_closes_all_the_same(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    other = await connected(gateway)
    session = await other.open_session()
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, rpc="CloseSession")

    await other.close()

    assert other.closed
    assert any(session.session_id in record.getMessage() for record in caplog.records)
    await client.attach_session(session.session_id).close()


async def test_a_session_that_the_gateway_forgot_counts_as_closed(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    session = await client.open_session()
    await gateway.faults.restart()

    await session.close()

    assert session.closed


async def test_a_session_of_which_the_gateway_says_not_found_counts_as_closed(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.close_reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_SESSION_NOT_FOUND

    await scripted_session.close()

    assert scripted_session.closed


async def test_closing_ends_the_sessions_stream_normally(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    stream = session.stream_events()

    async def read() -> list[object]:
        return [event async for event in stream]

    reader = asyncio.create_task(read())
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    await session.close()

    assert await reader == []
    assert not stream.is_open


async def test_closing_the_client_ends_the_streams_of_its_sessions_normally(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    session = await client.open_session()

    async def read() -> list[object]:
        return [event async for event in session.stream_events()]

    reader = asyncio.create_task(read())
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    await client.close()

    assert await reader == []


async def test_a_cancelled_close_closes_all_the_same(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    with gateway.faults.held_sessions(SessionState.CLOSING):
        closing = asyncio.create_task(session.close())
        await gateway.wait_for(lambda: gateway.sessions[0].state is SessionState.CLOSING)
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing

    await session.close()

    assert session.closed
    assert closings(gateway) == 1


async def test_closing_is_bounded_in_time(gateway: SimulatedGateway, caplog: pytest.LogCaptureFixture) -> None:
    client = await GatewayClient.connect(
        endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, close_timeout=0.1
    )
    session = await client.open_session()
    with gateway.faults.held_sessions(SessionState.CLOSING):
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < 2

    assert any(f"closing {session.session_id} failed" in record.getMessage() for record in caplog.records)


async def test_closing_the_client_waits_for_a_session_that_is_being_opened(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)

    async def open_session() -> Session:
        return await client.open_session()

    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        opening = asyncio.create_task(open_session())
        await gateway.wait_for(lambda: gateway.sessions)
        closing = asyncio.create_task(client.close())
        await asyncio.sleep(0)

    await closing
    await opening
    assert not gateway.sessions


async def test_no_session_is_opened_while_the_client_closes(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    await client.open_session()
    with gateway.faults.held_sessions(SessionState.CLOSING):
        closing = asyncio.create_task(client.close())
        await gateway.wait_for(lambda: gateway.sessions[0].state is SessionState.CLOSING)

        with pytest.raises(MxGatewayUsageError, match="the client is closed"):
            await client.open_session()

    await closing
    assert not gateway.sessions


async def test_a_client_does_not_hold_sessions_that_are_closed(client: GatewayClient) -> None:
    session = await client.open_session()
    await session.close()
    closed = weakref.ref(session)
    del session

    async with client.open_session():
        gc.collect()
        assert closed() is None


async def test_a_connection_that_broke_does_not_keep_a_session_from_being_closed(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.open_session():
        await gateway.faults.drop_connections()

    assert not gateway.sessions


@pytest.mark.parametrize("version", [0, 2, 4, 2**32 - 1])
async def test_a_gateway_of_another_version_is_refused_and_its_session_closed(
    scripted: ScriptedGateway, scripted_client: GatewayClient, version: int
) -> None:
    scripted.open_reply.gateway_protocol_version = version

    with pytest.raises(
        MxGatewayVersionError, match=f"protocol version {version}, but this client supports version 3"
    ) as caught:
        await scripted_client.open_session()

    assert caught.value.hint
    assert len(scripted.requests("CloseSession")) == 1


async def test_a_session_without_an_id_is_no_session(scripted: ScriptedGateway, scripted_client: GatewayClient) -> None:
    scripted.open_reply.session_id = ""

    with pytest.raises(MxGatewayProtocolError, match="has no session id"):
        await scripted_client.open_session()


async def test_too_many_sessions_are_a_limit(gateway: SimulatedGateway) -> None:
    async with await connected(gateway) as client:
        for _ in range(64):
            await client.open_session()
        with pytest.raises(MxGatewayLimitError, match="64 sessions are open"):
            await client.open_session()


async def ping_over_a_new_connection(session: Session) -> None:
    """Ping as soon as the client has noticed that the old connection is gone."""
    while True:
        with contextlib.suppress(MxGatewayTransportError):
            return await session.ping()


async def test_a_lost_session_says_so(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session() as session:
        await gateway.faults.restart()
        with pytest.raises(MxGatewaySessionError, match="is unknown") as caught:
            await ping_over_a_new_connection(session)

    assert caught.value.session_id == session.session_id


async def test_a_sessions_own_shutdown_leaves_it_to_be_closed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session() as session:
        await session.shutdown_worker()
        with pytest.raises(MxGatewayError):
            await session.register("test")

    assert not gateway.sessions


async def test_an_id_of_nothing_can_not_be_attached(client: GatewayClient) -> None:
    with pytest.raises(ValueError, match="session_id is empty"):
        client.attach_session(" ")


async def test_an_unknown_session_says_not_found(client: GatewayClient) -> None:
    with pytest.raises(MxGatewaySessionError, match=f"{SESSION_ID} is unknown"):
        await client.attach_session(SESSION_ID).ping()
