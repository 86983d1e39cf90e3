"""`simulate` runs a simulated gateway until a signal, with TLS, a key, a plant and a script of the user's own."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import socket
import sys
from pathlib import Path

import pytest

from cli_support.command_line import PROGRAM, Result, mxgw_py, read_line, start_process, wait_for_exit
from cli_support.schemas import validate
from cli_support.terminal import PseudoTerminal, Streams, run_with_streams
from mxgateway_cli.exit_status import ExitStatus
from support.certificates import Certificates

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send a signal to a single process")
ITEM = "TestChildObject.TestInt"
KEY = "mxgw_1a2b3c4d_a-secret-of_the-users-own"


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


async def test_key_of_the_user_is_accepted_and_not_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.key"
    file.write_text(f"{KEY}\n")
    async with start_process("simulate", "--json", "--api-key-file", file, "--debug") as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", KEY)

        assert (await mxgw_py("galaxy-status", "--plaintext")).status == ExitStatus.GOOD

        simulated.send_signal(signal.SIGINT)
        result = await wait_for_exit(simulated)
    assert list(address) == ["endpoint"]
    assert KEY not in result.stdout + result.stderr


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--api-key-env", "MY_KEY"), "export MXGATEWAY_API_KEY_ENV=MY_KEY"),
        (("--api-key-env", "MXGATEWAY_API_KEY"), None),
        (("--api-key-file", "my key"), "export MXGATEWAY_API_KEY_FILE='"),
    ],
)
def test_simulate_prints_where_the_key_is(
    options: tuple[str, ...], line: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my key").write_text(KEY)
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.setenv("MXGATEWAY_API_KEY", KEY)

    status, printed, _ = prompt("quit\n", *options)

    assert status == ExitStatus.GOOD
    _, *keys, plaintext = printed
    assert plaintext == "export MXGATEWAY_PLAINTEXT=1"
    assert [each.startswith(line or "") for each in keys] == [True] * (line is not None)
    assert not [each for each in printed if KEY in each]


async def test_unusable_key_is_refused_without_showing_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, words in (("no-gateway-key", "it must have the form mxgw_"), ("", "is empty")):
        monkeypatch.setenv("MY_KEY", key)
        result = await mxgw_py("simulate", "--api-key-env", "MY_KEY")
        assert result.status == ExitStatus.USAGE
        assert words in result.error
        assert not key or key not in result.error


async def test_script_runs_while_the_gateway_is_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "faults.toml"
    script.write_text(
        f"[[steps]]\nat = 0\ndo = 'set'\ntag = '{ITEM}'\nvalue = 7\n[[steps]]\nat = 0\ndo = 'kill_worker'\n"
    )
    async with start_process("simulate", "--json", "--script", script) as simulated:
        address = json.loads(await read_line(simulated))
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", address["endpoint"])
        monkeypatch.setenv("MXGATEWAY_API_KEY", address["apiKey"])

        result = await mxgw_py("read", ITEM, "--plaintext", "-o", "value")

        simulated.send_signal(signal.SIGTERM)
        ended = await wait_for_exit(simulated)
    assert result.stdout == "7\n"
    # A step that fails does not end the simulation.
    assert ended.status == ExitStatus.GOOD
    assert json.loads(ended.stderr) == {"warning": f"the script failed: {script}: line 6: steps[2]: no session is open"}


async def test_mistake_in_script_or_plant_names_the_file_once(tmp_path: Path) -> None:
    script = tmp_path / "faults.toml"
    script.write_text("\n[[steps]]\nat = 1\ndo = 'silent_tag'\ntag = 'A.B'\n")
    plant = tmp_path / "plant.toml"
    plant.write_text("[objects.A]\ncolour = 1\n")

    result = await mxgw_py("simulate", "--script", script)
    assert f"error: invalid script {script}: line 2: steps[1]: tag: the plant has no tag 'A.B'" in result.error
    result = await mxgw_py("simulate", "--plant-file", plant)
    assert f"error: invalid plant file {plant}: unknown key objects.A.colour: use " in result.error
    assert result.error.count(str(plant)) == 1


def prompt(lines: str, *options: str) -> tuple[int, list[str], str]:
    """Run `simulate --interactive` with these lines as stdin. Return the status, the lines of stdout, and stderr."""
    stdout, stderr = io.StringIO(), io.StringIO()
    streams = Streams(stdout=stdout, stderr=stderr, stdin=io.StringIO(lines))
    status = run_with_streams(("simulate", "--interactive", *options), streams)
    return status, stdout.getvalue().splitlines(), stderr.getvalue()


async def test_prompt_answers_each_line_of_a_pipe_with_one_line() -> None:
    conversation = {
        f"set {ITEM} 5": f"{ITEM} good (192) 5",
        f"set {ITEM} x": "error: invalid int32 'x': use a whole number in decimal digits",
        "set TestChildObject.TestIntArray 1,2": "TestChildObject.TestIntArray[] good (192) [1, 2]",
        "set TestChildObject.TestString 'a = b' quality=bad": "TestChildObject.TestString bad (0) a = b",
        "alarm raise TestMachine_001.TestAlarm": "TestMachine_001.TestAlarm good (192) true, alarm active",
        "alarm raze TestMachine_001.TestAlarm": "error: usage: alarm raise|clear|acknowledge|retrigger TAG",
        "drop": "done",
        "restart": "done",
        f"silent_tag {ITEM} duration=5s": "active for 5 s",
        "faults": f"silent_tag tag={ITEM} duration=5",
        "end silent_tag": "ended",
        "kill_worker": "error: no session is open",
        "sesions": "error: unknown command 'sesions': did you mean sessions?",
        "get A.B": "error: tag: the plant has no tag 'A.B'",
        "help drop": "drop: breaks all connections; sessions stay open",
        "wait 0": "done",
    }
    lines = ["# a comment", "", *conversation, "quit", f"get {ITEM}"]

    status, printed, _ = await asyncio.to_thread(prompt, "\n".join(lines))

    assert status == ExitStatus.GOOD
    assert printed[3:] == list(conversation.values())


async def test_prompt_prints_json_and_ends_with_its_input() -> None:
    status, printed, errors = await asyncio.to_thread(prompt, f"get {ITEM}\nfoo\nhelp set", "--json")

    records = [json.loads(line) for line in printed]
    assert (status, errors, len(records)) == (ExitStatus.GOOD, "", 4)
    assert records[1] == {"line": f"get {ITEM}", "answer": f"{ITEM} good (192) 42"}
    assert records[2] == {"line": "foo", "error": "unknown command 'foo': type help for the commands"}
    for record in records:
        validate(record, "simulation")


async def test_prompt_without_stdin_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)

    result = await mxgw_py("simulate", "--interactive")

    assert result.status == ExitStatus.USAGE
    assert "--interactive reads commands from stdin, which is not open" in result.error


async def test_prompt_on_a_terminal_completes_words() -> None:
    with PseudoTerminal(100, 24) as terminal:
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            "simulate",
            "--interactive",
            stdin=terminal.keyboard,
            stdout=terminal.stream,
            stderr=terminal.stream,
        )
        try:
            await terminal.wait_for_text(lambda text: "simulate> " in text)
            terminal.press("ge\tTestChildObject.TestIntA\t\n")
            await terminal.wait_for_text(lambda text: "TestIntArray[] good (192) [1, 2, 3, 4, 5]" in text)
            # Ctrl-D
            terminal.press("\x04")
            assert await process.wait() == ExitStatus.GOOD
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_invalid_simulate_options_are_refused(certificates: Certificates, tmp_path: Path) -> None:
    pair = ("--certificate-file", certificates.gateway.certificate, "--key-file", certificates.client.key)
    plant = tmp_path / "plant.toml"
    plant.write_text("objects = 1\n")

    for arguments, status in (
        (("--certificate-file", certificates.gateway.certificate), ExitStatus.USAGE),
        (pair, ExitStatus.USAGE),
        (("--plant-file", tmp_path / "none.toml"), ExitStatus.USAGE),
        (("--plant-file", plant), ExitStatus.USAGE),
        (("--script", tmp_path / "none.toml"), ExitStatus.USAGE),
        (("--script", plant), ExitStatus.USAGE),
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
