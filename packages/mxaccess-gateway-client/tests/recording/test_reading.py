"""What was recorded can be read back: the same rows from every format, also while it is written."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from mxgateway import MxDataType, MxGatewayConfigurationError, MxValueInput
from mxgateway.recording import (
    CsvSink,
    JsonLinesSink,
    ParquetSink,
    RecordedRow,
    RecordKind,
    Rotation,
    Sink,
    SqliteSink,
    TagRecord,
    read_records,
)
from support.recording import LOST, NANOSECONDS, WHEN, change, write

pa: Any = import_module("pyarrow")

SINKS: dict[str, Callable[[Path], Sink]] = {
    ".csv": CsvSink,
    ".jsonl": JsonLinesSink,
    ".sqlite": SqliteSink,
    ".parquet": ParquetSink,
}
VALUES: list[MxValueInput] = [
    True,
    False,
    7,
    -(2**40),
    0.1,
    math.inf,
    "text",
    'two\nlines, "quoted"',
    "",
    "[1, 2]",
    "true",
    WHEN,
    None,
]
ARRAYS: list[MxValueInput] = [[1, 2], [True, False], [0.5, math.inf], ["a", "b,c"], [WHEN]]
GAP = TagRecord(kind=RecordKind.GAP, received_nanoseconds=NANOSECONDS, detail="5 changes were dropped, or more")


def read(path: Path, **fields: Any) -> list[RecordedRow]:
    """Return all rows of a recording."""
    return list(read_records(path, **fields))


@pytest.mark.parametrize("suffix", SINKS)
async def test_every_record_comes_back_from_every_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    records = [
        *(change(value, number) for number, value in enumerate(VALUES, 1)),
        *(change(value, number, "A.Array[]") for number, value in enumerate(ARRAYS, 100)),
        LOST,
        GAP,
    ]
    await write(SINKS[suffix](path), *records)

    rows = await asyncio.to_thread(read, path)
    assert [row.value for row in rows] == [record.value for record in records]
    assert [type(row.value) for row in rows] == [type(record.value) for record in records]
    for row, record in zip(rows, records, strict=True):
        assert (row.kind, row.tag, row.detail) == (record.kind, record.tag, record.detail)
        assert row.received_time == record.received_time
        is_change = record.kind is RecordKind.CHANGE
        assert row.data_type == (record.data_type if is_change else None)
        assert row.quality == (record.quality if is_change else None)
        assert (row.source_time, row.gateway_time) == (record.source_time, record.gateway_time)
        assert (row.session_id or "", row.sequence or 0) == (record.session_id, record.sequence)
        assert row.repeated == (False if is_change else None)


@pytest.mark.parametrize("suffix", [".sqlite", ".parquet"])
async def test_raw_bytes_and_nan_come_back_where_they_have_a_column(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    await write(SINKS[suffix](path), change(b"\x00\xff", 1), change(math.nan, 2))

    raw, number = await asyncio.to_thread(read, path)
    assert raw.value == b"\x00\xff"
    assert isinstance(number.value, float)
    assert math.isnan(number.value)
    assert number.data_type == MxDataType.DOUBLE


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
async def test_half_a_record_at_the_end_is_left_out_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, suffix: str
) -> None:
    path = tmp_path / f"v{suffix}"
    await write(SINKS[suffix](path), change(1, 1), change("two\nlines", 2))
    content = path.read_bytes()
    for cut in (1, 20):
        path.write_bytes(content[:-cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mxgateway.recording"):
            assert [row.value for row in read(path)] == [1]
        assert "that one is left out" in caplog.text


@pytest.mark.parametrize("suffix", SINKS)
async def test_a_recording_can_be_read_while_it_is_written(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    sink = SINKS[suffix](path)
    await sink.open()
    await sink.write([change(1, 1), change(2, 2)])
    try:
        rows = await asyncio.to_thread(read, path)
    finally:
        await sink.close()

    assert [row.value for row in rows] == [1, 2]


@pytest.mark.parametrize("suffix", SINKS)
async def test_the_files_of_a_rotation_are_one_recording(tmp_path: Path, suffix: str) -> None:
    sinks: dict[str, Any] = {**SINKS}
    for path in (tmp_path / f"v{suffix}", tmp_path / "folder"):
        if not path.suffix:
            path.mkdir()
        sink = sinks[suffix](path, rotation=Rotation(max_bytes=1))
        await sink.open()
        for number in range(4):
            await sink.write([change(number, number + 1)])
        await sink.close()

        recording = await asyncio.to_thread(read_records, path)
        assert len(recording.files) >= 4
        assert [row.value for row in await asyncio.to_thread(list, recording)] == [0, 1, 2, 3]


async def test_tags_and_times_choose_rows(tmp_path: Path) -> None:
    path = tmp_path / "v.jsonl"
    records = [change(number, number + 1, "AB"[number % 2] + ".X") for number in range(6)]
    for number, record in enumerate(records):
        record.received_nanoseconds += number * 1_000_000_000
    await write(JsonLinesSink(path), *records, LOST)

    assert [row.value for row in read(path, tags=["B.X"])] == [1, 3, 5, None]
    since, until = WHEN + timedelta(seconds=2), WHEN + timedelta(seconds=5)
    assert [row.value for row in read(path, since=since, until=until)] == [2, 3, 4]
    with pytest.raises(MxGatewayConfigurationError, match="since must have a time zone"):
        read(path, since=WHEN.replace(tzinfo=None))


async def test_polars_and_duckdb_take_the_rows_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "v.csv"
    await write(CsvSink(path), change(1, 1), change(2.5, 2), LOST)
    rows = read_records(path)

    frame = pl.DataFrame(rows)
    assert frame["value_integer"].to_list() == [1, None, None]
    assert frame["received_time"].to_list() == [WHEN] * 3
    result = duckdb.sql("SELECT max(value_real), count(*) FROM rows")
    assert result is not None
    assert result.fetchall() == [(2.5, 3)]
    table: Any = pa.table(rows)
    assert table.column("value_real").to_pylist() == [None, 2.5, None]


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"away\.csv has no recording"):
        read_records(tmp_path / "away.csv")
    with pytest.raises(FileNotFoundError, match="has no recording"):
        read_records(tmp_path)
    with pytest.raises(MxGatewayConfigurationError, match=r"must end in \.csv, \.jsonl, "):
        read_records(tmp_path / "values.txt")
    for suffix in SINKS:
        path = tmp_path / f"other{suffix}"
        path.write_text("one,two\n1,2\n3,4\n", encoding="utf-8")
        with pytest.raises(OSError, match=f"other{suffix}"):
            read(path)
