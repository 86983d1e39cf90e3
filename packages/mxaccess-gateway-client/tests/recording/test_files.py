"""Files of a recording: what stands in them, that they are continued, and that no half record stays in them."""

from __future__ import annotations

import asyncio
import csv
import json
import logging
import sqlite3
from pathlib import Path

import pytest

from mxgateway import MxValueInput
from mxgateway.recording import CsvSink, JsonLinesSink, Rotation, SqliteSink
from mxgateway.recording.sinks.file_sink import FileSink
from support.recording import LOST, WHEN, change, write

SINKS: dict[str, type[FileSink]] = {"csv": CsvSink, "jsonl": JsonLinesSink, "sqlite": SqliteSink}
TEXT_SINKS = {name: SINKS[name] for name in ("csv", "jsonl")}


VALUES: dict[str, tuple[MxValueInput, str, object]] = {
    "null": (None, "", None),
    "boolean": (True, "true", True),
    "integer": (-7, "-7", -7),
    "long": (2**40, "1099511627776", 2**40),
    "double": (0.1, "0.1", 0.1),
    "nan": (float("nan"), "nan", "NaN"),
    "text": ('say "hello",\nthen go', 'say "hello",\nthen go', 'say "hello",\nthen go'),
    "carriage return": ("one\rtwo", "one\rtwo", "one\rtwo"),
    "time": (WHEN, "2026-01-02T03:04:05.678900Z", "2026-01-02T03:04:05.678900Z"),
    "bytes": (b"\x00\xff", "AP8=", "AP8="),
    "array": ([1, 2], "[1, 2]", [1, 2]),
    "texts": (["ä", ""], '["ä", ""]', ["ä", ""]),
}


@pytest.mark.parametrize("name", VALUES)
async def test_csv_has_each_value_as_text(tmp_path: Path, name: str) -> None:
    value, text, _ = VALUES[name]
    await write(CsvSink(tmp_path / "v.csv"), change(value))
    with (tmp_path / "v.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert (row["tag"], row["value"], row["quality"]) == ("A.B", text, "192")
    assert row["source_time"] == row["received_time"] == "2026-01-02T03:04:05.678900Z"
    assert (row["session_id"], row["sequence"], row["repeated"]) == ("session-1", "1", "false")


@pytest.mark.parametrize("name", VALUES)
async def test_json_lines_have_each_value_as_json(tmp_path: Path, name: str) -> None:
    value, _, expected = VALUES[name]
    await write(JsonLinesSink(tmp_path / "v.jsonl"), change(value))
    (line,) = (tmp_path / "v.jsonl").read_text("utf-8").splitlines()
    record = json.loads(line)
    assert record["value"] == expected
    assert (record["kind"], record["tag"], record["sessionId"], record["sequence"]) == ("change", "A.B", "session-1", 1)
    assert record["sourceTime"] == "2026-01-02T03:04:05.678900Z"


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (True, (1, None, None, None)),
        (2**40, (2**40, None, None, None)),
        (0.5, (None, 0.5, None, None)),
        (float("nan"), (None, None, "NaN", None)),
        ("text", (None, None, "text", None)),
        (WHEN, (None, None, "2026-01-02T03:04:05.678900Z", None)),
        ([1.5, 2.5], (None, None, "[1.5, 2.5]", None)),
        (b"\x01", (None, None, None, b"\x01")),
        (None, (None, None, None, None)),
    ],
)
async def test_sqlite_has_each_value_in_the_column_of_its_type(
    tmp_path: Path, value: MxValueInput, column: object
) -> None:
    await write(SqliteSink(tmp_path / "v.sqlite"), change(value))
    with sqlite3.connect(tmp_path / "v.sqlite") as connection:
        rows = connection.execute("SELECT value_integer, value_real, value_text, value_blob FROM record").fetchall()
    connection.close()
    assert rows == [column]


async def test_sqlite_stores_a_change_once(tmp_path: Path) -> None:
    sink = SqliteSink(tmp_path / "v.sqlite")
    await write(sink, change(1, sequence=1), LOST, LOST)
    await write(sink, change(1, sequence=1), change(2, sequence=2))
    with sqlite3.connect(tmp_path / "v.sqlite") as connection:
        rows = connection.execute("SELECT kind, value_integer, detail FROM record ORDER BY id").fetchall()
    connection.close()
    lost = ("lost", None, "the gateway is away")
    assert rows == [("change", 1, ""), lost, lost, ("change", 2, "")]


@pytest.mark.parametrize("name", SINKS)
async def test_a_file_is_continued_and_its_last_time_known(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"v.{name}"
    assert await write(SINKS[name](path), change("one\ntwo", 1), LOST) is None
    assert await write(SINKS[name](path), change(2, 2)) == WHEN
    assert len(await asyncio.to_thread(kinds, path)) == 3


def kinds(path: Path) -> list[str]:
    """Return the kinds of all records of a file."""
    if path.suffix == ".csv":
        with path.open(newline="", encoding="utf-8") as file:
            return [row["kind"] for row in csv.DictReader(file)]
    if path.suffix == ".jsonl":
        return [json.loads(line)["kind"] for line in path.read_text("utf-8").splitlines()]
    connection = sqlite3.connect(path)
    try:
        return [kind for (kind,) in connection.execute("SELECT kind FROM record ORDER BY id")]
    finally:
        connection.close()


@pytest.mark.parametrize("name", TEXT_SINKS)
async def test_half_a_record_at_the_end_is_removed_and_told(
    tmp_path: Path, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"v.{name}"
    await write(SINKS[name](path), change(1, 1), change("first line\nsecond line", 2))
    whole = await asyncio.to_thread(path.read_bytes)
    first = whole.index(b"first line")
    for cut in (len(whole) - 1, whole.index(b"second") + 3, first + 5):
        await asyncio.to_thread(path.write_bytes, whole[:cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mxgateway.recording"):
            assert await write(SINKS[name](path), LOST) == WHEN
        assert [record.getMessage().startswith(f"{path}: removed ") for record in caplog.records] == [True]
        assert await asyncio.to_thread(kinds, path) == ["change", "lost"]


async def test_a_file_with_other_columns_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    path.write_text("time,tag,value\n1,2,3\n")
    with pytest.raises(OSError, match=r"v\.csv has other columns than this recording: choose another file"):
        await CsvSink(path).open()
    assert path.read_text() == "time,tag,value\n1,2,3\n"


@pytest.mark.parametrize("name", ["jsonl", "sqlite"])
async def test_a_file_that_is_no_recording_is_left_alone(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"v.{name}"
    path.write_text("something else altogether, longer than a header\n")
    with pytest.raises(OSError, match=rf"v\.{name}"):
        await SINKS[name](path).open()
    assert path.read_text() == "something else altogether, longer than a header\n"


async def test_two_programs_cannot_write_the_same_file(tmp_path: Path) -> None:
    first = CsvSink(tmp_path / "v.csv")
    await first.open()
    try:
        with pytest.raises(OSError, match=r"another program records to .*v\.csv at present"):
            await CsvSink(tmp_path / "v.csv").open()
    finally:
        await first.close()
    await write(CsvSink(tmp_path / "v.csv"), LOST)


@pytest.mark.parametrize("name", SINKS)
async def test_a_full_file_is_followed_by_a_new_one(tmp_path: Path, name: str) -> None:
    sink = SINKS[name](tmp_path / f"v.{name}", rotation=Rotation(max_bytes=1))
    await sink.open()
    for sequence in (1, 2):
        await sink.write([change(sequence, sequence)])
    await sink.close()
    files = sink.series.existing()
    assert [await asyncio.to_thread(kinds, path) for path in files] == [["change"], ["change"]]
    assert all(path.name.startswith("v-2") for path in files)


async def test_an_old_file_is_followed_by_a_new_one_and_the_newest_is_continued(tmp_path: Path) -> None:
    for _ in range(2):
        await write(CsvSink(f"{tmp_path}/", rotation=Rotation(max_seconds=3600)), LOST)
    sink = CsvSink(tmp_path, rotation=Rotation(max_seconds=3600))
    (path,) = sink.series.existing()
    old = await asyncio.to_thread(path.rename, tmp_path / "20200101T000000.000000Z.csv")

    await write(sink, LOST)

    assert sink.series.existing()[0] == old
    assert [len(await asyncio.to_thread(kinds, each)) for each in sink.series.existing()] == [2, 1]


async def test_a_time_outside_the_calendar_does_not_end_a_recording(tmp_path: Path) -> None:
    record = change(1)
    record.event.source_timestamp.seconds = 10**12
    await write(JsonLinesSink(tmp_path / "v.jsonl"), record)
    written = json.loads((tmp_path / "v.jsonl").read_text("utf-8"))
    assert "sourceTime" not in written
    assert written["value"] == 1
    assert written["detail"].startswith("source_time: 1000000000000 seconds since 1970 are outside the years")
