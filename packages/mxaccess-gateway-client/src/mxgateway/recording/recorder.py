"""Recorder: from a watch to a sink, in batches, with every loss as a record."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.collecting import Collector, RecorderOptions, RecorderStatistics
from mxgateway.recording.record import RecordKind, TagRecord
from mxgateway.recording.row import iso_time
from mxgateway.recording.sink import KeepsSession
from mxgateway.recording.sinks.file_sink import FileSink
from mxgateway.tags import OverflowPolicy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from mxgateway.recording.sink import Sink
    from mxgateway.tags import TagClient, TagWatch, WatchItem

__all__ = ["Recorder"]

# A session that cannot be saved at present is looked at again after this time.
_SESSION_SECONDS: Final = 0.2


class Recorder:
    """Writes the changes of tags to a sink, and every loss among them.

    An async context manager: entering opens the sink and begins the watch, leaving closes both.

        async with Recorder(tags, CsvSink("values.csv"), "TestChildObject.TestInt") as recorder:
            await recorder.run(duration=60)

    Args:
        client: The TagClient that watches the tags.
        sink: Where the records are written.
        tags: The names of the tags.
        options: See RecorderOptions.

    Raises:
        MxGatewayConfigurationError: The sink is for records of alarms.
    """

    def __init__(self, client: TagClient, sink: Sink, *tags: str, options: RecorderOptions | None = None) -> None:
        self.options: Final = options or RecorderOptions()
        self.statistics: Final = RecorderStatistics()
        if isinstance(sink, FileSink) and sink.records is not TagRecord:
            raise MxGatewayConfigurationError(f"{sink.series.name} is a recording of alarms: use an AlarmRecorder")
        self._client = client
        self._sink = sink
        self._keeper = sink if isinstance(sink, KeepsSession) else None
        # `session_changes` of the client when the session was saved last.
        self._saved_changes = -1
        # When the last record was received: no two have the same time.
        self._last_nanoseconds = 0
        self._watch: TagWatch = client.watch(
            *tags, queue_size=self.options.buffer_size, overflow=OverflowPolicy.DROP_OLDEST
        )
        self._collector = Collector(
            self._watch,
            self.options,
            self.statistics,
            records=self._records,
            write=self._write,
            idle=self._save_session,
            idle_deadline=self._session_deadline,
        )

    async def __aenter__(self) -> Self:
        """Open the sink and begin the watch. A session that the sink has kept is continued, if that is possible.

        Raises:
            OSError: A file cannot be opened.
            MxGatewayError: See TagWatch.
        """
        last = await self._sink.open()
        try:
            saved = None if self._keeper is None else self._keeper.saved_session
            resumed = saved is not None and await self._client.resume(saved)
            if last is not None and not resumed:
                await self._write([interruption(last, time.time_ns())])
            await self._watch.__aenter__()
        except BaseException:
            await self._close_sink()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._watch.close()
        await self._close_sink()

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

    async def _write(self, records: Sequence[TagRecord]) -> None:
        # A successor must be able to name the tags of the records that follow these.
        await self._save_session()
        await self._sink.write(records)
        self.statistics.count([record.kind for record in records], dropped=self._watch.dropped)

    async def _save_session(self) -> None:
        """Let the sink keep the session, if it keeps sessions and has not kept this one."""
        if self._keeper is None or not self._is_session_outdated():
            return
        changes, session = self._client.session_changes, self._client.saved_session()
        if session is not None:
            self._saved_changes = changes
        if session is not None or self._keeper.saved_session is not None:
            await self._keeper.save_session(session)

    def _is_session_outdated(self) -> bool:
        return self._keeper is not None and self._client.session_changes != self._saved_changes

    def _session_deadline(self) -> float | None:
        """Return when to stop waiting for records, because the session is to be saved even if none arrive."""
        return asyncio.get_running_loop().time() + _SESSION_SECONDS if self._is_session_outdated() else None

    async def _close_sink(self) -> None:
        await self._sink.close()

    def _records(self, items: Sequence[WatchItem]) -> list[TagRecord]:
        """Return the records of items that were received together."""
        # A nanosecond apart, even if the clock is coarse: the time identifies a record that is no change.
        now = max(time.time_ns(), self._last_nanoseconds + 1)
        self._last_nanoseconds = now + len(items)
        return [TagRecord.of(item, now + number) for number, item in enumerate(items)]


def interruption(last: datetime, until: int) -> TagRecord:
    """Return the gap between an older recording and one that began at these nanoseconds since 1970."""
    record = TagRecord(kind=RecordKind.GAP, received_nanoseconds=until)
    begin, end = (iso_time(each) for each in (last, record.received_time))
    record.detail = f"nothing was recorded from {begin} to {end}; the present values follow"
    return record
