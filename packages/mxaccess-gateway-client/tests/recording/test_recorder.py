"""Recording tags: every change reaches the sink, and every loss is a record among them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from mxgateway import MxGatewayConfigurationError, MxGatewayUsageError, TagClient
from mxgateway.recording import Recorder, RecorderOptions, RecordKind, Sink, TagRecord
from mxgateway.testing import SimulatedGateway
from support.tagging import INT, STRING, UNKNOWN
from support.waiting import until

QUICK = RecorderOptions(flush_interval=0.01)
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


class ListSink:
    """A sink of a user's own, which keeps the records in a list. While it is blocked, it does not write."""

    def __init__(self, *, last: datetime | None = None) -> None:
        self.records: list[TagRecord] = []
        self.batches: list[int] = []
        self.unblocked = asyncio.Event()
        self.unblocked.set()
        self.writing = False
        self.closed = False
        self._last = last

    async def open(self) -> datetime | None:
        return self._last

    async def write(self, records: Sequence[TagRecord]) -> None:
        self.writing = True
        await self.unblocked.wait()
        self.records += records
        self.batches.append(len(records))
        self.writing = False

    async def close(self) -> None:
        self.closed = True

    @property
    def values(self) -> list[object]:
        """The values of the changes."""
        return [record.value for record in self.records if record.kind is RecordKind.CHANGE]

    @property
    def kinds(self) -> list[str]:
        """The kinds of the records."""
        return [record.kind.value for record in self.records]


async def test_a_class_with_three_methods_is_a_sink() -> None:
    assert isinstance(ListSink(), Sink)


async def test_a_record_has_the_fields_of_the_change(gateway: SimulatedGateway, tags: TagClient) -> None:
    gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        await recorder.run(max_records=1)

    (record,) = sink.records
    assert (record.kind, record.tag, record.value, record.quality, record.source_time) == ("change", INT, 7, 64, WHEN)
    assert (record.session_id, record.sequence) == (gateway.sessions[0].session_id, 1)
    assert record.data_type.name == "INTEGER"
    assert record.gateway_time is not None
    assert record.gateway_time <= record.received_time <= datetime.now(UTC)
    assert not record.repeated
    assert sink.closed


async def test_every_change_is_recorded_once_and_in_order(gateway: SimulatedGateway, tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run(max_records=501))
        await until(lambda: sink.records)
        for value in range(500):
            gateway.plant[INT].set(value)
        statistics = await running

    assert sink.values == [42, *range(500)]
    # What a broker knows a record by, if it is no change.
    assert len({record.received_nanoseconds for record in sink.records}) == 501
    assert (statistics.written, statistics.changes, statistics.losses, statistics.dropped) == (501, 501, 0, 0)
    assert statistics.batches == len(sink.batches) < 501


async def test_stopping_writes_what_has_arrived(tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, STRING, options=RecorderOptions(flush_interval=1000)) as recorder:
        running = asyncio.create_task(recorder.run())
        await asyncio.sleep(0)
        async with tags.watch(INT, STRING) as watch:
            await anext(watch)
            await anext(watch)
        recorder.stop()
        await running

    assert sorted(map(str, sink.values)) == ["42", "Hello"]


async def test_stopping_at_the_moment_of_a_flush_ends_the_recording(tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=RecorderOptions(flush_interval=0.2)) as recorder:
        running = asyncio.create_task(recorder.run())
        async with tags.watch(INT) as watch:
            await anext(watch)
        # The recorder has the value too. Its flush and this stop are due in the same turn of the event loop.
        asyncio.get_running_loop().call_later(0.21, recorder.stop)
        time.sleep(0.25)  # noqa: ASYNC251 - it holds up the event loop on purpose
        await running

    assert sink.values == [42]


async def test_cancelling_writes_each_record_once(gateway: SimulatedGateway, tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(lambda: sink.records)
        sink.unblocked.clear()
        gateway.plant[INT].set(1)
        await until(lambda: sink.writing)
        gateway.plant[INT].set(2)
        running.cancel()
        await asyncio.sleep(0)
        sink.unblocked.set()
        with pytest.raises(asyncio.CancelledError):
            await running

    assert sink.values[:2] == [42, 1]
    assert len(sink.values) == len(set(map(str, sink.values)))


async def test_a_lost_session_is_recorded_with_its_reason(gateway: SimulatedGateway, tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(lambda: sink.records)
        gateway.faults.kill_worker(gateway.sessions[0].session_id)
        await until(lambda: len(sink.values) == 2)
        recorder.stop()
        await running

    assert sink.kinds == ["change", "lost", "restored", "change"]
    assert sink.records[1].detail
    assert "in a new session" in sink.records[2].detail
    assert sink.records[3].repeated
    assert recorder.statistics.losses == 1


async def test_changes_that_a_slow_sink_misses_are_counted_in_a_gap(gateway: SimulatedGateway, tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=RecorderOptions(flush_interval=0.01, buffer_size=10)) as recorder:
        running = asyncio.create_task(recorder.run())
        await until(lambda: sink.records)
        sink.unblocked.clear()
        gateway.plant[INT].set(0)
        await until(lambda: sink.writing)
        async with tags.watch(INT) as watch:
            for value in range(1, 101):
                gateway.plant[INT].set(value)
            while (await anext(watch)).value != 100:  # type: ignore[union-attr]  # only changes come here
                pass
        sink.unblocked.set()
        await until(lambda: 100 in sink.values)
        recorder.stop()
        await running

    assert sink.kinds == ["change", "change", "gap", *["change"] * 10]
    assert sink.values == [42, 0, *range(91, 101)]
    assert sink.records[2].detail.startswith("90 changes were dropped")
    assert recorder.statistics.dropped == 90


async def test_an_unknown_tag_is_recorded_with_its_reason(tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, UNKNOWN, options=QUICK) as recorder:
        await recorder.run(max_records=1)

    assert (sink.records[0].value, sink.records[0].quality) == (None, 0)
    assert [status.detail for status in sink.records[0].statuses] == [6]


async def test_continuing_an_older_recording_begins_with_a_gap(tags: TagClient) -> None:
    sink = ListSink(last=WHEN)
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        await recorder.run(max_records=1)

    assert sink.kinds == ["gap", "change"]
    assert "from 2026-01-02T03:04:05.000000Z to " in sink.records[0].detail


async def test_the_duration_ends_a_recording_without_changes(tags: TagClient) -> None:
    sink = ListSink()
    async with Recorder(tags, sink, INT, options=RecorderOptions(flush_interval=1000)) as recorder:
        async with tags.watch(INT) as watch:
            await anext(watch)
        await recorder.run(duration=0.01)

    assert sink.values == [42]


async def test_an_error_of_the_sink_ends_the_recording(tags: TagClient) -> None:
    class FullDisk(ListSink):
        async def write(self, records: Sequence[TagRecord]) -> None:  # noqa: ARG002 - the sink's own signature
            raise OSError(28, "No space left on device")

    sink = FullDisk()
    async with Recorder(tags, sink, INT, options=QUICK) as recorder:
        with pytest.raises(OSError, match="No space left"):
            await recorder.run()
    assert sink.closed


async def test_a_recorder_runs_once_at_a_time(tags: TagClient) -> None:
    async with Recorder(tags, ListSink(), INT, options=QUICK) as recorder:
        running = asyncio.create_task(recorder.run())
        await asyncio.sleep(0)
        with pytest.raises(MxGatewayUsageError, match="runs already"):
            await recorder.run()
        recorder.stop()
        await running


@pytest.mark.parametrize("name", ["batch_size", "flush_interval", "buffer_size"])
def test_options_must_be_positive(name: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=f"{name} must be positive, not 0"):
        RecorderOptions(**{name: 0})
