"""TagQueue: the queue of a watch of tags."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, TypeAlias

from mxgateway._watching.queue import WatchQueue
from mxgateway.tags.watches.changes import TagChange, WatchItem

if TYPE_CHECKING:
    from mxgateway._watching.overflow import OverflowPolicy

__all__ = ["TagQueue", "new_tag_queue"]

TagQueue: TypeAlias = WatchQueue[TagChange, WatchItem]


def new_tag_queue(size: int, policy: OverflowPolicy) -> TagQueue:
    """Return an empty queue for the items of one watch."""
    return WatchQueue(size, policy, (TagChange,), attrgetter("tag"))
