"""CsvSink and JsonLinesSink: a line for each record."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
from abc import abstractmethod
from datetime import datetime
from typing import TYPE_CHECKING, BinaryIO, ClassVar, Final

from mxgateway.recording.row import Row, json_line, row_of, text_of
from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mxgateway.recording.record import TagRecord

__all__ = ["CsvSink", "JsonLinesSink"]

_logger = logging.getLogger("mxgateway.recording")

_CHUNK_BYTES: Final = 1024 * 1024
_RECEIVED_COLUMN: Final = Row._fields.index("received_time")
_REPEATED_COLUMN: Final = Row._fields.index("repeated")


class _TextSink(FileSink):
    """A file of lines, each written completely or, by a program that was killed, in part: that part is removed."""

    header: ClassVar[bytes] = b""
    _file: BinaryIO

    def _open(self, path: Path) -> datetime | None:
        self._file = path.open("a+b")
        try:
            return self._continue(path)
        except BaseException:
            self._file.close()
            raise

    def _continue(self, path: Path) -> datetime | None:
        self._file.seek(0)
        if self._file.read(len(self.header)) not in {b"", self.header}:
            raise OSError(f"{path} has other columns than a recording: choose another file")
        begin, end = self._find_last_record()
        if end < (size := self._file.seek(0, os.SEEK_END)):
            _logger.warning("%s: removed %d bytes of a record that was not complete", path, size - end)
            self._file.truncate(end)
        self._set_size(end)
        if end == 0:
            self._append(self.header)
        if end <= len(self.header):
            return None
        self._file.seek(begin)
        try:
            return self._received_time(self._file.read(end - begin).decode("utf-8"))
        except (ValueError, LookupError) as error:
            raise OSError(f"the last line of {path} is not a record: choose another file") from error

    def _write(self, records: Sequence[TagRecord]) -> None:
        self._append(self._encode([row_of(record) for record in records]))

    def _close(self) -> None:
        self._file.close()

    def _append(self, data: bytes) -> None:
        self._file.write(data)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._set_size(self.size + len(data))

    def _find_last_record(self) -> tuple[int, int]:
        """Return where the last complete record begins and ends, in bytes."""
        size = begin = self._file.seek(0, os.SEEK_END)
        tail = b""
        while begin > 0 and tail.count(b"\n") < 2:
            begin = max(0, begin - _CHUNK_BYTES)
            self._file.seek(begin)
            tail = self._file.read(size - begin)
        end = tail.rfind(b"\n") + 1
        return begin + tail.rfind(b"\n", 0, max(0, end - 1)) + 1, begin + end if end else 0

    @abstractmethod
    def _encode(self, rows: Sequence[Row]) -> bytes:
        """Return rows as lines."""

    @abstractmethod
    def _received_time(self, line: str) -> datetime:
        """Return the received time of a record; raise ValueError or LookupError if it is none."""


class CsvSink(_TextSink):
    """Writes CSV in UTF-8 with a header, quoted as RFC 4180 says, for Excel, pandas and the like.

    Durable: flushed to disk with each batch. Times are ISO 8601 in UTC, an array is JSON, bytes are base64, and what
    does not apply is empty. A file that exists is continued.
    """

    suffix: ClassVar[str] = ".csv"
    header: ClassVar[bytes] = (",".join(Row._fields) + "\n").encode()

    def _encode(self, rows: Sequence[Row]) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        repeated = {None: "", True: "true", False: "false"}
        writer.writerows(
            (*row[:2], text_of(row.value), *row[3:_REPEATED_COLUMN], repeated[row.repeated], row.detail) for row in rows
        )
        return text.getvalue().encode("utf-8")

    def _find_last_record(self) -> tuple[int, int]:
        # A quoted value may contain line ends: the quotes have to be counted from the beginning.
        self._file.seek(0)
        begin = end = position = 0
        quoted = False
        for line in self._file:
            position += len(line)
            quoted ^= bool(line.count(b'"') % 2)
            if not quoted and line.endswith(b"\n"):
                begin, end = end, position
        return begin, end

    def _received_time(self, line: str) -> datetime:
        (row,) = csv.reader(io.StringIO(line, newline=""), strict=True)
        return datetime.fromisoformat(row[_RECEIVED_COLUMN])


class JsonLinesSink(_TextSink):
    """Writes JSON Lines: one object for each record, its keys are the columns in camelCase.

    Durable: flushed to disk with each batch. Times are ISO 8601 in UTC, bytes are base64, and what does not apply is
    left out. A file that exists is continued.
    """

    suffix: ClassVar[str] = ".jsonl"

    def _encode(self, rows: Sequence[Row]) -> bytes:
        return "".join([f"{json_line(row)}\n" for row in rows]).encode("utf-8")

    def _received_time(self, line: str) -> datetime:
        return datetime.fromisoformat(json.loads(line)["receivedTime"])
