"""Sink: where a Recorder writes its records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.recording.record import TagRecord
    from mxgateway.tags import SavedSession

__all__ = ["KeepsSession", "Sink"]


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


@runtime_checkable
class KeepsSession(Protocol):
    """A sink that keeps the session of the TagClient too, so that the next start continues it and misses nothing."""

    @property
    def saved_session(self) -> SavedSession | None:
        """The session as it was after the last durable record, or None if it cannot be continued."""
        ...

    async def save_session(self, session: SavedSession | None) -> None:
        """Keep the session that the following records come from. None forgets an earlier one."""
        ...
