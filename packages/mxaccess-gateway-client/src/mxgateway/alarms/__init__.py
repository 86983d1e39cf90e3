"""Alarms without a session: the alarm feed, active alarms, acknowledging."""

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
