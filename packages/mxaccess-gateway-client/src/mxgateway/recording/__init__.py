"""Record the changes of tags, and every loss among them, in files and elsewhere."""

from mxgateway.recording.reading import RecordedRow, RecordedRows, read_records
from mxgateway.recording.record import RecordKind, TagRecord
from mxgateway.recording.recorder import Recorder, RecorderOptions, RecorderStatistics
from mxgateway.recording.sink import KeepsSession, Sink
from mxgateway.recording.sinks import CsvSink, JsonLinesSink, LineProtocolSink, ParquetSink, Rotation, SqliteSink

__all__ = [
    "CsvSink",
    "JsonLinesSink",
    "KeepsSession",
    "LineProtocolSink",
    "ParquetSink",
    "RecordKind",
    "RecordedRow",
    "RecordedRows",
    "Recorder",
    "RecorderOptions",
    "RecorderStatistics",
    "Rotation",
    "Sink",
    "SqliteSink",
    "TagRecord",
    "read_records",
]
