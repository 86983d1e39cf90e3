"""Plotting: from recorded files or live tags to a picture or lines on the terminal."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mxgateway.recording import Recorder, read_records
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.plot.picture import check_picture, draw
from mxgateway_cli.jobs.plot.reading import TrendReader
from mxgateway_cli.jobs.plot.sparklines import print_sparklines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway import TagClient
    from mxgateway.recording import TagRecord
    from mxgateway_cli.jobs.plot.trend import Trend
    from mxgateway_cli.output.console import Output

__all__ = ["PlotSettings", "is_recording", "plot_files", "plot_tags"]

_SUFFIXES: Final = frozenset({".csv", ".jsonl", ".ndjson", ".sqlite", ".db", ".parquet", ".arrows"})

# An error names this many of the tags of a recording.
_MOST_TAGS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotSettings:
    """What is plotted, and where.

    Attributes:
        path: The picture, or None for lines on the terminal.
        only: Of files, only these tags; all if empty.
        since: Of files, when the trends begin, or None.
        until: Of files, when they end, or None.
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
    return Path(source).suffix in _SUFFIXES or Path(source).is_dir()


def plot_files(sources: Sequence[str], output: Output, settings: PlotSettings) -> None:
    """Plot what was recorded.

    Raises:
        CommandFailure: A file cannot be read, or has nothing to plot; or the picture cannot be written.
    """
    reader = TrendReader(only=frozenset(settings.only) or None, since=settings.since, until=settings.until)
    try:
        for source in sources:
            reader.add(read_records(source))
    except OSError as error:
        raise CommandFailure(error.strerror or str(error), ExitStatus.FAILED) from error
    named = ", ".join(sources)
    for tag in settings.only:
        if reader.tags and tag not in reader.tags:
            raise CommandFailure(f"{named} has no tag {tag!r}, only {_list(list(reader.tags))}", ExitStatus.FAILED)
    _show(reader.trends(), output, settings, named)


async def plot_tags(
    client: TagClient, tags: Sequence[str], output: Output, settings: PlotSettings, duration: float
) -> None:
    """Watch tags for some seconds, or until a signal, and plot them.

    Raises:
        MxGatewayError: The watch failed and cannot be restored.
        CommandFailure: There is nothing to plot, or the picture cannot be written.
    """
    reader = TrendReader()
    # A signal cancels this task: what has arrived until then is plotted.
    with contextlib.suppress(asyncio.CancelledError), output.spinner(f"watching for {duration:g} s, Ctrl-C ends it"):
        async with Recorder(client, _ReaderSink(reader), *tags) as recorder:
            await recorder.run(duration=duration)
    trends = reader.trends(datetime.now(UTC))
    refused = "; ".join(f"{tag}: {reason}" for tag, reason in reader.refusals.items())
    if refused and not trends:
        raise CommandFailure(f"nothing to plot: {refused}", ExitStatus.MXACCESS)
    if refused:
        output.diagnostics.warning(f"refused: {refused}")
    _show(trends, output, settings, ", ".join(tags))


class _ReaderSink:
    """A sink that hands the records to a TrendReader."""

    def __init__(self, reader: TrendReader) -> None:
        self._reader = reader

    async def open(self) -> None:
        """Do nothing."""

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Read records."""
        self._reader.add(records)

    async def close(self) -> None:
        """Do nothing."""


def _show(trends: Sequence[Trend], output: Output, settings: PlotSettings, source: str) -> None:
    shown = [trend for trend in trends if trend.numbers]
    others = [f"{each.tag} (bad quality)" if each.is_bad else each.tag for each in trends if not each.numbers]
    if not shown:
        reason = f"no numbers among the values of {_list(others)}" if others else f"{source} has no values"
        raise CommandFailure(f"nothing to plot: {reason}", ExitStatus.FAILED)
    if others:
        output.diagnostics.warning(f"not plotted, because they have no numbers: {_list(others)}")
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


def _list(tags: Sequence[str]) -> str:
    more = f" and {len(tags) - _MOST_TAGS} more" if len(tags) > _MOST_TAGS else ""
    return f"{', '.join(tags[:_MOST_TAGS])}{more}"
