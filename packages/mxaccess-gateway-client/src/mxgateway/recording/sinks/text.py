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

from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from mxgateway.recording.alarms.record import AlarmRecord
    from mxgateway.recording.record import TagRecord

__all__ = ["CsvSink", "JsonLinesSink"]

_logger = logging.getLogger("mxgateway.recording")

_CRLF: Final = "\r\n"
_CHUNK_BYTES: Final = 1024 * 1024


class _TextSink(FileSink):
    """A file of lines, each written completely or, by a program that was killed, in part: that part is removed."""

    _file: BinaryIO

    @property
    def _header(self) -> bytes:
        """What a file begins with."""
        return b""

    def _open(self, path: Path) -> datetime | None:
        self._file = path.open("a+b")
        try:
            return self._continue(path)
        except BaseException:
            self._file.close()
            raise

    def _continue(self, path: Path) -> datetime | None:
        self._file.seek(0)
        if self._file.read(len(self._header)) not in {b"", self._header}:
            raise OSError(f"{path} has other columns than this recording: choose another file")
        begin, end = self._find_last_record()
        if end < (size := self._file.seek(0, os.SEEK_END)):
            _logger.warning("%s: removed %d bytes of a record that was not complete", path, size - end)
            self._file.truncate(end)
        self._set_size(end)
        if end == 0:
            self._append(self._header)
        if end <= len(self._header):
            return None
        self._file.seek(begin)
        try:
            return self._received_time(self._file.read(end - begin).decode("utf-8"))
        except (ValueError, LookupError) as error:
            raise OSError(f"the last line of {path} is not a record: choose another file") from error

    def _write(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        self._append(self._encode(records))

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
    def _encode(self, records: Sequence[TagRecord | AlarmRecord]) -> bytes:
        """Return records as lines."""

    @abstractmethod
    def _received_time(self, line: str) -> datetime:
        """Return the received time of a record; raise ValueError or LookupError if it is none."""


class _Appending:
    """A file for csv.writer, which writes each line at once."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


class CsvSink(_TextSink):
    """Writes CSV in UTF-8 with a header, quoted as RFC 4180 says, for Excel, pandas and the like.

    Durable: flushed to disk with each batch. Times are ISO 8601 in UTC, an array is JSON, bytes are base64, and what
    does not apply is empty. A file that exists is continued.
    """

    suffix: ClassVar[str] = ".csv"

    @property
    def _header(self) -> bytes:
        return (",".join(self._table.csv_columns) + "\n").encode()

    def _encode(self, records: Sequence[TagRecord | AlarmRecord]) -> bytes:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows(self._table.csv_rows(records))
        lines = text.getvalue()
        if "\r" in lines:
            # A writer quotes a carriage return only if lines end in one, and a reader would begin a new record there.
            quoted: list[str] = []
            csv.writer(_Appending(quoted), lineterminator="\r\n").writerows(self._table.csv_rows(records))
            lines = "".join([f"{line.removesuffix(_CRLF)}\n" for line in quoted])
        return lines.encode("utf-8")

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
        return datetime.fromisoformat(row[self._table.csv_columns.index("received_time")])


class JsonLinesSink(_TextSink):
    """Writes JSON Lines: one object for each record, its keys are the columns in camelCase.

    Durable: flushed to disk with each batch. Times are ISO 8601 in UTC, bytes are base64, and what does not apply is
    left out. A file that exists is continued.
    """

    suffix: ClassVar[str] = ".jsonl"

    def _encode(self, records: Sequence[TagRecord | AlarmRecord]) -> bytes:
        return "".join([f"{line}\n" for line in self._table.json_lines(records)]).encode("utf-8")

    def _received_time(self, line: str) -> datetime:
        keys = json.loads(line)
        if keys["kind"] not in self._table.kinds:
            raise ValueError(f"{keys['kind']} is no kind of {self._table.subject}")
        return datetime.fromisoformat(keys["receivedTime"])
