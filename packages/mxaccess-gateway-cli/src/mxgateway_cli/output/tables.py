"""Tables as lines of text: aligned columns, of which the flexible ones are wrapped on a narrow terminal."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.text import Text

from mxgateway_cli.output.formatting import format_any
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from mxgateway_cli.output.columns import Column
    from mxgateway_cli.output.formatting import Zone

__all__ = ["TableRow", "table_lines"]

_GAP: Final = "  "
_MIN_FLEXIBLE_WIDTH: Final = 12
# A word up to this length is not cut: a number or a time, for example.
_MAX_WORD_CHARACTERS: Final = 40
_MAX_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRow:
    """A row of a table.

    Attributes:
        cells: A value for each column; None is an empty cell.
        style: The style of the row.
    """

    cells: Sequence[object]
    style: str = ""


def table_lines(
    columns: Sequence[Column], rows: Sequence[TableRow], *, zone: Zone, width: int, has_heading: bool = True
) -> Iterator[Text]:
    """Yield the lines of a table.

    Numbers are right-aligned with the other numbers of their column. Only flexible columns are wrapped: a line may be
    longer than the terminal is wide, because a tag or a time that is cut cannot be copied. Optional columns without a
    text are left out.
    """
    texts = [[_text(cell, zone) for cell in row.cells] for row in rows]
    _align_numbers(rows, texts)
    spans = [_take_span(columns, row) for row in texts]
    kept = [index for index, column in enumerate(columns) if not column.is_optional or any(row[index] for row in texts)]
    heading = [column.name for column in columns]
    measured = [heading, *texts] if has_heading else texts
    widths = {index: max((cell_len(row[index]) for row in measured), default=0) for index in kept}
    _shrink(columns, widths, texts, width)
    if has_heading:
        yield Text(_line(heading, widths), style="bold")
    for row, cells, span in zip(rows, texts, spans, strict=True):
        for line in _span_lines(cells, span, widths, width) if span else _row_lines(columns, cells, widths):
            yield _styled(line, row, columns, widths)


def _text(cell: object, zone: Zone) -> str:
    if cell is None:
        return ""
    text = printable(format_any(cell, zone))
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}... ({len(text)} characters)"


def _align_numbers(rows: Sequence[TableRow], texts: list[list[str]]) -> None:
    for index in range(len(rows[0].cells) if rows else 0):
        numeric = [number for number, row in enumerate(rows) if type(row.cells[index]) in {int, float}]
        widest = max((len(texts[number][index]) for number in numeric), default=0)
        for number in numeric:
            texts[number][index] = texts[number][index].rjust(widest)


def _take_span(columns: Sequence[Column], cells: list[str]) -> tuple[int, str] | None:
    """Remove the text of a spanning column from a row that is empty before it, and return where it begins."""
    for index, column in enumerate(columns):
        start = index
        while start > 1 and not cells[start - 1]:
            start -= 1
        if column.spans and cells[index] and start < index:
            text, cells[index] = cells[index], ""
            return start, text
    return None


def _shrink(columns: Sequence[Column], widths: dict[int, int], texts: Sequence[Sequence[str]], width: int) -> None:
    """Make flexible columns narrower until the table fits, the widest one first."""
    smallest = {index: _smallest_width(columns[index], index, texts) for index in widths if columns[index].is_flexible}
    while True:
        excess = sum(widths.values()) + len(_GAP) * (len(widths) - 1) - width
        shrinkable = [index for index in smallest if widths[index] > smallest[index]]
        if excess <= 0 or not shrinkable:
            return
        widest = max(shrinkable, key=lambda index: widths[index])
        second = max((widths[index] for index in shrinkable if index != widest), default=0)
        widths[widest] = max(widths[widest] - excess, min(second, widths[widest] - 1), smallest[widest])


def _smallest_width(column: Column, index: int, texts: Sequence[Sequence[str]]) -> int:
    words = (len(word) for row in texts for word in row[index].split())
    longest = max((length for length in words if length <= _MAX_WORD_CHARACTERS), default=0)
    return max(longest, _MIN_FLEXIBLE_WIDTH, cell_len(column.name))


def _row_lines(columns: Sequence[Column], cells: Sequence[str], widths: dict[int, int]) -> Iterator[str]:
    wrapped = {index: _wrap(cells[index], widths[index], columns[index]) for index in widths}
    for number in range(max(len(parts) for parts in wrapped.values())):
        parts = ["" for _ in columns]
        for index, lines in wrapped.items():
            parts[index] = lines[number] if number < len(lines) else ""
        yield _line(parts, widths)


def _span_lines(cells: Sequence[str], span: tuple[int, str], widths: dict[int, int], width: int) -> Iterator[str]:
    start, text = span
    before = {index: each for index, each in widths.items() if index < start}
    indent = sum(before.values()) + len(_GAP) * len(before)
    first, *more = textwrap.wrap(text, max(_MAX_WORD_CHARACTERS, width - indent), break_on_hyphens=False) or [""]
    yield f"{_line(cells, before):<{indent}}{first}"
    for line in more:
        yield " " * indent + line


def _wrap(text: str, width: int, column: Column) -> list[str]:
    if not column.is_flexible or cell_len(text) <= width:
        return [text]
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _line(cells: Sequence[str], widths: dict[int, int]) -> str:
    padded = (cells[index] + " " * (width - cell_len(cells[index])) for index, width in widths.items())
    return _GAP.join(padded).rstrip()


def _styled(line: str, row: TableRow, columns: Sequence[Column], widths: dict[int, int]) -> Text:
    text = Text(line, style=row.style)
    start = 0
    for index, width in widths.items():
        if columns[index].style:
            text.stylize(columns[index].style, start, start + width)
        start += width + len(_GAP)
    return text
