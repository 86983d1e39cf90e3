"""Parquet files of a recording: complete when closed, and completed after a program was killed."""

from __future__ import annotations

import asyncio
import logging
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from mxgateway import MxGatewayConfigurationError, MxValueInput
from mxgateway.recording import ParquetSink, Rotation, read_records
from support.recording import LOST, WHEN, change, write

parquet: Any = import_module("pyarrow.parquet")


def rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows of a Parquet file, or of a folder of such files."""
    table: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    return table


def names(folder: Path) -> list[str]:
    """Return the names of the files in a folder and below, without the hidden ones."""
    return sorted(path.name for path in folder.rglob("[!.]*.*") if path.is_file())


async def kill(sink: ParquetSink, path: Path, lost_bytes: int) -> Path:
    """Leave the files of a sink as a killed program leaves them, and return the unfinished one."""
    stream = path.with_suffix(".arrows")
    content = await asyncio.to_thread(stream.read_bytes)
    await sink.close()
    await asyncio.to_thread(path.unlink)
    await asyncio.to_thread(stream.write_bytes, content[: len(content) - lost_bytes])
    return stream


async def test_each_value_is_in_the_column_of_its_type(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    values: list[MxValueInput] = [True, 7, 0.5, "text", b"\x01", [1, 2], WHEN, None]
    await write(ParquetSink(path), *(change(value, number) for number, value in enumerate(values)), LOST)

    table = await asyncio.to_thread(rows, path)
    typed = [tuple(row[f"value_{kind}"] for kind in ("integer", "real", "text", "blob")) for row in table]
    assert typed == [
        (1, None, None, None),
        (7, None, None, None),
        (None, 0.5, None, None),
        (None, None, "text", None),
        (None, None, None, b"\x01"),
        (None, None, "[1, 2]", None),
        (None, None, "2026-01-02T03:04:05.678900Z", None),
        (None, None, None, None),
        (None, None, None, None),
    ]
    assert [row["source_time"] for row in table] == [WHEN] * 8 + [None]
    assert [row["received_time"] for row in table] == [WHEN] * 9
    assert [row["sequence"] for row in table] == [*range(8), None]
    assert [row["repeated"] for row in table] == [False] * 8 + [None]
    assert [row["data_type"] for row in table[:3]] == ["BOOLEAN", "INTEGER", "DOUBLE"]
    assert (table[-1]["kind"], table[-1]["detail"]) == ("lost", "the gateway is away")


async def test_a_closed_file_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    assert await write(ParquetSink(path), change(1, 1)) is None
    assert await write(ParquetSink(path), change(2, 2)) == WHEN

    assert [row["sequence"] for row in await asyncio.to_thread(rows, path)] == [1, 2]
    assert names(tmp_path) == ["v.parquet"]


@pytest.mark.parametrize("lost_bytes", [0, 10])
async def test_what_a_killed_program_left_becomes_parquet(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lost_bytes: int
) -> None:
    path = tmp_path / "v.parquet"
    sink = ParquetSink(path)
    await sink.open()
    await sink.write([change(1, 1)])
    await sink.write([change(2, 2)])
    stream = await kill(sink, path, lost_bytes)

    with caplog.at_level(logging.WARNING, "mxgateway.recording"):
        assert await write(ParquetSink(path), change(3, 3)) == WHEN

    assert [record.getMessage() for record in caplog.records] == [
        f"{stream} was left by an interrupted recording: it becomes {path}"
    ]
    expected = [1, 3] if lost_bytes else [1, 2, 3]
    assert [row["sequence"] for row in await asyncio.to_thread(rows, path)] == expected


@pytest.mark.parametrize("name", ["", "v.parquet"])
async def test_after_a_kill_the_newest_file_of_a_rotation_is_continued(tmp_path: Path, name: str) -> None:
    rotation = Rotation(max_seconds=3600, max_bytes=20_000)
    sink = ParquetSink(tmp_path / name, rotation=rotation)
    await sink.open()
    await sink.write([change("x" * 20_000, 1)])
    await sink.write([change(2, 2)])
    assert sink.path is not None
    await kill(sink, sink.path, 0)
    await write(ParquetSink(tmp_path / name, rotation=rotation), change(3, 3))

    recording = read_records(tmp_path / name)
    assert [row.sequence for row in await asyncio.to_thread(list, recording)] == [1, 2, 3]
    assert len(recording.files) == 2


async def test_a_program_killed_after_completing_a_file_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "v.parquet"
    sink = ParquetSink(path)
    await sink.open()
    await sink.write([change(1, 1)])
    stream = path.with_suffix(".arrows")
    left = await asyncio.to_thread(stream.read_bytes)
    await sink.close()
    await asyncio.to_thread(stream.write_bytes, left)

    assert [row.sequence for row in await asyncio.to_thread(list, read_records(path))] == [1]
    await write(ParquetSink(path), change(2, 2))

    assert [row["sequence"] for row in await asyncio.to_thread(rows, path)] == [1, 2]


async def test_files_in_a_folder_are_parted_by_date_and_read_as_one_table(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path, rotation=Rotation(max_bytes=1))
    await sink.open()
    for number in range(3):
        await sink.write([change(number, number)])
    await sink.close()

    files = sink.series.existing()
    assert len(files) == 3
    assert all(path.parent.name.startswith("date=2") for path in files)
    assert sorted(row["sequence"] for row in await asyncio.to_thread(rows, tmp_path)) == [0, 1, 2]
    assert names(tmp_path) == [path.name for path in files]


async def test_a_recording_without_records_leaves_no_file(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path / "v.parquet")
    await sink.open()
    await sink.close()
    assert names(tmp_path) == []


def test_a_missing_pyarrow_is_named_with_its_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(MxGatewayConfigurationError, match=r"pip install 'mxaccess-gateway-client\[parquet\]'"):
        ParquetSink(tmp_path / "v.parquet")
