"""Every example runs unchanged and prints what it promises."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from mxgateway.testing import CallRecord, SimulatedGateway
from support.programs import start_python
from support.tagging import INT, STRING, UNKNOWN, commands, writes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
RAMP = "TestMachine_001.TestChangingInt"
ALARM_TAG = "TestChildObject.TestAlarmed"
ALARM = f"SimulatedGalaxy!TestArea.{ALARM_TAG}"
# The library's warnings, which Python writes to stderr if logging is not configured.
LOST_AND_RESTORED = (
    r"event stream of '\S+' lost: .*\n(.* is not restored yet, .*\n)*"
    r"event stream of '\S+' restored in a new session at \S+\n"
)


class Example:
    """Runs examples in processes of their own, against the gateway of the test."""

    def __init__(self, gateway: SimulatedGateway, folder: Path) -> None:
        self._gateway = gateway
        self._folder = folder

    async def start(self, *command: str | Path) -> asyncio.subprocess.Process:
        """Start Python with these arguments."""
        return await start_python(self._gateway, self._folder, *command)

    async def run(self, name: str, *arguments: str, status: int = 0) -> list[str]:
        """Run an example to its end and return the lines that it printed."""
        return await self.end(await self.start(EXAMPLES / name, *arguments), status)

    async def end(self, process: asyncio.subprocess.Process, status: int = 0, errors: str = "") -> list[str]:
        """Wait for the end of an example, check its stderr, and return the lines that it printed."""
        async with asyncio.timeout(30):
            output, errors_output = await process.communicate()
        assert process.returncode == status, errors_output.decode()
        assert re.fullmatch(errors, errors_output.decode()), errors_output.decode()
        return output.decode().splitlines()


@pytest.fixture
def example(gateway: SimulatedGateway, tmp_path: Path) -> Example:
    """Return a runner for examples, in an empty folder."""
    return Example(gateway, tmp_path)


def test_every_example_is_tested_and_documented() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    page = (EXAMPLES.parent / "docs" / "how-to" / "examples.md").read_text(encoding="utf-8")

    for path in sorted(EXAMPLES.glob("*.py")):
        assert f'"{path.name}"' in tests
        assert f"[{path.name}](../../examples/{path.name})" in page


async def test_read_tags_prints_values_and_reasons(example: Example) -> None:
    lines = await example.run("read_tags.py", INT, UNKNOWN, STRING)

    assert re.fullmatch(rf"{INT} = 42 \(.*good.*, 20.*\)", lines[0], re.IGNORECASE)
    assert lines[1].startswith(f"{UNKNOWN}: ")
    assert lines[2].startswith(f"{STRING} = Hello (")
    assert len(await example.run("read_tags.py")) == 2


async def test_write_and_confirm_prints_the_outcome_from_mxaccess(example: Example, gateway: SimulatedGateway) -> None:
    assert await example.run("write_and_confirm.py", INT, "123") == [f"{INT} = 123"]
    assert gateway.plant[INT].value == 123
    with gateway.faults.refused_writes(INT):
        (line,) = await example.run("write_and_confirm.py", INT, "5", status=1)
    assert line.startswith("refused: ")
    assert "refuses on request" in line
    assert gateway.plant[INT].value == 123
    assert writes(gateway) == 2


async def test_watch_tags_prints_changes_and_connection_losses(example: Example, gateway: SimulatedGateway) -> None:
    process = await example.start(EXAMPLES / "watch_tags.py", "4", INT, STRING)
    assert process.stdout is not None
    first = sorted([(await process.stdout.readline()).decode() for _ in range(2)], key=lambda line: line.split()[2])
    assert [re.sub(r"^\S+ \S+ ", "", line).partition(" (")[0].strip() for line in first] == [
        f"{INT} = 42",
        f"{STRING} = Hello",
    ]
    await gateway.faults.restart()
    lines = await example.end(process, errors=LOST_AND_RESTORED)

    assert lines[0].startswith("connection lost, values are stale: ")
    assert lines[1] == "continued in a new session"
    assert len(lines) == 4


async def test_custom_sink_averages_good_values_and_tells_losses(example: Example, gateway: SimulatedGateway) -> None:
    process = await example.start(EXAMPLES / "custom_sink.py", "4", INT)
    await gateway.wait_for(lambda: [item for session in gateway.sessions for item in session.items if item.advised])
    await gateway.faults.restart()
    ending = asyncio.create_task(example.end(process, errors=LOST_AND_RESTORED))
    while not ending.done():
        # Until it has recorded enough: what the restart has swallowed is not sent again.
        for value, quality in ((44, 192), (1_000, 0)):
            gateway.plant[INT].set(value, quality=quality)
        await asyncio.wait([ending], timeout=0.05)
    lines = ending.result()

    assert [line.partition(" ")[0] for line in lines] == ["lost", "restored", INT]
    # 42 before, 44 after, and never the bad value.
    assert 42 <= float(lines[-1].split()[1]) <= 44


async def test_bulk_subscribe_advises_a_thousand_tags_in_one_round_trip(
    example: Example, gateway: SimulatedGateway
) -> None:
    lines = await example.run("bulk_subscribe.py")

    assert re.fullmatch(r"1000 tags in \d+\.\d{3} s", lines[0])
    assert re.fullmatch(r"first values of all tags after \d+\.\d{3} s", lines[1])
    assert commands(gateway)["SUBSCRIBE_BULK"] == 1
    assert commands(gateway)["UNSUBSCRIBE_BULK"] == 1


def calls_of(gateway: SimulatedGateway, rpc: str) -> list[CallRecord]:
    """Return the calls of an rpc that the gateway has received."""
    return [call for call in gateway.calls if call.rpc == rpc]


async def test_alarms_prints_active_alarms_changes_and_losses(example: Example, gateway: SimulatedGateway) -> None:
    lines = await example.run("alarms.py", "1", ALARM)

    assert re.fullmatch(rf"20\S+ \S+  raised {re.escape(ALARM)}, severity 700, Too hot", lines[0])
    assert lines[1] == "1 active alarms, changes follow"
    assert lines[2].endswith(f"  acknowledged {ALARM}, severity 700, Too hot, python-client seen by an example")

    process = await example.start(EXAMPLES / "alarms.py", "1", "Nobody!Nothing.Here")
    await gateway.wait_for(lambda: len(calls_of(gateway, "AcknowledgeAlarm")) == 2)
    gateway.faults.end_alarm_feeds()
    gateway.plant[ALARM_TAG].set(10.0)
    await gateway.wait_for(lambda: len(calls_of(gateway, "StreamAlarms")) == 3 and gateway.plant.alarm_listeners)
    gateway.plant[ALARM_TAG].set(95.0)
    lines = await example.end(process, errors=r"alarm feed lost: .*\nalarm feed restored at \S+\n")
    assert lines[0].startswith("cannot acknowledge Nobody!Nothing.Here: ")
    assert lines[3].startswith("alarm feed lost, the active alarms may be outdated: StreamAlarms on ")
    assert lines[4] == "alarm feed restored, what changed in the meantime follows"
    assert lines[5].startswith(f"meanwhile  cleared {ALARM}, ")
    assert lines[6] == "0 active alarms, changes follow"
    assert f"  raised {ALARM}, " in lines[7]


async def test_browse_prints_the_tree(example: Example) -> None:
    lines = await example.run("browse.py", "3")

    assert lines[0].startswith("deployed 2026-01-05 08:00")
    assert "TestPlant (area)" in lines
    assert "    TestChildObject ($TestChildObject)" in lines
    assert "      .TestIntArray  Integer[]" in lines
    assert not [line for line in lines if "TestPump" in line]
    assert await example.run("browse.py", "1", "TestChildObject") == [
        lines[0],
        "TestPump ($Pump)",
        "  .Running  Boolean",
        "  .Speed  Double",
    ]


async def test_the_test_harness_passes_its_own_tests(example: Example) -> None:
    options = ("-q", "-p", "no:cacheprovider", "-o", "asyncio_default_fixture_loop_scope=function")
    process = await example.start("-m", "pytest", *options, EXAMPLES / "test_automation.py")
    lines = await example.end(process)

    assert lines[-1].startswith("3 passed")


async def test_example_without_arguments_prints_its_usage(example: Example) -> None:
    process = await example.start(EXAMPLES / "custom_sink.py")
    _, errors = await process.communicate()

    assert process.returncode == 1
    assert errors.decode().startswith("usage: custom_sink.py CHANGES TAG")
