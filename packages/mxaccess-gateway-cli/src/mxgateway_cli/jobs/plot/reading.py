"""From the records of a recording to trends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway.recording import RecordKind
from mxgateway_cli.jobs.plot.trend import Trend

if TYPE_CHECKING:
    from collections.abc import Container, Iterable
    from datetime import datetime

    from mxgateway_cli.jobs.plot.trend import Record

__all__ = ["TrendReader"]


class TrendReader:
    """Makes a trend of each tag.

    Args:
        only: The tags; None is all of them.
        since: When the trends begin, or None for the first record. A value from before that still holds.
        until: When they end, or None for the last record.
    """

    def __init__(
        self, *, only: Container[str] | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> None:
        self._only: Final = only
        self._begin = since
        self._until: Final = until
        self._trends: dict[str, Trend] = {}
        self._lost: datetime | None = None
        self._last: datetime | None = None
        self._is_cut = False
        self.tags: Final[dict[str, None]] = {}
        """All tags that were read, in the order in which they appear."""
        self.refusals: Final[dict[str, str]] = {}
        """Why the gateway has refused tags."""

    def add(self, records: Iterable[Record]) -> None:
        """Read records, oldest first."""
        for record in records:
            now = record.received_time
            self._begin = self._begin or now
            if self._until is not None and now >= self._until:
                # The recording went on, so that the last values hold until the chosen end.
                self._is_cut = True
                continue
            if record.kind is RecordKind.CHANGE:
                self._change(record)
            elif record.kind is RecordKind.REFUSED:
                self.refusals[record.tag] = record.detail
            elif record.kind is RecordKind.LOST:
                self._lost = self._lost or now
            elif record.kind is RecordKind.GAP or _is_new_session(record):
                self._break(now)
            if record.kind in {RecordKind.RESTORED, RecordKind.GAP}:
                self._lost = None
            self._last = now

    def trends(self, end: datetime | None = None) -> list[Trend]:
        """Return the trend of each tag, in the order in which they appear.

        Args:
            end: When the records end, if that is not with the last one.
        """
        if self._begin is None or not (self._is_cut or self._last is None or self._last >= self._begin):
            # The recording has ended before the chosen time.
            return []
        end = self._until if self._is_cut else end or self._last
        if end is not None and self._lost is not None:
            self._break(end)
        trends = [trend for trend in self._trends.values() if trend.points]
        for trend in trends:
            # The clocks of the gateway and of this computer may differ.
            end = max(end or trend.end, trend.points[-1].time)
        for trend in trends:
            trend.end = end or trend.end
        return trends

    def _change(self, record: Record) -> None:
        self.tags[record.tag] = None
        if self._only is not None and record.tag not in self._only:
            return
        trend = self._trends.get(record.tag)
        if trend is None:
            begin = self._begin or record.received_time
            trend = self._trends[record.tag] = Trend(record.tag, begin, begin)
        trend.add(record)

    def _break(self, now: datetime) -> None:
        for trend in self._trends.values():
            trend.add_break(self._lost or self._last or now, now)


def _is_new_session(record: Record) -> bool:
    return record.kind is RecordKind.RESTORED and not record.detail.startswith("no changes")
