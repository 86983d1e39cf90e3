"""Results on stdout and messages on stderr.

A terminal gets tables and colours, a pipe gets plain lines. With `--json` both get one JSON object per line.
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

__all__ = ["Diagnostics", "Output", "discard_output", "output_options", "printable"]

_SECTION = "Output"
_PROGRAM = "mxgw-py"
_KEY_PREFIX = "mxgw_"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


def output_options(function: FunctionT) -> FunctionT:
    """Declare the options that `Output.from_parameters` reads."""
    function = option(
        "--debug", section=_SECTION, is_flag=True, help="Show the log of the client library, and tracebacks of errors."
    )(function)
    return option(
        "--json", "as_json", section=_SECTION, is_flag=True, help="Print one JSON object per line, errors included."
    )(function)


class Diagnostics:
    """Prints messages to stderr, one line per error or warning. API keys are always redacted."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.debug = debug
        self._as_json = as_json
        self._secrets: list[object] = []

    def protect(self, secret: object) -> None:
        """Keep an API key or a password alive, because only live secrets can be redacted from later messages."""
        self._secrets.append(secret)

    def error(self, message: str, facts: Mapping[str, Any]) -> None:
        """Print why the command failed."""
        self._write_message("error", message, facts)

    def warning(self, message: str) -> None:
        """Print a warning; the command continues."""
        self._write_message("warning", message, {})

    def note(self, message: str) -> None:
        """Print a hint, unless the output is JSON."""
        if not self._as_json:
            self._write_line(message)

    def detail(self, text: str) -> None:
        """Print debugging output such as a traceback, line by line."""
        for line in text.splitlines():
            self._write_line(line)

    def _write_message(self, kind: str, message: str, facts: Mapping[str, Any]) -> None:
        if self._as_json:
            # Redacted before encoding: JSON escapes would hide parts of a secret from the redaction.
            self._write_line(json.dumps({kind: redact(message), **facts}))
        else:
            self._write_line(f"{_PROGRAM}: {kind}: {message}")

    def _write_line(self, line: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            click.echo(printable(redact(line)), err=True)


class Output:
    """Prints results to stdout.

    Attributes:
        as_json: Whether `--json` was given.
        diagnostics: Where messages are printed.
        terminal: Whether stdout is a terminal that gets tables and colours; False with `--json`.
    """

    def __init__(self, *, as_json: bool, diagnostics: Diagnostics) -> None:
        self.as_json = as_json
        self.diagnostics = diagnostics
        self.terminal = not as_json and sys.stdout.isatty()
        self._console: Console | None = None

    @classmethod
    def from_parameters(cls, context: click.Context, parameters: dict[str, Any]) -> Output:
        """Remove the output options from a command's parameters and create an Output from them."""
        as_json, debug = bool(parameters.pop("as_json")), bool(parameters.pop("debug"))
        diagnostics = context.find_object(Diagnostics) or Diagnostics(as_json=as_json, debug=debug)
        return cls(as_json=as_json, diagnostics=diagnostics)

    def result(self, record: Mapping[str, Any], plain: str) -> None:
        """Print a command's result: the record as JSON, or as a table on a terminal, or the plain line in a pipe."""
        if self.as_json:
            self.json(record)
        elif self.terminal:
            self._table(record)
        else:
            self.line(plain)

    def json(self, record: Mapping[str, Any], *, flush: bool = True) -> None:
        """Print a JSON object on one line, in ASCII, which every terminal and pipe can encode."""
        sys.stdout.write(_redact_keys(json.dumps(record)) + "\n")
        if flush:
            self.flush()

    def line(self, text: str, style: str = "", *, flush: bool = True) -> None:
        """Print one line, styled on a terminal."""
        if self.terminal and style:
            from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

            self.console.print(Text(printable(text), style=style), soft_wrap=True)
        else:
            sys.stdout.write(printable(text) + "\n")
            if flush:
                self.flush()

    def flush(self) -> None:
        """Flush stdout."""
        sys.stdout.flush()

    @contextlib.contextmanager
    def spinner(self, text: str) -> Generator[None]:
        """Show a spinner with this text while the block runs, on a terminal only."""
        if not self.terminal:
            yield
            return
        status: Status = self.console.status(printable(text))
        with status:
            yield

    @property
    def console(self) -> Console:
        """The rich console of the terminal."""
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
            table.add_row(_label(key), Text(printable(_format_field(value))))
        self.console.print(table)


def printable(text: str) -> str:
    """Return text without control characters, which are escaped, and without API keys, which are redacted."""
    text = _redact_keys(text)
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def discard_output() -> None:
    """Discard the output that is still buffered, after the reader of stdout has gone away."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _redact_keys(text: str) -> str:
    """Redact API keys in a text that contains the prefix of one.

    Looking for the prefix first keeps the output of thousands of lines fast. The client has already removed its own key
    from everything that the gateway sent.
    """
    return redact(text) if _KEY_PREFIX in text else text


def _format_field(value: object) -> str:
    """Return the value of a record's field as text on one line."""
    if isinstance(value, list):
        return ", ".join(map(str, cast("list[object]", value)))
    if isinstance(value, dict):
        return ", ".join(f"{_label(str(key))} {each}" for key, each in cast("dict[object, object]", value).items())
    return str(value)


def _label(key: str) -> str:
    """Return the label of a JSON key: "server handle" for `serverHandle`."""
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: " " + letter.group().lower(), key)
