"""FileSink: what all sinks that write files have in common."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final, ParamSpec, TypeVar

from filelock import Timeout

from mxgateway.errors import MxGatewayUsageError
from mxgateway.recording.alarms.record import AlarmRecord
from mxgateway.recording.alarms.table import ALARM_TABLE
from mxgateway.recording.record import TagRecord
from mxgateway.recording.sinks.series import FileSeries, Rotation
from mxgateway.recording.tag_table import TAG_TABLE

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from typing import Any

    from mxgateway.recording.table import Table

__all__ = ["FileSink"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class FileSink(ABC):
    """Writes records to a file, or to one file after the other. Files are written in a thread.

    Args:
        path: The file, or a folder in which each file is named by the time of its beginning.
        rotation: When a new file begins; by default never.
        records: What is recorded: TagRecord for a Recorder, AlarmRecord for an AlarmRecorder.
    """

    suffix: ClassVar[str]
    by_date: ClassVar[bool] = False
    """Whether files in a folder are parted by date."""
    continues: ClassVar[bool] = True
    """Whether the newest file of several is continued, instead of beginning a new one."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        rotation: Rotation | None = None,
        records: type[TagRecord | AlarmRecord] = TagRecord,
    ) -> None:
        self.records: Final = records
        """The class of the records."""
        self._table: Final[Table[Any]] = ALARM_TABLE if records is AlarmRecord else TAG_TABLE
        self.series: Final = FileSeries(path, self.suffix, rotation or Rotation(), by_date=self.by_date)
        self.path: Path | None = None
        """The file that is written at present."""
        self.size: int = 0
        """Its size in bytes."""
        self._has_records = False

    async def open(self) -> datetime | None:
        """Open the newest file of the series, or a new one, and return when its last record was received.

        Raises:
            OSError: The file cannot be opened, or is not one of this kind.
        """
        return await _finished(self._open_newest)

    async def write(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        """Write records and return when the operating system has them on disk.

        Raises:
            OSError: The file cannot be written, for example because the disk is full.
        """
        await _finished(self._write_and_rotate, records)

    async def close(self) -> None:
        """Close the file."""
        if self.path is not None:
            self.path = None
            await _finished(self._close_last)

    def _open_newest(self) -> datetime | None:
        lock = self.series.lock
        # A folder that cannot be written is named as that, while a lock only says that it cannot be acquired.
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        Path(lock.lock_file).touch()
        try:
            lock.acquire()
        except Timeout:
            raise OSError(f"another program records to {self.series.name} at present") from None
        try:
            path = self._first_path()
            path.parent.mkdir(parents=True, exist_ok=True)
            last = self._open(path)
        except BaseException:
            lock.release()
            raise
        self.path = path
        self._has_records = self.continues and last is not None
        return last

    def _write_and_rotate(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        if self.path is None:
            raise MxGatewayUsageError("the sink is not open")
        if self._has_records and self.series.is_full(self.path, self.size):
            self._close()
            self.path = self.series.next()
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open(self.path)
        self._write(records)
        self._has_records = True

    def _close_last(self) -> None:
        try:
            self._close()
        finally:
            self.series.lock.release()

    def _set_size(self, size: int) -> None:
        self.size = size

    def _first_path(self) -> Path:
        """Return the file to open first. The series is locked."""
        return self.series.newest() if self.continues or self.series.is_single else self.series.next()

    @abstractmethod
    def _open(self, path: Path) -> datetime | None:
        """Open a file, set its size, and return when its last record was received."""

    @abstractmethod
    def _write(self, records: Sequence[TagRecord | AlarmRecord]) -> None:
        """Write records to disk and set the size."""

    @abstractmethod
    def _close(self) -> None:
        """Close the file."""


async def _finished(
    function: Callable[Parameters, Result], *arguments: Parameters.args, **keywords: Parameters.kwargs
) -> Result:
    """Run a function in a thread, and wait for its end even if cancelled: a thread cannot be stopped."""
    running = asyncio.ensure_future(asyncio.to_thread(function, *arguments, **keywords))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise
