"""read_alarm_records: the records of a recording of alarms, one by one or as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from mxgateway.recording.alarms.record import AlarmRecord
from mxgateway.recording.alarms.table import ALARM_TABLE, record_of_columns, record_of_csv, record_of_json
from mxgateway.recording.reading.files import Subject, files_of
from mxgateway.recording.reading.recorded import Recorded, check_times

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

__all__ = ["RecordedAlarms", "read_alarm_records"]

_ALARMS: Final = Subject(
    table=ALARM_TABLE,
    key="alarm",
    others={"tag": "read_records"},
    from_csv=record_of_csv,
    from_json=record_of_json,
    from_columns=record_of_columns,
)


class RecordedAlarms(Recorded[AlarmRecord]):
    """The records of a recording of alarms, read when they are needed. It can be iterated again and again.

    Polars, pandas, DuckDB and pyarrow take it as a table, as they take RecordedRows.
    """

    def __init__(self, files: list[Path], since: datetime | None, until: datetime | None) -> None:
        super().__init__(files, _ALARMS, since, until)

    def _arrow_columns(self, rows: list[AlarmRecord]) -> Iterable[list[Any]]:
        return ALARM_TABLE.arrow_columns(rows).values()


def read_alarm_records(
    path: str | os.PathLike[str], *, since: datetime | None = None, until: datetime | None = None
) -> RecordedAlarms:
    """Return the records of a recording of alarms, as an AlarmRecorder wrote them. Otherwise it is like `read_records`.

    Args:
        path: The file or folder, as the recording named it.
        since: Only records that were received at this aware time or later.
        until: Only records that were received before this aware time.

    Raises:
        FileNotFoundError: There is no recording.
        MxGatewayConfigurationError: The suffix is another one, or a time is not aware.
    """
    check_times(since, until)
    return RecordedAlarms(files_of(path), since, until)
