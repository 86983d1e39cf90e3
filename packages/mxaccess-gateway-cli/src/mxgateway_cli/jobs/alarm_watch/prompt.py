"""AcknowledgePrompt: asks for the number of an alarm and for a comment, key by key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AcknowledgePrompt"]

_ENTER: Final = frozenset({"\r", "\n"})
_BACKSPACE: Final = frozenset({"\x7f", "\b"})
_ESCAPE: Final = "\x1b"
_CLEAR_LINE: Final = "\x15"  # Ctrl-U
_CURSOR: Final = "_"


class AcknowledgePrompt:
    """A line in which the user types the number of an alarm, and then a comment.

    The alarm is looked up when its number is complete, and shown while the comment is typed: it cannot become another
    one when the table changes.

    Args:
        find: Returns the full reference of the alarm with a number, or None if there is none.
        acknowledge: Called with the full reference and the comment.
        note: Called with a message for the user.
    """

    def __init__(
        self,
        find: Callable[[int], str | None],
        acknowledge: Callable[[str, str], None],
        note: Callable[[str], None],
    ) -> None:
        self._find = find
        self._acknowledge = acknowledge
        self._note = note
        self._text = ""
        # The alarm whose comment is being typed.
        self._reference: str | None = None

    @property
    def is_active(self) -> bool:
        """Whether something is being typed, so that every key belongs to it."""
        return bool(self._text) or self._reference is not None

    def press(self, key: str) -> bool:
        """Handle a key. Return False if it does not concern the prompt."""
        if not self.is_active and not (len(key) == 1 and key.isdecimal()):
            return False
        if key in _ENTER:
            self._submit()
        elif key == _ESCAPE:
            self._cancel()
        elif key in _BACKSPACE:
            self._text = self._text[:-1]
        elif key == _CLEAR_LINE:
            self._text = ""
        elif len(key) == 1 and key.isprintable():
            # Other keys of the number stage are ignored, so that a typing error does not acknowledge another alarm.
            if self._reference is not None or key.isdecimal():
                self._text += key
        else:
            return False
        return True

    def lines(self) -> list[str]:
        """Return what the prompt shows: nothing while nothing is being typed."""
        typed = f"{printable(self._text)}{_CURSOR}"
        if self._reference is not None:
            return [f"acknowledge {printable(self._reference)}", f"comment (Enter acknowledges, Esc cancels): {typed}"]
        return [f"acknowledge the alarm with the number: {typed}"] if self._text else []

    def _submit(self) -> None:
        text, reference = self._text, self._reference
        self._cancel()
        if reference is not None:
            self._acknowledge(reference, text.strip())
            return
        self._reference = self._find(int(text))
        if self._reference is None:
            self._note(f"no active alarm has the number {text}")

    def _cancel(self) -> None:
        self._text, self._reference = "", None
