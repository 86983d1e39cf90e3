"""ExploreApp: the screen of `mxgw-py explore` and its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.app import App
from textual.binding import Binding
from textual.containers import Horizontal, Vertical
from textual.widgets import Footer, Input

from mxgateway import MxGatewayConfigurationError
from mxgateway_cli.explore.dialogs.help import HelpDialog
from mxgateway_cli.explore.dialogs.text import TextDialog
from mxgateway_cli.explore.dialogs.write import WriteDialog
from mxgateway_cli.explore.theme import MONOCHROME, THEME
from mxgateway_cli.explore.widgets.galaxy_tree import GalaxyTree
from mxgateway_cli.explore.widgets.row_table import RowTable
from mxgateway_cli.explore.widgets.state_bar import StateBar
from mxgateway_cli.explore.widgets.tables import AlarmRows, TagRows
from mxgateway_cli.explore.widgets.trend import Trend
from mxgateway_cli.output.formatting import format_value
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.app import ComposeResult
    from textual.binding import BindingType

    from mxgateway_cli.explore.plant import Plant

__all__ = ["INTERRUPTED", "ExploreApp"]

INTERRUPTED: Final = "interrupted"
"""The result of the app after Ctrl-C."""

_REDRAW_SECONDS: Final = 0.25
_NOTE_SECONDS: Final = 30.0
_WIDE_COLUMNS: Final = 110
_LOW_LINES: Final = 30
_HIGH_LINES: Final = 38
_FIRST_NOTE: Final = "Enter in the Galaxy watches an attribute; ? shows all keys"


class ExploreApp(App[str]):
    """Shows a plant: the tree of the Galaxy, watched tags, a trend and the active alarms.

    Args:
        plant: The plant.
        tags: Tags to watch from the start.
        is_monochrome: Whether to do without colours.
    """

    TITLE = "mxgw-py explore"
    CSS_PATH = "explore.tcss"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("g", "go('galaxy')", "Galaxy"),
        Binding("t", "go('tags')", "Tags"),
        Binding("a", "go('alarms')", "Alarms"),
        Binding("slash", "go('search')", "Search"),
        Binding("n", "watch_by_name", "Name", tooltip="Watch a tag by its name"),
        Binding("w", "write", "Write"),
        Binding("delete", "unwatch", "Unwatch", show=False),
        Binding("r", "reload", "Reload", show=False),
        Binding("escape", "leave_search", show=False),
        Binding("question_mark", "help", "Help"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "interrupt", show=False, priority=True),
        Binding("ctrl+z", "suspend_process", show=False, priority=True),
    ]

    def __init__(self, plant: Plant, tags: Sequence[str] = (), *, is_monochrome: bool = False) -> None:
        super().__init__()
        self._plant = plant
        self._first_tags = tags
        self._note = (plant.clock.monotonic(), _FIRST_NOTE)
        theme = MONOCHROME if is_monochrome else THEME
        # Kept, because the screen may already be closing when the timer draws it.
        self._state_bar = StateBar(good=theme.success or "")
        self._search = Input(placeholder="/ search", id="search", compact=True)
        self._galaxy = GalaxyTree(plant.galaxy, plant.tags.by_name)
        self._tags = RowTable(TagRows(plant.tags, plant.clock), id="tags")
        self._trend = Trend(plant.clock, line=theme.primary)
        self._alarms = RowTable(AlarmRows(plant.alarms, plant.clock), id="alarms")
        self.register_theme(theme)
        self.theme = theme.name

    def compose(self) -> ComposeResult:
        """Create the screen."""
        yield self._state_bar
        with Horizontal():
            with Vertical(id="left"):
                yield self._search
                yield self._galaxy
            with Vertical(id="right"):
                yield self._tags
                yield self._trend
                yield self._alarms
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to watch, and to draw what arrives."""
        self._plant.start(self._first_tags)
        self._tags.border_title = "Tags"
        (self._tags if self._first_tags else self._galaxy).focus()
        self.set_interval(_REDRAW_SECONDS, self.redraw)

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for the size of the terminal."""
        self.screen.set_class(event.size.width >= _WIDE_COLUMNS, "-wide")
        self.screen.set_class(event.size.height < _LOW_LINES, "-low")
        self.screen.set_class(event.size.height >= _HIGH_LINES, "-high")
        self.call_after_refresh(self.redraw)

    def redraw(self) -> None:
        """Draw what is known now. Between two calls any number of changes may arrive."""
        with self.batch_update():
            self._redraw()

    def _redraw(self) -> None:
        plant = self._plant
        self._tags.update()
        self._alarms.update()
        problem = plant.alarms.provider_problem
        self._alarms.border_title = printable(f"Alarms: {problem}") if problem else "Alarms"
        self._trend.show(self._tags.selected, plant.tags.by_name.get(self._tags.selected or ""))
        count = len(plant.tags.by_name)
        counts = f"{count} {'tag' if count == 1 else 'tags'}, {plant.alarms.summary}"
        when, note = self._note
        state = plant.connection.state
        is_shown = when > state.since and plant.clock.monotonic() - when < _NOTE_SECONDS
        self._state_bar.show(state, endpoint=plant.endpoint, counts=counts, note=note if is_shown else "")

    def say(self, text: str) -> None:
        """Show a note below the state."""
        self._note = (self._plant.clock.monotonic(), printable(text))
        self.redraw()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Search the Galaxy; without a text show the tree again."""
        if event.value.strip():
            self._galaxy.search(event.value.strip())
        else:
            self._galaxy.browse()
        self._galaxy.focus()

    async def on_galaxy_tree_chosen(self, event: GalaxyTree.Chosen) -> None:
        """Watch the chosen attribute, or stop watching it."""
        if event.tag in self._plant.tags.by_name:
            await self._unwatch(event.tag)
        else:
            self._watch([event.tag])

    def on_row_table_selected(self, event: RowTable.Selected) -> None:
        """Show the selected tag in full."""
        if event.table.id == "tags":
            self.redraw()

    def on_row_table_chosen(self, event: RowTable.Chosen) -> None:
        """Write the chosen tag, or acknowledge the chosen alarm."""
        if event.table.id == "tags":
            self._write(event.key)
        else:
            self._ask_for_comment(event.key)

    def action_go(self, place: str) -> None:
        """Move to a part of the screen."""
        self.screen.set_class(place == "alarms", "-alarms")
        self.query_one(f"#{place}").focus()
        self.redraw()

    def action_leave_search(self) -> None:
        """Show the tree again."""
        if self._search.value:
            self._search.value = ""
            self._galaxy.browse()
        self._galaxy.focus()

    def action_reload(self) -> None:
        """Read the Galaxy again."""
        self._galaxy.browse()

    def action_watch_by_name(self) -> None:
        """Ask for the names of tags, and watch them."""
        dialog = TextDialog(
            "Watch tags by name",
            "",
            placeholder="Object.Attribute, several separated by spaces",
            keys="Enter watches, Esc cancels",
        )
        self.push_screen(dialog, lambda text: self._watch((text or "").split()))

    def action_write(self) -> None:
        """Write the selected tag."""
        selected = self._tags.selected
        if selected is None:
            self.say("no tag is watched: watch the tag to write it")
        else:
            self._write(selected)

    async def action_unwatch(self) -> None:
        """Stop watching the selected tag."""
        selected = self._tags.selected
        if selected is not None:
            await self._unwatch(selected)

    def action_help(self) -> None:
        """Show the keys."""
        self.push_screen(HelpDialog())

    def action_interrupt(self) -> None:
        """Quit as after Ctrl-C."""
        self.exit(INTERRUPTED)

    def _watch(self, names: Sequence[str]) -> None:
        if not names:
            return
        try:
            self._plant.tags.add(names)
        except MxGatewayConfigurationError as error:
            self.say(f"cannot watch: {error.summary}")
            return
        self._tags.select(names[0])
        self._galaxy.mark(*names)
        self.redraw()

    async def _unwatch(self, name: str) -> None:
        await self._plant.tags.remove(name)
        self._galaxy.mark(name)
        self.redraw()

    def _write(self, name: str) -> None:
        tag = self._plant.tags.by_name[name]
        row = tag.row
        present = "no value"
        if row.last is not None and row.has_value:
            stale = "  (STALE)" if row.stale_since is not None else ""
            present = printable(f"{format_value(row.last, self._plant.clock.zone)}  {row.last.quality}{stale}")
        plant = self._plant
        self.push_screen(WriteDialog(plant.writer, name, present=present, endpoint=plant.endpoint, note=self.say))

    def _ask_for_comment(self, reference: str) -> None:
        def acknowledge(comment: str | None) -> None:
            if comment is not None:
                self._plant.alarms.acknowledge(reference, comment, self.say)

        dialog = TextDialog(
            "Acknowledge an alarm",
            reference,
            placeholder="comment",
            keys="Enter acknowledges, Esc cancels",
        )
        self.push_screen(dialog, acknowledge)
