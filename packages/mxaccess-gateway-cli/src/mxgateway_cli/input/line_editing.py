"""Editing of the line at a prompt: completion with Tab."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = ["completed_by_tab"]

_DELIMITERS: Final = " \t\n"


@contextmanager
def completed_by_tab(completions: Callable[[str, str], Sequence[str]]) -> Generator[None]:
    """Complete the words that the user types at `input` when the user presses Tab, while the block runs.

    Python on Windows has no readline: the console then edits the line without completion.

    Args:
        completions: Returns the words that can replace the last word of the line, given the text before it and the
            word.
    """
    try:
        import readline  # noqa: PLC0415 - not available everywhere
    except ImportError:
        yield
        return
    offered: list[str] = []

    def complete(text: str, index: int) -> str | None:
        if index == 0:
            offered[:] = completions(readline.get_line_buffer()[: readline.get_begidx()], text)
        return offered[index] if index < len(offered) else None

    before, delimiters = readline.get_completer(), readline.get_completer_delims()
    readline.set_completer(complete)
    readline.set_completer_delims(_DELIMITERS)
    # The readline of macOS is libedit, which has its own syntax.
    is_libedit = "libedit" in (readline.__doc__ or "")
    readline.parse_and_bind("bind ^I rl_complete" if is_libedit else "tab: complete")
    try:
        yield
    finally:
        readline.set_completer(before)
        readline.set_completer_delims(delimiters)
