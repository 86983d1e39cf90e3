"""The prompt of a simulated gateway: reads lines from a terminal or a pipe and prints their answers."""

from __future__ import annotations

import contextlib
import json
import sys
from typing import TYPE_CHECKING, Final

import click

from mxgateway.redaction import redact
from mxgateway_cli.input.line_editing import completed_by_tab
from mxgateway_cli.jobs.simulation.lines import Lines, QuitRequest
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mxgateway.testing.scripts.control import Control
    from mxgateway_cli.jobs.simulation.background import BackgroundLoop
    from mxgateway_cli.output.console import Output

__all__ = ["run_prompt"]

_PROMPT: Final = "simulate> "


def run_prompt(control: Control, loop: BackgroundLoop, output: Output) -> None:
    """Read lines from stdin and print an answer of one line to each, until `quit` or the end of the input.

    Args:
        control: The control of the gateway.
        loop: The event loop that the gateway runs in.
        output: Where the answers are printed.
    """
    lines = Lines(control)
    with contextlib.suppress(QuitRequest):
        for line in _lines(lines):
            try:
                answer = loop.run(lines.answer(line))
            except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
                _print(output, line, "error", str(error))
            else:
                if answer is not None:
                    _print(output, line, "answer", answer)


def _print(output: Output, line: str, kind: str, text: str) -> None:
    one_line = redact(" ".join(text.split()))
    if output.as_json:
        click.echo(json.dumps({"line": redact(line.strip()), kind: one_line}))
    else:
        click.echo(printable(one_line if kind == "answer" else f"error: {one_line}"))


def _lines(lines: Lines) -> Iterator[str]:
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield from sys.stdin
        return
    with completed_by_tab(lines.complete):
        while True:
            try:
                yield input(_PROMPT)
            except EOFError:
                # The cursor is still behind the prompt.
                click.echo()
                return
