"""Plotting: from recorded files or live tags to a picture or lines on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mxgateway.recording import Recorder, read_records
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.plot.picture import check_picture, draw
from mxgateway_cli.jobs.plot.sparklines import print_sparklines
from mxgateway_cli.jobs.plot.trend import trends_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from mxgateway import TagClient
    from mxgateway.recording import RecordedRow, TagRecord
    from mxgateway_cli.jobs.plot.trend import Trend
    from mxgateway_cli.output.console import Output

__all__ = ["PlotSettings", "is_recording", "plot_files", "plot_tags"]

_SUFFIXES: Final = frozenset({".csv", ".jsonl", ".sqlite", ".parquet", ".arrows"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSettings:
    """What is plotted, and where.

    Attributes:
        path: The picture, or None for lines on the terminal.
        only: Of files, only these tags; all if empty.
        since: Of files, only what was received at this time or later, or None.
        until: Of files, only what was received before this time, or None.
    """

    path: str | None
    only: Sequence[str]
    since: datetime | None
    until: datetime | None

    def check(self) -> None:
        """Check that the picture can be made.

        Raises:
            click.UsageError: It cannot.
        """
        if self.path is not None:
            check_picture(self.path)


def is_recording(source: str) -> bool:
    """Return whether a source is a file or a folder, and no tag."""
    return Path(source).suffix.lower() in _SUFFIXES or Path(source).is_dir()


def plot_files(sources: Sequence[str], output: Output, settings: PlotSettings) -> None:
    """Plot what was recorded.

    Raises:
        CommandFailure: A file cannot be read, or has nothing to plot; or the picture cannot be written.
    """
    try:
        trends = trends_of(_rows(sources, settings))
    except OSError as error:
        raise CommandFailure(error.strerror or str(error), ExitStatus.FAILED) from error
    _show(trends, output, settings, ", ".join(sources))


async def plot_tags(
    client: TagClient, tags: Sequence[str], output: Output, settings: PlotSettings, duration: float
) -> None:
    """Watch tags for some seconds, or until a signal, and plot them.

    Raises:
        MxGatewayError: The watch failed and cannot be restored.
        CommandFailure: There is nothing to plot, or the picture cannot be written.
    """
    records = _Records()
    # A signal cancels this task: what has arrived until then is plotted.
    with contextlib.suppress(asyncio.CancelledError), output.spinner(f"watching for {duration:g} s, Ctrl-C ends it"):
        async with Recorder(client, records, *tags) as recorder:
            await recorder.run(duration=duration)
    _show(trends_of(records.records), output, settings, ", ".join(tags))


class _Records:
    """A sink that keeps the records."""

    def __init__(self) -> None:
        self.records: list[TagRecord] = []

    async def open(self) -> None:
        """Do nothing."""

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Keep records."""
        self.records += records

    async def close(self) -> None:
        """Do nothing."""


def _rows(sources: Sequence[str], settings: PlotSettings) -> Iterator[RecordedRow]:
    for source in sources:
        yield from read_records(source, tags=settings.only or None, since=settings.since, until=settings.until)


def _show(trends: Sequence[Trend], output: Output, settings: PlotSettings, source: str) -> None:
    shown = [trend for trend in trends if trend.numbers]
    others = [trend.tag for trend in trends if not trend.numbers]
    if not shown:
        reason = f"no numbers among the values of {', '.join(others)}" if others else "no values"
        raise CommandFailure(f"nothing to plot: {source} has {reason}", ExitStatus.FAILED)
    if others:
        output.diagnostics.warning(f"not plotted, because they have no numbers: {', '.join(others)}")
    if settings.path is None:
        print_sparklines(output, shown)
        return
    try:
        draw(shown, Path(settings.path), output.zone)
    except OSError as error:
        raise CommandFailure(f"cannot write {settings.path}: {error.strerror or error}", ExitStatus.FAILED) from error
    count = len(shown)
    record = {"path": settings.path, "tags": [trend.tag for trend in shown]}
    output.result(record, f"{settings.path}: {count} trend{'' if count == 1 else 's'}", value="path")
