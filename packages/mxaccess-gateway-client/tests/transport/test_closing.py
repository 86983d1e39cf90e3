"""Everything that is opened is closed once, and no error hides another."""

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
    """Return the number of CloseSession calls."""
    return len([call for call in gateway.calls if call.rpc == "CloseSession"])


async def connected(gateway: SimulatedGateway) -> GatewayClient:
    """Return another client."""
    return await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)


async def test_leaving_async_with_closes_the_session(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session(client_session_name="short") as session:
        assert [view.client_session_name for view in gateway.sessions] == ["short"]

    assert session.closed
    assert not gateway.sessions


async def test_closing_session_twice_sends_one_call(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()

    await session.close()
    await session.close()

    assert closings(gateway) == 1


async def test_closing_session_from_several_tasks_sends_one_call(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    session = await client.open_session()

    await asyncio.gather(*(session.close() for _ in range(10)))

    assert closings(gateway) == 1
    assert session.closed


async def test_closing_client_closes_its_sessions(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    sessions = [await client.open_session() for _ in range(3)]

    await client.close()

    assert client.closed
    assert all(session.closed for session in sessions)
    assert not gateway.sessions


async def test_several_tasks_may_close_the_client(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    await client.open_session()

    await asyncio.gather(*(client.close() for _ in range(10)))
    await client.close()

    assert closings(gateway) == 1


async def test_closing_client_leaves_attached_and_detached_sessions_open(
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


async def test_leaving_async_with_closes_attached_session(gateway: SimulatedGateway, client: GatewayClient) -> None:
    opened = await client.open_session()

    async with client.attach_session(f" {opened.session_id} ") as session:
        assert session.info.session_id == opened.session_id

    assert not gateway.sessions


async def test_error_in_body_is_kept_and_the_session_closed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    with pytest.raises(KeyError, match="mine") as caught:
        async with client.open_session():
            raise KeyError("mine")

    assert not gateway.sessions
    assert caught.value.__context__ is None


async def test_error_in_body_is_kept_if_closing_fails_too(
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


async def test_failed_close_raises_and_can_be_repeated(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")
    with pytest.raises(MxGatewayTransportError):
        await session.close()

    await session.close()

    assert session.closed
    assert not gateway.sessions


async def test_closing_is_retried_after_lost_connection(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")

    await session.close()

    requests: list[Any] = [call.request for call in gateway.calls if call.rpc == "CloseSession"]
    assert len({request.client_correlation_id for request in requests}) == 3
    assert not gateway.sessions


async def test_client_closes_if_its_session_cannot_be_closed(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    other = await connected(gateway)
    session = await other.open_session()
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.PERMISSION_DENIED, rpc="CloseSession")

    await other.close()

    assert other.closed
    assert any(session.session_id in record.getMessage() for record in caplog.records)
    await client.attach_session(session.session_id).close()


async def test_unknown_session_counts_as_closed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    await gateway.faults.restart()

    await session.close()

    assert session.closed


async def test_session_not_found_counts_as_closed(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.close_reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_SESSION_NOT_FOUND

    await scripted_session.close()

    assert scripted_session.closed


async def test_closing_session_ends_its_stream_normally(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    stream = session.stream_events()

    async def read() -> list[object]:
        return [event async for event in stream]

    reader = asyncio.create_task(read())
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    await session.close()

    assert await reader == []
    assert not stream.is_open


async def test_closing_client_ends_its_streams_normally(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    session = await client.open_session()

    async def read() -> list[object]:
        return [event async for event in session.stream_events()]

    reader = asyncio.create_task(read())
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    await client.close()

    assert await reader == []


async def test_cancelled_close_still_closes(gateway: SimulatedGateway, client: GatewayClient) -> None:
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


async def test_closing_takes_at_most_close_timeout(gateway: SimulatedGateway, caplog: pytest.LogCaptureFixture) -> None:
    client = await GatewayClient.connect(
        endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, close_timeout=0.1
    )
    session = await client.open_session()
    with gateway.faults.held_sessions(SessionState.CLOSING):
        began = time.monotonic()
        await client.close()
        assert time.monotonic() - began < 2

    assert any(f"closing {session.session_id} failed" in record.getMessage() for record in caplog.records)


async def test_closing_client_waits_for_session_being_opened(gateway: SimulatedGateway) -> None:
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


async def test_no_session_is_opened_while_client_closes(gateway: SimulatedGateway) -> None:
    client = await connected(gateway)
    await client.open_session()
    with gateway.faults.held_sessions(SessionState.CLOSING):
        closing = asyncio.create_task(client.close())
        await gateway.wait_for(lambda: gateway.sessions[0].state is SessionState.CLOSING)

        with pytest.raises(MxGatewayUsageError, match="the client is closed"):
            await client.open_session()

    await closing
    assert not gateway.sessions


async def test_client_does_not_keep_closed_sessions(client: GatewayClient) -> None:
    session = await client.open_session()
    await session.close()
    closed = weakref.ref(session)
    del session

    async with client.open_session():
        gc.collect()
        assert closed() is None


async def test_session_is_closed_after_broken_connection(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session():
        await gateway.faults.drop_connections()

    assert not gateway.sessions


@pytest.mark.parametrize("version", [0, 2, 4, 2**32 - 1])
async def test_unknown_gateway_version_is_refused_and_its_session_closed(
    scripted: ScriptedGateway, scripted_client: GatewayClient, version: int
) -> None:
    scripted.open_reply.gateway_protocol_version = version

    with pytest.raises(
        MxGatewayVersionError, match=f"protocol version {version}, but this client supports version 3"
    ) as caught:
        await scripted_client.open_session()

    assert caught.value.hint
    assert len(scripted.requests("CloseSession")) == 1


async def test_session_without_an_id_is_refused(scripted: ScriptedGateway, scripted_client: GatewayClient) -> None:
    scripted.open_reply.session_id = ""

    with pytest.raises(MxGatewayProtocolError, match="has no session id"):
        await scripted_client.open_session()


async def test_too_many_sessions_raise_limit_error(gateway: SimulatedGateway) -> None:
    async with await connected(gateway) as client:
        for _ in range(64):
            await client.open_session()
        with pytest.raises(MxGatewayLimitError, match="64 sessions are open"):
            await client.open_session()


async def ping_over_a_new_connection(session: Session) -> None:
    """Ping repeatedly until the client has noticed that the old connection is lost."""
    while True:
        with contextlib.suppress(MxGatewayTransportError):
            return await session.ping()


async def test_lost_session_raises_session_error(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session() as session:
        await gateway.faults.restart()
        with pytest.raises(MxGatewaySessionError, match="is unknown") as caught:
            await ping_over_a_new_connection(session)

    assert caught.value.session_id == session.session_id


async def test_session_can_be_closed_after_worker_shutdown(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.open_session() as session:
        await session.shutdown_worker()
        with pytest.raises(MxGatewayError):
            await session.register("test")

    assert not gateway.sessions


async def test_empty_id_cannot_be_attached(client: GatewayClient) -> None:
    with pytest.raises(ValueError, match="session_id is empty"):
        client.attach_session(" ")


async def test_unknown_session_raises_session_error(client: GatewayClient) -> None:
    with pytest.raises(MxGatewaySessionError, match=f"{SESSION_ID} is unknown"):
        await client.attach_session(SESSION_ID).ping()
