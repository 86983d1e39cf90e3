"""ParquetSink: files of columns, which pandas, Polars and DuckDB read as they are."""

from __future__ import annotations

import contextlib
import itertools
import logging
import os
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar, Final

from mxgateway._support.extras import import_extra
from mxgateway.recording.columns import STREAM_ID, arrow_schema
from mxgateway.recording.record import TagRecord
from mxgateway.recording.sinks.file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from mxgateway.recording.alarms.record import AlarmRecord
    from mxgateway.recording.sinks.series import Rotation

__all__ = ["ParquetSink"]

_logger = logging.getLogger("mxgateway.recording")

_IN_PROGRESS: Final = ".arrows"
_ROWS_PER_GROUP: Final = 100_000


class ParquetSink(FileSink):
    """Writes Parquet, with one column for each type of value. It needs the extra `mxaccess-gateway-client[parquet]`.

    A Parquet file cannot be read before it is complete. So records go to an Arrow stream beside it, named `.arrows`,
    and become Parquet when the file is closed or rotated. Durable: flushed to disk in that stream; after a program was
    killed, the next start makes Parquet of it. In a folder the files are parted by date: `date=2026-11-27/...`.

    Raises:
        MxGatewayConfigurationError: pyarrow is not installed.
    """

    suffix: ClassVar[str] = ".parquet"
    by_date: ClassVar[bool] = True
    _stream: BinaryIO
    _writer: Any

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotation: Rotation | None = None,
        records: type[TagRecord | AlarmRecord] = TagRecord,
    ) -> None:
        _parquet()
        super().__init__(path, rotation=rotation, records=records)
        self._schema: Any = arrow_schema(_arrow(), self._table.columns)

    def _open(self, path: Path) -> datetime | None:
        pa = _arrow()
        complete = self.series.existing()
        last = _last_received(complete[-1], self._schema) if complete else None
        self._present = path
        self._stream = _in_progress(path).open("xb")
        # Its own id tells whether its batches are in the Parquet file already.
        self._writer = pa.ipc.new_stream(self._stream, self._schema.with_metadata({STREAM_ID: secrets.token_hex(16)}))
        self._set_size(0)
        return last

    def _write(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        pa = _arrow()
        try:
            columns = self._table.arrow_columns(records)
            arrays = [pa.array(values, type=self._schema.field(name).type) for name, values in columns.items()]
            self._writer.write_batch(pa.record_batch(arrays, schema=self._schema))
        except pa.ArrowInvalid as error:
            raise OSError(f"cannot write to {self.path}: {error}") from error
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._set_size(self._stream.tell())

    def _close(self) -> None:
        self._writer.close()
        self._stream.close()
        path = self._present
        _to_parquet(_in_progress(path), path, self._schema)

    def _first_path(self) -> Path:
        # Completed first, because the newest file may be among what an interrupted program has left.
        for stream in self.series.existing(_IN_PROGRESS):
            _logger.warning("%s was left by an interrupted recording: it becomes %s", stream, _complete(stream))
            _to_parquet(stream, _complete(stream), self._schema)
        return super()._first_path()


def _arrow() -> Any:
    return import_extra("pyarrow", extra="parquet", purpose="Parquet")


def _parquet() -> Any:
    return import_extra("pyarrow.parquet", extra="parquet", purpose="Parquet")


def _in_progress(path: Path) -> Path:
    return path.with_suffix(_IN_PROGRESS)


def _complete(stream: Path) -> Path:
    return stream.with_suffix(ParquetSink.suffix)


def _to_parquet(stream: Path, path: Path, schema: Any) -> None:
    """Add the records of a stream to a Parquet file, which is replaced as a whole, and remove the stream."""
    pq = _parquet()
    with stream.open("rb") as file:
        stream_id, batches = _read(file)
        rows = next(batches, None)
        if rows is not None:
            _check_columns(stream, rows.schema, schema)
        if rows is not None and not (path.exists() and _id(path) == stream_id):
            temporary = path.with_suffix(".tmp")
            schema = schema.with_metadata({STREAM_ID: stream_id})
            with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
                if path.exists():
                    with pq.ParquetFile(path) as older:
                        for index in range(older.num_row_groups):
                            writer.write_table(older.read_row_group(index))
                for group in _groups(itertools.chain([rows], batches)):
                    writer.write_table(group)
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
    stream.unlink()


def _read(file: BinaryIO) -> tuple[bytes, Iterator[Any]]:
    """Return the id and the complete batches of an Arrow stream, whose last one may be written in part."""
    pa = _arrow()

    def batches(reader: Any) -> Iterator[Any]:
        with contextlib.suppress(pa.ArrowInvalid, OSError):
            yield from reader

    try:
        reader = pa.ipc.open_stream(file)
    except (pa.ArrowInvalid, OSError):
        # The program was killed before it had written the head.
        return b"", iter(())
    return reader.schema.metadata[STREAM_ID], batches(reader)


def _groups(batches: Iterator[Any]) -> Iterator[Any]:
    """Yield batches together, as row groups of a size that is quick to read."""
    pa = _arrow()
    group: list[Any] = []
    for batch in batches:
        group.append(batch)
        if sum(each.num_rows for each in group) >= _ROWS_PER_GROUP:
            yield pa.Table.from_batches(group)
            group = []
    if group:
        yield pa.Table.from_batches(group)


def _id(path: Path) -> bytes | None:
    pq = _parquet()
    metadata: dict[bytes, bytes] = pq.read_schema(path).metadata or {}
    return metadata.get(STREAM_ID)


def _last_received(path: Path, schema: Any) -> datetime | None:
    pq = _parquet()
    with pq.ParquetFile(path) as file:
        _check_columns(path, file.schema_arrow, schema)
        if not file.num_row_groups:
            return None
        column = file.schema_arrow.get_field_index("received_time")
        last: datetime = file.metadata.row_group(file.num_row_groups - 1).column(column).statistics.max
        return last.astimezone(UTC)


def _check_columns(path: Path, found: Any, schema: Any) -> None:
    if found.names != schema.names:
        raise OSError(f"{path} has other columns than this recording: choose another file")
