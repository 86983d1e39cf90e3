"""Watching of tags by name: a live table on a terminal, lines in a pipe."""

from __future__ import annotations

from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from mxgateway import OverflowPolicy, TagChange, TagRefused
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.jobs.watch.filters import ChangeFilter
from mxgateway_cli.jobs.watch.snapshots import snapshots
from mxgateway_cli.output.layouts import Printer
from mxgateway_cli.output.settings import OutputFormat
from mxgateway_cli.results.tags import WATCH_ITEMS, TagSample, status_line

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
    from typing import Any

    from mxgateway import TagClient, TagWatch, WatchItem
    from mxgateway_cli.jobs.watch.view import WatchView
    from mxgateway_cli.output.console import Output

__all__ = ["WatchSettings", "watch_tags"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchSettings:
    """What to show of the watched tags, and when to stop.

    Attributes:
        max_events: Stop after this number of shown items; None for no limit.
        duration: Stop after this number of seconds; None for no limit.
        changes_only: Show a value only if it or its quality has changed.
        deadband: Show a number only if it differs by more than this from the last one shown; None shows every change.
        every: Show a snapshot of all tags each time this number of seconds has passed; None shows changes at once.
    """

    max_events: int | None = None
    duration: float | None = None
    changes_only: bool = False
    deadband: float | None = None
    every: float | None = None


class _Display(Protocol):
    """Where the items of a watch are shown."""

    def show(self, item: WatchItem | TagSample, *, flush: bool) -> None:
        """Show an item."""
        ...

    def confirm(self, item: WatchItem | TagSample) -> None:
        """Take note of an item that is not shown because it differs too little from the last one."""
        ...

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the watch until it ends or the user ends it."""
        ...


async def watch_tags(client: TagClient, tags: tuple[str, ...], output: Output, settings: WatchSettings) -> None:
    """Show the changes of tags, or snapshots of them, as the settings say.

    Raises:
        MxGatewayError: The watch failed and cannot be restored.
        CommandFailure: None of the tags can be watched.
    """
    # Snapshots and a table show only the newest value of a tag.
    newest_only = output.can_be_live or settings.every is not None
    overflow = OverflowPolicy.LATEST if newest_only else None
    async with _display(output, tags, client.endpoint) as display, client.watch(*tags, overflow=overflow) as watch:
        await display.run(_show(watch, display, output, settings))


async def _show(watch: TagWatch, display: _Display, output: Output, settings: WatchSettings) -> None:
    change_filter = ChangeFilter(changes_only=settings.changes_only, deadband=settings.deadband)
    watched = _checked(watch)
    items = watched if settings.every is None else snapshots(watched, watch.tags, settings.every, output.diagnostics)

    async def passing() -> AsyncGenerator[WatchItem | TagSample]:
        async with aclosing(items):
            async for item in items:
                if change_filter.passes(item):
                    yield item
                else:
                    display.confirm(item)

    async with aclosing(passing()) as shown:
        await consume(
            shown,
            # Flush only after the last queued change: faster for many, and immediate for a single one.
            lambda item: display.show(item, flush=watch.pending == 0),
            limit=settings.max_events,
            seconds=settings.duration,
        )


async def _checked(watch: TagWatch) -> AsyncGenerator[WatchItem]:
    """Yield the items of a watch until every tag is refused."""
    refused: dict[str, TagRefused] = {}
    async for item in watch:
        yield item
        if isinstance(item, TagRefused):
            refused[item.tag] = item
            if len(refused) == len(watch.tags):
                reason = refused[watch.tags[0]].error_message
                raise CommandFailure(f"cannot watch any of the tags; {watch.tags[0]}: {reason}", ExitStatus.MXACCESS)


@asynccontextmanager
async def _display(output: Output, tags: tuple[str, ...], endpoint: str) -> AsyncGenerator[_Display]:
    if not output.can_be_live:
        yield _Lines(output)
        return
    # Imported late: they are needed on a terminal only.
    from mxgateway_cli.jobs.watch.view import WatchView  # noqa: PLC0415
    from mxgateway_cli.output.live.region import LiveRegion  # noqa: PLC0415

    view = WatchView(tags, output, endpoint=endpoint)
    async with LiveRegion(output, view) as region:
        yield _Live(view, region.run)


class _Lines:
    """Prints each item as it arrives."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._printer = Printer(output, WATCH_ITEMS)

    def show(self, item: WatchItem | TagSample, *, flush: bool) -> None:
        """Print an item. Bare values have no place for a status item, which becomes a warning."""
        if self._output.format is OutputFormat.VALUE and not isinstance(item, (TagChange, TagSample)):
            self._output.diagnostics.warning(status_line(item))
        self._printer.print(item, flush=flush)

    def confirm(self, item: WatchItem | TagSample) -> None:
        """Do nothing."""

    async def run(self, work: Awaitable[None]) -> None:
        """Run the watch until it ends."""
        await work


class _Live:
    """Shows items in the live table."""

    def __init__(self, view: WatchView, run: Callable[[Coroutine[Any, Any, None]], Awaitable[None]]) -> None:
        self._view = view
        self._run = run

    def show(self, item: WatchItem | TagSample, *, flush: bool) -> None:  # noqa: ARG002 - the table redraws itself
        """Put an item into the table."""
        self._view.add(item)

    def confirm(self, item: WatchItem | TagSample) -> None:
        """Mark the shown value of a tag as current."""
        self._view.confirm(item)

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run the watch until it ends or the user presses q."""
        await self._run(work)
