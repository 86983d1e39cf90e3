"""Read what was recorded."""

from mxgateway.recording.reading.alarms import RecordedAlarms, read_alarm_records
from mxgateway.recording.reading.records import RecordedRows, read_records
from mxgateway.recording.reading.row import RecordedRow

__all__ = ["RecordedAlarms", "RecordedRow", "RecordedRows", "read_alarm_records", "read_records"]
