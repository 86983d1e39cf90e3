"""Delivery: the way to the broker, opened when it is needed."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Final

from mxgateway.forwarding.errors import BrokerUnavailableError
from mxgateway.forwarding.lane import Lane
from mxgateway.recording.recorder import interruption

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.forwarding.jetstream import JetStreamLease
    from mxgateway.forwarding.lane import LaneState
    from mxgateway.forwarding.spool import Spool
    from mxgateway.recording import Sink, TagRecord

__all__ = ["Delivery"]


class Delivery:
    """Writes to a broker, and keeps the session there if the broker can do that.

    Args:
        sink: The broker.
        spool: Where the records come from.
        lease: Without it nothing is written; None if no lease is needed.
    """

    def __init__(self, sink: Sink, spool: Spool, lease: JetStreamLease | None = None) -> None:
        self._sink: Final = sink
        self._spool: Final = spool
        self._lease: Final = lease
        self._lane = sink if isinstance(sink, Lane) else None
        self._is_open = False
        # The session that the lane has; another object than any session while that is unknown.
        self._session_in_lane: object = _UNKNOWN
        # When recording began, if it is unknown what the broker has from before; and the gap in between.
        self._began: int | None = None
        self._gap: TagRecord | None = None

    @property
    def keeps_session(self) -> bool:
        """Whether the broker keeps the session."""
        return self._lane is not None

    @property
    def lane_state(self) -> LaneState | None:
        """What the last writer has left at the broker."""
        return None if self._lane is None else self._lane.lane_state

    async def open(self) -> datetime | None:
        """Connect to the broker, and return when its last record was stored, as far as it tells.

        Raises:
            OSError: The broker cannot be reached.
        """
        last = await self._sink.open()
        self._is_open = True
        if last is not None and self._began is not None:
            self._gap = interruption(last, self._began)
        self._began = None
        return last

    def expect_gap(self) -> None:
        """Report what is missing between the last record of the broker and now, as soon as the broker is reached."""
        self._began = time.time_ns()

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Deliver records, after the session that they come from. Wait for the lease first, if one is needed.

        Raises:
            BrokerUnavailableError: The lease could not be renewed meanwhile.
            OSError: The broker has not acknowledged all.
        """
        if self._lease is None:
            await self._write(records)
            return
        await self._lease.wait_until_held()
        writing = asyncio.create_task(self._write(records), name="mxgateway forwarder write")
        expiring = asyncio.create_task(self._lease.wait_until_not_held(), name="mxgateway forwarder lease")
        try:
            await asyncio.wait([writing, expiring], return_when=asyncio.FIRST_COMPLETED)
        finally:
            # What was sent already may be stored: the stream says so when it is opened again.
            writing.cancel()
            expiring.cancel()
            await asyncio.gather(writing, expiring, return_exceptions=True)
        if writing.cancelled():
            raise BrokerUnavailableError(f"the lease {self._lease.name} could not be renewed")
        writing.result()

    async def _write(self, records: Sequence[TagRecord]) -> None:
        if not self._is_open:
            await self.open()
        if self.is_lane_outdated and self._lane is not None:
            session = self._spool.saved_session
            if session is not None or self._lane.lane_state is not None:
                await self._lane.save_lane(self._spool.owner, session)
            self._session_in_lane = session
        if self._gap is not None:
            await self._sink.write([self._gap])
            self._gap = None
        if records:
            await self._sink.write(records)

    async def close(self) -> None:
        """Close the connection. The next `write` opens it again."""
        self._is_open = False
        with contextlib.suppress(OSError):
            await self._sink.close()

    @property
    def is_lane_outdated(self) -> bool:
        """Whether the session has changed since the broker got it."""
        return self._lane is not None and self._session_in_lane is not self._spool.saved_session


_UNKNOWN: Final = object()
