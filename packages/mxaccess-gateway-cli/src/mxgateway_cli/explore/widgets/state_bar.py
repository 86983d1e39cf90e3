"""StateBar: the state of the connection and what happened last, always in sight."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size
from rich.text import Text
from textual.widgets import Static

from mxgateway_cli.explore.models.connection import Condition
from mxgateway_cli.output.texts import printable

if TYPE_CHECKING:
    from mxgateway_cli.explore.models.connection import State

__all__ = ["StateBar"]

_SYMBOLS: Final = {
    Condition.IDLE: "○",
    Condition.CONNECTED: "●",
    Condition.LOST: "✕",
    Condition.ENDED: "✕",
}


class StateBar(Static):
    """Two lines: the connection and the counts, and below them why it is lost or what happened last.

    Args:
        good: The colour of a connection that works.
    """

    def __init__(self, *, good: str) -> None:
        super().__init__(id="state", markup=False)
        self._good = good
        self._shown: tuple[object, ...] = ()

    def show(self, state: State, *, endpoint: str, counts: str, note: str) -> None:
        """Show the state of this moment."""
        shown = (state, endpoint, counts, note, self.size)
        if shown == self._shown:
            return
        self._shown = shown
        for condition in Condition:
            self.set_class(condition is state.condition, f"-{condition.value}")
        width = max(10, self.size.width - 2)
        is_bad = state.condition in {Condition.LOST, Condition.ENDED}
        text = f"{_SYMBOLS[state.condition]} {state.text}"
        place = f"{text}  {endpoint}" if cell_len(text) + cell_len(endpoint) + cell_len(counts) + 4 <= width else text
        lines = Text(_spread(place, counts, width), no_wrap=True, overflow="ellipsis")
        if state.condition is Condition.CONNECTED:
            lines.stylize(self._good, 0, len(text))
        detail = state.detail if is_bad or not note else note
        self.update(lines.append(f"\n{printable(detail)}"), layout=False)


def _spread(left: str, right: str, width: int) -> str:
    """Return two texts at the ends of a line; the right one only if there is room for it."""
    room = width - cell_len(right)
    return set_cell_size(left, room) + right if cell_len(left) + 2 <= room else set_cell_size(left, width)
