"""The fenced blocks of Markdown files, which tests run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_FENCE: Final = re.compile(
    r"^(?P<indent> *)```(?P<language>\w+)?(?P<rest>[^\n]*)\n(?P<text>.*?)^(?P=indent)```", re.MULTILINE | re.DOTALL
)
_TITLE: Final = re.compile(r'title="([^"]+)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A fenced block.

    Attributes:
        page: The name of the file.
        line: The line of its first line of text.
        language: The language of the block.
        title: The name of the file that the block shows; empty if it shows none.
        text: Its text, without the indentation of the block.
    """

    page: str
    line: int
    language: str
    title: str
    text: str

    @property
    def place(self) -> str:
        """Where the snippet is, for a traceback."""
        return f"{self.page}:{self.line}"


def snippets(path: Path) -> Iterator[Snippet]:
    """Yield the fenced blocks of a Markdown file."""
    page = path.read_text(encoding="utf-8")
    for match in _FENCE.finditer(page):
        title = _TITLE.search(match["rest"])
        yield Snippet(
            page=path.name,
            line=page.count("\n", 0, match.start("text")) + 1,
            language=match["language"] or "",
            title=title[1] if title else "",
            text=re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE),
        )
