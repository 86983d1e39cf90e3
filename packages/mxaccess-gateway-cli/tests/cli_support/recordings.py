"""Records of a made-up recording, and the trends of the documentation."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import succeed
from mxgateway import MxValueInput, to_mx_value
from mxgateway.recording import CsvSink, JsonLinesSink, RecordKind, TagRecord

BEGIN = datetime(2026, 3, 1, 6, tzinfo=UTC)


def at(second: float) -> int:
    """Return the nanoseconds of a second of the recording."""
    return round((BEGIN.timestamp() + second) * 1e9)


def change(tag: str, second: float, value: MxValueInput, quality: int = 192) -> TagRecord:
    """Return the record of a change."""
    event = pb.MxEvent(session_id="session-1", worker_sequence=1, quality=quality, value=to_mx_value(value))
    event.source_timestamp.FromDatetime(BEGIN + timedelta(seconds=second))
    return TagRecord(kind=RecordKind.CHANGE, received_nanoseconds=at(second), tag=tag, event=event)


def status(kind: RecordKind, second: float, detail: str) -> TagRecord:
    """Return a record that is no change."""
    return TagRecord(kind=kind, received_nanoseconds=at(second), detail=detail)


async def write_records(sink: CsvSink | JsonLinesSink, records: Sequence[TagRecord]) -> None:
    """Write records to a sink and close it."""
    await sink.open()
    await sink.write(records)
    await sink.close()


async def take_trends(folder: Path) -> str:
    """Return the picture of a recording that has everything that a picture can have, as SVG."""
    path, picture = folder / "plant.csv", folder / "plot.svg"
    await write_records(CsvSink(path), sorted(_plant(), key=lambda record: record.received_nanoseconds))
    await succeed("plot", path, "--to", picture, "--utc")
    return await asyncio.to_thread(picture.read_text, "utf-8")


def _plant() -> Iterator[TagRecord]:
    lost, restored = 1500, 1800
    yield status(RecordKind.LOST, lost, "the gateway is away")
    yield status(RecordKind.RESTORED, restored - 1, "in a new session at g:1: changes were missed")
    for second in range(0, 3600, 20):
        if lost <= second < restored:
            continue
        wave = 4 * math.sin(second / 240) + 0.3 * math.sin(second / 40)
        quality = 64 if 2300 <= second < 2600 else 192
        yield change("Reactor_001.Temperature", second, 72 + wave, quality)
        yield change("Reactor_002.Temperature", second, 66 + 3 * math.cos(second / 300) + wave / 4)
    for second, setpoint in ((0, 72.5), (1100, 74.0), (restored, 74.0), (2900, 71.0)):
        yield change("Reactor_001.Setpoint", second, setpoint)
    for second, step in ((0, 1), (700, 2), (1300, 3), (restored, 3), (3100, 4)):
        yield change("Reactor_001.Step", second, step)
    for second, is_open in ((0, False), (600, True), (1250, False), (restored, False), (2100, True), (2750, False)):
        yield change("Reactor_001.Valve", second, is_open)
    yield change("Reactor_001.Setpoint", 3300, None, quality=0)
