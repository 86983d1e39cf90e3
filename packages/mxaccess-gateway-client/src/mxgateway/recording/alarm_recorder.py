"""AlarmRecorder: from a watch of alarms to a sink, with every loss as a record."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Protocol

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.alarms.record import AlarmRecord, AlarmRecordKind
from mxgateway.recording.collecting import Collector, RecorderOptions, RecorderStatistics
from mxgateway.recording.row import iso_time
from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

    from mxgateway.alarms import AlarmWatch, AlarmWatchItem

__all__ = ["AlarmRecorder", "AlarmSink"]


class AlarmSink(Protocol):
    """Where an AlarmRecorder writes its records: what Sink is for the records of tags."""

    async def open(self) -> datetime | None:
        """Make ready for records, and return when the last record was received that is durable already."""
        ...

    async def write(self, records: Sequence[AlarmRecord]) -> None:
        """Write records, and return when they are durable."""
        ...

    async def close(self) -> None:
        """Release files and connections. Closing twice is allowed."""
        ...


class AlarmRecorder:
    """Writes every change of the gateway's alarms to a sink, and every loss among them.

    An async context manager: entering opens the sink and the alarm feed, leaving closes both. It needs no session.

        sink = CsvSink("alarms.csv", records=AlarmRecord)
        async with AlarmRecorder(client.watch_alarms(), sink) as recorder:
            await recorder.run(duration=3600)

    It begins with the active alarms, as `raised` with `from_snapshot`, and a record `complete`.

    Args:
        watch: The watch of the alarms, which the recorder opens and closes.
        sink: Where the records are written: a sink of files with `records=AlarmRecord`, or a class of your own.
        options: See RecorderOptions. How many changes wait while the sink is slow is the `queue_size` of the watch.

    Raises:
        MxGatewayConfigurationError: The sink is for records of tags.
    """

    def __init__(self, watch: AlarmWatch, sink: AlarmSink, *, options: RecorderOptions | None = None) -> None:
        if isinstance(sink, FileSink) and sink.records is not AlarmRecord:
            raise MxGatewayConfigurationError(
                f"{sink.series.name} would be a recording of tags: create its sink with records=AlarmRecord"
            )
        self.options: Final = options or RecorderOptions()
        self.statistics: Final = RecorderStatistics()
        self._sink = sink
        self._watch = watch
        self._collector = Collector(self._watch, self.options, self.statistics, records=_records, write=self._write)

    async def __aenter__(self) -> Self:
        """Open the sink and the alarm feed, or begin to wait for a gateway that is away.

        Raises:
            OSError: A file cannot be opened.
            MxGatewayError: See AlarmWatch.
        """
        last = await self._sink.open()
        try:
            if last is not None:
                await self._write([_interruption(last)])
            await self._watch.__aenter__()
        except BaseException:
            await self._sink.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            await self._watch.close()
        finally:
            await self._sink.close()

    async def run(self, *, duration: float | None = None, max_records: int | None = None) -> RecorderStatistics:
        """Record until `stop` is called, `duration` seconds have passed, or `max_records` changes are written.

        Then, and also when this call is cancelled, the records that have arrived are written first.

        Raises:
            MxGatewayUsageError: It runs already.
            MxGatewayError: The watch has ended with this error; the records before it are written.
            OSError: The sink cannot write. The records of the last batch may be missing.
        """
        await self._collector.run(duration, max_records)
        return self.statistics

    def stop(self) -> None:
        """End `run` once the records that have arrived are written."""
        self._collector.stop()

    async def _write(self, records: Sequence[AlarmRecord]) -> None:
        await self._sink.write(records)
        self.statistics.count([record.kind for record in records], dropped=self._watch.dropped)


def _records(items: Sequence[AlarmWatchItem]) -> list[AlarmRecord]:
    now = time.time_ns()
    return [AlarmRecord.of(item, now) for item in items]


def _interruption(last: datetime) -> AlarmRecord:
    """Return the gap between an older recording and one that begins now."""
    now = datetime.now(UTC)
    detail = f"nothing was recorded from {iso_time(last)} to {iso_time(now)}; the alarms that are active now follow"
    return AlarmRecord(kind=AlarmRecordKind.GAP, received_time=now, detail=detail)
