"""read_records: the rows of a recording, one by one or as Arrow."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Final

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.columns import COLUMNS, arrow_schema
from mxgateway.recording.reading.files import files_of, rows_of
from mxgateway.recording.reading.row import microseconds
from mxgateway.recording.row import typed_value

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

    from mxgateway.recording.reading.row import RecordedRow

__all__ = ["RecordedRows", "read_records"]

_ROWS_PER_BATCH: Final = 10_000


class RecordedRows:
    """The rows of a recording, read when they are needed. It can be iterated again and again.

    Polars, pandas, DuckDB and pyarrow take it as a table, because it has `__arrow_c_stream__`: `pl.DataFrame(rows)`.
    The columns are those of Parquet. That needs the extra `mxaccess-gateway-client[parquet]`.
    """

    def __init__(
        self, files: list[Path], tags: frozenset[str] | None, since: datetime | None, until: datetime | None
    ) -> None:
        self._files = files
        self._tags = tags
        self._since = since
        self._until = until

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the recording, oldest first."""
        return tuple(self._files)

    def __iter__(self) -> Iterator[RecordedRow]:
        """Yield the rows, oldest first.

        Raises:
            OSError: A file cannot be read, or is no recording.
            MxGatewayConfigurationError: pyarrow is missing for a file of Parquet.
        """
        return (row for path in self._files for row in rows_of(path) if self._is_wanted(row))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a capsule of the Arrow C stream interface."""
        pa: Any = import_extra("pyarrow", extra="parquet", purpose="Arrow")
        schema = arrow_schema(pa)
        rows = iter(self)
        parts = iter(lambda: list(itertools.islice(rows, _ROWS_PER_BATCH)), [])
        batches = (pa.record_batch(_columns(part), schema=schema) for part in parts)
        capsule: object = pa.RecordBatchReader.from_batches(schema, batches).__arrow_c_stream__(requested_schema)
        return capsule

    def _is_wanted(self, row: RecordedRow) -> bool:
        return (
            # A row without a tag is about all.
            (self._tags is None or not row.tag or row.tag in self._tags)
            and (self._since is None or row.received_time >= self._since)
            and (self._until is None or row.received_time < self._until)
        )


def read_records(
    path: str | os.PathLike[str],
    *,
    tags: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> RecordedRows:
    """Return the rows of a recording: of a file, of the files of its rotation, or of those in a folder and below.

    The suffix says the format: `.csv`, `.jsonl`, `.sqlite` or `.parquet`. What a killed program has left of its last
    record is left out, with a warning of the logger `mxgateway.recording`; so a recording can be read while it is
    written.

    Args:
        path: The file or folder, as the recording named it.
        tags: Only the rows of these tags, and those about all tags.
        since: Only rows that were received at this aware time or later.
        until: Only rows that were received before this aware time.

    Raises:
        FileNotFoundError: There is no recording.
        MxGatewayConfigurationError: The suffix is another one, or a time is not aware.
    """
    for name, when in (("since", since), ("until", until)):
        if when is not None and when.utcoffset() is None:
            raise MxGatewayConfigurationError(f"{name} must have a time zone")
    return RecordedRows(files_of(path), None if tags is None else frozenset(tags), since, until)


def _columns(rows: list[RecordedRow]) -> list[list[Any]]:
    table = [
        (
            row.kind.value,
            row.tag,
            *typed_value(row.value),
            None if row.data_type is None else row.data_type.name,
            row.quality,
            microseconds(row.source_time),
            microseconds(row.gateway_time),
            microseconds(row.received_time),
            row.session_id,
            row.sequence,
            row.repeated,
            row.detail,
        )
        for row in rows
    ]
    return [list(column) for column in zip(*table, strict=True)] or [[] for _ in COLUMNS]
