"""Rows of results: a table on a terminal, plain lines in a pipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxgateway_cli.output.console import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.output.console import Output

__all__ = ["Row", "print_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of a table.

    Attributes:
        cells: The texts of the cells, one per heading.
        line: The row as a plain line for a pipe.
        style: The colour of the row on a terminal.
    """

    cells: Sequence[str]
    line: str
    style: str = ""


def print_rows(output: Output, headings: Sequence[str], rows: Sequence[Row]) -> None:
    """Print the rows as a table on a terminal, or as plain lines."""
    if not output.terminal:
        for row in rows:
            output.line(row.line)
        return
    from rich.table import Table  # noqa: PLC0415 - only where there is a terminal
    from rich.text import Text  # noqa: PLC0415

    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, header_style="bold", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row.cells), style=row.style)
    output.console.print(table)
