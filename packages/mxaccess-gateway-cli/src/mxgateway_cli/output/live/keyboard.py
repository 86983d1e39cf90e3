"""Keyboard: the keys that the user presses while a live region is shown."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

__all__ = ["Keyboard"]

_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|.", re.DOTALL)
_NAMES: Final = {
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
}
# The second of the two characters that Windows reports for a special key.
_WINDOWS_NAMES: Final = {"H": "up", "P": "down", "I": "page up", "Q": "page down", "G": "home", "O": "end"}
_WINDOWS_PREFIXES: Final = ("\x00", "\xe0")


class Keyboard:
    """Reads keys without waiting and without showing them, while its block runs.

    It does nothing if stdin is not a terminal, or if the command runs in the background: a shell would stop it there.
    """

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._read: Callable[[], list[str]] = _no_keys

    @property
    def is_available(self) -> bool:
        """Whether keys can be read."""
        return self._read is not _no_keys

    def __enter__(self) -> Self:
        if sys.platform == "win32":
            if _is_terminal(sys.stdin):
                self._read = _read_windows_keys
        else:
            number = _foreground_terminal(sys.stdin)
            if number is not None:
                self._enter_terminal(number)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._read = _no_keys
        self._stack.close()

    def read(self) -> list[str]:
        """Return the keys that were pressed since the last call, oldest first: characters and names of keys."""
        return self._read()

    if sys.platform != "win32":

        def _enter_terminal(self, number: int) -> None:
            # Imported late: Windows doesn't have them.
            import termios  # noqa: PLC0415
            import tty  # noqa: PLC0415

            before: list[Any] = termios.tcgetattr(number)
            self._stack.callback(termios.tcsetattr, number, termios.TCSADRAIN, before)
            # Keys arrive one by one and are not shown; Ctrl-C still interrupts.
            tty.setcbreak(number, termios.TCSADRAIN)
            self._read = lambda: self._read_terminal(number)

        def _read_terminal(self, number: int) -> list[str]:
            import select  # noqa: PLC0415

            if not select.select([number], [], [], 0)[0]:
                return []
            try:
                text = os.read(number, 1024).decode("utf-8", errors="ignore")
            except OSError:
                text = ""
            if not text:
                # The terminal is gone.
                self._read = _no_keys
            tokens: list[str] = _ESCAPE_SEQUENCE.findall(text)
            return [_NAMES.get(token, token) for token in tokens]


def _no_keys() -> list[str]:
    return []


def _is_terminal(stream: Any) -> bool:
    return stream is not None and not stream.closed and bool(stream.isatty())


if sys.platform == "win32":

    def _read_windows_keys() -> list[str]:
        import msvcrt  # noqa: PLC0415

        keys: list[str] = []
        while msvcrt.kbhit():
            key = msvcrt.getwch()
            keys.append(_WINDOWS_NAMES.get(msvcrt.getwch(), "") if key in _WINDOWS_PREFIXES else key)
        return keys

else:

    def _foreground_terminal(stream: Any) -> int | None:
        """Return the file descriptor of a terminal of which this process is in the foreground, or None."""
        if not _is_terminal(stream):
            return None
        try:
            number: int = stream.fileno()
        except (OSError, ValueError):
            return None
        try:
            foreground = os.tcgetpgrp(number)
        except OSError:
            # Not the controlling terminal: no shell stops this process for using it.
            return number
        return number if foreground == os.getpgrp() else None
