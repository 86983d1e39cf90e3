"""Questions to the user at a terminal."""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["can_ask", "confirm"]

_ENDING_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGBREAK", "SIGHUP")


def can_ask() -> bool:
    """Return whether a question can be shown and answered: stdin and stderr must be terminals."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def confirm(question: str) -> bool:
    """Ask a question on stderr and return whether the answer is yes; the default is no. Blocks the event loop.

    Raises:
        click.Abort: The answer is Ctrl-C or the end of the input, or a signal ends the process.
    """
    with _interrupted_by_signals():
        try:
            return click.confirm(question, default=False, err=True)
        except click.Abort:
            # The cursor is still behind the question.
            click.echo(err=True)
            raise


@contextmanager
def _interrupted_by_signals() -> Generator[None]:
    """Make Ctrl-C and the termination signals end the question at once.

    The handlers of the event loop only cancel a task, which takes effect after the answer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [getattr(signal, name) for name in _ENDING_SIGNALS if hasattr(signal, name)]
    # Ignored signals stay ignored, for nohup.
    handled = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, signal.default_int_handler) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
