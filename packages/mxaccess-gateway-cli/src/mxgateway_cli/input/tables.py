"""Tables in CSV, as spreadsheets save them: separated by commas, semicolons or tabs."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from mxgateway_cli.input.text_source import lines_with_content

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from mxgateway_cli.input.text_source import Line, TextSource

__all__ = ["Table", "TableRow"]

_SEPARATORS: Final = (";", "\t", ",")
# Tells Excel the separator. The first row with a known column tells it as well.
_SEPARATOR_LINE: Final = re.compile(r"sep=.", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table.

    Attributes:
        line: The number of its line.
        cells: Its cells by the name of their column, in lower case; without those that the row does not have.
    """

    line: int
    cells: Mapping[str, str]


class Table:
    """A table whose first row names the columns.

    Rows with empty cells only and comments are skipped. A cell cannot contain a line break, so that a forgotten
    quotation mark is noticed in its own line.

    Attributes:
        columns: The names of the columns, in lower case.
    """

    def __init__(self, source: TextSource, columns: Sequence[str], separator: str, lines: Sequence[Line]) -> None:
        self.columns = tuple(columns)
        self._source = source
        self._separator = separator
        self._lines = lines

    @classmethod
    def find(cls, source: TextSource, text: str, column: str) -> Table | None:
        """Return the table in a text, or None if its first row does not name this column.

        Raises:
            click.UsageError: A column has the same name as another one.
        """
        lines = list(lines_with_content(text))
        if lines and _SEPARATOR_LINE.fullmatch(lines[0].text.strip()):
            del lines[0]
        for separator in _SEPARATORS if lines else ():
            columns = [cell.strip().lower() for cell in _cells(lines[0].text, separator) or ()]
            if column in columns:
                named = [name for name in columns if name]
                twice = next((name for name in named if named.count(name) > 1), None)
                if twice is not None:
                    raise source.error(f"has two columns {twice}", lines[0].number)
                return cls(source, columns, separator, lines[1:])
        return None

    def __iter__(self) -> Iterator[TableRow]:
        """Yield the rows.

        Raises:
            click.UsageError: A line is not valid CSV, or has more cells than there are columns.
        """
        for line in self._lines:
            cells = _cells(line.text, self._separator)
            if cells is None:
                raise self._source.error("is not valid CSV: a quotation mark is missing or misplaced", line.number)
            if not any(cell.strip() for cell in cells) or cells[0].lstrip().startswith("#"):
                continue
            if any(cell.strip() for cell in cells[len(self.columns) :]):
                raise self._source.error(
                    f"has {len(cells)} cells for {len(self.columns)} columns: put a cell that contains "
                    f"{self._separator!r} in quotation marks",
                    line.number,
                )
            yield TableRow(line=line.number, cells=dict(zip(self.columns, cells, strict=False)))


def _cells(line: str, separator: str) -> list[str] | None:
    """Return the cells of a line, or None if it is not valid CSV."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True))
    except csv.Error:
        return None
