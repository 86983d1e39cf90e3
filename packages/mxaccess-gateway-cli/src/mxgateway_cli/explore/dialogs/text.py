"""TextDialog: asks for one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType

__all__ = ["TextDialog"]


class TextDialog(ModalScreen[str | None]):
    """Asks for a text. Its result is the text, or None if it was left.

    Args:
        title: What happens with the text.
        subject: What the text is for; may be empty.
        placeholder: What to type.
        keys: What the keys do.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel")]

    def __init__(self, title: str, subject: str, *, placeholder: str, keys: str) -> None:
        super().__init__()
        self._title = title
        self._subject = subject
        self._placeholder = placeholder
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Create the dialog."""
        with Vertical(classes="dialog") as box:
            box.border_title = self._title
            yield Static(printable(self._subject), id="tag", markup=False)
            yield Input(placeholder=self._placeholder, id="value", compact=True)
            yield Static(self._keys, id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin to type at once."""
        self.query_one("#tag").display = bool(self._subject)
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Return the text."""
        event.stop()
        self.dismiss(event.value.strip())

    def action_leave(self) -> None:
        """Return nothing."""
        self.dismiss(None)
