"""WriteDialog: a value, a question, and what became of the write."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from textual.binding import Binding
from textual.containers import Horizontal, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from mxgateway import WriteState
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType

    from mxgateway_cli.explore.models.writing import Result, TagWriter
    from mxgateway_cli.results.writes import PlannedWrite

__all__ = ["WriteDialog"]

_KEYS: Final = {
    "value": "Enter continues, Esc cancels; nothing is written yet",
    "question": "y writes, n or Esc cancels",
    "writing": "Esc closes; the result then appears at the top",
    "done": "Enter or Esc closes",
}


class WriteDialog(ModalScreen[None]):
    """Asks for a value, then whether to write it, and shows the outcome.

    Args:
        writer: Writes the tag.
        tag: The name of the tag.
        present: Its present value, as text.
        endpoint: The gateway, for the question.
        note: Called with the outcome, which comes even if the dialog has been closed before.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close"),
        Binding("enter", "close_if_done", show=False),
        Binding("y", "write", show=False),
        Binding("n", "decline", show=False),
    ]

    def __init__(
        self, writer: TagWriter, tag: str, *, present: str, endpoint: str, note: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._writer = writer
        self._tag = tag
        self._present = present
        self._endpoint = endpoint
        self._note = note
        self._step = "value"
        self._plan: PlannedWrite | None = None

    def compose(self) -> ComposeResult:
        """Create the dialog."""
        with VerticalScroll(classes="dialog", can_focus=False) as box:
            box.border_title = "Write a tag"
            yield Static(printable(self._tag), id="tag", markup=False)
            yield Static(f"now  {self._present}", id="present", markup=False)
            yield Input(placeholder="new value", id="value", compact=True)
            yield Static(id="message", markup=False)
            with Horizontal(id="buttons"):
                yield Button("Write", id="write", compact=True)
                yield Button("Cancel", id="cancel", compact=True)
            yield Static(id="keys", markup=False)

    def on_mount(self) -> None:
        """Begin with the value."""
        self._go_to("value", "")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Check the value, in the type of the tag."""
        event.stop()
        if self._step == "value":
            self._say("reading the type and the present value")
            self.run_worker(self._check(event.value), exclusive=True)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Write or cancel."""
        if event.button.id == "write":
            self.action_write()
        else:
            self.action_leave()

    def action_write(self) -> None:
        """Write, if the question has been asked."""
        if self._step == "question" and self._plan is not None:
            self._go_to("writing", "sent to the gateway; waiting for the outcome")
            self._writer.start(self._plan, self._show_result)

    def action_decline(self) -> None:
        """Close without writing, if the question has been asked."""
        if self._step == "question":
            self.dismiss()

    def action_close_if_done(self) -> None:
        """Close after the outcome."""
        if self._step == "done":
            self.dismiss()

    def action_leave(self) -> None:
        """Close. A write that was sent is not stopped by this."""
        self.dismiss()

    async def _check(self, text: str) -> None:
        try:
            plan = await self._writer.plan(self._tag, text)
        except ValueError as error:
            self._say(str(error), kind="error")
            return
        self._plan = plan
        old, new = self._writer.describe(plan)
        change = f"{old} → {new}  ({plan.value_type})"
        self._go_to("question", f"{change}\n\nWrite this to {self._endpoint}?", kind="question")

    def _show_result(self, result: Result) -> None:
        is_good = result.state in {WriteState.CONFIRMED, WriteState.ACCEPTED}
        text = f"{result.verdict}\n{result.reason}".rstrip()
        if self.is_attached:
            self._go_to("done", text, kind="good" if is_good else "error")
        self._note(f"{self._tag}: {' '.join(text.split())}")

    def _go_to(self, step: str, text: str, *, kind: str = "") -> None:
        self._step = step
        self._say(text, kind=kind)
        field = self.query_one("#value", Input)
        field.display = step == "value"
        self.query_one("#buttons").display = step == "question"
        self.query_one("#keys", Static).update(_KEYS[step])
        if step == "value":
            field.focus()
        elif step == "question":
            # Enter twice must not write.
            self.query_one("#cancel").focus()

    def _say(self, text: str, *, kind: str = "") -> None:
        message = self.query_one("#message", Static)
        message.update(text)
        message.set_classes(kind)
