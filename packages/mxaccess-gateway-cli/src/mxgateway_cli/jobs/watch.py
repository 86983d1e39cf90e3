"""Watching of tags by name: a live table on a terminal, lines in a pipe."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mxgateway import TagChange, TagRefused
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.output.console import printable
from mxgateway_cli.output.formatting import format_timestamp, format_value
from mxgateway_cli.results.events import quality_style
from mxgateway_cli.results.tags import print_watch_item, status_line

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from rich.console import RenderableType

    from mxgateway import TagClient, WatchItem
    from mxgateway_cli.output.console import Output

__all__ = ["watch_tags"]

_REFRESHES_PER_SECOND: Final = 5
_MAX_STATUS_LINES: Final = 8


async def watch_tags(
    client: TagClient, tags: tuple[str, ...], output: Output, *, max_events: int | None, duration: float | None
) -> None:
    """Show the changes of tags until `max_events` are shown or `duration` seconds have passed.

    Raises:
        MxGatewayError: The watch failed and cannot be restored.
        CommandFailure: None of the tags can be watched.
    """
    refused: dict[str, TagRefused] = {}
    with _display(output, tags) as show:
        async with client.watch(*tags) as watch:

            def handle(item: WatchItem) -> None:
                # Flush only after the last queued change: faster for many, and immediate for a single one.
                show(item, watch.pending == 0)
                if isinstance(item, TagRefused):
                    refused[item.tag] = item
                    _check_any_left(refused, watch.tags)

            await consume(watch, handle, limit=max_events, seconds=duration)


def _check_any_left(refused: Mapping[str, TagRefused], tags: Sequence[str]) -> None:
    if len(refused) == len(tags):
        reason = refused[tags[0]].error_message
        raise CommandFailure(f"cannot watch any of the tags; {tags[0]}: {reason}", ExitStatus.MXACCESS)


@contextmanager
def _display(output: Output, tags: tuple[str, ...]) -> Generator[Callable[[WatchItem, bool], None]]:
    if not output.terminal:
        yield lambda item, flush: print_watch_item(output, item, flush=flush)
        return
    from rich.live import Live  # noqa: PLC0415 - only where there is a terminal

    table = _LiveTable(tags)
    with Live(get_renderable=table.render, console=output.console, refresh_per_second=_REFRESHES_PER_SECOND):
        yield table.add


@dataclass(slots=True)
class _TagState:
    """The row of one tag.

    Attributes:
        last: The last change, or None before the first one.
        changes: Number of changes received.
        note: Why there is no value yet.
    """

    last: TagChange | None = None
    changes: int = 0
    note: str = "waiting"


class _LiveTable:
    """A table of the current values, followed by the last status lines of the watch."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._states = {tag: _TagState() for tag in tags}
        self._status_lines: list[str] = []

    def add(self, item: WatchItem, _: bool) -> None:  # noqa: FBT001 - same signature as for a pipe, where it is `flush`
        """Add an item of the watch to the table."""
        if isinstance(item, TagChange):
            state = self._states[item.tag]
            state.last, state.changes, state.note = item, state.changes + 1, ""
            return
        if isinstance(item, TagRefused):
            self._states[item.tag].note = item.error_message
        self._status_lines = [*self._status_lines, status_line(item)][-_MAX_STATUS_LINES:]

    def render(self) -> RenderableType:
        """Return the table in its current state."""
        from rich.console import Group  # noqa: PLC0415 - only where there is a terminal
        from rich.table import Table  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        table = Table(box=None, pad_edge=False)
        for heading in ("tag", "value", "quality", "time", "changes"):
            table.add_column(heading, header_style="bold", overflow="fold")
        for tag, state in self._states.items():
            if state.last is None:
                table.add_row(printable(tag), Text(printable(state.note)), "", "", "", style="dim")
                continue
            value, quality, when = format_value(state.last), str(state.last.quality), format_timestamp(state.last)
            cells = (tag, value, quality, when, str(state.changes))
            table.add_row(*(Text(printable(cell)) for cell in cells), style=quality_style(state.last.quality))
        return Group(table, *(Text(printable(line), style="yellow") for line in self._status_lines))
