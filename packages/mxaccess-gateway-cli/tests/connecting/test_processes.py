"""Behaviour that needs a separate process: signals and closed pipes."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

import pytest

from cli_support.command_line import Result, read_line, start_process, wait_for_exit
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send a signal to a single process")
ITEM = "TestChildObject.TestInt"


@pytest.fixture
def _environment(gateway: SimulatedGateway) -> None:
    """Point the environment at the gateway; subprocesses inherit it."""
    assert os.environ["MXGATEWAY_ENDPOINT"] == gateway.endpoint


async def _run(*arguments: object) -> Result:
    async with start_process(*arguments) as process:
        return await wait_for_exit(process)


@pytest.mark.usefixtures("_environment")
async def test_ctrl_c_closes_session_of_smoke_test(gateway: SimulatedGateway) -> None:
    async with start_process("smoke", "TestChildObject.TestNotConnected", "--timeout", "50") as process:
        await gateway.wait_for(lambda: gateway.sessions and gateway.sessions[0].last_sequence, timeout=20)
        process.send_signal(signal.SIGINT)
        result = await wait_for_exit(process)

    assert (result.status, result.stderr) == (ExitStatus.INTERRUPTED, "")
    assert result.stdout.splitlines()[-1].split()[:2] == ["ok", "close-session"]
    assert not gateway.sessions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("_environment", "session")
async def test_signal_ends_stream_silently(gateway: SimulatedGateway, number: signal.Signals) -> None:
    async with start_process("stream-events") as process:
        await gateway.wait_for(lambda: gateway.sessions[0].streams == 1, timeout=20)
        process.send_signal(number)
        result = await wait_for_exit(process)

    assert result == Result(status=ExitStatus.INTERRUPTED, stdout="", stderr="")
    assert len(gateway.sessions) == 1


@pytest.mark.usefixtures("_environment")
async def test_ctrl_c_during_open_session_leaves_no_session(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_calls(0.5)
    async with start_process("open-session") as process:
        await gateway.wait_for(lambda: [call for call in gateway.calls if call.rpc == "OpenSession"], timeout=20)
        process.send_signal(signal.SIGINT)
        result = await wait_for_exit(process)

    assert (result.status, result.stdout, result.stderr) == (ExitStatus.INTERRUPTED, "", "")
    assert not gateway.sessions


@pytest.mark.usefixtures("_environment", "advised_item")
async def test_closed_stdout_ends_stream_silently(gateway: SimulatedGateway) -> None:
    async with start_process("stream-events", "--json") as process:
        assert json.loads(await read_line(process))["workerSequence"] == "1"
        # Close the reading end of stdout.
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # asyncio has no public way
        stderr = asyncio.create_task(process.stderr.read()) if process.stderr is not None else None
        while process.returncode is None:
            gateway.plant[ITEM].set(gateway.plant[ITEM].value + 1)  # type: ignore[operator]  # it holds an int
            await asyncio.sleep(0.02)

        assert stderr is not None
        assert (process.returncode, await stderr) == (ExitStatus.GOOD, b"")


async def test_usage_error_is_one_line_on_stderr() -> None:
    result = await _run("smoke", "--plaintext", "--tls", ITEM)

    assert (result.status, result.stdout) == (ExitStatus.USAGE, "")
    assert "--plaintext and --tls" in result.error


async def test_failed_connection_prints_no_grpc_log(certificates: Certificates) -> None:
    async with SimulatedGateway(tls=certificates.gateway.server()) as gateway:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MXGATEWAY_API_KEY", gateway.api_key)
            result = await _run("smoke", ITEM, "--endpoint", gateway.endpoint)

    assert result.status == ExitStatus.TRANSPORT
    assert "--ca-file" in result.error
