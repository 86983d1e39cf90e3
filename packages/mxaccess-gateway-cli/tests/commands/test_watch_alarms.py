"""The command `watch-alarms`: a live table on a terminal, lines or JSON in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import signal
import sys
from collections.abc import AsyncGenerator

import pytest

from cli_support.command_line import Result, mxgw_py, read_line, start_process, succeed, wait_for_exit
from cli_support.gateways import last_request
from cli_support.schemas import validate
from cli_support.terminal import PseudoTerminal, Streams, run_with_streams
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

on_terminal = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")

HOT_TAG = "TestChildObject.TestAlarmed"
HOT = f"SimulatedGalaxy!TestArea.{HOT_TAG}"
STOPPED_TAG = "TestMachine_001.TestAlarm"
STOPPED = f"SimulatedGalaxy!TestArea2.{STOPPED_TAG}"


@pytest.mark.usefixtures("gateway")
async def test_pipe_gets_a_line_per_alarm_then_end_of_active_alarms() -> None:
    raised, complete, provider = (await succeed("watch-alarms", "--count", "3")).stdout.splitlines()

    assert raised.split(" ", 1)[1] == f"raised {HOT} severity 700 Too hot [in the list of active alarms: active]"
    assert complete == "end of the active alarms; changes follow"
    assert provider == "alarm provider: alarmmgr"


@pytest.mark.usefixtures("gateway")
async def test_duration_ends_the_watch_normally() -> None:
    lines = (await succeed("watch-alarms", "--duration", "0.3", "--filter-prefix", "Elsewhere!")).stdout.splitlines()

    assert lines == ["end of the active alarms; changes follow", "alarm provider: alarmmgr"]


async def test_json_reports_changes_losses_and_what_changed_in_the_meantime(gateway: SimulatedGateway) -> None:
    async with start_process("watch-alarms", "--json") as process:
        records = [json.loads(await read_line(process)) for _ in range(3)]
        await succeed("acknowledge-alarm", HOT, "--comment", "on my way", "--operator", "someone")
        records.append(json.loads(await read_line(process)))
        gateway.faults.end_alarm_feeds()
        gateway.plant[HOT_TAG].set(0)
        records += [json.loads(await read_line(process)) for _ in range(4)]
        process.send_signal(signal.SIGINT)
        result = await wait_for_exit(process)

    for record in records:
        validate(record, "alarm-watch")
    assert [record["kind"] for record in records] == [
        *("raised", "snapshot-complete", "provider", "acknowledged"),
        *("lost", "restored", "cleared", "snapshot-complete"),
    ]
    raised, acknowledged, cleared = records[0], records[3], records[6]
    assert [record["fromSnapshot"] for record in (raised, acknowledged, cleared)] == [True, False, True]
    assert "previous" not in raised
    assert acknowledged["previous"] == raised["alarm"]
    assert acknowledged["alarm"]["operatorComment"] == "on my way"
    assert cleared["alarmFullReference"] == HOT
    assert result.status == ExitStatus.INTERRUPTED
    assert [list(json.loads(line)) for line in result.stderr.splitlines()] == [["warning"], ["warning"]]


async def test_key_without_events_scope_is_refused(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("invoke:read"))

    result = await mxgw_py("watch-alarms")

    assert (result.status, result.stdout) == (ExitStatus.AUTHENTICATION, "")
    assert "events:read" in result.stderr


@contextlib.asynccontextmanager
async def watching(
    monkeypatch: pytest.MonkeyPatch, columns: int, *arguments: str, keys_at_end: str = "q"
) -> AsyncGenerator[PseudoTerminal]:
    """Run `watch-alarms` on a terminal during the block, and end it by these keys."""
    # In this process rich would look at the size of the terminal that runs the tests.
    for name, value in {"COLUMNS": columns, "LINES": 24, "TERM": "xterm-256color", "TZ": "UTC"}.items():
        monkeypatch.setenv(name, str(value))
    with PseudoTerminal(columns, 24) as terminal:
        streams = Streams(stdout=terminal.stream, stderr=terminal.stream, stdin=terminal.keyboard)
        command = ("watch-alarms", *arguments)
        running = asyncio.create_task(asyncio.to_thread(run_with_streams, command, streams))
        try:
            yield terminal
        finally:
            terminal.press(keys_at_end)
            status = await running
        assert status == ExitStatus.GOOD


def rows(frame: list[str]) -> list[list[str]]:
    """Return the rows of the table, split into words."""
    heading = next(number for number, line in enumerate(frame) if line.split()[:2] == ["#", "state"])
    return [line.split() for line in frame[heading + 1 :] if re.match(r" *[0-9]+  (active|acked) ", line)]


@on_terminal
@pytest.mark.parametrize("columns", [60, 100])
async def test_table_shows_active_alarms_below_state_of_connection(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    async with watching(monkeypatch, columns) as terminal:
        first = await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active, 1 not"))
        gateway.clock.advance(1)
        gateway.plant[STOPPED_TAG].set(True)
        two = await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 2 active, 2 not"))
        gateway.plant[HOT_TAG].set(0)
        last = await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active, 1 not"))

    headings = ["#", "state", "severity", "time", "alarm", "description"]
    assert first[1].split() == (headings if columns == 100 else headings[:-1])
    assert first[23].startswith("number and Enter acknowledge")
    (row,) = rows(first)
    assert row[:3] == ["1", "active", "700"]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", row[3])
    assert row[4].startswith("SimulatedG")
    assert row[4].endswith("TestAlarmed")
    assert row[5:] == (["Too", "hot"] if columns == 100 else [])
    # The latest comes first, and the others keep their numbers.
    assert [row[0] for row in rows(two)] == ["2", "1"]
    assert [row[0] for row in rows(last)] == ["2"]
    assert STOPPED_TAG[-9:] in terminal.remaining


@on_terminal
@pytest.mark.parametrize("columns", [60, 100])
async def test_lost_feed_is_shown_above_an_intact_table(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    async with watching(monkeypatch, columns) as terminal:
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active"))
        await gateway.stop()
        lost = await terminal.wait_for_frame(lambda frame: frame[0].startswith("LOST at "))
        gateway.plant[STOPPED_TAG].set(True)
        await gateway.start()
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 2 active"))

    assert re.match(r"LOST at \d\d:\d\d:\d\d, may be outdated: 1 active", lost[0])
    assert [row[0] for row in rows(lost)] == ["1"]
    # Nothing but frames was written: each has the size of the terminal, and the heading stays where it is.
    assert {len(frame) for frame in terminal.frames} == {24}
    assert len({frame[1] for frame in terminal.frames}) == 1
    assert max(len(line) for frame in terminal.frames for line in frame) <= columns
    # The warnings of the library follow at the end.
    assert "mxgw-py: warning: alarm feed lost: " in terminal.remaining


@on_terminal
@pytest.mark.parametrize("columns", [60, 100])
async def test_alarm_is_acknowledged_by_number_with_comment(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    async with watching(monkeypatch, columns, "--operator", "me") as terminal:
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active, 1 not"))
        terminal.press("99\n")
        await terminal.wait_for_frame(lambda frame: "no active alarm has the number 99" in "".join(frame))
        terminal.press("12\x7f")
        await terminal.wait_for_frame(lambda frame: frame[23] == "acknowledge the alarm with the number: 1_")
        terminal.press("\n")
        asked = await terminal.wait_for_frame(lambda frame: frame[23].startswith("comment (Enter acknowledges"))
        # A q is part of the comment, and keys that are no text are not.
        terminal.press("qu\x1b[Aickx\x7fly\n")
        done = await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active, 0 not"))
        await terminal.wait_for_frame(lambda frame: " acknowledged SimulatedGalaxy!" in "".join(frame))

    assert asked[22] == f"acknowledge {HOT}"[-columns:]
    assert rows(done)[0][:2] == ["1", "acked"]
    request = last_request(gateway, "AcknowledgeAlarm")
    assert (request.alarm_full_reference, request.comment, request.operator_user) == (HOT, "quickly", "me")


@on_terminal
async def test_escape_leaves_the_prompt_without_acknowledging(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watching(monkeypatch, 100) as terminal:
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active"))
        terminal.press("1\n")
        await terminal.wait_for_frame(lambda frame: frame[23].startswith("comment"))
        terminal.press("\x1b")
        await terminal.wait_for_frame(lambda frame: frame[23].startswith("number and Enter"))

    assert not [call for call in gateway.calls if call.rpc == "AcknowledgeAlarm"]


@on_terminal
async def test_refused_acknowledgement_is_a_note_below_the_table(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key("session:open", "events:read"))
    async with watching(monkeypatch, 100) as terminal:
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 1 active"))
        terminal.press("1\n\n")
        await terminal.wait_for_frame(lambda frame: "cannot acknowledge SimulatedGalaxy!" in "".join(frame))
        gateway.plant[HOT_TAG].set(0)
        await terminal.wait_for_frame(lambda frame: frame[0].startswith("connected, 0 active"))


async def test_closed_stdout_ends_the_watch_silently(gateway: SimulatedGateway) -> None:
    async with start_process("watch-alarms") as process:
        for _ in range(3):
            await read_line(process)
        process._transport.get_pipe_transport(1).close()  # type: ignore[attr-defined]  # asyncio has no public way
        stderr = asyncio.create_task(process.stderr.read()) if process.stderr is not None else None
        while process.returncode is None:
            gateway.faults.retrigger_alarm(HOT_TAG)
            await asyncio.sleep(0.02)

        assert stderr is not None
        assert Result(status=process.returncode, stdout="", stderr=(await stderr).decode()) == Result(
            status=ExitStatus.GOOD, stdout="", stderr=""
        )
