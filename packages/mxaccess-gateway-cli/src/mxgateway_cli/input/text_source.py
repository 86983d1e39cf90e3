"""Text files that options name, and stdin in place of a file."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["STDIN", "STDIN_READER_KEY", "Line", "TextSource", "lines_with_content", "stdin_reader"]

STDIN: Final = "-"
STDIN_READER_KEY: Final = "mxgateway_cli.stdin_reader"
"""Key in a click context's `meta` for the name of the command that reads stdin itself."""

_ENCODING_HINT: Final = "in Excel: CSV UTF-8, or Unicode text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of a text file.

    Attributes:
        number: Its number, starting with 1.
        text: Its text, without the line break.
    """

    number: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """A text file that an option names; `-` is stdin.

    Attributes:
        path: The path of the file, or `-`.
        content: What the file contains, for messages: "tag list" or "recipe".
    """

    path: str
    content: str

    @property
    def name(self) -> str:
        """The name of the file in messages."""
        return "stdin" if self.path == STDIN else self.path

    def read(self) -> str:
        """Return the text of the file.

        Raises:
            click.UsageError: The file cannot be read, or is not a text file in UTF-8 or UTF-16.
        """
        data = self._read_bytes()
        try:
            return decode_text(data, "it")
        except ValueError as error:
            problem = str(error)
        if "UTF-8" in problem:
            problem = f"{problem} ({_ENCODING_HINT})"
        raise self.error(problem)

    def error(self, problem: str, line: int | None = None) -> click.UsageError:
        """Return the error for a mistake in the file, or in one of its lines."""
        place = "" if line is None else f"line {line} "
        return click.UsageError(f"cannot read the {self.content} {self.name}: {place}{problem}")

    def _read_bytes(self) -> bytes:
        if self.path == STDIN:
            return self._read_stdin()
        try:
            return Path(self.path).read_bytes()
        except OSError as error:
            problem = (error.strerror or type(error).__name__).lower()
        except ValueError:
            problem = "this is not a file name"
        raise self.error(problem)

    def _read_stdin(self) -> bytes:
        reader = stdin_reader()
        if reader is not None:
            raise self.error(f"{reader} reads its lines from there; give the name of a file")
        try:
            # Without a console, stdin is None.
            return sys.stdin.buffer.read()
        except (AttributeError, OSError, ValueError):
            problem = "it is not open"
        raise self.error(problem)


def stdin_reader() -> str | None:
    """Return the name of the command that reads stdin itself, such as `batch`, or None."""
    context = click.get_current_context(silent=True)
    return None if context is None else context.meta.get(STDIN_READER_KEY)


def lines_with_content(text: str) -> Iterator[Line]:
    """Yield the lines of a text except for blank lines and comments, which start with `#`."""
    # Not str.splitlines, which also splits at characters that editors do not count as line breaks.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.lstrip().startswith("#"):
            yield Line(number=number, text=line)
