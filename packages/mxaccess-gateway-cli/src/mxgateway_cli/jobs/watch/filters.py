"""ChangeFilter: which changes of watched tags are worth showing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mxgateway import TagChange
from mxgateway_cli.output.formatting import value_of
from mxgateway_cli.results.tags import TagSample

if TYPE_CHECKING:
    from mxgateway import MxValueOutput, Quality, WatchItem

__all__ = ["ChangeFilter"]


class ChangeFilter:
    """Compares each change of a tag with the last one that passed.

    Args:
        changes_only: Whether a change of the timestamp alone is left out.
        deadband: By how much a number must differ, exclusively; None for any difference.
    """

    def __init__(self, *, changes_only: bool, deadband: float | None) -> None:
        self._is_active = changes_only or deadband is not None
        self._deadband = deadband or 0.0
        self._last: dict[str, tuple[MxValueOutput, Quality, bool]] = {}

    def passes(self, item: WatchItem | TagSample) -> bool:
        """Return whether an item is to be shown. Everything that is not a value passes."""
        change = item if isinstance(item, TagChange) else item.change if isinstance(item, TagSample) else None
        if not self._is_active or change is None:
            return True
        present = (value_of(change), change.quality, isinstance(item, TagSample) and item.is_stale)
        last = self._last.get(change.tag)
        if last is not None and last[1:] == present[1:] and not self._differ(last[0], present[0]):
            return False
        self._last[change.tag] = present
        return True

    def _differ(self, first: MxValueOutput, second: MxValueOutput) -> bool:
        if isinstance(first, (int, float)) and isinstance(second, (int, float)):
            if isinstance(first, bool) or isinstance(second, bool):
                return first is not second
            if math.isnan(first) or math.isnan(second):
                return math.isnan(first) is not math.isnan(second)
            return first != second and not abs(first - second) <= self._deadband
        return first != second
