"""Tags by name: read, write and watch, without handles, across lost connections."""

from mxgateway._watching.items import WatchGap, WatchLost, WatchRestored
from mxgateway._watching.overflow import OverflowPolicy
from mxgateway.tags.calls.polling import TagPoll, TagSnapshot
from mxgateway.tags.calls.waiting import MxGatewayWaitTimeoutError
from mxgateway.tags.client import TagClient
from mxgateway.tags.options import TagOptions, TagOptionsFields
from mxgateway.tags.reading import TagReading
from mxgateway.tags.saved_session import SavedSession
from mxgateway.tags.watches.changes import TagChange, TagRefused, WatchItem
from mxgateway.tags.watches.watch import TagWatch
from mxgateway.tags.writes.outcomes import WriteOutcome, WriteState

__all__ = [
    "MxGatewayWaitTimeoutError",
    "OverflowPolicy",
    "SavedSession",
    "TagChange",
    "TagClient",
    "TagOptions",
    "TagOptionsFields",
    "TagPoll",
    "TagReading",
    "TagRefused",
    "TagSnapshot",
    "TagWatch",
    "WatchGap",
    "WatchItem",
    "WatchLost",
    "WatchRestored",
    "WriteOutcome",
    "WriteState",
]
