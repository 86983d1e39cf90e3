"""Tags by name: read, write and watch, without handles, across lost connections."""

from mxgateway.tags.changes import (
    OverflowPolicy,
    TagChange,
    TagRefused,
    WatchGap,
    WatchItem,
    WatchLost,
    WatchRestored,
)
from mxgateway.tags.client import TagClient, TagOptions, TagOptionsFields, TagWatch
from mxgateway.tags.reading import TagReading

__all__ = [
    "OverflowPolicy",
    "TagChange",
    "TagClient",
    "TagOptions",
    "TagOptionsFields",
    "TagReading",
    "TagRefused",
    "TagWatch",
    "WatchGap",
    "WatchItem",
    "WatchLost",
    "WatchRestored",
]
