"""The spool keeps records in order until they are acknowledged, and tells what it had to drop."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import sys
from collections.abc import Generator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mxgateway import MxGatewayConfigurationError
from mxgateway.forwarding import Spool
from mxgateway.recording import TagRecord
from support.recording import LOST, WHEN, change

NEEDS_LIMITS = pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the size of files like this")


@contextlib.contextmanager
def full_disk() -> Generator[None]:
    """Let every write of this process to a file fail during the block, as on a full disk."""
    import resource  # noqa: PLC0415 - Windows has none

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def delivered(spool: Spool) -> list[TagRecord]:
    """Acknowledge all batches and return their records."""
    records: list[TagRecord] = []
    while batch := await spool.next():
        records += batch.records
        await spool.acknowledge(batch)
    return records


def numbers(records: list[TagRecord]) -> list[object]:
    """Return the values of changes, and the kinds of other records."""
    return [record.value if record.kind == "change" else record.kind.value for record in records]


async def test_records_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    records = [change("Öl", 1, "A.Ö"), change([1.5, 2.5], 2), LOST]
    spool = Spool(tmp_path / "spool.sqlite")
    await spool.open()
    await spool.write(records[:2])
    await spool.write(records[2:])
    assert spool.records == 3
    assert await delivered(spool) == records
    assert (spool.records, spool.bytes) == (0, 0)
    await spool.close()


async def test_what_is_not_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path)
    assert await spool.open() is None
    for number in range(3):
        await spool.write([change(number)])
    first = await spool.next()
    assert first is not None
    await spool.acknowledge(first)
    await spool.next()
    await spool.close()

    spool = Spool(path)
    assert await spool.open() == WHEN
    assert numbers(await delivered(spool)) == [1, 2]
    await spool.close()
    assert await spool.open() == WHEN
    assert await delivered(spool) == []
    await spool.close()


async def test_a_full_spool_drops_the_oldest_and_leaves_a_gap() -> None:
    size = len("x" * 1000)
    spool = Spool(max_bytes=5 * size)
    await spool.open()
    for number in range(10):
        await spool.write([change(f"{number}" + "x" * size, number), change("y", number)])
    assert spool.dropped == 12
    assert spool.bytes <= 5 * size

    records = await delivered(spool)
    assert [record.kind.value for record in records] == ["gap", *["change"] * 8]
    assert records[0].detail.startswith("12 changes received from 2026-01-02T03:04:05.678+00:00 to ")
    assert str(records[1].value).startswith("6x")
    await spool.close()


async def test_what_is_being_delivered_is_not_dropped_and_its_gap_comes_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, max_bytes=300)
    await spool.open()
    await spool.write([change(0, 0)])
    batch = await spool.next()
    for number in range(1, 10):
        await spool.write([change(number, number)])
    await spool.close()

    spool = Spool(path, max_bytes=300)
    await spool.open()
    assert batch is not None
    again = await spool.next()
    assert again is not None
    assert numbers(list(again.records)) == numbers(list(batch.records)) == [0]
    await spool.acknowledge(again)
    rest = numbers(await delivered(spool))
    assert rest[0] == "gap"
    assert rest[1:] == list(range(10 - len(rest[1:]), 10))
    await spool.close()


async def test_records_that_are_too_old_are_dropped() -> None:
    spool = Spool(max_seconds=3600)
    await spool.open()
    await spool.write([change(1)])
    await spool.write([TagRecord(kind=LOST.kind, received_nanoseconds=2**62, detail="later")])
    assert numbers(await delivered(spool)) == ["gap", "lost"]
    await spool.close()


@NEEDS_LIMITS
async def test_while_the_disk_is_full_records_wait_in_memory_within_the_limit(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=500)
    await spool.open()
    with full_disk():
        for number in range(20):
            await spool.write([change(number, number)])
    assert spool.bytes <= 500
    assert spool.dropped == 20 - spool.records
    assert [record.message.partition(":")[0] for record in caplog.records] == ["records wait in memory"]

    await spool.write([change(20, 20)])
    gap, *rest = await delivered(spool)
    assert gap.detail.startswith(f"{21 - len(rest)} changes received from ")
    assert numbers(rest) == list(range(21 - len(rest), 21))
    await spool.close()


@NEEDS_LIMITS
async def test_records_in_memory_are_delivered_once_while_the_disk_becomes_free(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    await spool.open()
    await spool.write([change(0, 0)])
    with full_disk():
        for number in (1, 2, 3):
            await spool.write([change(number, number)])
        found: list[TagRecord] = []
        for _ in range(2):
            batch = await spool.next()
            assert batch is not None
            found += batch.records
            await spool.acknowledge(batch)
        # The next one is being delivered when it is written to the file, and the disk is full again then.
        delivering = await spool.next()
        assert delivering is not None
    await spool.write([change(4, 4)])
    with full_disk():
        await spool.write([change(5, 5)])
    await spool.write([change(6, 6)])
    await spool.acknowledge(delivering)
    found += [*delivering.records, *await delivered(spool)]

    assert numbers(found) == list(range(7))
    assert (spool.records, spool.bytes) == (0, 0)
    await spool.close()


@NEEDS_LIMITS
async def test_what_was_dropped_before_the_disk_became_full_is_told_before_what_came_later(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=500)
    await spool.open()
    # Too large for the spool as a whole.
    await spool.write([change(number, number) for number in range(20)])
    with full_disk():
        await spool.write([change(20, 20)])
        found = await delivered(spool)
        await spool.write([change(21, 21)])
    await spool.write([change(number, number) for number in range(22, 42)])
    await spool.write([change(42, 42)])
    found += await delivered(spool)

    assert numbers(found)[:2] == ["gap", 20]
    assert numbers(found)[-2:] == ["gap", 42]
    assert sum(int(record.detail.split()[0]) for record in found if record.detail) == 43 - (len(found) - 2)
    await spool.close()


@NEEDS_LIMITS
async def test_what_was_dropped_in_memory_and_in_the_file_is_told_where_it_belongs(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=500)
    await spool.open()
    for number in range(6):
        await spool.write([change(number, number)])
    with full_disk():
        for number in range(6, 12):
            await spool.write([change(number, number)])
    # Now the file loses its oldest too.
    await spool.write([change(number, number) for number in (12, 13)])
    found = numbers(await delivered(spool))

    values = [value for value in found if value != "gap"]
    holes = [value for before, value in pairwise([-1, *values]) if int(str(value)) != int(str(before)) + 1]
    assert [found[index + 1] for index, value in enumerate(found) if value == "gap"] == holes
    assert len(holes) == 2
    await spool.close()


@NEEDS_LIMITS
async def test_the_gap_of_a_full_spool_is_told_once_even_if_the_disk_is_full(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite", max_bytes=500)
    await spool.open()
    for number in range(20):
        await spool.write([change(number, number)])
    with full_disk():
        found = await delivered(spool)
    await spool.write([change(20, 20)])
    found += await delivered(spool)

    assert numbers(found) == ["gap", *range(22 - len(found), 21)]
    await spool.close()


async def test_a_spool_of_another_job_or_a_newer_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spool.sqlite"
    spool = Spool(path, job="the stream A")
    await spool.open()
    await spool.write([change(1)])
    await spool.close()
    with pytest.raises(MxGatewayConfigurationError, match="belongs to the stream A, not to the stream B"):
        await Spool(path, job="the stream B").open()
    again = Spool(path, job="the stream A")
    await again.open()
    assert again.records == 1
    await again.close()

    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(MxGatewayConfigurationError, match="was written by a newer version"):
        await Spool(path).open()


async def test_two_programs_cannot_use_the_same_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.sqlite")
    await spool.open()
    with pytest.raises(OSError, match=r"another program uses the spool .*spool\.sqlite"):
        await Spool(tmp_path / "spool.sqlite").open()
    await spool.close()


async def test_a_file_that_is_no_spool_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other"
    await asyncio.to_thread(path.write_text, "something else altogether, longer than a header\n" * 100)
    with pytest.raises(OSError, match="other is not a spool"):
        await Spool(path).open()


@pytest.mark.parametrize("limits", [{"max_bytes": 0}, {"max_seconds": -1.0}])
def test_limits_must_be_positive(limits: dict[str, Any]) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="must be positive"):
        Spool(**limits)
