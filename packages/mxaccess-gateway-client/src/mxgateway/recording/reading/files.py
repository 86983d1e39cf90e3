"""The files of a recording, and the rows of each."""

from __future__ import annotations

import contextlib
import csv
import logging
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.columns import COLUMNS
from mxgateway.recording.reading.row import row_of_columns, row_of_csv, row_of_json

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from mxgateway.recording.reading.row import RecordedRow

__all__ = ["files_of", "rows_of"]

_logger = logging.getLogger("mxgateway.recording")

# What a recording of Parquet has before it is complete.
_IN_PROGRESS: Final = ".arrows"


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
        rotated = sorted(path.parent.glob(f"{path.stem}-*T*Z{path.suffix}"))
        found = [each for each in dict.fromkeys([*rotated, path, unfinished]) if each.exists()]
    if not found:
        raise FileNotFoundError(f"{path} has no recording")
    return found


def rows_of(path: Path) -> Iterator[RecordedRow]:
    """Yield the rows of a file.

    What a killed program has left of its last record is left out, and a warning says so.

    Raises:
        OSError: The file cannot be read, or is no recording.
        MxGatewayConfigurationError: pyarrow is missing for a file of Parquet.
    """
    return _READERS[path.suffix](path)


def _csv(path: Path) -> Iterator[RecordedRow]:
    with path.open(encoding="utf-8", newline="") as file:
        lines = csv.DictReader(_complete_lines(file, path))
        yield from _converted(lines, row_of_csv, path)


def _json_lines(path: Path) -> Iterator[RecordedRow]:
    with path.open(encoding="utf-8") as file:
        yield from _converted(_complete_lines(file, path), row_of_json, path)


def _sqlite(path: Path) -> Iterator[RecordedRow]:
    # Read only: it may be recorded to at the same time.
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        try:
            for row in connection.execute("SELECT * FROM record ORDER BY id"):
                yield row_of_columns(dict(row))
        except sqlite3.Error as error:
            raise OSError(f"{path} is not a recording in SQLite: {error}") from error


def _parquet(path: Path) -> Iterator[RecordedRow]:
    pq: Any = import_extra("pyarrow.parquet", extra="parquet", purpose="Parquet")
    pa: Any = import_extra("pyarrow", extra="parquet", purpose="Parquet")
    try:
        with pq.ParquetFile(path) as file:
            yield from _of_batches(file.iter_batches(columns=list(COLUMNS)))
    except pa.ArrowInvalid as error:
        raise OSError(f"{path} is not a recording in Parquet: {error}") from error


def _arrow(path: Path) -> Iterator[RecordedRow]:
    pa: Any = import_extra("pyarrow", extra="parquet", purpose="Parquet")
    with path.open("rb") as file:
        try:
            yield from _of_batches(pa.ipc.open_stream(file))
        except (pa.ArrowInvalid, OSError):
            _warn(path)


def _of_batches(batches: Iterable[Any]) -> Iterator[RecordedRow]:
    for batch in batches:
        yield from map(row_of_columns, batch.to_pylist())


def _complete_lines(file: Iterable[str], path: Path) -> Iterator[str]:
    for line in file:
        if not line.endswith("\n"):
            _warn(path)
            return
        yield line


def _converted(lines: Iterable[Any], convert: Callable[[Any], RecordedRow], path: Path) -> Iterator[RecordedRow]:
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


_READERS: Final[Mapping[str, Callable[[Path], Iterator[RecordedRow]]]] = {
    ".csv": _csv,
    ".jsonl": _json_lines,
    ".sqlite": _sqlite,
    ".parquet": _parquet,
    _IN_PROGRESS: _arrow,
}
