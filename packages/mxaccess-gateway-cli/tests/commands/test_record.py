"""Recording tags in files from the command line."""

from __future__ import annotations

import asyncio
import csv
import json
import signal
import sys
from pathlib import Path

import pytest

from cli_support.command_line import mxgw_py, start_process, succeed, wait_for_exit
from cli_support.metrics import free_port, get, until_answer
from cli_support.schemas import validate
from cli_support.terminal import PseudoTerminal, Streams, run_with_streams
from mxgateway.recording import read_alarm_records
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.recording import RecordMetrics

INT, STRING = "TestChildObject.TestInt", "TestChildObject.TestString"


def rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file, none if it does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.usefixtures("gateway")
async def test_changes_are_in_the_file_and_a_summary_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    result = await succeed("record", INT, STRING, "--to", path, "--count", 2)

    assert result.stdout.startswith(f"{path}: 2 changes in ")
    assert result.stdout.endswith(" s, nothing lost\n")
    recorded = await asyncio.to_thread(rows, path)
    assert sorted((row["tag"], row["value"]) for row in recorded) == [(INT, "42"), (STRING, "Hello")]


@pytest.mark.usefixtures("gateway")
async def test_json_summary_names_the_newest_file(tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    arguments = ("record", INT, "--to", f"{folder}/", "--format", "jsonl", "--count", 1, "--json")
    record = (await succeed(*arguments)).record

    validate(record, "recording")
    (path,) = await asyncio.to_thread(lambda: list(folder.glob("2*.jsonl")))
    assert (record["changes"], record["losses"], record["files"], record["newestFile"]) == (1, 0, 1, str(path))
    assert json.loads(await asyncio.to_thread(path.read_text, "utf-8"))["value"] == 42


@pytest.mark.usefixtures("gateway")
async def test_a_second_recording_continues_the_file_and_tells_the_gap(tmp_path: Path) -> None:
    path = tmp_path / "values.csv"
    arguments = ("record", INT, "--to", path, "--count", 1)
    await succeed(*arguments)
    result = await succeed(*arguments)

    assert "1 change in" in result.stdout
    assert "1 losses: see kind lost and gap" in result.stdout
    assert [row["kind"] for row in await asyncio.to_thread(rows, path)] == ["change", "gap", "change"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "ndjson", "sqlite", "db", "parquet"])
@pytest.mark.usefixtures("gateway")
async def test_the_suffix_says_what_kind_of_file_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"values.{suffix}"
    await succeed("record", INT, "--to", path, "--count", 1)
    head = (await asyncio.to_thread(path.read_bytes))[:6]

    beginnings = {"csv": b"kind,t", "jsonl": b'{"kind', "ndjson": b'{"kind', "parquet": b"PAR1"}
    assert head.startswith(beginnings.get(suffix, b"SQLite"))


@pytest.mark.usefixtures("gateway")
async def test_stdout_gets_line_protocol_and_nothing_else() -> None:
    result = await succeed("record", INT, "--to", "-", "--count", 1)

    (line,) = result.stdout.splitlines()
    assert line.startswith(f"mxgateway,tag={INT} integer=42i,quality=192i,repeated=false ")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--to", "values.txt"), "--to values.txt: give --format, or a file that ends in .csv, .jsonl"),
        (("--to", "-", "--format", "csv"), "stdout takes --format influx only, and a file takes the other formats"),
        (("--to", "v.csv", "--duration", "5x"), "'5x' is not a duration: use for example 5s or 1.5h"),
        (("--to", "v.csv", "--rotate-size", "0"), "the size must be more than 0"),
        (("--to", "v.csv", "--alarms"), "--alarms and TAG... contradict each other"),
    ],
)
@pytest.mark.usefixtures("gateway")
async def test_what_cannot_be_meant_is_refused_before_anything_is_sent(
    arguments: tuple[str, ...], error: str, gateway: SimulatedGateway
) -> None:
    result = await mxgw_py("record", INT, *arguments)

    assert result.status == ExitStatus.USAGE
    assert error in result.error
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    await asyncio.to_thread(other.write_text, "a,b\n1,2\n")
    for path, reason in (
        (other, f"{other} has other columns than this recording: choose another file"),
        (tmp_path / "other.csv" / "v.csv", f"cannot record to {tmp_path / 'other.csv' / 'v.csv'}: "),
    ):
        result = await mxgw_py("record", INT, "--to", path)
        assert result.status == ExitStatus.FAILED
        assert reason in result.error


async def test_alarms_are_recorded_and_continued_after_a_kill(gateway: SimulatedGateway, tmp_path: Path) -> None:
    path = tmp_path / "alarms.csv"
    arguments = ("record", "--alarms", "--to", path, "--filter-prefix", "simulatedgalaxy!testarea.")
    async with start_process(*arguments, "--flush-interval", "10ms") as process:
        async with asyncio.timeout(20):
            while "provider" not in {row["kind"] for row in await asyncio.to_thread(rows, path)}:  # noqa: ASYNC110
                await asyncio.sleep(0.02)  # a new row cannot be awaited
        process.kill()
        await process.wait()
    with path.open("ab") as file:
        file.write(b'raised,"half a re')
    gateway.plant["TestChildObject.TestAlarmed"].set(0)
    gateway.plant["TestChildObject.TestLowAlarm"].set(1)
    result = await mxgw_py(*arguments, "--count", 1, "--json")

    validate(result.record, "recording")
    assert (result.status, result.record["changes"], result.record["losses"]) == (ExitStatus.GOOD, 1, 1)
    assert "removed 17 bytes of a record that was not complete" in result.stderr
    recorded = await asyncio.to_thread(lambda: list(read_alarm_records(path)))
    first, *_, gap, last = [record for record in recorded if record.kind in {"raised", "gap"}]
    assert (first.source_object, first.severity) == ("TestChildObject", 700)
    assert gap.detail.startswith("nothing was recorded from ")
    assert (last.alarm, last.from_snapshot) == ("SimulatedGalaxy!TestArea.TestChildObject.TestLowAlarm", True)


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("arguments", [("--to", "-"), ("--to", "a.csv", "--format", "influx")])
async def test_alarms_are_not_line_protocol(arguments: tuple[str, ...]) -> None:
    result = await mxgw_py("record", "--alarms", *arguments)

    assert result.status == ExitStatus.USAGE
    assert "alarms are recorded in files, and not as InfluxDB line protocol" in result.error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.usefixtures("gateway")
async def test_a_signal_writes_what_has_arrived_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    path, port = tmp_path / "values.csv", free_port()
    metrics = ("--metrics", f"127.0.0.1:{port}")
    async with start_process("record", INT, "--to", path, "--flush-interval", "10ms", *metrics) as process:
        async with asyncio.timeout(20):
            while not await asyncio.to_thread(rows, path):  # noqa: ASYNC110 - a new row cannot be awaited
                await asyncio.sleep(0.02)
        await until_answer(port, "/metrics", "mxgateway_record_changes_total 1.0")
        _, page = await get(port, "/metrics")
        assert await get(port, "/healthz") == (200, "ok\n")
        process.send_signal(number)
        result = await wait_for_exit(process)

    assert all(f"# HELP {name.removesuffix('_total')}" in page for name in RecordMetrics.descriptions)
    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")
    assert "nothing lost" in result.stdout
    assert [row["value"] for row in await asyncio.to_thread(rows, path)] == ["42"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
async def test_a_terminal_shows_the_progress_in_one_line(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in {"COLUMNS": "100", "LINES": "24", "TERM": "xterm-256color"}.items():
        monkeypatch.setenv(name, value)
    arguments = ("record", INT, "--to", str(tmp_path / "values.csv"), "--count", "2", "--flush-interval", "10ms")
    with PseudoTerminal(100, 24) as terminal, (tmp_path / "stdout").open("w", encoding="utf-8") as stdout:
        streams = Streams(stdout=stdout, stderr=terminal.stream)
        running = asyncio.create_task(asyncio.to_thread(run_with_streams, arguments, streams))
        async with asyncio.timeout(8):
            while "recording to values.csv  1 changes" not in terminal.text:  # noqa: ASYNC110 - nothing to await
                await asyncio.sleep(0.01)
        gateway.plant[INT].set(7)
        assert await running == ExitStatus.GOOD

    assert (await asyncio.to_thread((tmp_path / "stdout").read_text)).count("2 changes") == 1
