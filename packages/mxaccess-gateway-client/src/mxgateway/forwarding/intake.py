"""Intake: where the Recorder of a Forwarder writes: the spool, and what the broker knows of the last start."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from mxgateway.forwarding.delivery import Delivery
    from mxgateway.forwarding.spool import Spool
    from mxgateway.recording import TagRecord
    from mxgateway.tags import SavedSession

__all__ = ["Intake"]

_logger = logging.getLogger("mxgateway.forwarding")


class Intake:
    """A sink that keeps the session: the spool. At the start it also uses what the broker has kept.

    Args:
        spool: Where the records wait.
        delivery: The way to the broker.
    """

    def __init__(self, spool: Spool, delivery: Delivery) -> None:
        self._spool = spool
        self._delivery = delivery
        # The session that the broker has kept, until this start has one of its own.
        self._kept: SavedSession | None = None

    @property
    def saved_session(self) -> SavedSession | None:
        """The session that this start may continue, or has saved."""
        return self._kept or self._spool.saved_session

    async def open(self) -> datetime | None:
        """Open the spool, and the broker if it keeps sessions. Return when the last record was received.

        If another forwarder has written to the broker since, it has seen what waits in this spool as well, or has
        reported a gap: that is discarded.

        Raises:
            OSError: The spool cannot be opened.
        """
        last = await self._spool.open()
        if not self._delivery.keeps_session:
            return last
        try:
            stored = await self._delivery.open()
        except OSError:
            if last is None:
                self._delivery.expect_gap()
            return last
        state = self._delivery.lane_state
        if state is None:
            return last or stored
        if state.owner != self._spool.owner:
            if self._spool.records:
                text = "another forwarder has continued meanwhile: %d records in the spool are discarded"
                _logger.warning(text, self._spool.records)
            await self._spool.discard()
            last = None
        if self._spool.saved_session is None and not self._spool.records:
            self._kept = state.session
        return max(filter(None, (last, stored)), default=None)

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Add records to the spool."""
        await self._spool.write(records)

    async def save_session(self, session: SavedSession | None) -> None:
        """Keep a session in the spool. It reaches the broker before the records that follow."""
        self._kept = None
        await self._spool.save_session(session)

    async def close(self) -> None:
        """Close the spool."""
        await self._spool.close()
