"""`watch` leaves out small changes, takes snapshots at a pace, and has every output format."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import signal
import sys
from typing import Any

import pytest

from cli_support.command_line import mxgw_py, read_line, start_process, succeed, wait_for_exit
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway

INT, DOUBLE, UNKNOWN = "TestChildObject.TestInt", "TestChildObject.TestDouble", "NoSuchObject_999.NoSuchAttr"


async def _watched_values(gateway: SimulatedGateway, options: tuple[str, ...], values: list[Any]) -> list[str]:
    """Watch TestDouble while it takes these values; return the values that are printed up to the last one."""
    async with start_process("watch", DOUBLE, "-o", "value", *options) as process:
        printed = [await read_line(process)]
        for value in values:
            gateway.plant[DOUBLE].set(value)
        while printed[-1] != str(values[-1]):
            printed.append(await read_line(process))
        process.terminate()
        await wait_for_exit(process)
    return printed


@pytest.mark.parametrize(
    ("options", "values", "printed"),
    [
        (("--changes-only",), [5.0, 5.0, 6.0, 6.0, 7.0], ["5.0", "6.0", "7.0"]),
        # Compared with the last value printed, so that a slow drift is noticed.
        (("--deadband", "1"), [5.0, 5.5, 6.0, 6.2, 6.4, 9.0], ["5.0", "6.2", "9.0"]),
    ],
)
async def test_small_changes_are_left_out(
    gateway: SimulatedGateway, options: tuple[str, ...], values: list[Any], printed: list[str]
) -> None:
    assert (await _watched_values(gateway, options, values))[1:] == printed


async def test_change_of_quality_is_never_left_out(gateway: SimulatedGateway) -> None:
    async with start_process("watch", DOUBLE, "--deadband", "1000", "--json", "--count", "2") as process:
        await read_line(process)
        gateway.plant[DOUBLE].set(3.2, quality=64)
        changed = json.loads(await read_line(process))
        await process.wait()

    assert changed["event"]["quality"] == 64


@pytest.mark.usefixtures("gateway")
async def test_snapshots_have_a_row_per_tag_at_each_beat() -> None:
    arguments = ("watch", INT, UNKNOWN, "--every", "0.3", "--count", "6")
    records = (await succeed(*arguments, "--json")).records
    text = (await succeed(*arguments, "--output", "csv")).stdout
    rows = list(csv.DictReader(io.StringIO(text)))

    for record in records:
        validate(record, "watch")
    assert [record["tag"] for record in records] == [INT, UNKNOWN] * 3
    assert len({record["time"] for record in records}) == 3
    assert {record["kind"] for record in records} == {"sample"}
    assert [(row["tag"], row["value"], row["stale"]) for row in rows[-2:]] == [
        (INT, "42", "false"),
        (UNKNOWN, "", "false"),
    ]
    assert "Invalid reference" in rows[-1]["reason"]


async def test_snapshots_continue_while_the_connection_is_lost(gateway: SimulatedGateway) -> None:
    async with start_process("watch", INT, "--every", "0.1", "--json") as process:
        records = [json.loads(await read_line(process))]
        await gateway.stop()
        while not records[-1].get("stale"):
            records.append(json.loads(await read_line(process)))
        await gateway.start()
        while records[-1]["kind"] != "sample" or records[-1]["stale"]:
            records.append(json.loads(await read_line(process)))
        process.terminate()
        await wait_for_exit(process)

    kinds = [record["kind"] for record in records]
    assert [kind for kind in kinds if kind != "sample"] == ["lost", "restored"]
    assert records[-1]["event"]["value"]["int32Value"] == 42


@pytest.mark.usefixtures("gateway")
async def test_first_snapshot_does_not_wait_for_the_beat() -> None:
    async with asyncio.timeout(20):
        assert (await succeed("watch", INT, "--every", "3600", "--count", "1", "-o", "value")).stdout == "42\n"


async def test_status_item_is_a_row_of_csv_and_a_warning_beside_values(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = "session:open", "session:close", "invoke:read", "events:read"
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes, galaxy=(INT,)))

    table = await succeed("watch", INT, DOUBLE, "--count", "2", "-o", "csv")
    values = await mxgw_py("watch", INT, DOUBLE, "--count", "2", "-o", "value")

    rows = {row["tag"]: row for row in csv.DictReader(io.StringIO(table.stdout))}
    assert (rows[INT]["kind"], rows[INT]["value"], rows[DOUBLE]["kind"]) == ("change", "42", "refused")
    assert rows[DOUBLE]["reason"]
    assert values.stdout == "42\n"
    assert f"refused: {DOUBLE}: " in values.error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot stop a process")
@pytest.mark.usefixtures("gateway")
async def test_missed_snapshots_are_left_out_with_a_warning() -> None:
    async with start_process("watch", INT, "--every", "0.1", "-o", "csv") as process:
        for _ in range(3):
            await read_line(process)
        process.send_signal(signal.SIGSTOP)
        # The time that the process misses.
        await asyncio.sleep(0.6)
        process.send_signal(signal.SIGCONT)
        for _ in range(3):
            await read_line(process)
        process.terminate()
        result = await wait_for_exit(process)

    assert "left out snapshots because this process was held up: " in result.stderr
