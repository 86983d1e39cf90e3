"""Readings, changes and results as rows and data frames."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import DataChange, GatewayClient, TagClient, TagReading, WriteBulkEntry
from mxgateway.bulk import BulkReadResult
from mxgateway.frames import to_pandas, to_polars, to_records
from mxgateway.testing import SimulatedGateway
from mxgateway.values import MxValueInput, to_mx_value
from support.tagging import ARRAY, DOUBLE, INT, STRING, UNKNOWN, following_change

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
UNREADABLE = TagReading("No.Value", BulkReadResult(pb.BulkReadResult(error_message="no such tag")))


def reading(tag: str, value: MxValueInput) -> TagReading:
    """Return a good reading of a tag."""
    raw = pb.BulkReadResult(tag_address=tag, was_successful=True, quality=192, value=to_mx_value(value))
    raw.source_timestamp.FromDatetime(WHEN)
    return TagReading(tag, BulkReadResult(raw))


async def test_readings_are_rows(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
    good, bad = to_records(await tags.read(INT, UNKNOWN))

    assert good == {"tag": INT, "value": 7, "quality": 64, "timestamp": WHEN, "error": None}
    assert list(bad) == list(good)
    assert (bad["tag"], bad["value"], bad["quality"]) == (UNKNOWN, None, 0)
    assert "invalid reference" in bad["error"]


async def test_changes_and_snapshots_are_rows(tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        change = await following_change(watch)
    snapshot = await anext(tags.poll(INT, STRING, every=0.05))
    rows = to_records([change, snapshot])

    assert (rows[0]["tag"], rows[0]["value"], rows[0]["repeated"], rows[0]["error"]) == (INT, 42, False, None)
    assert [(row["time"], row["tag"], row["value"]) for row in rows[1:]] == [
        (snapshot.time, INT, 42),
        (snapshot.time, STRING, "Hello"),
    ]
    assert [row["tag"] for row in to_records(snapshot)] == [INT, STRING]


async def test_results_of_bulk_calls_are_rows(client: GatewayClient, tags: TagClient) -> None:
    async with client.open_session() as session, session.stream_events() as events:
        server = await session.register("test")
        items = await session.subscribe_bulk(server, [INT, STRING])
        number, text = (item.item_handle for item in items)
        entries = [WriteBulkEntry(item_handle=number, value=5), WriteBulkEntry(item_handle=text + 99, value="x")]
        written = to_records(await session.write_bulk(server, entries))
        change = await anext(events)
        assert isinstance(change, DataChange)
        (event,) = to_records([change])
        (read,) = to_records(await session.read_bulk(server, [DOUBLE]))

    assert [(row["tag"], row["was_successful"], row["error"]) for row in to_records(items)] == [
        (INT, True, None),
        (STRING, True, None),
    ]
    assert [(row["item_handle"], row["was_successful"]) for row in written] == [(number, True), (text + 99, False)]
    assert written[1]["error"]
    assert (event["item_handle"], event["value"], event["error"]) == (number, 42, None)
    assert list(read) == ["tag", "value", "quality", "timestamp", "error"]
    outcomes = to_records(await tags.write_many({INT: 5, UNKNOWN: 1}))
    assert [(row["tag"], row["state"]) for row in outcomes] == [(INT, "confirmed"), (UNKNOWN, "refused")]
    assert f"{UNKNOWN} was not written" in outcomes[1]["error"]


def test_time_outside_datetime_is_the_error_of_its_row() -> None:
    raw = pb.BulkReadResult(was_successful=True, quality=192)
    raw.value.timestamp_value.seconds = 2**50
    (row,) = to_records([TagReading("A.B", BulkReadResult(raw))])

    assert (row["value"], row["quality"]) == (None, 192)
    assert "outside the years 1 to 9999" in row["error"]


def test_anything_else_has_no_row() -> None:
    with pytest.raises(TypeError, match="42 has no row"):
        to_records([42])  # type: ignore[list-item]  # the mistake under test


COLUMNS: list[tuple[list[Any], str, str]] = [
    ([1, 2**40], "Int64", "Int64"),
    ([0.5, 2.0], "float64", "Float64"),
    ([1, 0.5], "float64", "Float64"),
    ([2**60, 0.5], "object", "Object"),
    ([True, False], "boolean", "Boolean"),
    (["a", "b"], "string", "String"),
    ([WHEN, WHEN], "datetime64[us, UTC]", "Datetime(time_unit='us', time_zone='UTC')"),
    ([b"raw", b""], "object", "Binary"),
    ([[1, 2], [3]], "object", "List(Int64)"),
    ([[[1.5]], [[2]]], "object", "List(List(Float64))"),
    ([["a"], [1]], "object", "Object"),
    ([1, "a"], "object", "Object"),
]


@pytest.mark.parametrize(("values", "dtype", "_"), COLUMNS)
def test_pandas_column_has_the_type_of_its_values(values: list[Any], dtype: str, _: str) -> None:
    rows = [reading(f"A.Tag{number}", value) for number, value in enumerate(values)]
    frame = to_pandas([*rows, UNREADABLE])

    assert frame["value"].dtype == dtype
    assert list(frame["value"])[:2] == values
    assert frame["value"].isna().tolist() == [False, False, True]
    assert frame["timestamp"].dtype == "datetime64[us, UTC]"
    assert frame["quality"].tolist() == [192, 192, 0]
    assert frame["error"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(("values", "_", "dtype"), COLUMNS)
def test_polars_column_has_the_type_of_its_values(values: list[Any], _: str, dtype: str) -> None:
    rows = [reading(f"A.Tag{number}", value) for number, value in enumerate(values)]
    frame = to_polars([*rows, UNREADABLE])

    assert str(frame.schema["value"]) == dtype
    assert frame["value"].to_list() == [*values, None]
    assert str(frame.schema["timestamp"]) == "Datetime(time_unit='us', time_zone='UTC')"
    assert frame["timestamp"].to_list() == [WHEN, WHEN, None]
    assert frame["quality"].to_list() == [192, 192, 0]


def test_frame_without_rows_has_the_columns_of_readings() -> None:
    names = ["tag", "value", "quality", "timestamp", "error"]

    assert to_polars([]).columns == names
    assert list(to_pandas([]).columns) == names
    assert to_polars([UNREADABLE])["value"].to_list() == [None]


async def test_readings_of_the_plant_become_frames(tags: TagClient) -> None:
    readings = await tags.read(INT, f"{ARRAY}[]", UNKNOWN)

    assert to_pandas(readings)["value"].tolist()[:2] == [42, [1, 2, 3, 4, 5]]
    assert to_polars(readings[:1])["value"].to_list() == [42]


def test_missing_library_is_one_line_that_says_what_to_install() -> None:
    program = """
import sys
from mxgateway.frames import to_pandas, to_polars
assert not {"pandas", "polars", "numpy"} & set(sys.modules)
sys.modules["pandas"] = sys.modules["polars"] = None
for function in (to_pandas, to_polars):
    try:
        function([])
    except ImportError as error:
        print(error)
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)

    assert process.stderr == ""
    assert process.stdout.splitlines() == [
        "to_pandas needs pandas: pip install 'mxaccess-gateway-client[pandas]'",
        "to_polars needs polars: pip install 'mxaccess-gateway-client[polars]'",
    ]
