"""Alarms: the feed, the active alarms, and acknowledging."""

from mxgateway.alarms.active import ActiveAlarm, ActiveAlarms
from mxgateway.alarms.feed import (
    AlarmFeed,
    AlarmFeedItem,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    UnrecognizedAlarmMessage,
)

__all__ = [
    "ActiveAlarm",
    "ActiveAlarms",
    "AlarmFeed",
    "AlarmFeedItem",
    "AlarmProviderStatus",
    "AlarmSnapshotComplete",
    "UnrecognizedAlarmMessage",
]
