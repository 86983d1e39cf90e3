"""What a spool keeps: batches of records, within limits, and the loss of those that were dropped."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxgateway.forwarding.spool.encoding import time_of
from mxgateway.recording import RecordKind, TagRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Loss", "SpoolLimits", "SpooledBatch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpooledBatch:
    """Records that were received together.

    Attributes:
        number: The number of the batch; it rises. 0 for records that could not be written to the file yet.
        records: The records, oldest first.
    """

    number: int
    records: Sequence[TagRecord]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Changes that were dropped because a spool was full.

    Attributes:
        changes: How many.
        begin: When the first of them was received, in nanoseconds since 1970.
        end: When the last of them was received.
    """

    changes: int
    begin: int
    end: int

    @classmethod
    def of(cls, records: Sequence[TagRecord]) -> Loss:
        """Return the loss of these records."""
        changes = sum(record.kind is RecordKind.CHANGE for record in records)
        return cls(changes=changes, begin=records[0].received_nanoseconds, end=records[-1].received_nanoseconds)

    def and_later(self, later: Loss) -> Loss:
        """Return this loss and a later one as one."""
        return Loss(changes=self.changes + later.changes, begin=self.begin, end=later.end)

    def record(self) -> TagRecord:
        """Return the gap record that reports it."""
        first, last = (time_of(each).isoformat(timespec="milliseconds") for each in (self.begin, self.end))
        detail = f"{self.changes} changes received from {first} to {last} were dropped because the spool was full"
        return TagRecord(kind=RecordKind.GAP, received_nanoseconds=self.end, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolLimits:
    """What may wait in a spool.

    Attributes:
        max_bytes: The most bytes of records that wait.
        max_seconds: The greatest age of a waiting record, in seconds; None for any age.
    """

    max_bytes: int
    max_seconds: float | None

    def are_over(self, received: int) -> bool:
        """Return whether a record that was received at these nanoseconds since 1970 is too old."""
        return self.max_seconds is not None and time.time_ns() - received > self.max_seconds * 1e9
