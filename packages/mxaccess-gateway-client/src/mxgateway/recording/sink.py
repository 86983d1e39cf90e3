"""Sink: where a Recorder writes its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.recording.record import TagRecord

__all__ = ["Sink"]


@runtime_checkable
class Sink(Protocol):
    """Where a Recorder writes its records: a file, a database, a broker, or a class of your own.

    A Recorder calls `open` once, then `write` again and again, one call after the other, then `close`. An error of any
    of them ends the recording and is raised by `Recorder.run`.
    """

    async def open(self) -> datetime | None:
        """Make ready for records, and return when the last record was received that is durable already.

        Return None if there is none, or if it is unknown. A Recorder that continues an older recording writes a gap
        record from that time on.
        """
        ...

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Write records, and return when they are durable: what that means is the promise of each sink."""
        ...

    async def close(self) -> None:
        """Release files and connections. Closing twice is allowed."""
        ...
