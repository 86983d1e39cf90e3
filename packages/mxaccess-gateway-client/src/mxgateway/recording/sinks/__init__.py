"""Where records are written: files of several kinds, and streams."""

from mxgateway.recording.sinks.line_protocol import LineProtocolSink
from mxgateway.recording.sinks.parquet import ParquetSink
from mxgateway.recording.sinks.series import Rotation
from mxgateway.recording.sinks.sqlite import SqliteSink
from mxgateway.recording.sinks.text import CsvSink, JsonLinesSink

__all__ = ["CsvSink", "JsonLinesSink", "LineProtocolSink", "ParquetSink", "Rotation", "SqliteSink"]
