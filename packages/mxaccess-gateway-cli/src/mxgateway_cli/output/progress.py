"""How far long work has come: on stderr, and only where somebody looks at it."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Generator

    from mxgateway_cli.output.console import Output

__all__ = ["counting"]


class _Count(Protocol):
    def __call__(self, done: float, total: float | None, /) -> None: ...


@contextlib.contextmanager
def counting(output: Output, what: str, *, prints_meanwhile: bool) -> Generator[_Count]:
    """Give a function that shows how much is done, and of how much; it does nothing where nobody looks.

    Where the work prints to the same terminal meanwhile, its lines are progress enough.
    """
    if output.as_json or not sys.stderr.isatty() or (prints_meanwhile and output.terminal):
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
