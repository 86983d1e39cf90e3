"""`batch` on a terminal has a prompt, prints errors as usual, completes, and survives Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import pytest

from cli_support.command_line import PROGRAM
from cli_support.terminal import PseudoTerminal, Streams, run_with_streams
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT = "TestChildObject.TestInt"
PROMPT = "mxgw> "

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Generator[PseudoTerminal]:
    """A terminal of 100 columns."""
    for name, value in {"COLUMNS": "100", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    with PseudoTerminal(100, 24) as terminal:
        yield terminal


async def _prompts(terminal: PseudoTerminal, count: int) -> list[str]:
    """Wait for the prompt that comes after `count - 1` answers, and return these answers."""
    await terminal.wait_for_text(lambda _: terminal.text.count(PROMPT) >= count)
    return terminal.text.split(PROMPT)[1:count]


async def _batch(terminal: PseudoTerminal, *lines: str, options: tuple[str, ...] = ()) -> tuple[int, list[str]]:
    """Type lines at the prompt, and return the exit status and the answers."""
    streams = Streams(stdout=terminal.stream, stderr=terminal.stream, stdin=terminal.keyboard)
    running = asyncio.create_task(asyncio.to_thread(run_with_streams, ("batch", *options), streams))
    for number, line in enumerate(lines, 1):
        await _prompts(terminal, number)
        terminal.press(f"{line}\n")
    status = await running
    return status, terminal.text.split(PROMPT)[1:]


async def test_results_and_errors_follow_the_prompt(gateway: SimulatedGateway, terminal: PseudoTerminal) -> None:
    read = f"read {INT} -o value"
    status, answers = await _batch(terminal, read, "# a comment", "", "raed", "read Nope.Nope -o lines", read, "exit")

    assert status == ExitStatus.GOOD
    value, comment, blank, unknown, failed, again, end = answers
    assert (value, comment, blank, again, end) == ("42\n", "", "", "42\n", "")
    assert "mxgw-py: error: unknown command 'raed': did you mean read?" in unknown
    assert "mxgw-py: error: " in failed
    assert "EOR" not in terminal.text
    assert len({call.peer for call in gateway.calls}) == 1


async def test_prompt_begins_with_a_hint_and_ends_with_ctrl_d(terminal: PseudoTerminal) -> None:
    status, (listed, explained, _) = await _batch(terminal, "help", "help read", "\x04")

    assert status == ExitStatus.GOOD
    assert "help lists the commands" in terminal.text.split(PROMPT)[0]
    assert "watch-alarms" in listed
    assert "Usage: mxgw-py read" in explained


@pytest.mark.usefixtures("gateway")
async def test_json_has_errors_as_json_too(terminal: PseudoTerminal) -> None:
    _, (reading, error, _) = await _batch(terminal, f"read {INT}", "raed", "quit", options=("--json",))

    assert reading.startswith('{"tag')
    assert error.startswith('{"error"')


@asynccontextmanager
async def _process(terminal: PseudoTerminal) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run the batch in a separate process, with the line editor, which shows what is typed if the terminal does."""
    terminal.turn_on_echo()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "batch",
        stdin=terminal.keyboard,
        stdout=terminal.stream,
        stderr=terminal.stream,
        env=dict(os.environ),
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_ctrl_c_stops_a_command_and_tab_completes(gateway: SimulatedGateway, terminal: PseudoTerminal) -> None:
    async with _process(terminal) as process:
        await _prompts(terminal, 1)
        terminal.press(f"watch {INT} -o lines\n")
        await terminal.wait_for_text(lambda text: "good (192) 42" in text)
        process.send_signal(signal.SIGINT)
        await _prompts(terminal, 2)
        await gateway.wait_for(lambda: not gateway.sessions)
        terminal.press("worker-i\t")
        await terminal.wait_for_text(lambda text: "worker-info" in text)
        process.send_signal(signal.SIGINT)
        await _prompts(terminal, 3)
        terminal.press(f"read {INT} -o value\n")
        await terminal.wait_for_text(lambda text: "\n42\n" in text.replace("\r", ""))
        terminal.press("exit\n")

        assert await asyncio.wait_for(process.wait(), 10) == ExitStatus.GOOD
    assert "Traceback" not in terminal.text


async def test_sigterm_ends_the_prompt(terminal: PseudoTerminal) -> None:
    async with _process(terminal) as process:
        await _prompts(terminal, 1)
        process.send_signal(signal.SIGTERM)

        assert await asyncio.wait_for(process.wait(), 10) == ExitStatus.INTERRUPTED
    assert "Traceback" not in terminal.text
