"""How results of one kind are printed, in each format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mxgateway_cli.output.fields import snake_case
from mxgateway_cli.output.settings import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from mxgateway_cli.output.columns import Column
    from mxgateway_cli.output.console import Output
    from mxgateway_cli.output.formatting import Zone

__all__ = ["Layout", "Printer", "print_all"]

ItemT = TypeVar("ItemT")


def _no_style(_: object) -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout(Generic[ItemT]):
    """How results of one kind are printed. Each function is called only for the formats that need it.

    Attributes:
        columns: The columns of a table and of CSV.
        cells: Returns a value for each column. Numbers, times and booleans are formatted as the format requires.
        line: Returns the result as one line, with times in a zone.
        values: Returns the bare values of a result, each of which becomes a line.
        record: Returns the result as a JSON record.
        style: Returns the style of the result on a terminal.
    """

    columns: Sequence[Column]
    cells: Callable[[ItemT], Sequence[object]]
    line: Callable[[ItemT, Zone], str]
    values: Callable[[ItemT], Iterable[object]]
    record: Callable[[ItemT], Mapping[str, Any]]
    style: Callable[[ItemT], str] = _no_style


class Printer(Generic[ItemT]):
    """Prints results one after the other, as they arrive. A terminal gets them as lines."""

    def __init__(self, output: Output, layout: Layout[ItemT]) -> None:
        self._output = output
        self._layout = layout
        if output.format is OutputFormat.CSV:
            output.csv_row([snake_case(column.name) for column in layout.columns])

    def print(self, item: ItemT, *, flush: bool = True) -> None:
        """Print a result. Flushing only the last of many results is faster."""
        output, layout = self._output, self._layout
        match output.format:
            case OutputFormat.JSONL:
                output.json(layout.record(item), flush=flush)
            case OutputFormat.CSV:
                output.csv_row(layout.cells(item), flush=flush)
            case OutputFormat.VALUE:
                for value in layout.values(item):
                    output.value(value, flush=flush)
            case OutputFormat.TABLE | OutputFormat.LINES:
                output.line(layout.line(item, output.zone), layout.style(item), flush=flush)


def print_all(output: Output, layout: Layout[ItemT], items: Sequence[ItemT]) -> None:
    """Print results that are all known, as a table if the format is a table."""
    if output.format is not OutputFormat.TABLE:
        printer = Printer(output, layout)
        for item in items:
            printer.print(item, flush=False)
        output.flush()
        return
    # Imported late: they are needed for tables only.
    from mxgateway_cli.output.tables import TableRow, table_lines  # noqa: PLC0415

    rows = [TableRow(cells=layout.cells(item), style=layout.style(item)) for item in items]
    for line in table_lines(layout.columns, rows, zone=output.zone, width=output.console.width):
        output.console.print(line, soft_wrap=True)
