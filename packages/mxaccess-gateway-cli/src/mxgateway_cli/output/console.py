"""Results on stdout and messages on stderr.

A terminal gets tables and colours, a pipe gets plain lines; `--output` selects another format.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway.redaction import redact
from mxgateway_cli.output.columns import Column
from mxgateway_cli.output.fields import flat_fields, labelled_fields
from mxgateway_cli.output.formatting import format_any, in_zone
from mxgateway_cli.output.settings import OutputFormat, OutputSettings
from mxgateway_cli.output.texts import multiline_printable, printable, redact_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from rich.console import Console

    from mxgateway_cli.output.formatting import Zone

__all__ = ["Diagnostics", "Output", "discard_output", "messages_above"]

_PROGRAM: Final = "mxgw-py"
# A table in a pipe is as wide as its content.
_UNLIMITED_WIDTH: Final = 100_000
_FIELD_COLUMNS: Final = (Column(name="", style="cyan"), Column(name="", is_flexible=True))


class Diagnostics:
    """Prints messages to stderr, one line per error or warning. API keys are always redacted."""

    def __init__(self, *, as_json: bool, debug: bool) -> None:
        self.debug = debug
        self._as_json = as_json
        self._secrets: list[object] = []
        self._show: Callable[[str], object] = _print_to_stderr

    def protect(self, secret: object) -> None:
        """Keep an API key or a password alive, because only live secrets can be redacted from later messages."""
        self._secrets.append(secret)

    @contextlib.contextmanager
    def shown_by(self, show: Callable[[str], object]) -> Generator[None]:
        """Hand the lines to a function instead of stderr while the block runs, for a live display on the terminal."""
        before, self._show = self._show, show
        try:
            yield
        finally:
            self._show = before

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
        self._show(printable(redact(line)))


class Output:
    """Prints results to stdout.

    Attributes:
        format: How results are printed.
        diagnostics: Where messages are printed.
        terminal: Whether stdout is a terminal that gets tables and live displays.
        zone: The time zone in which times are printed; None is the local one.
    """

    def __init__(self, *, diagnostics: Diagnostics, settings: OutputSettings | None = None) -> None:
        settings = settings or OutputSettings()
        is_terminal = sys.stdout.isatty()
        self.diagnostics = diagnostics
        self.format: OutputFormat = settings.format or (OutputFormat.TABLE if is_terminal else OutputFormat.LINES)
        self.terminal = is_terminal and self.format is OutputFormat.TABLE
        self.zone: Zone = settings.zone(is_terminal=is_terminal)
        self._is_terminal = is_terminal
        self._has_color = settings.color
        self._console: Console | None = None

    @classmethod
    def from_parameters(cls, context: click.Context, parameters: dict[str, Any]) -> Output:
        """Remove the output options from a command's parameters and create an Output from them.

        Raises:
            click.UsageError: Two options contradict each other.
        """
        debug = bool(parameters.pop("debug"))
        settings = OutputSettings.from_parameters(context, parameters)
        as_json = settings.format is OutputFormat.JSONL
        diagnostics = context.find_object(Diagnostics) or Diagnostics(as_json=as_json, debug=debug)
        return cls(diagnostics=diagnostics, settings=settings)

    @property
    def as_json(self) -> bool:
        """Whether results are JSON objects."""
        return self.format is OutputFormat.JSONL

    @property
    def can_be_live(self) -> bool:
        """Whether the terminal can be redrawn in place."""
        return self.terminal and not self.console.is_dumb_terminal

    def result(self, record: Mapping[str, Any], plain: str, *, value: str | None = None) -> None:
        """Print a command's only result.

        Args:
            record: The result as JSON. A table and CSV have its fields too.
            plain: The result as a line.
            value: The key of the field that is the bare value; by default that is the line.
        """
        match self.format:
            case OutputFormat.JSONL:
                self.json(record)
            case OutputFormat.TABLE:
                self._print_fields(record)
            case OutputFormat.LINES:
                self.line(plain)
            case OutputFormat.CSV:
                fields = dict(flat_fields(record))
                self.csv_row(list(fields))
                self.csv_row(list(fields.values()))
            case OutputFormat.VALUE:
                self.value(plain if value is None else record[value])

    def json(self, record: Mapping[str, Any], *, flush: bool = True) -> None:
        """Print a JSON object on one line, in ASCII, which every terminal and pipe can encode."""
        sys.stdout.write(redact_keys(json.dumps(record)) + "\n")
        if flush:
            self.flush()

    def line(self, text: str, style: str = "", *, flush: bool = True) -> None:
        """Print one line, styled on a terminal."""
        if self._is_terminal and style:
            from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

            self.console.print(Text(printable(text), style=style), soft_wrap=True)
        else:
            sys.stdout.write(printable(text) + "\n")
            if flush:
                self.flush()

    def csv_row(self, cells: Sequence[object], *, flush: bool = True) -> None:
        """Print a row of CSV. Times have the precision of microseconds and a zone, an array is one cell of JSON."""
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="\n").writerow([self._csv_cell(cell) for cell in cells])
        sys.stdout.write(buffer.getvalue())
        if flush:
            self.flush()

    def value(self, value: object, *, flush: bool = True) -> None:
        """Print a bare value on one line."""
        sys.stdout.write(printable("" if value is None else format_any(value, self.zone)) + "\n")
        if flush:
            self.flush()

    def flush(self) -> None:
        """Flush stdout."""
        sys.stdout.flush()

    @contextlib.contextmanager
    def spinner(self, text: str) -> Generator[None]:
        """Show a spinner with this text while the block runs, on a terminal only."""
        if not self.can_be_live:
            yield
            return
        from rich.live import Live  # noqa: PLC0415 - only where there is a terminal
        from rich.spinner import Spinner  # noqa: PLC0415

        spinner = Spinner("dots", printable(text))
        # Nothing is redirected: what is written to a file meanwhile must arrive there.
        live = Live(spinner, console=self.console, transient=True, redirect_stdout=False, redirect_stderr=False)
        with live, messages_above(self.console, self.diagnostics):
            yield

    @property
    def console(self) -> Console:
        """The rich console on stdout."""
        if self._console is None:
            from rich.console import Console  # noqa: PLC0415 - only for tables and colours

            self._console = Console(
                highlight=False,
                markup=False,
                emoji=False,
                no_color=None if self._has_color else True,
                width=None if self._is_terminal else _UNLIMITED_WIDTH,
            )
        return self._console

    def _csv_cell(self, cell: object) -> str:
        match cell:
            case None:
                return ""
            case datetime():
                # All times of a column have the same form, which pandas requires.
                return in_zone(cell, self.zone).isoformat(timespec="microseconds").replace("+00:00", "Z")
            case int() if not isinstance(cell, bool):
                return str(int(cell))
            case _:
                return multiline_printable(format_any(cell, self.zone))

    def _print_fields(self, record: Mapping[str, Any]) -> None:
        # Imported late: they are needed for tables only.
        from mxgateway_cli.output.tables import TableRow, table_lines  # noqa: PLC0415

        rows = [TableRow(cells=field) for field in labelled_fields(record, self.zone)]
        for line in table_lines(_FIELD_COLUMNS, rows, zone=self.zone, width=self.console.width, has_heading=False):
            self.console.print(line, soft_wrap=True)


@contextlib.contextmanager
def messages_above(console: Console, diagnostics: Diagnostics) -> Generator[None]:
    """Print messages above the live display of a console while the block runs, if stderr is a terminal too."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.text import Text  # noqa: PLC0415 - only where there is a terminal

    with diagnostics.shown_by(lambda line: console.print(Text(line), soft_wrap=True)):
        yield


def discard_output() -> None:
    """Discard the output that is still buffered, after the reader of stdout has gone away."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def _print_to_stderr(line: str) -> None:
    with contextlib.suppress(OSError, ValueError):
        click.echo(line, err=True)
