"""Progress of long commands, shown on stderr if it is a terminal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Protocol

from mxgateway_cli.output.console import messages_above

if TYPE_CHECKING:
    from collections.abc import Generator

    from mxgateway_cli.output.console import Output

__all__ = ["show_progress"]


class _Update(Protocol):
    def __call__(self, done: float, total: float | None, /) -> None: ...


@contextlib.contextmanager
def show_progress(output: Output, description: str, *, prints_results: bool) -> Generator[_Update]:
    """Show a progress bar while the block runs and yield the function that updates it.

    The function accepts the amount done and the total, or None for an unknown total. It does nothing if stderr is not
    a terminal, with `--json`, and if the block itself prints its results to the terminal (`prints_results`).
    """
    if output.as_json or not sys.stderr.isatty() or (prints_results and sys.stdout.isatty()):
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415 - only where there is a terminal
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    # Nothing is redirected: rich would print the results, which go to a file or a pipe, to the terminal.
    progress = Progress(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False)
    with progress, messages_above(console, output.diagnostics):
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
