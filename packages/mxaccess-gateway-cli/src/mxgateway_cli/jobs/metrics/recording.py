"""The metrics of recording."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.recording import AlarmRecorder, Recorder

__all__ = ["RecordMetrics"]


class RecordMetrics:
    """What a recorder has written."""

    descriptions: Mapping[str, str] = {
        "mxgateway_record_written_total": "Records written to the file.",
        "mxgateway_record_changes_total": "Changes among them.",
        "mxgateway_record_gaps_total": "Records that report missing changes.",
        "mxgateway_record_dropped_total": "Changes dropped because the disk was slow.",
        "mxgateway_record_gateway_lost_total": "How often the gateway's connection or session was lost.",
        "mxgateway_record_last_written_age_seconds": "Seconds since records were last written to disk.",
    }

    def __init__(self, recorder: Recorder | AlarmRecorder) -> None:
        self._statistics: Final = recorder.statistics

    def figures(self) -> Mapping[str, float]:
        """Return the present value of each metric."""
        statistics, last = self._statistics, self._statistics.last_written
        values = (
            statistics.written,
            statistics.changes,
            statistics.gaps,
            statistics.dropped,
            statistics.lost,
            float("nan") if last is None else time.time() - last.timestamp(),
        )
        return dict(zip(self.descriptions, values, strict=True))

    def problem(self) -> str | None:
        """Return None: a recording that cannot write ends."""
        return None

    def state(self) -> str:
        """Return that all is well."""
        return "ok"
