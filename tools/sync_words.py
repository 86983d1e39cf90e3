"""What the docstrings of the client say of asynchronous programs, in the words of synchronous ones."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence

__all__ = ["synchronous"]

# Patterns for the text of a paragraph, joined to one line.
WORDS = [
    ("Await the result, or enter it with `async with`", "Close the result, or enter it with `with`"),
    ("an async iterator and (an )?async context manager", "an iterator and a context manager"),
    ("an async iterator", "an iterator"),
    ("`async with`", "`with`"),
    ("async (with|for) ", r"\1 "),
    ("It belongs to the event loop that opened it, and all tasks of that loop can share it", "Threads can share it"),
    ("several tasks may call it", "several threads may call it"),
    ("another task (already waits|is already waiting) on", r"another thread \1 on"),
    ("another event loop or process", "another process"),
    ("another event loop", "another process"),
    ("in the event loop and must not raise", "in another thread and must not raise"),
    ("If the (task|call) is cancelled", "If the call is interrupted"),
    (
        "Cancelling a task that waits for an (event|item), for example by `asyncio.timeout`, loses no .*? open",
        r"A timeout of `receive` or `iterate`, and Ctrl-C, lose no \1 and leave it open",
    ),
    (
        "Cancelling a task that waits for an (item|object) loses no (item|object)( and leaves the feed open)?",
        r"A timeout of `receive` or `iterate`, and Ctrl-C, lose no \1",
    ),
    (
        r"Cancelling a wait loses no item, and the watch can be iterated again\. So .*? iterated:",
        "A timeout of `receive` or `iterate`, and Ctrl-C, lose no item, and the watch can be iterated again:",
    ),
    ("Cancelling a wait loses no item", "A timeout of `receive` or `iterate`, and Ctrl-C, lose no item"),
    (
        "Cancelling a wait, for example by `asyncio.timeout`, does not end the poll",
        "A timeout of `receive` or `iterate`, and Ctrl-C, do not end the poll",
    ),
    ("later, cancelling stops", "later, that stops"),
    ("A timeout or cancellation stops", "A timeout or Ctrl-C stops"),
    ("Cancelling (ends|stops|affects|it loses|loses)", r"Ctrl-C \1"),
    ("Ctrl-C it loses", "Ctrl-C loses"),
    (" The same happens if the application cancels the client's own tasks.", ""),
    ("It is `__anext__` for many items", "It is `receive` for many items"),
    ("a live, read-only view", "a copy"),
    (r" Copy it, for example by `dict\(watch.active\)`, to iterate over it with an `await` in between.", ""),
]
WATCH_EXAMPLE = re.compile(r"( +)with contextlib\.suppress\(TimeoutError\):\n.*?print\(item\)", re.DOTALL)


def synchronous(text: str, indent: int, width: int = 120) -> str:
    """Return a docstring in the words of synchronous programs, wrapped again where they differ."""
    text = WATCH_EXAMPLE.sub(r"\1for item in watch.iterate(timeout=60):\n\1    print(item)", text)
    lines: list[str] = []
    for block in _blocks(text.rstrip().splitlines()):
        before = " ".join(line.strip() for line in block)
        after = before
        for pattern, words in WORDS:
            after = re.sub(pattern, words, after)
        lines += block if after == before else _wrapped(after, block, width - indent)
    return "\n".join(lines)


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the paragraphs, list items and entries of a docstring, each as its lines."""
    block: list[str] = []
    for line in lines:
        begins = not line.strip() or line.lstrip().startswith("- ") or re.match(r" +\w[\w, ]*: ", line) is not None
        deeper = bool(block) and _indent(line) > _indent(block[0]) and not block[0].lstrip().startswith(("-", "Mx"))
        if block and (begins or deeper or not block[0].strip()):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _wrapped(text: str, block: Sequence[str], width: int) -> list[str]:
    first = " " * _indent(block[0])
    following = " " * _indent(block[1]) if len(block) > 1 else first + ("  " if text.startswith("- ") else "")
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=following,
        break_long_words=False,
        break_on_hyphens=False,
    )
