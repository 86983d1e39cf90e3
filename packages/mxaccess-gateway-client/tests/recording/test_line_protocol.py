"""InfluxDB line protocol: one line for each record, escaped as InfluxDB reads it."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import pytest

from mxgateway import MxValueInput
from mxgateway.recording import LineProtocolSink, RecordKind, TagRecord
from support.recording import LOST, NANOSECONDS, change, write

TIME = 1_767_323_045_678_900_000


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (True, "boolean=true"),
        (-7, "integer=-7i"),
        (0.1, "real=0.1"),
        (float("nan"), 'text="nan"'),
        ('a "b" \\ c', r'text="a \"b\" \\ c"'),
        ([1, 2], 'text="[1, 2]"'),
        (datetime(2026, 1, 2, tzinfo=UTC), 'text="2026-01-02T00:00:00.000000Z"'),
    ],
)
async def test_a_change_is_a_point_with_its_source_time(value: MxValueInput, field: str) -> None:
    stream = io.BytesIO()
    await write(LineProtocolSink(stream), change(value))
    assert stream.getvalue().decode() == f"mxgateway,tag=A.B {field},quality=192i,repeated=false {TIME}\n"


async def test_null_and_tags_with_special_characters_stay_one_line() -> None:
    stream = io.BytesIO()
    await write(LineProtocolSink(stream), change(None, tag="A b,c=d\n.E"))
    line = rf"mxgateway,tag=A\ b\,c\=d\n.E quality=192i,repeated=false {TIME}"
    assert stream.getvalue().decode() == f"{line}\n"


async def test_a_loss_is_a_point_of_its_own_measurement() -> None:
    refused = TagRecord(kind=RecordKind.REFUSED, received_nanoseconds=NANOSECONDS, tag="A.B", detail="no")
    stream = io.BytesIO()
    await write(LineProtocolSink(stream), LOST, refused)
    assert stream.getvalue().decode().splitlines() == [
        f'mxgateway_status,kind=lost detail="the gateway is away" {NANOSECONDS}',
        f'mxgateway_status,kind=refused,tag=A.B detail="no" {NANOSECONDS}',
    ]
