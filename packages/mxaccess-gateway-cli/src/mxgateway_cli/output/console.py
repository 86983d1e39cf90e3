"""What a command says: results on stdout, everything else on stderr.

A terminal gets tables and colour, a pipe plain lines, and `--json` one object a line for either.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from mxgateway.redaction import redact
from mxgateway_cli.help import option

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    from rich.console import Console
    from rich.status import Status

__all__ = ["Diagnostics", "Output", "drop_output", "output_options", "printable"]

_SECTION = "Output"
_PROGRAM = "mxgw-py"
_KEY_BEGINS = "mxgw_"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


def output_options(function: FunctionT) -> FunctionT:
    """Declare the options that an Output is made from."""
    function = option(
        "--debug", section=_SECTION, is_flag=True, help="Log the library's work, and show tracebacks of errors."
    )(function)
    return option(
        "--json", "as_json", section=_SECTION, is_flag=True, help="One JSON object a line, errors on stderr too."
    )(function)


class Diagnostics:
    """What goes to stderr: one line for each error and each warning, never with a key in it."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.debug = debug
        self._as_json = as_json
        self._held: list[object] = []

    def hold(self, secret: object) -> None:
        """Hold an API key or a password for as long as something is said: what lives is found and never shown."""
        self._held.append(secret)

    def error(self, message: str, facts: Mapping[str, Any]) -> None:
        """Say why the command failed."""
        self._say("error", message, facts)

    def warning(self, message: str) -> None:
        """Say what somebody should look at."""
        self._say("warning", message, {})

    def note(self, message: str) -> None:
        """Say what helps to understand, in text only."""
        if not self._as_json:
            self._write(message)

    def detail(self, text: str) -> None:
        """Say what `--debug` asks for, a traceback for example; it may have several lines."""
        for line in text.splitlines():
            self._write(line)

    def _say(self, kind: str, message: str, facts: Mapping[str, Any]) -> None:
        if self._as_json:
            # Hidden before it becomes JSON: a secret that needs escapes must be found all the same.
            self._write(json.dumps({kind: redact(message), **facts}))
        else:
            self._write(f"{_PROGRAM}: {kind}: {message}")

    def _write(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            click.echo(printable(redact(line)), err=True)


class Output:
    """What goes to stdout."""

    def __init__(self, *, as_json: bool, diagnostics: Diagnostics) -> None:
        self.as_json = as_json
        self.diagnostics = diagnostics
        self.terminal = not as_json and sys.stdout.isatty()
        self._console: Console | None = None

    @classmethod
    def taken_from(cls, context: click.Context, parameters: dict[str, Any]) -> Output:
        """Take the output options out of a command's parameters."""
        as_json, debug = bool(parameters.pop("as_json")), bool(parameters.pop("debug"))
        diagnostics = context.find_object(Diagnostics) or Diagnostics(as_json=as_json, debug=debug)
        return cls(as_json=as_json, diagnostics=diagnostics)

    def result(self, record: Mapping[str, Any], plain: str) -> None:
        """Print what a command found out: the record as JSON or as a table, or the plain line."""
        if self.as_json:
            self.json(record)
        elif self.terminal:
            self._table(record)
        else:
            self.line(plain)

    def json(self, record: Mapping[str, Any], *, flush: bool = True) -> None:
        """Print one JSON object on one line, in ASCII: every terminal and pipe can carry that."""
        sys.stdout.write(_without_keys(json.dumps(record)) + "\n")
        if flush:
            self.flush()

    def line(self, text: str, style: str = "", *, flush: bool = True) -> None:
        """Print one line, styled when it goes to a terminal."""
        if self.terminal and style:
            from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

            self.console.print(Text(printable(text), style=style), soft_wrap=True)
        else:
            sys.stdout.write(printable(text) + "\n")
            if flush:
                self.flush()

    def flush(self) -> None:
        """Let everything out that was printed."""
        sys.stdout.flush()

    @contextlib.contextmanager
    def busy(self, text: str) -> Generator[None]:
        """Show on a terminal what is being waited for."""
        if not self.terminal:
            yield
            return
        status: Status = self.console.status(printable(text))
        with status:
            yield

    @property
    def console(self) -> Console:
        """The terminal."""
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415 - only where there is a terminal

            self._console = Console(highlight=False, markup=False, emoji=False)
        return self._console

    def _table(self, record: Mapping[str, Any]) -> None:
        from rich.table import Table  # noqa: PLC0415 - only where there is a terminal
        from rich.text import Text  # noqa: PLC0415

        table = Table.grid(padding=(0, 2))
        table.add_column(style="cyan")
        table.add_column(overflow="fold")
        for key, value in record.items():
            table.add_row(_words(key), Text(printable(_shown(value))))
        self.console.print(table)


def printable(text: str) -> str:
    """Escape what would move a terminal's cursor, ring its bell or break the line, and hide what looks like a key."""
    text = _without_keys(text)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def drop_output() -> None:
    """Let what is still buffered go nowhere, after whoever read stdout has gone away."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _without_keys(text: str) -> str:
    """Hide what looks like a key, in what comes in thousands of lines. No message of a gateway holds our own."""
    return redact(text) if _KEY_BEGINS in text else text


def _shown(value: object) -> str:
    """A value of a record on one line."""
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    if isinstance(value, dict):
        return ", ".join(f"{_words(str(key))} {each}" for key, each in cast("dict[object, object]", value).items())
    return str(value)


def _words(key: str) -> str:
    """`serverHandle` as people read it: server handle."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: " " + letter.group().lower(), key)
