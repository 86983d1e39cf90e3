"""RowTable: a table that draws only the rows in sight, from what is known when it is drawn."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from mxgateway_cli.output.live.table import LiveColumn, fit_cell, fit_columns
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events
    from textual.binding import BindingType

    from mxgateway_cli.output.live.table import LiveRow

__all__ = ["TREND", "RowSource", "RowTable"]

TREND: Final = "trend"
"""The heading of a column that is drawn in the colour of the accent."""

_GAP: Final = " "
# In the first cell of a line, so that the selected row shows without colours too.
_MARK: Final = "▌"
_REST: Final = LiveColumn(heading="", width=0)


class RowSource(Protocol):
    """What a table shows."""

    def keys(self) -> Sequence[str]:
        """Return the key of each row, in order."""
        ...

    def row(self, key: str) -> LiveRow:
        """Return a row. Its style is the name of one of the styles of RowTable, or empty."""
        ...

    def columns(self, width: int) -> Sequence[LiveColumn]:
        """Return the columns for a table of this width."""
        ...

    def empty_text(self) -> str:
        """Return what is shown if there are no rows."""
        ...


class RowTable(ScrollView, can_focus=True):
    """Rows with a heading, one of which is selected, by the arrow keys or the mouse.

    The selection belongs to a row, not to a place: it stays with its row when the order changes.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *("row-table--heading", "row-table--selected", "row-table--focused"),
        *("row-table--warning", "row-table--error", "row-table--dim", "row-table--accent"),
    }
    DEFAULT_CSS = """
    RowTable {
        scrollbar-size: 1 1;
        overflow-x: hidden;
        & > .row-table--heading { color: $text-muted; }
        & > .row-table--selected { background: $surface; }
        & > .row-table--focused { background: $primary 30%; text-style: bold; }
        & > .row-table--warning { color: $warning; }
        & > .row-table--error { color: $error; }
        & > .row-table--dim { color: $text-muted; }
        & > .row-table--accent { color: $secondary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "move(-1_000_000)", "First", show=False),
        Binding("end", "move(1_000_000)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Selected(Message):
        """Another row is selected."""

        def __init__(self, table: RowTable, key: str) -> None:
            self.table = table
            self.key = key
            super().__init__()

        @property
        def control(self) -> RowTable:
            """The table."""
            return self.table

    class Chosen(Selected):
        """Enter was pressed, or a row was clicked twice."""

    def __init__(self, source: RowSource, *, id: str) -> None:  # noqa: A002 - textual's own name
        super().__init__(id=id)
        self._source = source
        self._keys: Sequence[str] = ()
        self._selected: str | None = None
        self._index = 0
        self._drawn: tuple[object, ...] = ()
        self._styles: dict[str, Style] = {}

    def notify_style_update(self) -> None:
        """Look the styles up again."""
        super().notify_style_update()
        self._styles.clear()

    @property
    def selected(self) -> str | None:
        """The key of the selected row, or None if there are no rows."""
        return self._selected

    def update(self) -> None:
        """Draw the rows of this moment."""
        self._keys = self._source.keys()
        size = Size(self.scrollable_content_region.width, len(self._keys) + 1)
        if size != self.virtual_size:
            self.virtual_size = size
        self._keep_selection()
        top = self.scroll_offset.y
        in_sight = self._keys[top : top + self.size.height]
        drawn = (self._selected, top, self.size, [self._source.row(key) for key in in_sight], self._source.empty_text())
        if drawn != self._drawn:
            self._drawn = drawn
            self.refresh()

    def select(self, key: str) -> None:
        """Select a row."""
        self.update()
        if key in self._keys:
            self._move_to(self._keys.index(key))

    def render_line(self, y: int) -> Strip:
        """Return the heading, a row or an empty line."""
        width = self.scrollable_content_region.width
        columns = self._source.columns(width - 1)
        widths = fit_columns(columns, width - 1, len(_GAP))
        if y == 0:
            headings = [column.heading for column in columns]
            style = self._style("heading")
            return self._strip(columns, widths, headings, (style, style), " ", width)
        index = y - 1 + self.scroll_offset.y
        if index >= len(self._keys):
            lines = [] if self._keys else textwrap.wrap(self._source.empty_text(), max(1, width - 2))
            text = f" {lines[index]}" if index < len(lines) else ""
            return Strip([Segment(text, self._style("dim"))]).crop_extend(0, width, self._style(""))
        key = self._keys[index]
        return self._row_strip(columns, widths, self._source.row(key), width, is_selected=key == self._selected)

    def action_move(self, steps: int) -> None:
        """Select the row this many rows below."""
        if self._keys:
            self._move_to(max(0, min(len(self._keys) - 1, self._index + steps)))

    def action_page(self, pages: int) -> None:
        """Select a row a page away."""
        self.action_move(pages * max(1, self.scrollable_content_region.height - 2))

    def action_choose(self) -> None:
        """Choose the selected row."""
        if self._selected is not None:
            self.post_message(self.Chosen(self, self._selected))

    def on_click(self, event: events.Click) -> None:
        """Select the clicked row, and choose it on a double click."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y == 0:
            return
        index = offset.y - 1 + self.scroll_offset.y
        if index < len(self._keys):
            self._move_to(index)
            if event.chain == 2:
                self.action_choose()

    def _keep_selection(self) -> None:
        if not self._keys:
            self._select_index(0)
        elif self._selected is None or self._index >= len(self._keys) or self._keys[self._index] != self._selected:
            is_there = self._selected is not None and self._selected in self._keys
            place = self._keys.index(self._selected or "") if is_there else min(self._index, len(self._keys) - 1)
            self._select_index(place)

    def _move_to(self, index: int) -> None:
        self._select_index(index)
        height = self.scrollable_content_region.height - 1
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + height:
            self.scroll_to(y=index - height + 1, animate=False)
        self.refresh()

    def _select_index(self, index: int) -> None:
        before = self._selected
        self._index = index
        self._selected = self._keys[index] if index < len(self._keys) else None
        if self._selected is not None and self._selected != before:
            self.post_message(self.Selected(self, self._selected))

    def _row_strip(
        self, columns: Sequence[LiveColumn], widths: dict[int, int], row: LiveRow, width: int, *, is_selected: bool
    ) -> Strip:
        style = self._style("")
        if is_selected:
            style += self._style("focused" if self.has_focus else "selected")
        if row.style:
            style += self._foreground(row.style)
        mark = _MARK if is_selected else " "
        if not row.rest:
            accent = style if row.style else style + self._foreground("accent")
            return self._strip(columns, widths, row.cells, (style, accent), mark, width)
        head = f"{mark}{fit_cell(columns[0], printable(row.cells[0]), widths[0])}{_GAP}"
        rest = fit_cell(_REST, printable(row.rest), max(1, width - cell_len(head)))
        return Strip([Segment(f"{head}{rest}", style)])

    def _strip(
        self,
        columns: Sequence[LiveColumn],
        widths: dict[int, int],
        cells: Sequence[str],
        styles: tuple[Style, Style],
        mark: str,
        width: int,
    ) -> Strip:
        """Return a line in the first style, with trends in the second one."""
        segments = [Segment(mark, styles[0])]
        for index, each in widths.items():
            text = fit_cell(columns[index], printable(cells[index]), each)
            segments += [Segment(text, styles[columns[index].heading == TREND]), Segment(_GAP, styles[0])]
        return Strip(segments).crop_extend(0, width, styles[0])

    def _foreground(self, name: str) -> Style:
        return Style(color=self._style(name).color)

    def _style(self, name: str) -> Style:
        """Return one of the styles; looking it up for every line would take most of the time of drawing."""
        if name not in self._styles:
            self._styles[name] = self.get_component_rich_style(f"row-table--{name}") if name else self.rich_style
        return self._styles[name]
