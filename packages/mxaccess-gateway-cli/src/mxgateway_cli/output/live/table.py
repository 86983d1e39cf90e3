"""LiveTable: rows in columns of fixed width, of which a live region shows as many as fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["LiveColumn", "LiveRow", "LiveTable", "all_lines", "fit_cell", "fit_columns"]

_GAP: Final = "  "
_ELLIPSIS: Final = "…"
_SCROLL_KEYS: Final = frozenset({"up", "down", "page up", "page down", "home", "end"})


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveColumn:
    """A column of a live table. Its width doesn't depend on the rows, so that the table never jumps.

    Attributes:
        heading: The heading.
        width: The width in cells.
        importance: On a narrow terminal the columns of least importance are left out.
        is_right_aligned: Whether the texts end at the right edge, as numbers do.
        is_cut_in_middle: Whether a text that is too long keeps its beginning and its end, as a tag should.
        grows: Whether the column takes the width that the others leave.
    """

    heading: str
    width: int
    importance: int = 0
    is_right_aligned: bool = False
    is_cut_in_middle: bool = False
    grows: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveRow:
    """A row of a live table.

    Attributes:
        cells: A text for each column.
        rest: A text that takes the place of the columns without a cell.
        style: The style of the row.
    """

    cells: Sequence[str]
    rest: str = ""
    style: str = ""


class LiveTable:
    """A table that scrolls. It is drawn from the rows of the moment and keeps only its position."""

    def __init__(self) -> None:
        self._first = 0
        self._page = 1

    def press(self, key: str) -> None:
        """Scroll if this is a scroll key: an arrow, page up or down, home or end."""
        if key not in _SCROLL_KEYS:
            return
        steps = {"up": -1, "down": 1, "page up": -self._page, "page down": self._page}
        # Too large and too small positions are corrected when the table is drawn.
        self._first = 0 if key == "home" else 2**31 if key == "end" else self._first + steps[key]

    def lines(
        self, columns: Sequence[LiveColumn], rows: Sequence[LiveRow], width: int, height: int, *, can_scroll: bool
    ) -> list[Text]:
        """Return the heading, the rows that fit, and if some don't fit a line that counts them.

        Args:
            columns: The columns.
            rows: All rows.
            width: The width available, in cells.
            height: The number of lines available.
            can_scroll: Whether the user can scroll with keys.
        """
        room = max(1, height - 1)
        if len(rows) > room:
            room = max(1, room - 1)
        self._page = room
        self._first = max(0, min(self._first, len(rows) - room))
        shown = rows[self._first : self._first + room]
        lines = all_lines(columns, shown, width)
        if len(shown) < len(rows):
            last = self._first + len(shown)
            how = "; scroll with the arrow and page keys" if can_scroll else "; enlarge the terminal to see them"
            note = f"rows {self._first + 1} to {last} of {len(rows)}, {len(rows) - len(shown)} not shown{how}"
            lines.append(Text(note, style="reverse"))
        return lines


def all_lines(columns: Sequence[LiveColumn], rows: Sequence[LiveRow], width: int) -> list[Text]:
    """Return the heading and all rows."""
    widths = fit_columns(columns, width)
    heading = Text(_join(columns, widths, [column.heading for column in columns]), style="bold")
    return [heading, *(_row_line(columns, widths, row, width) for row in rows)]


def fit_columns(columns: Sequence[LiveColumn], width: int, gap: int = len(_GAP)) -> dict[int, int]:
    """Return the widths of the columns that fit with gaps of this width between them, by index."""
    kept = list(range(len(columns)))

    def missing() -> int:
        return sum(columns[index].width for index in kept) + gap * (len(kept) - 1) - width

    while missing() > 0 and len(kept) > 1:
        least = min(kept, key=lambda index: columns[index].importance)
        # The most important columns stay and are shortened.
        if columns[least].importance == max(column.importance for column in columns):
            break
        kept.remove(least)
    widths = {index: columns[index].width for index in kept}
    if missing() > 0:
        widest = max(kept, key=lambda index: widths[index])
        widths[widest] = max(1, widths[widest] - missing())
    elif growing := [index for index in kept if columns[index].grows]:
        widths[growing[0]] -= missing()
    return widths


def _row_line(columns: Sequence[LiveColumn], widths: dict[int, int], row: LiveRow, width: int) -> Text:
    line = _join(columns, {index: each for index, each in widths.items() if index < len(row.cells)}, row.cells)
    if row.rest:
        first = widths[0]
        rest = _cut(printable(row.rest), max(1, width - first - len(_GAP)))
        line = f"{set_cell_size(line, first)}{_GAP}{rest}"
    return Text(line, style=row.style)


def _join(columns: Sequence[LiveColumn], widths: dict[int, int], cells: Sequence[str]) -> str:
    parts = (fit_cell(columns[index], printable(cells[index]), width) for index, width in widths.items())
    return _GAP.join(parts).rstrip()


def fit_cell(column: LiveColumn, text: str, width: int) -> str:
    """Return a text with exactly this width in cells, aligned or cut as the column says."""
    missing = width - cell_len(text)
    if missing >= 0:
        return " " * missing + text if column.is_right_aligned else text + " " * missing
    if column.is_cut_in_middle and width > 4:
        tail = text[-((width - 1) // 2) :]
        return set_cell_size(text, width - 1 - cell_len(tail)) + _ELLIPSIS + tail
    return _cut(text, width)


def _cut(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text, width - 1) + _ELLIPSIS
