"""Former names of options, and those of the gateway's other command lines, still work, and are in one list only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.gateways import last_command, last_request
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

REFERENCE = (Path(__file__).resolve().parents[2] / "REFERENCE.md").read_text(encoding="utf-8")
LISTED = re.findall(r"^\| `([a-z0-9-]+)` \| `(--[a-z-]+)`.* \| `(.+)` \|$", REFERENCE, re.MULTILINE)
INT, DOUBLE = "TestChildObject.TestInt", "TestChildObject.TestDouble"
ALARM = "SimulatedGalaxy!TestArea.TestChildObject.TestAlarmed"
# Each command with its former names.
FORMER_NAMES = {
    "acknowledge-alarm": ["--reference"],
    "add-buffered-item": ["--item"],
    "add-item": ["--item"],
    "add-item-bulk": ["--items"],
    "bench-events": ["--items", "--duration-seconds"],
    "bench-read-bulk": ["--items", "--duration-seconds"],
    "drain-events": ["--max-events"],
    "forward": ["--items"],
    "explore": ["--items"],
    "galaxy-discover": ["--max-depth"],
    "galaxy-watch": ["--max-events"],
    "read": ["--items"],
    "read-bulk": ["--items", "--timeout-ms"],
    "record": ["--items", "--max-records"],
    "set-buffered-update-interval": ["--interval-ms"],
    "smoke": ["--item"],
    "stream-alarms": ["--max-messages", "--timeout"],
    "stream-events": ["--max-events"],
    "subscribe-bulk": ["--items"],
    "watch": ["--items", "--max-events"],
    "watch-alarms": ["--max-events"],
    "write": ["--tag"],
}


def test_reference_lists_all_former_names_once() -> None:
    listed: dict[str, list[str]] = {}
    for command, former, _ in LISTED:
        listed.setdefault(command, []).append(former)

    assert {command: sorted(names) for command, names in listed.items()} == {
        command: sorted(names) for command, names in FORMER_NAMES.items()
    }
    before, _ = REFERENCE.split("## Former names")
    names = {name for names in FORMER_NAMES.values() for name in names} - {"--timeout"}
    assert not [name for name in names if re.search(rf"{name}(?![a-z-])", before)]


@pytest.mark.parametrize("command", FORMER_NAMES)
async def test_help_does_not_show_former_names(command: str) -> None:
    text = (await succeed(command, "--help")).stdout

    names = [name for name in FORMER_NAMES[command] if name != "--timeout"]
    assert not [name for name in names if re.search(rf"{name}(?![a-z-])", text)]


@pytest.mark.usefixtures("gateway")
async def test_command_lines_of_other_languages_work(gateway: SimulatedGateway) -> None:
    feed = await succeed("stream-alarms", "--filter-prefix", "SimulatedGalaxy", "--max-messages", "1", "--timeout", "9")
    await succeed("stream-alarms", "--timeout", "0.2")
    await succeed("acknowledge-alarm", "--reference", ALARM, "--comment", "seen", "--operator", "me")
    bench = await succeed("bench-read-bulk", "--bulk-size", "2", "--duration-seconds", "0.1", "--json")
    smoke = await succeed("smoke", "--item", INT)

    assert len(feed.stdout.splitlines()) == 1
    assert last_request(gateway, "AcknowledgeAlarm").alarm_full_reference == ALARM
    assert bench.record["totalReadResults"] % 2 == 0
    assert INT in smoke.stdout


async def test_session_command_lines_of_other_languages_work(session: Session, gateway: SimulatedGateway) -> None:
    server = await session.register("tests")
    await succeed("add-item", "--server-handle", server, "--item", INT)
    await succeed("subscribe-bulk", "--server-handle", server, "--items", f"{INT}, {DOUBLE}")
    await succeed("read-bulk", "--server-handle", server, "--items", INT, "--timeout-ms", "1500")
    read = last_command(gateway).read_bulk
    await succeed("set-buffered-update-interval", "--server-handle", server, "--interval-ms", "250")
    interval = last_command(gateway).set_buffered_update_interval
    events = await succeed("stream-events", "--max-events", "2")

    assert (list(read.tag_addresses), read.timeout_ms) == ([INT], 1500)
    assert interval.update_interval_milliseconds == 250
    assert len(events.stdout.splitlines()) == 2


@pytest.mark.usefixtures("gateway")
async def test_former_variables_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_ITEMS", f"{INT},{DOUBLE}")
    monkeypatch.setenv("MXGATEWAY_MAX_EVENTS", "2")

    assert len((await succeed("watch")).stdout.splitlines()) == 2
    assert (await succeed("read", INT, "-o", "value")).stdout == "42\n"


@pytest.mark.usefixtures("gateway")
async def test_argument_and_its_former_option_contradict_each_other() -> None:
    result = await mxgw_py("read", INT, "--items", DOUBLE)

    assert result.status == ExitStatus.USAGE
    assert "TAG... and --items contradict each other" in result.error


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("option", "text"),
    [("--duration", "200ms"), ("--duration", "0.2"), ("--duration", "2e-1s"), ("--timeout", "1m")],
)
async def test_durations_have_units(option: str, text: str) -> None:
    assert INT in (await succeed("watch", INT, "--count", "1", option, text)).stdout


@pytest.mark.parametrize("text", ["soon", "5 fortnights", "0", "-1s", "nan", "inf", "9" * 400])
async def test_invalid_durations_are_refused(text: str) -> None:
    result = await mxgw_py("read", INT, f"--timeout={text}")

    assert result.status == ExitStatus.USAGE
    assert "--timeout" in result.error
    assert "duration" in result.error


@pytest.mark.usefixtures("gateway")
async def test_tags_are_separated_by_spaces_not_commas() -> None:
    result = await mxgw_py("read", f"{INT},{DOUBLE}")

    assert result.status == ExitStatus.USAGE
    assert "contains a comma: separate tags by spaces" in result.error
