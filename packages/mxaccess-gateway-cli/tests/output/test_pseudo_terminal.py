"""Output on a pseudo-terminal: live displays that nothing else writes into, and files that get all results."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from cli_support.command_line import PROGRAM
from cli_support.terminal import LEAVE_SCREEN, PseudoTerminal, Streams, run_with_streams
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")

INT, RAMP, UNKNOWN = "TestChildObject.TestInt", "TestMachine_001.TestChangingInt", "NoSuchObject_999.NoSuchAttr"
TIME_OF_DAY = r"\d\d:\d\d:\d\d\.\d{3}"


@contextlib.contextmanager
def _terminal(monkeypatch: pytest.MonkeyPatch, columns: int, lines: int = 24) -> Generator[PseudoTerminal]:
    # In this process rich would look at the size of the terminal that runs the tests.
    for name, value in {"COLUMNS": columns, "LINES": lines, "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, str(value))
    with PseudoTerminal(columns, lines) as terminal:
        yield terminal


async def _run_to_file(file: Path, terminal: PseudoTerminal, *arguments: str) -> int:
    """Run a command with stdout in a file and stderr on the terminal."""
    with file.open("w", encoding="utf-8") as stdout:
        return await asyncio.to_thread(run_with_streams, arguments, Streams(stdout=stdout, stderr=terminal.stream))


@contextlib.asynccontextmanager
async def _watching(terminal: PseudoTerminal, *arguments: str, stderr: Path | None = None) -> AsyncGenerator[None]:
    """Run `watch` on the terminal during the block, then end it by pressing q."""
    with contextlib.ExitStack() as stack:
        errors = terminal.stream if stderr is None else stack.enter_context(stderr.open("w", encoding="utf-8"))
        streams = Streams(stdout=terminal.stream, stderr=errors, stdin=terminal.keyboard)
        running = asyncio.create_task(asyncio.to_thread(run_with_streams, ("watch", *arguments), streams))
        try:
            yield
        finally:
            terminal.press("q")
            status = await running
        assert status == ExitStatus.GOOD


def _row(frame: list[str], tag: str) -> str:
    (row,) = [line for line in frame if line.startswith(tag)]
    return row


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("galaxy-discover",), "TestMachine_006\n"),
        (("bench-read-bulk", "--duration", "0.3"), "calls/s"),
        (("bench-events", "--duration", "0.3"), "events/s"),
    ],
    ids=["galaxy-discover", "bench-read-bulk", "bench-events"],
)
async def test_progress_on_terminal_leaves_results_in_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    with _terminal(monkeypatch, 100) as terminal:
        status = await _run_to_file(tmp_path / "results", terminal, *arguments)

    assert status == ExitStatus.GOOD
    assert expected in (tmp_path / "results").read_text(encoding="utf-8")
    assert expected not in terminal.text
    assert terminal.text


# A value that is left out because it has not changed is current nevertheless.
@pytest.mark.parametrize(("columns", "options"), [(60, ()), (100, ("--changes-only",))])
async def test_lost_connection_is_shown_above_stale_values(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, columns: int, options: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    with _terminal(monkeypatch, columns) as terminal:
        async with _watching(terminal, INT, RAMP, *options):
            fresh = await terminal.wait_for_frame(lambda frame: "".join(frame).count("good (192)") == 2)
            await gateway.stop()
            stale = await terminal.wait_for_frame(lambda frame: re.search(r"stale [1-9] s", "".join(frame)))
            await gateway.start()
            await terminal.wait_for_frame(lambda frame: "restored" in frame[2] and "stale" not in "".join(frame))

    assert fresh[0].startswith("watching 2 tags on 127.0.0.1:")
    assert fresh[1] == "connected"
    assert re.fullmatch(r"connection lost at [-0-9T:.]+Z, \d s ago", stale[1])
    assert [line.split()[0] for line in stale[3:6]] == ["tag", INT, RAMP]
    assert stale[2].startswith("the connection to the gateway failed; reconnecting, the ")
    assert "good" not in "".join(stale)
    # Nothing but frames was written: each has the size of the terminal, and the columns stay where they are.
    assert {len(frame) for frame in terminal.frames} == {24}
    assert len({frame[3] for frame in terminal.frames}) == 1
    assert re.search(rf"^{re.escape(INT)} +42 .*good \(192\)", terminal.remaining, re.MULTILINE)
    # The warnings of the library follow at the end.
    assert "mxgw-py: warning: " in terminal.remaining


async def test_messages_go_to_file_while_table_is_on_terminal(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    with _terminal(monkeypatch, 100) as terminal:
        async with _watching(terminal, INT, stderr=errors):
            await terminal.wait_for_frame(lambda frame: "good" in "".join(frame))
            await gateway.faults.restart()
            await terminal.wait_for_frame(lambda frame: "restored" in frame[2] and "good" in "".join(frame))

    assert "mxgw-py: warning: " in errors.read_text(encoding="utf-8")
    assert "warning" not in terminal.text


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("columns", [60, 100])
async def test_live_table_says_why_tag_has_no_value(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    with _terminal(monkeypatch, columns) as terminal:
        async with _watching(terminal, INT, UNKNOWN):
            frame = await terminal.wait_for_frame(lambda frame: "invalid" in "".join(frame) and "42" in "".join(frame))

    assert _row(frame, UNKNOWN).split(maxsplit=1)[1].startswith("invalid reference: config")
    assert _row(frame, INT).startswith(INT)
    # A time that doesn't fit is left out, never cut.
    assert bool(re.search(rf"good \(192\) +{TIME_OF_DAY}", _row(frame, INT))) is (columns == 100)


@pytest.mark.usefixtures("gateway")
async def test_live_table_scrolls_and_counts_hidden_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = [f"NoSuchObject_{number:03}.A" for number in range(45)]
    with _terminal(monkeypatch, 100, 30) as terminal:
        async with _watching(terminal, *tags):
            first = await terminal.wait_for_frame(lambda frame: "rows 1 to " in "".join(frame))
            terminal.press("\x1b[B\x1b[B")
            second = await terminal.wait_for_frame(lambda frame: "rows 1 to " not in "".join(frame))
            terminal.press("\x1b[F")
            last = await terminal.wait_for_frame(lambda frame: "to 45 of 45" in "".join(frame))

    def shown(frame: list[str]) -> list[str]:
        return [line.split()[0] for line in frame if line.startswith("NoSuchObject")]

    assert f"rows 1 to {len(shown(first))} of 45, {45 - len(shown(first))} not shown" in "".join(first)
    assert len(shown(first)) > 20
    assert shown(second)[0] == tags[2]
    assert shown(last)[-1] == tags[-1]
    assert [line.split()[0] for line in terminal.remaining.splitlines() if line.startswith("NoSuch")] == tags


async def test_pause_keeps_table_as_it_is(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    with _terminal(monkeypatch, 140) as terminal:
        async with _watching(terminal, INT):
            await terminal.wait_for_frame(lambda frame: " 42 " in "".join(frame))
            terminal.press("p")
            await terminal.wait_for_frame(lambda frame: "PAUSED for" in frame[0])
            gateway.plant[INT].set(43)
            frames = len(terminal.frames)
            paused = await terminal.wait_for_frame(lambda _: len(terminal.frames) > frames + 2)
            terminal.press("p")
            continued = await terminal.wait_for_frame(lambda frame: " 43 " in "".join(frame))

    assert _row(paused, INT).split()[1] == "42"
    assert "PAUSED" not in "".join(continued)
    # One change since the start, from the lower to the higher value.
    assert re.search(r" 2 +1/min +▁█$", _row(continued, INT))


@pytest.mark.usefixtures("gateway")
async def test_table_without_keyboard_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    with _terminal(monkeypatch, 100) as terminal:
        streams = Streams(stdout=terminal.stream, stderr=terminal.stream)
        status = await asyncio.to_thread(run_with_streams, ("watch", INT, "--count", "1"), streams)

    assert status == ExitStatus.GOOD
    assert INT in terminal.remaining


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("columns", [60, 100])
async def test_table_wraps_reasons_but_never_tags_and_times(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    with _terminal(monkeypatch, columns) as terminal:
        streams = Streams(stdout=terminal.stream, stderr=terminal.stream)
        status = await asyncio.to_thread(run_with_streams, ("read", INT, RAMP, UNKNOWN, "--utc"), streams)

    assert status == ExitStatus.MXACCESS
    for tag in (INT, RAMP):
        (row,) = [line for line in terminal.text.splitlines() if line.startswith(tag)]
        assert re.search(rf"\d\d\d\d-\d\d-\d\dT{TIME_OF_DAY}Z$", row)
    (row,) = [line for line in terminal.text.splitlines() if line.startswith(UNKNOWN)]
    assert row.split(maxsplit=1)[1].startswith("Invalid reference")


@pytest.mark.usefixtures("gateway")
async def test_steps_on_terminal_leave_error_in_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    errors = tmp_path / "errors"
    with _terminal(monkeypatch, 100) as terminal, errors.open("w", encoding="utf-8") as stderr:
        streams = Streams(stdout=terminal.stream, stderr=stderr)
        status = await asyncio.to_thread(run_with_streams, ("smoke", UNKNOWN), streams)

    assert status == ExitStatus.MXACCESS
    assert "FAILED  data-change" in terminal.text
    assert "mxgw-py: error: " in errors.read_text(encoding="utf-8")
    assert "mxgw-py: error: " not in terminal.text


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(("option", "variable"), [("--no-color", ""), ("--debug", "1")], ids=["option", "variable"])
async def test_colours_can_be_switched_off(monkeypatch: pytest.MonkeyPatch, option: str, variable: str) -> None:
    async def written(*options: str) -> str:
        with _terminal(monkeypatch, 100) as terminal:
            streams = Streams(stdout=terminal.stream, stderr=terminal.stream)
            await asyncio.to_thread(run_with_streams, ("read", INT, *options), streams)
        return terminal.written

    green = "\x1b[32m"
    assert green in await written()
    monkeypatch.setenv("NO_COLOR", variable)
    assert green not in await written(option)


@pytest.mark.usefixtures("gateway")
async def test_suspended_watch_leaves_the_screen_until_it_continues(monkeypatch: pytest.MonkeyPatch) -> None:
    with _terminal(monkeypatch, 100) as terminal:
        stream = terminal.stream.fileno()
        process = await asyncio.create_subprocess_exec(
            *PROGRAM, "watch", INT, stdin=stream, stdout=stream, stderr=stream
        )
        try:
            await terminal.wait_for_frame(lambda frame: " 42 " in "".join(frame))
            process.send_signal(signal.SIGTSTP)
            await terminal.wait_for_text(lambda text: text.endswith(LEAVE_SCREEN))
            was_line_based = terminal.waits_for_lines
            process.send_signal(signal.SIGCONT)
            await terminal.wait_for_text(lambda text: " 42 " in text.rpartition(LEAVE_SCREEN)[2])
            terminal.press("q")
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    assert status == ExitStatus.GOOD
    assert was_line_based


@pytest.mark.usefixtures("gateway")
async def test_messages_of_a_long_outage_are_shortened(monkeypatch: pytest.MonkeyPatch) -> None:
    with _terminal(monkeypatch, 100) as terminal:
        async with _watching(terminal, INT):
            await terminal.wait_for_frame(lambda frame: " 42 " in "".join(frame))
            for number in range(1, 31):
                logging.getLogger("mxgateway.tags").warning("attempt %d", number)
            frame = await terminal.wait_for_frame(lambda frame: "attempt 30" in "".join(frame))

    assert "30 messages; the last one: warning: attempt 30" in frame
    assert "10 earlier messages are left out" in terminal.remaining
    printed = re.findall(r"warning: attempt (\d+)", terminal.remaining)
    assert printed == [str(number) for number in range(11, 31)]
