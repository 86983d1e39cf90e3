"""The records of alarms, and how they are stored."""

from mxgateway.recording.alarms.record import AlarmRecord, AlarmRecordKind

__all__ = ["AlarmRecord", "AlarmRecordKind"]
