"""read_records: the rows of a recording, one by one or as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mxgateway.recording.columns import COLUMNS
from mxgateway.recording.reading.files import Subject, files_of
from mxgateway.recording.reading.recorded import Recorded, check_times
from mxgateway.recording.reading.row import RecordedRow, microseconds, row_of_columns, row_of_csv, row_of_json
from mxgateway.recording.row import typed_value
from mxgateway.recording.tag_table import TAG_TABLE

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

__all__ = ["RecordedRows", "read_records"]

_TAGS: Final = Subject(
    table=TAG_TABLE,
    key="tag",
    others={"alarm": "read_alarm_records"},
    from_csv=row_of_csv,
    from_json=row_of_json,
    from_columns=row_of_columns,
)


class RecordedRows(Recorded[RecordedRow]):
    """The rows of a recording, read when they are needed. It can be iterated again and again.

    Polars, pandas, DuckDB and pyarrow take it as a table, because it has `__arrow_c_stream__`: `pl.DataFrame(rows)`.
    The columns are those of Parquet. That needs the extra `mxaccess-gateway-client[parquet]`.
    """

    def __init__(
        self, files: list[Path], tags: frozenset[str] | None, since: datetime | None, until: datetime | None
    ) -> None:
        super().__init__(files, _TAGS, since, until)
        self._tags = tags

    def _is_wanted(self, row: RecordedRow) -> bool:
        # A row without a tag is about all.
        return super()._is_wanted(row) and (self._tags is None or not row.tag or row.tag in self._tags)

    def _arrow_columns(self, rows: list[RecordedRow]) -> Iterable[list[Any]]:
        return _columns(rows)


def read_records(
    path: str | os.PathLike[str],
    *,
    tags: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> RecordedRows:
    """Return the rows of a recording: of a file, of the files of its rotation, or of those in a folder and below.

    The suffix says the format: `.csv`, `.jsonl`, `.sqlite` or `.parquet`. A recording of alarms is read by
    `read_alarm_records`. What a killed program has left of its last
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
    check_times(since, until)
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
