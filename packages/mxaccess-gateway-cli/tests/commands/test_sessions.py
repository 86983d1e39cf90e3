"""Sessions that one command opens, others use, and another closes."""

from __future__ import annotations

import grpc
import pytest

from cli_support.command_line import good, mxgw_py
from mxgateway import Session, SessionState
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


async def test_a_session_stays_open_until_somebody_closes_it(gateway: SimulatedGateway) -> None:
    session_id = (await good("open-session", "--client-session-name", "line 3")).stdout.strip()
    assert [(view.session_id, view.client_session_name) for view in gateway.sessions] == [(session_id, "line 3")]

    assert (await good("session-state", "--session-id", session_id)).stdout == "READY\n"
    await good("close-session", "--session-id", session_id)

    assert not gateway.sessions


@pytest.mark.usefixtures("gateway")
async def test_open_session_asks_for_what_it_is_told() -> None:
    record = (await good("open-session", "--command-timeout", "2.5", "--json")).record

    assert record["defaultCommandTimeout"] == "2.5s"
    await good("close-session", "--session-id", record["sessionId"])


@pytest.mark.usefixtures("gateway")
async def test_closing_twice_is_fine() -> None:
    session_id = (await good("open-session")).stdout.strip()

    assert (await good("close-session", "--session-id", session_id)).stdout == f"closed {session_id}\n"
    assert (await good("close-session", "--session-id", session_id, "--json")).record["closed"] is True


@pytest.mark.usefixtures("gateway")
async def test_closing_a_session_that_the_gateway_never_had_is_an_error() -> None:
    result = await mxgw_py("close-session", "--session-id", "session-0")

    assert result.status == ExitStatus.SESSION
    assert "session-0" in result.error


async def test_a_session_whose_worker_hangs_can_be_closed(gateway: SimulatedGateway) -> None:
    session_id = (await good("open-session")).stdout.strip()

    with gateway.faults.held_commands(session_id):
        await good("close-session", "--session-id", session_id, "--timeout", "0.5")

    assert not gateway.sessions


async def test_a_key_that_may_only_close_closes(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    session_id = (await good("open-session")).stdout.strip()
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("session:close"))

    await good("close-session", "--session-id", session_id)


async def test_a_faulted_session_says_so_and_can_be_closed(gateway: SimulatedGateway) -> None:
    session_id = (await good("open-session")).stdout.strip()
    gateway.faults.kill_worker(session_id)

    record = (await good("session-state", "--session-id", session_id, "--json")).record
    assert record == {"sessionId": session_id, "state": "SESSION_STATE_FAULTED"}
    await good("close-session", "--session-id", session_id)


async def test_a_session_whose_opening_is_refused_is_not_opened(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "64 sessions are open", rpc="OpenSession")

    result = await mxgw_py("open-session")

    assert result.status == ExitStatus.SESSION
    assert "64 sessions are open" in result.error


async def test_ping_and_worker_info_ask_the_worker(session: Session) -> None:
    ping = (await good("ping", "--json")).record
    info = (await good("worker-info", "--json")).record

    assert ping["sessionId"] == info["sessionId"] == session.session_id
    assert ping["elapsedMs"] > 0
    assert info["workerProcessId"] == session.info.worker_process_id


@pytest.mark.usefixtures("session")
async def test_no_command_closes_a_session_that_somebody_else_opened(
    gateway: SimulatedGateway,
) -> None:
    await good("ping")
    await good("register")

    assert [view.state for view in gateway.sessions] == [SessionState.READY]
