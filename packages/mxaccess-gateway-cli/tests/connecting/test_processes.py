"""What only a process of its own shows: signals, pipes, and two processes that talk to each other."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from cli_support.command_line import Result, ended, first_line, mxgw_py, started
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no signals to one process alone")
ITEM = "TestChildObject.TestInt"


@pytest.fixture
def _environment(gateway: SimulatedGateway) -> None:
    """The environment names the gateway, for processes too: they inherit it."""
    assert os.environ["MXGATEWAY_ENDPOINT"] == gateway.endpoint


async def _run(*arguments: object) -> Result:
    async with started(*arguments) as process:
        return await ended(process)


async def test_smoke_talks_to_simulate_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async with started("simulate", "--json") as simulated:
        address = json.loads(await first_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await _run("smoke", "--plaintext", "--item", ITEM)

        assert (result.status, result.stderr) == (ExitStatus.GOOD, "")
        assert f"{ITEM}: good (192) 42" in result.stdout
        simulated.send_signal(signal.SIGINT)
        assert await ended(simulated) == Result(status=ExitStatus.GOOD, stdout="", stderr="")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_simulate_ends_well_when_it_is_told_to(number: signal.Signals) -> None:
    async with started("simulate") as simulated:
        assert (await first_line(simulated)).startswith("export MXGATEWAY_ENDPOINT=127.0.0.1:")
        simulated.send_signal(number)
        result = await ended(simulated)

    assert result.status == ExitStatus.GOOD
    assert "Traceback" not in result.stderr


async def test_simulate_serves_tls(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("--certificate-file", certificates.gateway.certificate, "--key-file", certificates.gateway.key)
    async with started("simulate", "--json", *files) as simulated:
        address = json.loads(await first_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await mxgw_py("smoke", "--item", ITEM, "--ca-file", certificates.ca)

    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


async def test_simulate_takes_a_plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = tmp_path / "plant.toml"
    plant.write_text('[objects.Tank]\n[objects.Tank.attributes]\nLevel = { type = "double", value = 2.5 }\n')
    async with started("simulate", "--json", "--plant-file", plant) as simulated:
        address = json.loads(await first_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await mxgw_py("smoke", "--plaintext", "--item", "Tank.Level")

    assert "Tank.Level: good (192) 2.5" in result.stdout


async def test_simulate_says_what_it_can_t_use(certificates: Certificates, tmp_path: Path) -> None:
    pair = ("--certificate-file", certificates.gateway.certificate, "--key-file", certificates.client.key)
    plant = tmp_path / "plant.toml"
    plant.write_text("objects = 1\n")

    for arguments, status in (
        (("--certificate-file", certificates.gateway.certificate), ExitStatus.USAGE),
        (pair, ExitStatus.USAGE),
        (("--plant-file", tmp_path / "none.toml"), ExitStatus.USAGE),
        (("--plant-file", plant), ExitStatus.USAGE),
        (("--host", "192.0.2.1"), ExitStatus.FAILED),
    ):
        result = await mxgw_py("simulate", *arguments)
        assert result.status == status
        assert result.error.startswith("mxgw-py: error: ")


@pytest.mark.usefixtures("_environment")
async def test_ctrl_c_once_closes_the_session_of_a_smoke_test(gateway: SimulatedGateway) -> None:
    async with started("smoke", "--item", "TestChildObject.TestNotConnected", "--timeout", "50") as process:
        await gateway.wait_for(lambda: gateway.sessions and gateway.sessions[0].last_sequence, timeout=20)
        process.send_signal(signal.SIGINT)
        result = await ended(process)

    assert (result.status, result.stderr) == (ExitStatus.INTERRUPTED, "")
    assert result.stdout.splitlines()[-1].split()[:2] == ["ok", "close-session"]
    assert not gateway.sessions


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("_environment", "session")
async def test_a_stream_ends_without_a_word_when_it_is_told_to(
    gateway: SimulatedGateway, number: signal.Signals
) -> None:
    async with started("stream-events") as process:
        await gateway.wait_for(lambda: gateway.sessions[0].streams == 1, timeout=20)
        process.send_signal(number)
        result = await ended(process)

    assert result == Result(status=ExitStatus.INTERRUPTED, stdout="", stderr="")
    assert len(gateway.sessions) == 1


@pytest.mark.usefixtures("_environment")
async def test_ctrl_c_while_a_session_opens_leaves_none_behind(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_calls(0.5)
    async with started("open-session") as process:
        await gateway.wait_for(lambda: [call for call in gateway.calls if call.rpc == "OpenSession"], timeout=20)
        process.send_signal(signal.SIGINT)
        result = await ended(process)

    assert (result.status, result.stdout, result.stderr) == (ExitStatus.INTERRUPTED, "", "")
    assert not gateway.sessions


@pytest.mark.usefixtures("_environment", "advised_item")
async def test_head_ends_a_stream_without_a_word(gateway: SimulatedGateway) -> None:
    async with started("stream-events", "--json") as process:
        assert json.loads(await first_line(process))["workerSequence"] == "1"
        # From now on nobody reads.
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # asyncio has no other way
        stderr = asyncio.create_task(process.stderr.read()) if process.stderr is not None else None
        while process.returncode is None:
            gateway.plant[ITEM].set(gateway.plant[ITEM].value + 1)  # type: ignore[operator]  # it holds an int
            await asyncio.sleep(0.02)

        assert stderr is not None
        assert (process.returncode, await stderr) == (ExitStatus.GOOD, b"")


async def test_a_wrong_command_line_is_one_line_on_stderr() -> None:
    result = await _run("smoke", "--plaintext", "--tls", "--item", ITEM)

    assert (result.status, result.stdout) == (ExitStatus.USAGE, "")
    assert "--plaintext and --tls" in result.error


async def test_grpc_says_nothing_of_its_own_when_a_connection_fails(certificates: Certificates) -> None:
    async with SimulatedGateway(tls=certificates.gateway.server()) as gateway:
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("MXGATEWAY_API_KEY", gateway.api_key)
            result = await _run("smoke", "--item", ITEM, "--endpoint", gateway.endpoint)

    assert result.status == ExitStatus.TRANSPORT
    assert "--ca-file" in result.error
