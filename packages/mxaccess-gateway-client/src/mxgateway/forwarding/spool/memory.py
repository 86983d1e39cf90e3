"""SpoolMemory: the batches of a spool that has no file."""

from __future__ import annotations

import secrets
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

from mxgateway.errors import MxGatewayUsageError
from mxgateway.forwarding.spool.batches import Loss, SpooledBatch
from mxgateway.forwarding.spool.encoding import size_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.forwarding.spool.batches import SpoolLimits
    from mxgateway.recording import TagRecord
    from mxgateway.tags import SavedSession

__all__ = ["SpoolMemory"]


class _Batch(NamedTuple):
    number: int
    records: Sequence[TagRecord]
    size: int


class SpoolMemory:
    """Keeps batches in memory, with the methods of SpoolFile. They are not encoded, and no thread is needed."""

    def __init__(self) -> None:
        self._batches: deque[_Batch] = deque()
        self._number = 0
        # What was dropped, and the number of the last batch of it.
        self._loss: tuple[int, Loss] | None = None
        self._is_open = False
        self.bytes: int = 0
        self.records: int = 0
        self.dropped: int = 0
        self.owner: Final = secrets.token_hex(8)
        self.saved_session: SavedSession | None = None

    def open(self) -> None:
        """Allow records to be added."""
        self._is_open = True

    def close(self) -> None:
        """Allow no more records. Closing twice is allowed."""
        self._is_open = False

    def add(
        self,
        batches: Sequence[Sequence[TagRecord]],
        limits: SpoolLimits,
        *,
        loss: Loss | None,  # noqa: ARG002 - what was lost before it could be written: here that does not happen
        acknowledged: int,
        delivering: int,
    ) -> list[int]:
        """Add batches, and return their numbers; see SpoolFile."""
        if not self._is_open:
            raise MxGatewayUsageError("the spool is not open")
        self.remove(acknowledged)
        numbers: list[int] = []
        for records in batches:
            self._number += 1
            size = size_of(records)
            self._batches.append(_Batch(self._number, records, size))
            self.records += len(records)
            self.bytes += size
            numbers.append(self._number)
        while (oldest := self._oldest_after(delivering)) is not None:
            batch = self._batches[oldest]
            if self.bytes <= limits.max_bytes and not limits.are_over(batch.records[-1].received_nanoseconds):
                break
            self._drop(oldest)
        return numbers

    def next(self, after: int) -> SpooledBatch | None:
        """Return the oldest batch with a number above `after`, or None if there is none."""
        index = self._oldest_after(after)
        if index is None:
            return None
        number, records, size = self._batches[index]
        loss = self.take_loss(number)
        if loss is not None:
            # The gap becomes part of the batch, so that both are delivered or neither.
            records = (loss.record(), *records)
            self._replace(index, _Batch(number, records, size + size_of(records[:1])))
        return SpooledBatch(number=number, records=records)

    def take_loss(self, before: int) -> Loss | None:
        """Return what was lost before a batch and is not reported yet. It counts as reported then."""
        if self._loss is None or self._loss[0] >= before:
            return None
        (_, loss), self._loss = self._loss, None
        return loss

    def remove(self, number: int) -> None:
        """Remove a batch and those before it."""
        while self._batches and self._batches[0].number <= number:
            batch = self._batches.popleft()
            self.records -= len(batch.records)
            self.bytes -= batch.size

    def size_up_to(self, number: int) -> tuple[int, int]:
        """Return the records and bytes of a batch and those before it."""
        older = [batch for batch in self._batches if batch.number <= number]
        return sum(len(batch.records) for batch in older), sum(batch.size for batch in older)

    def save_session(self, session: SavedSession | None) -> None:
        """Do nothing: nothing survives the program."""

    def clear(self) -> None:
        """Remove all batches."""
        self._batches.clear()
        self._loss = None
        self.records = self.bytes = 0

    def _oldest_after(self, number: int) -> int | None:
        # The acknowledged ones and the one that is being delivered are at the beginning.
        return next((index for index, batch in enumerate(self._batches) if batch.number > number), None)

    def _drop(self, index: int) -> None:
        batch = self._batches[index]
        del self._batches[index]
        loss = Loss.of(batch.records)
        self._loss = (batch.number, loss if self._loss is None else self._loss[1].and_later(loss))
        self.records -= len(batch.records)
        self.bytes -= batch.size
        self.dropped += loss.changes

    def _replace(self, index: int, batch: _Batch) -> None:
        former = self._batches[index]
        self._batches[index] = batch
        self.records += len(batch.records) - len(former.records)
        self.bytes += batch.size - former.size
