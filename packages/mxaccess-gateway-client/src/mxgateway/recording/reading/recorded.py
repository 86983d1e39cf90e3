"""Recorded: what is read of a recording, row by row or as Arrow."""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.recording.columns import arrow_schema
from mxgateway.recording.reading.files import Subject, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

__all__ = ["Recorded", "check_times"]

_ROWS_PER_BATCH: Final = 10_000


class _Received(Protocol):
    @property
    def received_time(self) -> datetime: ...


RowT = TypeVar("RowT", bound=_Received)


class Recorded(ABC, Generic[RowT]):
    """The rows of the files of a recording, within a time."""

    def __init__(
        self, files: list[Path], subject: Subject[RowT], since: datetime | None, until: datetime | None
    ) -> None:
        self._files = files
        self._subject = subject
        self._since = since
        self._until = until

    @property
    def files(self) -> tuple[Path, ...]:
        """The files of the recording, oldest first."""
        return tuple(self._files)

    def __iter__(self) -> Iterator[RowT]:
        """Yield the rows, oldest first.

        Raises:
            OSError: A file cannot be read, or is no recording.
            MxGatewayConfigurationError: pyarrow is missing for a file of Parquet.
        """
        return (row for path in self._files for row in rows_of(path, self._subject) if self._is_wanted(row))

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Return the rows as a capsule of the Arrow C stream interface."""
        pa: Any = import_extra("pyarrow", extra="parquet", purpose="Arrow")
        schema = arrow_schema(pa, self._subject.table.columns)
        rows = iter(self)
        parts = iter(lambda: list(itertools.islice(rows, _ROWS_PER_BATCH)), [])
        batches = (pa.record_batch(list(self._arrow_columns(part)), schema=schema) for part in parts)
        capsule: object = pa.RecordBatchReader.from_batches(schema, batches).__arrow_c_stream__(requested_schema)
        return capsule

    def _is_wanted(self, row: RowT) -> bool:
        when = row.received_time
        return (self._since is None or when >= self._since) and (self._until is None or when < self._until)

    @abstractmethod
    def _arrow_columns(self, rows: list[RowT]) -> Iterable[list[Any]]:
        """Return the columns of rows, in the order of the table."""


def check_times(since: datetime | None, until: datetime | None) -> None:
    """Check that times are aware.

    Raises:
        MxGatewayConfigurationError: One is not.
    """
    for name, when in (("since", since), ("until", until)):
        if when is not None and when.utcoffset() is None:
            raise MxGatewayConfigurationError(f"{name} must have a time zone")
