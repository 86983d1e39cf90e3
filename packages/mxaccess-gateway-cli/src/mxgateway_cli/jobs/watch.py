"""Tags that are watched by name: a live table on a terminal, lines in a pipe."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mxgateway import TagChange, TagRefused
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.take import take
from mxgateway_cli.output.console import printable
from mxgateway_cli.output.readings import shown_time, shown_value
from mxgateway_cli.results.events import quality_style
from mxgateway_cli.results.tags import happening, print_watch_item

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from rich.console import RenderableType

    from mxgateway import TagClient, WatchItem
    from mxgateway_cli.output.console import Output

__all__ = ["watch_tags"]

_REFRESHES_PER_SECOND: Final = 5
_HAPPENINGS: Final = 8


async def watch_tags(
    client: TagClient, tags: tuple[str, ...], output: Output, *, max_events: int | None, duration: float | None
) -> None:
    """Show the changes of tags until `max_events` came or `duration` seconds are over, or for ever.

    Raises:
        MxGatewayError: the watch was given up.
        CommandFailure: none of the tags could be watched.
    """
    refused: dict[str, TagRefused] = {}
    with _shown(output, tags) as show:
        async with client.watch(*tags) as watch:

            def use(item: WatchItem) -> None:
                # Many lines at once where many changes wait, each at once where none does.
                show(item, watch.pending == 0)
                if isinstance(item, TagRefused):
                    refused[item.tag] = item
                    _check(refused, watch.tags)

            await take(watch, use, at_most=max_events, seconds=duration)


def _check(refused: Mapping[str, TagRefused], tags: Sequence[str]) -> None:
    if len(refused) == len(tags):
        reason = refused[tags[0]].error_message
        raise CommandFailure(f"none of the tags can be watched; {tags[0]}: {reason}", ExitStatus.MXACCESS)


@contextmanager
def _shown(output: Output, tags: tuple[str, ...]) -> Generator[Callable[[WatchItem, bool], None]]:
    if not output.terminal:
        yield lambda item, flush: print_watch_item(output, item, flush=flush)
        return
    from rich.live import Live  # noqa: PLC0415 - only where there is a terminal

    table = _LiveTable(tags)
    with Live(get_renderable=table.render, console=output.console, refresh_per_second=_REFRESHES_PER_SECOND):
        yield table.take


@dataclass(slots=True)
class _TagState:
    """What is known of one tag.

    Attributes:
        last: its last change.
        changes: how many came.
        note: why there is none.
    """

    last: TagChange | None = None
    changes: int = 0
    note: str = "waiting"


class _LiveTable:
    """The present value of each tag, and below what happened to the watch."""

    def __init__(self, tags: tuple[str, ...]) -> None:
        self._states = {tag: _TagState() for tag in tags}
        self._happenings: list[str] = []

    def take(self, item: WatchItem, _: bool) -> None:  # noqa: FBT001 - the other way of showing it needs this
        """Note what the watch brought."""
        if isinstance(item, TagChange):
            state = self._states[item.tag]
            state.last, state.changes, state.note = item, state.changes + 1, ""
            return
        if isinstance(item, TagRefused):
            self._states[item.tag].note = item.error_message
        self._happenings = [*self._happenings, happening(item)][-_HAPPENINGS:]

    def render(self) -> RenderableType:
        """Give the table as it stands."""
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
            value, quality, when = shown_value(state.last), str(state.last.quality), shown_time(state.last)
            cells = (tag, value, quality, when, str(state.changes))
            table.add_row(*(Text(printable(cell)) for cell in cells), style=quality_style(state.last.quality))
        return Group(table, *(Text(printable(line), style="yellow") for line in self._happenings))
