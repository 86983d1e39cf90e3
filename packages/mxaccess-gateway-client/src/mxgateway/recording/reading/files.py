"""The files of a recording, and the rows of each."""

from __future__ import annotations

import contextlib
import csv
import glob
import itertools
import json
import logging
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.columns import STREAM_ID

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mxgateway.recording.table import Table

__all__ = ["Subject", "files_of", "rows_of"]

LineT = TypeVar("LineT")
RowT = TypeVar("RowT")

_logger = logging.getLogger("mxgateway.recording")

# What a recording of Parquet has before it is complete.
_IN_PROGRESS: Final = ".arrows"
# Files of a rotation are named by the sink.
_SUFFIXES_OF_ROTATION: Final = {".ndjson": ".jsonl", ".db": ".sqlite"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Generic[RowT]):
    """What a recording is about, and how its rows are read back.

    Attributes:
        table: How the rows were stored.
        key: The column, and the key in JSON, that only this subject has.
        others: The keys of other subjects, and the functions that read them.
        from_csv: Returns the row of a line of CSV, by column.
        from_json: Returns the row of a line of JSON.
        from_columns: Returns the row of the columns of SQLite or Parquet. Each raises ValueError or KeyError if it
            cannot.
    """

    table: Table[Any]
    key: str
    others: Mapping[str, str]
    from_csv: Callable[[dict[str, str]], RowT]
    from_json: Callable[[str], RowT]
    from_columns: Callable[[dict[str, Any]], RowT]

    def check(self, path: Path, names: Iterable[str]) -> None:
        """Check the names of the columns, tables or keys of a file.

        Raises:
            OSError: It is a recording of another subject, or none.
        """
        names = set(names)
        if self.key in names:
            return
        for key, function in self.others.items():
            if key in names:
                raise OSError(f"{path} is not a recording of {self.table.subject}: read it with {function}")
        raise OSError(f"{path} is not a recording of {self.table.subject}")


def files_of(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files of a recording, oldest first: a file, those of a rotation, or those in a folder and below.

    Raises:
        FileNotFoundError: There is none.
        MxGatewayConfigurationError: It has another suffix than recordings have.
    """
    path = Path(path)
    if path.is_dir():
        # The names are the times at which the files were begun.
        found = sorted((each for each in path.rglob("[!.]*") if each.suffix in _READERS), key=lambda each: each.name)
    elif path.suffix not in _READERS:
        raise MxGatewayConfigurationError(f"{path} is no recording: its name must end in {', '.join(_READERS)}")
    else:
        unfinished = path.with_suffix(_IN_PROGRESS) if path.suffix == ".parquet" else path
        suffix = _SUFFIXES_OF_ROTATION.get(path.suffix, path.suffix)
        rotated = sorted(path.parent.glob(f"{glob.escape(path.stem)}-*T*Z{suffix}"))
        found = [each for each in dict.fromkeys([*rotated, path, unfinished]) if each.exists()]
    if not found:
        raise FileNotFoundError(f"{path} has no recording")
    return found


def rows_of(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    """Yield the rows of a file.

    What a killed program has left of its last record is left out, and a warning says so.

    Raises:
        OSError: The file cannot be read, or is no recording of the subject.
        MxGatewayConfigurationError: pyarrow is missing for a file of Parquet.
    """
    return _READERS[path.suffix](path, subject)


def _csv(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = _Lines(file)
        # Strict, because otherwise half a quoted value at the end would count as a whole one.
        reader = csv.DictReader(lines, strict=True)
        if reader.fieldnames is not None:
            subject.check(path, reader.fieldnames)
        yield from _converted(_csv_rows(reader, lines, path), subject.from_csv, path)


class _Lines:
    """The lines of a file. A value of CSV may have line ends, so that a record may be several lines."""

    def __init__(self, file: Iterable[str]) -> None:
        self._lines = iter(file)
        self.last = "\n"
        """The last line that was read."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.last = next(self._lines)
        return self.last


def _csv_rows(reader: csv.DictReader[str], lines: _Lines, path: Path) -> Iterator[dict[str, str]]:
    waiting: dict[str, str] | None = None
    try:
        for row in reader:
            if waiting is not None:
                yield waiting
            waiting = row
    except csv.Error as error:
        if next(lines, None) is not None:
            raise OSError(f"a record of {path} cannot be read: {error}") from error
        _warn(path)
    else:
        if not lines.last.endswith("\n"):
            waiting = None
            _warn(path)
    if waiting is not None:
        yield waiting


def _json_lines(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    with path.open(encoding="utf-8") as file:
        lines = _complete_lines(file, path)
        for first in lines:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                keys = json.loads(first)
                if keys["kind"] not in subject.table.kinds:
                    subject.check(path, keys)
            yield from _converted(itertools.chain([first], lines), subject.from_json, path)


def _sqlite(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    # Read only: it may be recorded to at the same time.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            columns = [
                name
                for table in tables
                for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            ]
            subject.check(path, columns)
            rows = f"SELECT * FROM {subject.table.sqlite_table} ORDER BY id"  # noqa: S608 - ours
            for row in connection.execute(rows):
                yield subject.from_columns(dict(row))
        except sqlite3.Error as error:
            raise OSError(f"{path} is not a recording in SQLite: {error}") from error


def _parquet(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    pq: Any = import_extra("pyarrow.parquet", extra="parquet", purpose="Parquet")
    pa: Any = import_extra("pyarrow", extra="parquet", purpose="Parquet")
    try:
        with pq.ParquetFile(path) as file:
            subject.check(path, file.schema_arrow.names)
            yield from _of_batches(file.iter_batches(columns=list(subject.table.columns)), subject)
    except pa.ArrowInvalid as error:
        raise OSError(f"{path} is not a recording in Parquet: {error}") from error


def _arrow(path: Path, subject: Subject[RowT]) -> Iterator[RowT]:
    pa: Any = import_extra("pyarrow", extra="parquet", purpose="Parquet")
    with path.open("rb") as file:
        try:
            reader = pa.ipc.open_stream(file)
        except (pa.ArrowInvalid, OSError):
            _warn(path)
            return
        subject.check(path, reader.schema.names)
        if _is_completed(path, reader.schema):
            return
        try:
            yield from _of_batches(reader, subject)
        except (pa.ArrowInvalid, OSError):
            _warn(path)


def _is_completed(path: Path, schema: Any) -> bool:
    """Return whether a stream is in the Parquet file already: the program was killed before it removed the stream."""
    complete = path.with_suffix(".parquet")
    if not complete.exists():
        return False
    pq: Any = import_extra("pyarrow.parquet", extra="parquet", purpose="Parquet")
    stream, file = (dict[bytes, bytes](each.metadata or {}) for each in (schema, pq.read_schema(complete)))
    return STREAM_ID in stream and stream[STREAM_ID] == file.get(STREAM_ID)


def _of_batches(batches: Iterable[Any], subject: Subject[RowT]) -> Iterator[RowT]:
    for batch in batches:
        yield from map(subject.from_columns, batch.to_pylist())


def _complete_lines(file: Iterable[str], path: Path) -> Iterator[str]:
    for line in file:
        if not line.endswith("\n"):
            _warn(path)
            return
        yield line


def _converted(lines: Iterable[LineT], convert: Callable[[LineT], RowT], path: Path) -> Iterator[RowT]:
    """Convert lines; the last one may be incomplete where a quoted value has line ends."""
    failure: Exception | None = None
    for number, line in enumerate(lines, 1):
        if failure is not None:
            raise OSError(f"record {number - 1} of {path} cannot be read: {failure}") from failure
        try:
            row = convert(line)
        except (ValueError, KeyError, TypeError) as error:
            failure = error
        else:
            yield row
    if failure is not None:
        _warn(path)


def _warn(path: Path) -> None:
    _logger.warning("%s ends within a record, of a program that was killed or is writing: that one is left out", path)


_READERS: Final[Mapping[str, Callable[[Path, Subject[Any]], Iterator[Any]]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".sqlite": _sqlite,
    ".db": _sqlite,
    ".parquet": _parquet,
    _IN_PROGRESS: _arrow,
}
