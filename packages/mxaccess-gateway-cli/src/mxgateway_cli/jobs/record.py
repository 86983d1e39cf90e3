"""Recording of tags or alarms in files: a line about its progress on a terminal, and a summary at the end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mxgateway.recording import (
    AlarmRecord,
    AlarmRecorder,
    CsvSink,
    JsonLinesSink,
    LineProtocolSink,
    ParquetSink,
    Recorder,
    RecorderOptions,
    Rotation,
    SqliteSink,
    TagRecord,
)
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.recording import RecordMetrics
from mxgateway_cli.jobs.metrics.server import serve_metrics
from mxgateway_cli.output.console import messages_above

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from mxgateway import AlarmWatch, TagClient
    from mxgateway_cli.output.console import Output

__all__ = ["RecordSettings", "record_alarms", "record_tags"]

FileSink = CsvSink | JsonLinesSink | SqliteSink | ParquetSink

STDOUT: Final = "-"
_SINKS: Final[Mapping[str, type[FileSink]]] = {
    "csv": CsvSink,
    "jsonl": JsonLinesSink,
    "sqlite": SqliteSink,
    "parquet": ParquetSink,
}
_SUFFIXES: Final[Mapping[str, str]] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".sqlite": "sqlite",
    ".db": "sqlite",
    ".parquet": "parquet",
}
_REDRAW_SECONDS: Final = 0.2
_KILO: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordSettings:
    """What is recorded, and where.

    Attributes:
        path: The file or folder.
        alarms: Whether alarms are recorded, not tags.
        file_format: The kind of file, or None for the one of the suffix.
        duration: Seconds after which the recording ends, or None.
        count: Number of changes after which it ends, or None.
        rotate_size: Bytes after which a new file begins, or None.
        rotate_every: Seconds after which a new file begins, or None.
        flush_interval: Seconds between writes to disk.
        metrics: The address of the metrics, or None.
    """

    path: str
    alarms: bool
    file_format: str | None
    duration: float | None
    count: int | None
    rotate_size: float | None
    rotate_every: float | None
    flush_interval: float
    metrics: str | None

    def sink(self) -> FileSink | LineProtocolSink:
        """Return the sink, which is not open yet.

        Raises:
            click.UsageError: The kind of file is unknown, or does not fit the path.
            MxGatewayConfigurationError: A library for it is missing.
        """
        if self.alarms and (self.path == STDOUT or self.file_format == "influx"):
            raise click.UsageError("alarms are recorded in files, and not as InfluxDB line protocol")
        if self.path == STDOUT and self.file_format in {None, "influx"}:
            return LineProtocolSink(sys.stdout.buffer)
        if self.path == STDOUT or self.file_format == "influx":
            raise click.UsageError("stdout takes --format influx only, and a file takes the other formats")
        file_format = self.file_format or _SUFFIXES.get(Path(self.path).suffix.lower())
        if file_format is None:
            raise click.UsageError(
                f"--to {self.path}: give --format, or a file that ends in .csv, .jsonl, .sqlite or .parquet"
            )
        max_bytes = None if self.rotate_size is None else max(1, int(self.rotate_size))
        rotation = Rotation(max_bytes=max_bytes, max_seconds=self.rotate_every)
        return _SINKS[file_format](self.path, rotation=rotation, records=AlarmRecord if self.alarms else TagRecord)

    @property
    def options(self) -> RecorderOptions:
        """The options of the recorder."""
        return RecorderOptions(flush_interval=self.flush_interval)


async def record_tags(
    client: TagClient,
    tags: Sequence[str],
    sink: FileSink | LineProtocolSink,
    output: Output,
    settings: RecordSettings,
) -> None:
    """Record tags until the settings or a signal end it, then print a summary unless stdout has the records.

    Raises:
        MxGatewayError: The watch failed and cannot be restored. What arrived before is written.
        CommandFailure: The file cannot be written.
    """
    await _record(Recorder(client, sink, *tags, options=settings.options), sink, output, settings)


async def record_alarms(watch: AlarmWatch, sink: FileSink, output: Output, settings: RecordSettings) -> None:
    """Record alarms until the settings or a signal end it, then print a summary.

    Raises:
        MxGatewayError: The watch failed and cannot be restored. What arrived before is written.
        CommandFailure: The file cannot be written.
    """
    await _record(AlarmRecorder(watch, sink, options=settings.options), sink, output, settings)


async def _record(
    recorder: Recorder | AlarmRecorder, sink: FileSink | LineProtocolSink, output: Output, settings: RecordSettings
) -> None:
    began = time.monotonic()
    try:
        # A signal cancels this task: that is the normal end of a recording.
        with contextlib.suppress(asyncio.CancelledError), serve_metrics(settings.metrics, RecordMetrics(recorder)):
            async with recorder, _progress(recorder, sink, output):
                await recorder.run(duration=settings.duration, max_records=settings.count)
    except OSError as error:
        text = f"cannot record to {settings.path}: {error.strerror}" if error.strerror else str(error)
        raise CommandFailure(text, ExitStatus.FAILED) from error
    if isinstance(sink, FileSink):
        _print_summary(recorder, sink, output, time.monotonic() - began)


def _print_summary(recorder: Recorder | AlarmRecorder, sink: FileSink, output: Output, seconds: float) -> None:
    statistics = recorder.statistics
    files = [str(path) for path in sink.series.existing()]
    record = {
        "path": sink.series.name,
        "records": statistics.written,
        "changes": statistics.changes,
        "losses": statistics.losses,
        "dropped": statistics.dropped,
        "seconds": round(seconds, 3),
        "newestFile": files[-1] if files else None,
        "files": len(files),
    }
    losses = "nothing lost" if not statistics.losses else f"{statistics.losses} losses: see kind lost and gap"
    changes = f"{statistics.changes} change{'' if statistics.changes == 1 else 's'}"
    output.result(record, f"{sink.series.name}: {changes} in {seconds:.1f} s, {losses}")


@contextlib.asynccontextmanager
async def _progress(
    recorder: Recorder | AlarmRecorder, sink: FileSink | LineProtocolSink, output: Output
) -> AsyncGenerator[None]:
    """Show a line about the recording on stderr, if that is a terminal, while the block runs."""
    if not isinstance(sink, FileSink) or output.as_json or not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    console = Console(stderr=True, highlight=False, markup=False)
    line = _ProgressLine(recorder, sink)
    live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)

    async def draw() -> None:
        while True:
            live.update(Text(line.text(), no_wrap=True, overflow="ellipsis"), refresh=True)
            await asyncio.sleep(_REDRAW_SECONDS)

    with live, messages_above(console, output.diagnostics):
        drawing = asyncio.create_task(draw(), name="mxgw-py record progress")
        try:
            yield
        finally:
            drawing.cancel()
            await asyncio.wait([drawing])


class _ProgressLine:
    """What a recording has done so far, with its rate since the last line."""

    def __init__(self, recorder: Recorder | AlarmRecorder, sink: FileSink) -> None:
        self._recorder = recorder
        self._sink = sink
        self._last = (time.monotonic(), 0)
        self._rate = 0.0

    def text(self) -> str:
        """Return the line."""
        statistics = self._recorder.statistics
        now = time.monotonic()
        when, changes = self._last
        if now - when >= 1:
            self._rate = (statistics.changes - changes) / (now - when)
            self._last = (now, statistics.changes)
        name = self._sink.path.name if self._sink.path else self._sink.series.name
        parts = [
            f"recording to {name}",
            f"{statistics.changes} changes",
            f"{self._rate:.0f}/s",
            f"{statistics.losses} losses",
            _size_text(self._sink.size),
            "Ctrl-C ends it",
        ]
        return "  ".join(parts)


def _size_text(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < _KILO:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KILO
    return f"{size:.1f} TB"
