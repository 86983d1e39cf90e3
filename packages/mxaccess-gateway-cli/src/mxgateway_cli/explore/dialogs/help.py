"""HelpDialog: the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.table import Table
from rich.text import Text
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

__all__ = ["HelpDialog"]

_KEYS: Final = (
    ("g  t  a", "go to the Galaxy, the tags, the alarms; Tab goes on"),
    ("↑ ↓ PgUp PgDn", "move; the mouse selects and scrolls"),
    ("← →", "fold and unfold an object of the Galaxy"),
    ("Enter", "Galaxy: watch an attribute, or stop watching it"),
    ("", "tags: write the tag; alarms: acknowledge the alarm"),
    ("/", "search the Galaxy: pump, pump.speed, Pump_0*.Speed"),
    ("Esc", "leave the search, or a dialog"),
    ("n", "watch a tag by its name"),
    ("w", "write the selected tag"),
    ("Delete", "stop watching the selected tag"),
    ("r", "read the Galaxy again from its top"),
    ("q  Ctrl-C", "quit, and close the session"),
)


class HelpDialog(ModalScreen[None]):
    """Lists the keys, until a key is pressed."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "leave", "Close")]

    def compose(self) -> ComposeResult:
        """Create the table of keys."""
        keys = Table.grid(padding=(0, 2))
        for key, meaning in _KEYS:
            keys.add_row(Text(key, style="bold"), meaning)
        with VerticalScroll(classes="dialog -help") as box:
            box.border_title = "Keys"
            yield Static(keys)
            yield Static("A value is stale, with its age, from the loss of the connection until it arrives again.")
            yield Static("Esc closes", id="keys", markup=False)

    def action_leave(self) -> None:
        """Close."""
        self.dismiss()
