"""`--output` prints results as a table, lines, CSV, JSON lines or bare values; times have the chosen zone."""

from __future__ import annotations

import csv
import io
import json
import re
import time
from collections.abc import Generator
from datetime import UTC, datetime
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import mxgw_py, succeed
from cli_support.schemas import validate
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

INT, STRING, TIME, UNKNOWN = (
    "TestChildObject.TestInt",
    "TestChildObject.TestString",
    "TestChildObject.TestTime",
    "NoSuchObject_999.NoSuchAttr",
)


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """Put this process into the time zone of Berlin, one hour before UTC in winter."""
    if not hasattr(time, "tzset"):
        pytest.skip("the time zone of a process cannot be changed on Windows")
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("attribute", "shown", "in_csv"),
    [
        ("TestBool", "true", "true"),
        ("TestInt", "42", "42"),
        ("TestLong", "5000000000", "5000000000"),
        ("TestDouble", "3.141592653589793", "3.141592653589793"),
        ("TestString", "Hello", "Hello"),
        ("TestTime", "2026-01-02T03:04:05.000Z", "2026-01-02T03:04:05.000000Z"),
        ("TestStringArray[]", '["one", "two", "three"]', '["one", "two", "three"]'),
    ],
)
async def test_values_are_as_people_read_them(attribute: str, shown: str, in_csv: str) -> None:
    tag = f"TestChildObject.{attribute}"
    (row,) = _rows((await succeed("read", tag, "-o", "csv")).stdout)

    assert (await succeed("read", tag)).stdout.endswith(f" good (192) {shown}\n")
    assert (await succeed("read", tag, "--output", "value")).stdout == f"{shown}\n"
    assert row["value"] == in_csv


async def test_csv_quotes_what_needs_quotes(gateway: SimulatedGateway) -> None:
    text = 'a "quoted", long\nstory; =1+1'
    gateway.plant[STRING].set(text)

    result = await succeed("read", STRING, INT, "--output", "csv")
    story, number = _rows(result.stdout)

    assert list(story) == ["tag", "value", "quality", "time", "reason"]
    assert story["value"] == text
    assert (number["value"], number["quality"]) == ("42", "192")
    assert datetime.fromisoformat(number["time"]).tzinfo == UTC


@pytest.mark.usefixtures("gateway")
async def test_unreadable_tag_keeps_its_place() -> None:
    values = await mxgw_py("read", UNKNOWN, INT, "-o", "value")
    table = await mxgw_py("read", UNKNOWN, INT, "-o", "csv")

    assert values.status == table.status == ExitStatus.MXACCESS
    assert values.stdout == "\n42\n"
    assert [(row["tag"], row["value"]) for row in _rows(table.stdout)] == [(UNKNOWN, ""), (INT, "42")]
    assert _rows(table.stdout)[0]["reason"].startswith("Invalid reference")


@pytest.mark.usefixtures("gateway")
async def test_table_in_pipe_has_aligned_columns_without_colours() -> None:
    heading, *rows = (await succeed("read", INT, "TestChildObject.TestDouble", "-o", "table")).stdout.splitlines()

    assert heading.split() == ["tag", "value", "quality", "time"]
    assert {row.index("good (192)") for row in rows} == {heading.index("quality")}
    # Numbers end at the same place.
    assert len({len(row[: row.index("good")].rstrip()) for row in rows}) == 1
    assert "\x1b" not in "".join(rows)


@pytest.mark.usefixtures("gateway")
async def test_jsonl_is_the_same_as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    by_flag = await mxgw_py("read", UNKNOWN, "--json")
    monkeypatch.setenv("MXGATEWAY_OUTPUT", "jsonl")
    by_variable = await mxgw_py("read", UNKNOWN)

    assert by_flag.record.keys() == by_variable.record.keys()
    assert by_flag.error_record["type"] == by_variable.error_record["type"] == "PartialFailure"
    # An option overrides the variable, for the error as well.
    assert (await mxgw_py("read", UNKNOWN, "-o", "lines")).error.startswith("mxgw-py: error: ")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--json", "-o", "csv"), "--json and --output csv contradict each other"),
        (("--utc", "--local"), "--local and --utc contradict each other"),
        (("-o", "xml"), "'xml' is not one of"),
    ],
)
async def test_contradicting_output_options_are_refused(
    gateway: SimulatedGateway, options: tuple[str, ...], problem: str
) -> None:
    result = await mxgw_py("read", INT, *options)

    assert result.status == ExitStatus.USAGE
    assert problem in result.stderr
    assert not gateway.calls


async def test_keys_of_json_are_in_the_order_of_the_contract(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant[INT].set(0)
    server_handle = await session.register("tests")
    for tag in (INT, STRING, UNKNOWN):
        await session.advise(server_handle, await session.add_item(server_handle, tag))

    for record in (await succeed("stream-events", "--count", "3", "--json")).records:
        validate(record, "event")
        _check_order(record, pb.MxEvent.DESCRIPTOR)


def _check_order(record: dict[str, Any], descriptor: Any) -> None:
    names = [field.json_name for field in descriptor.fields]
    assert list(record) == [name for name in names if name in record]
    for field in descriptor.fields:
        if isinstance(record.get(field.json_name), dict):
            _check_order(record[field.json_name], field.message_type)


@pytest.mark.usefixtures("berlin", "gateway")
async def test_times_have_the_chosen_zone() -> None:
    assert (await succeed("galaxy-last-deploy")).stdout == "2026-01-05T08:00:00.000Z\n"
    assert (await succeed("galaxy-last-deploy", "--local")).stdout == "2026-01-05T09:00:00.000+01:00\n"
    assert (await succeed("read", TIME, "-o", "value", "--local")).stdout == "2026-01-02T04:04:05.000+01:00\n"
    assert (await succeed("read", TIME, "--json", "--local")).record["value"][
        "timestampValue"
    ] == "2026-01-02T03:04:05Z"


async def test_single_result_has_every_format(session: Session) -> None:
    ids = ("--session-id", session.session_id)

    async def printed(command: str, output: str) -> str:
        return (await succeed(command, *ids, "-o", output)).stdout

    assert await printed("session-state", "value") == "READY\n"
    assert re.fullmatch(
        r"session Id +session-\w+\nstate +READY\n", await printed("session-state", "table"), re.IGNORECASE
    )
    assert _rows(await printed("session-state", "csv")) == [{"session_id": session.session_id, "state": "READY"}]
    assert float(await printed("ping", "value")) > 0
    assert int(await printed("worker-info", "value")) > 0


@pytest.mark.usefixtures("gateway")
async def test_figures_become_columns_of_csv() -> None:
    (row,) = _rows((await succeed("bench-events", "--duration", "0.2", "-o", "csv")).stdout)

    assert row["events_by_family_on_data_change"] == row["total_events"] == "6"


@pytest.mark.usefixtures("gateway")
async def test_galaxy_becomes_rows() -> None:
    objects = _rows((await succeed("browse", "--depth", "2", "-o", "csv")).stdout)
    attributes = _rows((await succeed("galaxy-discover", "TestArea", "--attributes", "-o", "csv")).stdout)
    names = (await succeed("galaxy-discover", "-o", "value")).stdout.split()

    assert [row["path"] for row in objects] == ["TestPlant", "TestPlant/TestArea", "TestPlant/TestArea2"]
    by_name = {row["attribute"]: row for row in attributes}
    assert (by_name[INT]["type"], by_name[INT]["writable"]) == ("Integer", "true")
    assert "TestMachine_006" in names


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("command", ["doctor", "smoke"])
async def test_steps_become_rows(command: str) -> None:
    arguments = (INT,) if command == "smoke" else ()
    rows = _rows((await succeed(command, *arguments, "-o", "csv")).stdout)
    first = json.loads((await succeed(command, *arguments, "--json")).stdout.splitlines()[0])

    assert len(rows) > 5
    assert next(iter(rows[0].values())) in first.values()
