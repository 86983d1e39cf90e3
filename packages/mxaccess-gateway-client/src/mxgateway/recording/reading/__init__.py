"""Read what was recorded."""

from mxgateway.recording.reading.records import RecordedRows, read_records
from mxgateway.recording.reading.row import RecordedRow

__all__ = ["RecordedRow", "RecordedRows", "read_records"]
