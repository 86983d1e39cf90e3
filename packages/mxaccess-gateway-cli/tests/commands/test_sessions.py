"""Sessions are opened, used and closed by separate commands."""

from __future__ import annotations

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import mxgw_py, succeed
from cli_support.gateways import API_KEY
from mxgateway import Session, SessionState
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.scripted_gateway import SESSION_ID, scripted_gateway


async def test_session_stays_open_until_closed(gateway: SimulatedGateway) -> None:
    session_id = (await succeed("open-session", "--client-session-name", "line 3")).stdout.strip()
    assert [(view.session_id, view.client_session_name) for view in gateway.sessions] == [(session_id, "line 3")]

    assert (await succeed("session-state", "--session-id", session_id)).stdout == "READY\n"
    await succeed("close-session", "--session-id", session_id)

    assert not gateway.sessions


@pytest.mark.usefixtures("gateway")
async def test_open_session_sends_command_timeout() -> None:
    record = (await succeed("open-session", "--command-timeout", "2.5", "--json")).record

    assert record["defaultCommandTimeout"] == "2.5s"
    await succeed("close-session", "--session-id", record["sessionId"])


@pytest.mark.usefixtures("gateway")
async def test_session_can_be_closed_twice() -> None:
    session_id = (await succeed("open-session")).stdout.strip()

    assert (await succeed("close-session", "--session-id", session_id)).stdout == f"closed {session_id}\n"
    assert (await succeed("close-session", "--session-id", session_id, "--json")).record["closed"] is True


@pytest.mark.usefixtures("gateway")
async def test_closing_unknown_session_is_error() -> None:
    result = await mxgw_py("close-session", "--session-id", "session-0")

    assert result.status == ExitStatus.SESSION
    assert "session-0" in result.error


async def test_closing_session_unknown_by_protocol_status_is_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", API_KEY)

    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_SESSION_NOT_FOUND
        reply.protocol_status.message = "that session is gone"

    async with scripted_gateway() as gateway:
        gateway.edit_reply = refuse
        target = ["--endpoint", gateway.endpoint, "--plaintext", "--api-key-env", "TEST_KEY"]
        result = await mxgw_py("close-session", "--session-id", SESSION_ID, *target)

        assert result.status == ExitStatus.SESSION
        assert "that session is gone" in result.error
        assert not gateway.requests("CloseSession")


async def test_session_with_hanging_worker_can_be_closed(gateway: SimulatedGateway) -> None:
    session_id = (await succeed("open-session")).stdout.strip()

    with gateway.faults.held_commands(session_id):
        await succeed("close-session", "--session-id", session_id, "--timeout", "0.5")

    assert not gateway.sessions


async def test_close_session_needs_only_close_scope(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = (await succeed("open-session")).stdout.strip()
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("session:close"))

    await succeed("close-session", "--session-id", session_id)


async def test_faulted_session_can_be_closed(gateway: SimulatedGateway) -> None:
    session_id = (await succeed("open-session")).stdout.strip()
    gateway.faults.kill_worker(session_id)

    record = (await succeed("session-state", "--session-id", session_id, "--json")).record
    assert record == {"sessionId": session_id, "state": "SESSION_STATE_FAULTED"}
    await succeed("close-session", "--session-id", session_id)


async def test_refused_open_session_is_session_error(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "64 sessions are open", rpc="OpenSession")

    result = await mxgw_py("open-session")

    assert result.status == ExitStatus.SESSION
    assert "64 sessions are open" in result.error


async def test_ping_and_worker_info_reach_worker(session: Session) -> None:
    ping = (await succeed("ping", "--json")).record
    info = (await succeed("worker-info", "--json")).record

    assert ping["sessionId"] == info["sessionId"] == session.session_id
    assert ping["elapsedMs"] > 0
    assert info["workerProcessId"] == session.info.worker_process_id


@pytest.mark.usefixtures("session")
async def test_commands_leave_session_open(
    gateway: SimulatedGateway,
) -> None:
    await succeed("ping")
    await succeed("register")

    assert [view.state for view in gateway.sessions] == [SessionState.READY]
