"""Editing of the command line at the prompt: completion with Tab."""

from __future__ import annotations

import shlex
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mxgateway_cli.app import app
from mxgateway_cli.completion.shells import completions

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["completed_by_tab"]

_DELIMITERS: Final = " \t\n"


@contextmanager
def completed_by_tab() -> Generator[None]:
    """Complete commands, options and tags when the user presses Tab, while the block runs.

    Python on Windows has no readline: the console then edits the line without completion.
    """
    try:
        import readline  # noqa: PLC0415 - not available everywhere
    except ImportError:
        yield
        return
    offered: list[str] = []

    def complete(text: str, index: int) -> str | None:
        if index == 0:
            offered[:] = _completions(readline.get_line_buffer()[: readline.get_begidx()], text)
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


def _completions(before: str, text: str) -> list[str]:
    try:
        words = shlex.split(before)
    except ValueError:
        # The line has an open quotation.
        return []
    return [item.value for item in completions(app, words, text) if item.type == "plain"]
