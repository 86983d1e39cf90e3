"""Alarms without a session: the feed, the watch, the active alarms, acknowledging."""

from mxgateway.alarms.active import ActiveAlarm, ActiveAlarms
from mxgateway.alarms.changes import AlarmChange, AlarmChangeKind, AlarmWatchItem
from mxgateway.alarms.feed import (
    AlarmFeed,
    AlarmFeedItem,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    UnrecognizedAlarmMessage,
)
from mxgateway.alarms.watch import AlarmWatch

__all__ = [
    "ActiveAlarm",
    "ActiveAlarms",
    "AlarmChange",
    "AlarmChangeKind",
    "AlarmFeed",
    "AlarmFeedItem",
    "AlarmProviderStatus",
    "AlarmSnapshotComplete",
    "AlarmWatch",
    "AlarmWatchItem",
    "UnrecognizedAlarmMessage",
]
