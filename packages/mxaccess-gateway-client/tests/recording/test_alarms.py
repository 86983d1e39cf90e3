"""Recording alarms: each change and each loss is a record, in every kind of file, and comes back equal."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from mxgateway import (
    AlarmConditionState,
    AlarmWatch,
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayUsageError,
    TagClient,
)
from mxgateway.recording import (
    AlarmRecord,
    AlarmRecorder,
    AlarmRecordKind,
    CsvSink,
    JsonLinesSink,
    ParquetSink,
    Recorder,
    RecorderOptions,
    Rotation,
    SqliteSink,
    TagRecord,
    read_alarm_records,
    read_records,
)
from mxgateway.testing import SimulatedGateway
from support.alarm_watching import HOT, HOT_TAG, LOW, LOW_TAG
from support.recording import change
from support.tagging import INT
from support.waiting import until

QUICK = RecorderOptions(flush_interval=0.01)
SINKS: dict[str, type[CsvSink | JsonLinesSink | SqliteSink | ParquetSink]] = {
    ".csv": CsvSink,
    ".jsonl": JsonLinesSink,
    ".sqlite": SqliteSink,
    ".parquet": ParquetSink,
}
EACH_FORMAT = pytest.mark.parametrize("suffix", SINKS)
texts = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
times = some.datetimes(datetime(1970, 1, 2), datetime(2100, 1, 1), timezones=some.just(UTC))  # noqa: DTZ001 - in UTC
records = some.builds(
    AlarmRecord,
    kind=some.sampled_from(AlarmRecordKind),
    state=some.none() | some.integers(0, 9).map(AlarmConditionState),
    severity=some.none() | some.integers(-(2**31), 2**31 - 1),
    received_time=times,
    **dict.fromkeys(("raise_time", "transition_time"), some.none() | times),
    **dict.fromkeys(("from_snapshot", "degraded"), some.none() | some.booleans()),
    **dict.fromkeys(
        ("alarm", "category", "description", "current_value", "operator_comment", "source_object", "detail"), texts
    ),
)


class ListSink:
    """A sink of a user's own, which keeps the records in a list. While it is blocked, it does not write."""

    def __init__(self) -> None:
        self.records: list[AlarmRecord] = []
        self.unblocked = asyncio.Event()
        self.unblocked.set()
        self.writing = False

    async def open(self) -> datetime | None:
        return None

    async def write(self, records: Sequence[AlarmRecord]) -> None:
        self.writing = True
        await self.unblocked.wait()
        self.records += records
        self.writing = False

    async def close(self) -> None:
        pass

    @property
    def kinds(self) -> list[str]:
        """The kinds of the records."""
        return [record.kind.value for record in self.records]


def quick(client: GatewayClient, **options: Any) -> AlarmWatch:
    """Return a watch that opens a lost feed again almost at once."""
    return client.watch_alarms(reconnect_delay=0.01, longest_reconnect_delay=0.05, **options)


async def write(sink: CsvSink | JsonLinesSink | SqliteSink | ParquetSink, *written: AlarmRecord) -> datetime | None:
    """Open a sink, write records, close it, and return what opening said of the last record."""
    last = await sink.open()
    try:
        await sink.write(written)
    finally:
        await sink.close()
    return last


async def read(path: Path) -> list[AlarmRecord]:
    """Return all records of a recording of alarms."""
    return await asyncio.to_thread(lambda: list(read_alarm_records(path)))


def begins(sink: ListSink) -> Callable[[], bool]:
    """Return whether the active alarms and the provider were recorded."""
    return lambda: "provider" in sink.kinds


async def test_what_happens_to_an_alarm_is_recorded(gateway: SimulatedGateway, client: GatewayClient) -> None:
    sink = ListSink()
    async with AlarmRecorder(quick(client), sink, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(begins(sink))
        gateway.plant[LOW_TAG].set(1)
        await client.acknowledge_alarm(HOT, comment='seen,\n"twice"', operator_user="bob")
        gateway.plant[HOT_TAG].set(0)
        await until(lambda: "cleared" in sink.kinds)
        recorder.stop()
        statistics = await running

    first, complete, provider, raised, acknowledged, cleared = sink.records
    assert (first.kind, first.alarm, first.from_snapshot) == ("raised", HOT, True)
    assert (complete.kind, provider.kind, provider.degraded) == ("complete", "provider", False)
    assert (raised.kind, raised.alarm, raised.state) == ("raised", LOW, AlarmConditionState.ACTIVE)
    assert raised.transition_time is not None
    assert raised.transition_time <= raised.received_time <= datetime.now(UTC)
    assert (raised.current_value, raised.from_snapshot, raised.source_object) == ("1", False, "TestChildObject")
    assert (acknowledged.kind, acknowledged.state) == ("acknowledged", AlarmConditionState.ACTIVE_ACKED)
    assert (acknowledged.operator_user, acknowledged.operator_comment) == ("bob", 'seen,\n"twice"')
    assert (cleared.kind, cleared.alarm, cleared.state) == ("cleared", HOT, AlarmConditionState.INACTIVE)
    assert (statistics.written, statistics.changes, statistics.losses) == (6, 4, 0)


async def test_a_lost_feed_is_recorded_with_what_changed_in_the_meantime(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    sink = ListSink()
    async with AlarmRecorder(quick(client), sink, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(begins(sink))
        before = len(sink.records)
        gateway.faults.end_alarm_feeds()
        gateway.plant[HOT_TAG].set(0)
        await until(lambda: sink.kinds[before:][-1:] == ["complete"])
        recorder.stop()
        assert (await running).losses == 1

    lost, restored, cleared, _ = sink.records[before:]
    assert (lost.kind, restored.kind) == ("lost", "restored")
    assert "UNAVAILABLE" in lost.detail
    assert restored.detail.startswith(f"at {gateway.endpoint}: what changed since ")
    assert (cleared.kind, cleared.alarm, cleared.from_snapshot) == ("cleared", HOT, True)
    # When it was cleared is unknown.
    assert cleared.transition_time is None


async def test_changes_that_a_slow_sink_misses_are_counted_in_a_gap(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    sink = ListSink()
    watch = quick(client, queue_size=5)
    async with AlarmRecorder(watch, sink, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(begins(sink))
        sink.unblocked.clear()
        gateway.plant[LOW_TAG].set(1)
        await until(lambda: sink.writing)
        for _ in range(5):
            gateway.plant[HOT_TAG].clear_alarm()
            gateway.plant[HOT_TAG].raise_alarm()
        await until(lambda: watch.dropped)
        sink.unblocked.set()
        await until(lambda: "gap" in sink.kinds)
        recorder.stop()
        await running

    (gap,) = (record for record in sink.records if record.kind == "gap")
    assert recorder.statistics.dropped > 0
    assert f"{recorder.statistics.dropped} changes were dropped" in gap.detail


@EACH_FORMAT
@given(written=some.lists(records, min_size=1, max_size=5))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_records_come_back_equal_from_every_format(tmp_path: Path, suffix: str, written: list[AlarmRecord]) -> None:
    path = tmp_path / f"alarms{suffix}"
    path.unlink(missing_ok=True)
    asyncio.run(write(SINKS[suffix](path, records=AlarmRecord), *written))

    assert list(read_alarm_records(path)) == written


@EACH_FORMAT
async def test_a_recording_is_continued_with_a_gap(
    gateway: SimulatedGateway, client: GatewayClient, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"alarms{suffix}"

    async def record() -> None:
        sink = SINKS[suffix](path, records=AlarmRecord)
        async with AlarmRecorder(client.watch_alarms(), sink, options=QUICK) as recorder:
            await recorder.run(max_records=1)

    await record()
    gateway.plant[HOT_TAG].set(0)
    gateway.plant[LOW_TAG].set(1)
    await record()

    before, *_, gap, after = [each for each in await read(path) if each.kind in {"raised", "gap"}]
    assert (before.alarm, after.alarm, after.from_snapshot) == (HOT, LOW, True)
    begin, end = gap.detail.split()[4], gap.detail.split()[6].rstrip(";")
    last = [each for each in await read(path) if each.received_time < gap.received_time][-1]
    assert datetime.fromisoformat(begin) == last.received_time
    assert datetime.fromisoformat(end) == gap.received_time


async def test_files_rotate_and_a_time_chooses_records(tmp_path: Path) -> None:
    written = [
        AlarmRecord(kind=AlarmRecordKind.LOST, received_time=datetime(2026, 1, day, tzinfo=UTC)) for day in (1, 2, 3)
    ]
    sink = CsvSink(tmp_path / "a.csv", rotation=Rotation(max_bytes=1), records=AlarmRecord)
    await sink.open()
    for record in written:
        await sink.write([record])
    await sink.close()

    recording = read_alarm_records(tmp_path / "a.csv", since=written[1].received_time, until=written[2].received_time)
    assert len(recording.files) == 3
    assert await asyncio.to_thread(list, recording) == [written[1]]
    assert pl.DataFrame(recording)["received_time"].to_list() == [written[1].received_time]
    with pytest.raises(MxGatewayConfigurationError, match="until must have a time zone"):
        read_alarm_records(tmp_path / "a.csv", until=datetime(2026, 1, 1))  # noqa: DTZ001 - the point


@EACH_FORMAT
async def test_tags_and_alarms_are_not_mixed_up(
    client: GatewayClient, tags: TagClient, tmp_path: Path, suffix: str
) -> None:
    alarm = AlarmRecord(kind=AlarmRecordKind.RAISED, alarm=HOT, received_time=datetime(2026, 1, 2, tzinfo=UTC))
    alarms, values = tmp_path / f"alarms{suffix}", tmp_path / f"values{suffix}"
    await write(SINKS[suffix](alarms, records=AlarmRecord), alarm)
    sink = SINKS[suffix](values)
    await sink.open()
    await sink.write([change(1)])
    await sink.close()

    with pytest.raises(OSError, match=f"alarms{suffix} is not a recording of tags: read it with read_alarm_records"):
        await asyncio.to_thread(list, read_records(alarms))
    with pytest.raises(OSError, match=f"values{suffix} is not a recording of alarms: read it with read_records"):
        await read(values)
    if suffix != ".sqlite":
        # A database has a table for each.
        with pytest.raises(OSError, match="choose another file"):
            await SINKS[suffix](values, records=AlarmRecord).open()
        with pytest.raises(OSError, match="choose another file"):
            await SINKS[suffix](alarms).open()
    with pytest.raises(MxGatewayConfigurationError, match="create its sink with records=AlarmRecord"):
        AlarmRecorder(client.watch_alarms(), SINKS[suffix](alarms))
    with pytest.raises(MxGatewayConfigurationError, match="is a recording of alarms: use an AlarmRecorder"):
        Recorder(tags, SINKS[suffix](values, records=AlarmRecord), INT)


async def test_a_database_may_have_both(tmp_path: Path) -> None:
    path = tmp_path / "plant.sqlite"
    alarm = AlarmRecord(kind=AlarmRecordKind.RAISED, alarm=HOT, received_time=datetime(2026, 1, 2, tzinfo=UTC))
    await write(SqliteSink(path, records=AlarmRecord), alarm)
    sink = SqliteSink(path, records=TagRecord)
    assert await sink.open() is None
    await sink.write([change(7)])
    await sink.close()

    assert await read(path) == [alarm]
    assert [row.value for row in await asyncio.to_thread(list, read_records(path))] == [7]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
async def test_half_a_record_is_left_out_and_then_removed(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / f"alarms{suffix}"
    whole = AlarmRecord(kind=AlarmRecordKind.LOST, received_time=datetime(2026, 1, 2, tzinfo=UTC), detail="a\r,\nb\nc")
    await write(SINKS[suffix](path, records=AlarmRecord), whole, whole)
    content = await asyncio.to_thread(path.read_bytes)
    for cut in range(1, 12):
        await asyncio.to_thread(path.write_bytes, content[:-cut])
        caplog.clear()
        with caplog.at_level(logging.WARNING, "mxgateway.recording"):
            assert await read(path) == [whole], cut
        assert "that one is left out" in caplog.text

    assert await write(SINKS[suffix](path, records=AlarmRecord), whole) == whole.received_time
    assert await read(path) == [whole, whole]


async def test_json_has_only_what_applies(tmp_path: Path) -> None:
    path = tmp_path / "alarms.jsonl"
    when = datetime(2026, 1, 2, tzinfo=UTC)
    lost = AlarmRecord(kind=AlarmRecordKind.LOST, received_time=when, detail="away")
    raised = AlarmRecord(
        kind=AlarmRecordKind.RAISED, alarm=HOT, severity=0, received_time=when, from_snapshot=False, raise_time=when
    )
    await write(JsonLinesSink(path, records=AlarmRecord), lost, raised)

    first, second = map(json.loads, (await asyncio.to_thread(path.read_text, "utf-8")).splitlines())
    assert first == {"kind": "lost", "receivedTime": "2026-01-02T00:00:00.000000Z", "detail": "away"}
    assert second == {
        "kind": "raised",
        "alarm": HOT,
        "severity": 0,
        "raiseTime": "2026-01-02T00:00:00.000000Z",
        "receivedTime": "2026-01-02T00:00:00.000000Z",
        "fromSnapshot": False,
    }


async def test_parquet_has_typed_columns(tmp_path: Path) -> None:
    path = tmp_path / "alarms.parquet"
    raised = AlarmRecord(kind=AlarmRecordKind.RAISED, severity=500, received_time=datetime(2026, 1, 2, tzinfo=UTC))
    await write(ParquetSink(path, records=AlarmRecord), raised)

    schema = import_module("pyarrow.parquet").read_schema(path)
    assert str(schema.field("severity").type) == "int64"
    assert str(schema.field("received_time").type) == "timestamp[us, tz=UTC]"


async def test_a_final_error_ends_the_recording_and_cancelling_writes_the_rest(
    gateway: SimulatedGateway, client: GatewayClient, tmp_path: Path
) -> None:
    path = tmp_path / "alarms.csv"
    recorder = AlarmRecorder(client.watch_alarms(), CsvSink(path, records=AlarmRecord))
    async with recorder:
        running = asyncio.create_task(recorder.run())
        await asyncio.sleep(0)
        with pytest.raises(MxGatewayUsageError, match="runs already"):
            await recorder.run()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
    assert "raised" in {record.kind for record in await read(path)}

    key = gateway.add_key("session:open")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as other:
        with pytest.raises(MxGatewayAuthorizationError):
            async with AlarmRecorder(other.watch_alarms(), CsvSink(tmp_path / "no.csv", records=AlarmRecord)):
                pass


def replayed(path: Path) -> set[str]:
    """Return the alarms that are active at the end of a recording."""
    active: set[str] = set()
    unconfirmed: set[str] = set()
    for record in read_alarm_records(path):
        if record.kind in {"raised", "acknowledged", "changed"}:
            active.add(record.alarm)
            unconfirmed.discard(record.alarm)
        elif record.kind == "cleared":
            active.discard(record.alarm)
        elif record.kind == "gap":
            unconfirmed = set(active)
        elif record.kind == "complete":
            active -= unconfirmed
            unconfirmed = set()
    return active


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_active_alarms_follow_from_the_file_across_losses_and_restarts(
    gateway: SimulatedGateway, client: GatewayClient, tmp_path: Path, seed: int
) -> None:
    path, chance = tmp_path / "alarms.csv", random.Random(seed)  # noqa: S311 - no secret
    alarmed = [tag for tag in gateway.plant if tag.alarm is not None]

    def change_some(count: int) -> None:
        for _ in range(count):
            tag = chance.choice(alarmed)
            chance.choice([tag.raise_alarm, tag.clear_alarm])()

    async def is_up_to_date() -> bool:
        expected = {alarm.alarm_full_reference async for alarm in client.query_active_alarms()}
        return await asyncio.to_thread(replayed, path) == expected

    for _ in range(3):
        change_some(10)
        async with AlarmRecorder(quick(client), CsvSink(path, records=AlarmRecord), options=QUICK) as recorder:
            running = asyncio.create_task(recorder.run())
            for _ in range(5):
                change_some(5)
                await asyncio.sleep(0.01 * chance.random())
                gateway.faults.end_alarm_feeds()
            async with asyncio.timeout(10):
                while not await is_up_to_date():  # noqa: ASYNC110 - a new row cannot be awaited
                    await asyncio.sleep(0.02)
            recorder.stop()
            await running
        with path.open("ab") as file:
            file.write(b"cleared,half a rec")

    kinds = [record.kind.value for record in await read(path)]
    assert kinds.count("gap") == 2
    assert kinds.count("lost") >= kinds.count("restored") > 0
