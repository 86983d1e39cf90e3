"""No command shows a key or password in any mode, even if the gateway echoes them everywhere."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import itertools
import os
import signal
import sys
import urllib.parse
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import click
import pytest

from cli_support.command_line import PROGRAM, Result, mxgw_py, start_process, wait_for_exit
from cli_support.terminal import Terminal
from mxgateway import GatewayClient
from mxgateway_cli.app import COMMANDS, app, run
from mxgateway_cli.exit_status import ExitStatus
from support.echoing_gateway import SESSION_ID, EchoingGateway, Way, echoing_gateway
from support.secret_search import SecretSearch

SECRET = "Zq7-vX9_kW4-hJ2_tR8-mN6_pL5-bD3_"
KEY = f"mxgw_0a1b2c3d_{SECRET}"
GUID = "01234567-89ab-cdef-0123-456789abcdef"
PASSWORD = "wY5_uE8-gC2_xS7-fB4"
# Commands that need no gateway. simulate prints the key that it generated.
PROFILES = ["profile add", "profile list", "profile show", "profile use", "profile remove"]
ALONE = ["help", "completion", "version", "simulate", *PROFILES]
NAMES = [name for names in COMMANDS.values() for name in names if name not in ALONE]
MODES = {"text": [], "json": ["--json"], "debug": ["--debug"], "json and debug": ["--json", "--debug"], "terminal": []}
# Here it connects, and then refuses to start.
NEEDS_TERMINAL = {"explore"}
# Arguments that a command needs in addition to its required options.
ARGUMENTS: dict[str, list[str]] = {
    "acknowledge-alarm": ["Provider!Group.Tag"],
    "add-buffered-item": ["TestObject.TestInt"],
    "add-item": ["TestObject.TestInt"],
    "add-item-bulk": ["TestObject.TestInt"],
    "batch": [],
    "bench-events": ["--duration", "0.2"],
    "bench-read-bulk": ["--duration", "0.2"],
    "contract": ["--live"],
    "explore": ["TestObject.TestInt"],
    "forward": ["TestObject.TestInt", "--to", "nats://127.0.0.1:1", "--duration", "100ms"],
    "galaxy-watch": ["--count", "1"],
    "plot": ["TestObject.TestInt", "--duration", "0.2"],
    "read": ["TestObject.TestInt"],
    "read-bulk": ["TestObject.TestInt"],
    "record": ["TestObject.TestInt", "--count", "1"],
    "smoke": ["TestObject.TestInt", "--timeout", "2"],
    "stream-alarms": ["--count", "1"],
    "stream-events": ["--count", "1"],
    "subscribe-bulk": ["TestObject.TestInt"],
    "watch": ["TestObject.TestInt", "--duration", "0.5"],
    "watch-alarms": ["--duration", "0.3"],
    "write": ["TestObject.TestInt", "1"],
}
VALUES: dict[str, str] = {
    "--to": "values.csv",
    "--timestamp": "2026-01-05T08:00:00Z",
    "--type": "int32",
    "--guid": GUID,
    "--alarm-guid": GUID,
    "--user-guid": GUID,
}
# The stdin of batch.
LINES = "ping\nread TestObject.TestInt\nauthenticate-user --user operator --server-handle 1\n"
ECHOES: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "for a URL": lambda secret: urllib.parse.quote(secret).replace("_", "%5F"),
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "its last characters": lambda secret: f"...{secret[-8:]}",
}


@pytest.fixture
def search() -> SecretSearch:
    """A search for the key and the password."""
    return SecretSearch(SECRET, PASSWORD)


@pytest.fixture
async def echoing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[EchoingGateway]:
    """A gateway that echoes secrets; the environment holds its endpoint, the key, the password and a session id."""
    monkeypatch.chdir(tmp_path)
    async with echoing_gateway() as gateway:
        for name, text in {
            "ENDPOINT": gateway.endpoint,
            "API_KEY": KEY,
            "PLAINTEXT": "1",
            "SESSION_ID": SESSION_ID,
            "USER_PASSWORD": PASSWORD,
        }.items():
            monkeypatch.setenv(f"MXGATEWAY_{name}", text)
        yield gateway


def command_line(name: str) -> list[str]:
    """Return a command line with all arguments that the command needs."""
    command = app.get_command(click.Context(app), name)
    assert command is not None
    arguments = [name, *ARGUMENTS.get(name, [])]
    for parameter in command.params:
        flag = parameter.opts[0]
        if parameter.required and flag.startswith("--") and flag not in {*arguments, "--session-id"}:
            arguments += [flag, VALUES.get(flag, "1")]
    return arguments


async def run_in_mode(mode: str, arguments: list[str]) -> Result:
    """Run a command line in an output mode."""
    if mode != "terminal":
        return await mxgw_py(*arguments, *MODES[mode])

    def work() -> Result:
        with contextlib.redirect_stdout(Terminal()) as stdout, contextlib.redirect_stderr(Terminal()) as stderr:
            status = run(arguments)
        return Result(status=int(status), stdout=stdout.getvalue(), stderr=stderr.getvalue())

    return await asyncio.to_thread(work)


@pytest.mark.parametrize("mode", ["text", "json and debug", "terminal"])
@pytest.mark.parametrize("name", NAMES)
async def test_command_shows_no_secret(
    echoing: EchoingGateway, search: SecretSearch, monkeypatch: pytest.MonkeyPatch, name: str, mode: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(LINES))
    echoing.echo = f"{KEY} and {SECRET}, {PASSWORD if name == 'authenticate-user' else ''}"

    for echoing.way in (Way.STATUS, Way.REFUSAL, Way.STRANGER, Way.SUCCESS):
        result = await run_in_mode(mode, command_line(name))

        assert result.status != ExitStatus.USAGE or name in NEEDS_TERMINAL, result
        assert not search.find([result.stdout, result.stderr])


@pytest.mark.parametrize(("mode", "echo"), list(zip(MODES, itertools.cycle(ECHOES))))
async def test_error_shows_no_encoded_secret(
    echoing: EchoingGateway, search: SecretSearch, mode: str, echo: str
) -> None:
    for name, secret in (("register", KEY), ("open-session", KEY), ("authenticate-user", PASSWORD)):
        echoing.echo = ECHOES[echo](secret)
        for echoing.way in (Way.STATUS, Way.REFUSAL, Way.STRANGER):
            result = await run_in_mode(mode, command_line(name))

            assert result.status not in {ExitStatus.GOOD, ExitStatus.USAGE}
            known = search if secret == KEY or echo != "its last characters" else SecretSearch(SECRET)
            assert not known.find([result.stdout, result.stderr])


@pytest.mark.parametrize("name", [*NAMES, *ALONE])
async def test_help_and_usage_errors_show_no_secret(echoing: EchoingGateway, search: SecretSearch, name: str) -> None:
    assert echoing.endpoint

    for arguments in (["--help"], ["--no-such-option", KEY], [f"--password={PASSWORD}"], ["--api-key", KEY]):
        result = await mxgw_py(name, *arguments)
        assert not search.find([result.stdout, result.stderr])


@pytest.mark.parametrize(
    ("name", "mode"),
    [
        *((name, "debug") for name in NAMES if name not in {"batch", "read", "watch"}),
        ("authenticate-user", "text"),
        ("authenticate-user", "json"),
    ],
)
async def test_misplaced_secret_on_command_line_is_not_shown(
    echoing: EchoingGateway, search: SecretSearch, name: str, mode: str
) -> None:
    command = app.get_command(click.Context(app), name)
    assert command is not None
    if not any(isinstance(parameter, click.Argument) for parameter in command.params):
        result = await run_in_mode(mode, [*command_line(name), PASSWORD])
        assert result.status == ExitStatus.USAGE
        assert not search.find([result.stdout, result.stderr])
    for parameter in command.params:
        flag = parameter.opts[0]
        if flag.startswith("--") and not getattr(parameter, "is_flag", False):
            echoing.way = Way.STATUS
            result = await run_in_mode(mode, [*command_line(name), flag, KEY])
            assert not search.find([result.stdout, result.stderr]), flag


@pytest.mark.parametrize("mode", MODES)
async def test_unexpected_error_shows_no_secret(
    echoing: EchoingGateway, search: SecretSearch, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    def crash(*_: object, **__: object) -> Any:
        inner = ExceptionGroup(f"two of {KEY}", [ValueError(f"Bearer {KEY}"), KeyError(SECRET)])
        inner.add_note(f"noted: {urllib.parse.quote(KEY)}")
        raise RuntimeError(f"unexpected {KEY!r} or {SECRET[-9:]}") from inner

    monkeypatch.setattr(GatewayClient, "connect", crash)
    assert echoing.endpoint

    result = await run_in_mode(mode, command_line("register"))

    assert result.status == ExitStatus.FAILED
    assert "RuntimeError" in result.stderr
    assert not search.find([result.stdout, result.stderr])


@pytest.mark.parametrize("mode", MODES)
async def test_log_records_of_others_show_no_secret(
    echoing: EchoingGateway, search: SecretSearch, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    connect = GatewayClient.connect

    def connect_and_forget(*arguments: Any) -> Any:
        async def fail() -> None:
            raise RuntimeError(f"not awaited: {KEY}")

        _forgotten.append(asyncio.get_running_loop().create_task(fail()))
        _forgotten.clear()
        return connect(*arguments)

    monkeypatch.setattr(GatewayClient, "connect", connect_and_forget)
    echoing.way = Way.SUCCESS

    result = await run_in_mode(mode, command_line("ping"))

    assert "never retrieved" in result.stderr
    assert not search.find([result.stdout, result.stderr])


_forgotten: list[asyncio.Task[None]] = []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send a signal to a single process")
@pytest.mark.parametrize("more", [[], ["--debug"], ["--json"]])
async def test_ctrl_c_shows_no_secret(echoing: EchoingGateway, search: SecretSearch, more: list[str]) -> None:
    echoing.held, echoing.way = asyncio.Event(), Way.SUCCESS

    async with start_process(*command_line("authenticate-user"), *more) as process:
        await asyncio.wait_for(echoing.arrived.wait(), 20)
        visible = _command_line_of(process.pid)
        process.send_signal(signal.SIGINT)
        result = await wait_for_exit(process)

    assert result.status == ExitStatus.INTERRUPTED
    assert not search.find([visible, result.stdout, result.stderr])


@pytest.mark.parametrize("more", [[], ["--debug"], ["--json"]])
async def test_closed_pipe_shows_no_secret(echoing: EchoingGateway, search: SecretSearch, more: list[str]) -> None:
    echoing.way = Way.SUCCESS
    reading, writing = os.pipe()
    os.close(reading)

    process = await asyncio.create_subprocess_exec(
        *PROGRAM, "ping", *more, stdout=writing, stderr=asyncio.subprocess.PIPE, stdin=asyncio.subprocess.DEVNULL
    )
    os.close(writing)
    _, errors = await process.communicate()

    assert not search.find([errors.decode()])


def _command_line_of(number: int) -> str:
    """Return the command line of a process, which every user of the machine can read."""
    shown_by_system = Path(f"/proc/{number}/cmdline")
    return shown_by_system.read_text() if shown_by_system.exists() else ""


async def test_grpc_trace_is_ignored(
    echoing: EchoingGateway, search: SecretSearch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRPC_TRACE", "all")
    monkeypatch.setenv("GRPC_VERBOSITY", "DEBUG")
    echoing.way = Way.SUCCESS

    async with start_process("ping", "--debug") as process:
        result = await wait_for_exit(process)

    assert result.status == ExitStatus.GOOD
    assert "GRPC_TRACE is ignored" in result.stderr
    assert not search.find([result.stdout, result.stderr])


WATCHED = """
import sys
events = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty"}
sys.addaudithook(lambda event, arguments: event in events and print("CHILD", event, arguments))
from mxgateway_cli.__main__ import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize("name", ["doctor", "smoke", "authenticate-user", "read", "browse", "stream-alarms"])
async def test_command_starts_no_process(echoing: EchoingGateway, name: str) -> None:
    echoing.way = Way.SUCCESS

    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WATCHED, *command_line(name)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, _ = await process.communicate()

    assert b"CHILD" not in output
