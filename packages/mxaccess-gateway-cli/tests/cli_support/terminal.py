"""A stand-in for a terminal on stdout or stderr."""

from __future__ import annotations

import io
import re

ESCAPE_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal(io.StringIO):
    """A text stream that claims to be a terminal."""

    def isatty(self) -> bool:
        """Return True."""
        return True


def without_escape_sequences(terminal: Terminal) -> str:
    """Return the text that was written to a terminal, without colours and cursor movements."""
    return ESCAPE_SEQUENCE.sub("", terminal.getvalue())
