"""Record the changes of tags or of alarms, and every loss among them, in files and elsewhere."""

from mxgateway.recording.alarm_recorder import AlarmRecorder, AlarmSink
from mxgateway.recording.alarms import AlarmRecord, AlarmRecordKind
from mxgateway.recording.collecting import RecorderOptions, RecorderStatistics
from mxgateway.recording.reading import RecordedAlarms, RecordedRow, RecordedRows, read_alarm_records, read_records
from mxgateway.recording.record import RecordKind, TagRecord
from mxgateway.recording.recorder import Recorder
from mxgateway.recording.sink import KeepsSession, Sink
from mxgateway.recording.sinks import CsvSink, JsonLinesSink, LineProtocolSink, ParquetSink, Rotation, SqliteSink

__all__ = [
    "AlarmRecord",
    "AlarmRecordKind",
    "AlarmRecorder",
    "AlarmSink",
    "CsvSink",
    "JsonLinesSink",
    "KeepsSession",
    "LineProtocolSink",
    "ParquetSink",
    "RecordKind",
    "RecordedAlarms",
    "RecordedRow",
    "RecordedRows",
    "Recorder",
    "RecorderOptions",
    "RecorderStatistics",
    "Rotation",
    "Sink",
    "SqliteSink",
    "TagRecord",
    "read_alarm_records",
    "read_records",
]
