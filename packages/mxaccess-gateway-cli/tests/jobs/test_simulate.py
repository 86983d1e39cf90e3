"""`simulate` runs a simulated gateway until a signal, with TLS and with a plant of the user's own."""

from __future__ import annotations

import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from cli_support.command_line import Result, mxgw_py, read_line, start_process, wait_for_exit
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send a signal to a single process")
ITEM = "TestChildObject.TestInt"


async def test_smoke_reaches_simulate_in_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_process("simulate", "--json") as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        async with start_process("smoke", "--plaintext", ITEM) as smoke:
            result = await wait_for_exit(smoke)

        assert (result.status, result.stderr) == (ExitStatus.GOOD, "")
        assert f"{ITEM}: good (192) 42" in result.stdout
        simulated.send_signal(signal.SIGINT)
        assert await wait_for_exit(simulated) == Result(status=ExitStatus.GOOD, stdout="", stderr="")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_simulate_with_status_0(number: signal.Signals) -> None:
    async with start_process("simulate") as simulated:
        assert (await read_line(simulated)).startswith("export MXGATEWAY_ENDPOINT=127.0.0.1:")
        simulated.send_signal(number)
        result = await wait_for_exit(simulated)

    assert result.status == ExitStatus.GOOD
    assert "Traceback" not in result.stderr


async def test_simulate_serves_tls(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    files = ("--certificate-file", certificates.gateway.certificate, "--key-file", certificates.gateway.key)
    async with start_process("simulate", "--json", *files) as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await mxgw_py("smoke", ITEM, "--ca-file", certificates.ca)

    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


async def test_simulate_loads_plant_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant = tmp_path / "plant.toml"
    plant.write_text('[objects.Tank]\n[objects.Tank.attributes]\nLevel = { type = "double", value = 2.5 }\n')
    async with start_process("simulate", "--json", "--plant-file", plant) as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await mxgw_py("smoke", "--plaintext", "Tank.Level")

    assert "Tank.Level: good (192) 2.5" in result.stdout


async def test_invalid_simulate_options_are_refused(certificates: Certificates, tmp_path: Path) -> None:
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


async def test_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = await mxgw_py("simulate", "--port", port)

    assert result.status == ExitStatus.FAILED
    assert result.error == (
        f"mxgw-py: error: cannot listen on 127.0.0.1:{port}: port {port} is in use; give another --port, "
        "or none for any free port"
    )


async def test_simulate_plays_a_server_with_a_stale_galaxy_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with start_process("simulate", "--json", "--galaxy-only", "--galaxy-state", "stale") as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        status = await mxgw_py("galaxy-status", "--plaintext", "--json")
        session = await mxgw_py("open-session", "--plaintext")

    assert (status.record["loaded"], status.record["databaseReachable"]) == (True, False)
    assert "no MxAccessGateway service" in session.error
