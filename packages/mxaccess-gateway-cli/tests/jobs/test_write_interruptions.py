"""Ctrl-C in the middle of a write loses no outcome."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cli_support.command_line import PROGRAM, start_process, wait_for_exit
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.tagging import add_tags, writes

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send a signal to a single process")

INT = "TestChildObject.TestInt"


@pytest.fixture
async def slow_gateway(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SimulatedGateway]:
    """A gateway that sends the outcome of a write when the test advances its clock by 10 s."""
    async with SimulatedGateway(write_time=10, ramp_interval=None) as gateway:
        monkeypatch.setenv("MXGATEWAY_ENDPOINT", gateway.endpoint)
        monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.api_key)
        monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "1")
        yield gateway
        assert not gateway.sessions


async def _warning(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    return (await process.stderr.readline()).decode()


async def _next_line_or_end(terminal: asyncio.StreamReader) -> bool:
    # The end of the process is an error of the pseudo-terminal.
    with contextlib.suppress(OSError):
        await terminal.readline()
    return True


async def test_ctrl_c_waits_for_what_was_sent_and_sends_no_more(slow_gateway: SimulatedGateway, tmp_path: Path) -> None:
    names = add_tags(slow_gateway, 150)
    recipe = tmp_path / "recipe.csv"
    recipe.write_text("tag,value\n" + "".join(f"{name},-1\n" for name in names), encoding="utf-8")

    async with start_process("write", "--file", recipe, "--yes") as process:
        await slow_gateway.wait_for(lambda: writes(slow_gateway) == 100, timeout=20)
        process.send_signal(signal.SIGINT)
        assert "interrupted: waiting for the outcome of 100 writes" in await _warning(process)
        slow_gateway.clock.advance(10)
        result = await wait_for_exit(process)

    lines = result.stdout.splitlines()
    assert lines[:100] == [f"written {name} {number} -> -1" for number, name in enumerate(names[:100])]
    assert [line.partition(":")[0] for line in lines[100:]] == [
        f"NOT SENT {name} {number} -> -1" for number, name in enumerate(names[100:], 100)
    ]
    assert (result.status, result.stderr) == (ExitStatus.INTERRUPTED, "")
    assert writes(slow_gateway) == 100


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_second_signal_stops_waiting_and_says_what_is_unknown(
    slow_gateway: SimulatedGateway, number: signal.Signals
) -> None:
    async with start_process("write", INT, "5") as process:
        await slow_gateway.wait_for(lambda: writes(slow_gateway) == 1, timeout=20)
        process.send_signal(number)
        await _warning(process)
        process.send_signal(number)
        result = await wait_for_exit(process)

    assert result.stdout.startswith(f"UNKNOWN {INT} 42 -> 5: may have been written")
    assert result.status == ExitStatus.INTERRUPTED
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("columns", [60, 100])
async def test_ctrl_c_at_the_question_writes_nothing(
    slow_gateway: SimulatedGateway, tmp_path: Path, columns: int
) -> None:
    recipe = tmp_path / "recipe.csv"
    recipe.write_text(f"tag,value\n{INT},5\n", encoding="utf-8")
    master, slave = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        "write",
        "--file",
        str(recipe),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm"},
    )
    os.close(slave)
    terminal = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(terminal), os.fdopen(master, "rb", 0)
    )
    try:
        shown = await terminal.readuntil(b"[y/N]")
        answered = False
        while not answered:
            # Python misses a signal between writing the question and waiting for the answer.
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.5):
                    answered = await _next_line_or_end(terminal)
        status = await process.wait()
    finally:
        transport.close()
        with contextlib.suppress(ProcessLookupError):
            process.kill()

    assert INT.encode() in shown
    assert status == ExitStatus.INTERRUPTED
    assert slow_gateway.plant[INT].value == 42
