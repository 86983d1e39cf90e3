"""One write to a tag, from the first wait to its outcome, and what can honestly be said when there is none."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from mxgateway.errors import (
    ErrorFacts,
    MxAccessError,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)

if TYPE_CHECKING:
    from mxgateway._tag_items import TagItem
    from mxgateway.events import WriteComplete
    from mxgateway.session import Session

__all__ = ["TagWrite"]


class TagWrite:
    """How far a write has come."""

    __slots__ = ("_accepted", "_item", "_outcome", "_refused", "_seconds", "_target", "session")

    def __init__(self, item: TagItem, target: str, seconds: float) -> None:
        self._item = item
        self._target = target
        self._seconds = seconds
        self._accepted = False
        self._refused = False
        self._outcome: asyncio.Future[WriteComplete | MxGatewayError] | None = None
        self.session: Session | None = None

    @property
    def sent(self) -> bool:
        """Whether it may have happened."""
        return self._outcome is not None

    @property
    def unanswered(self) -> bool:
        """Whether it was sent and the gateway has not even said that it took it."""
        return self._outcome is not None and not self._accepted

    def begin(self, session: Session) -> asyncio.Future[WriteComplete | MxGatewayError]:
        """Give what will have the outcome, or why there is none. It is sent now: from here on it may happen."""
        self.session = session
        self._outcome = self._item.outcome = asyncio.get_running_loop().create_future()
        return self._outcome

    def accepted(self) -> None:
        """The gateway took it: its outcome will come."""
        self._accepted = True

    def end(self) -> None:
        """Nobody waits any more. An outcome that comes too late must not be taken for the one of the next write."""
        outcome = self._outcome
        if outcome is None:
            # It never had its turn: what the item waits for is another one's.
            return
        self._item.outcome = None
        # Cancelling whoever waits for a future cancels the future.
        if not self._refused and (outcome.cancelled() or not outcome.done()):
            self._item.doubtful = True

    def refused(self) -> None:
        """The gateway refused it: no outcome will come."""
        self._refused = True

    def timeout(self) -> MxGatewayTimeoutError:
        """The error for a write that took too long."""
        if self._outcome is None:
            summary = f"{self._item.tag} was not written: neither a connection nor its turn came in {self._seconds:g} s"
        else:
            summary = f"{self._item.tag} may have been written: no outcome came within {self._seconds:g} s"
        return MxGatewayTimeoutError(summary, ErrorFacts(method="Write", target=self._target, timeout=self._seconds))

    def lost(self, error: MxGatewayError) -> MxGatewayTransportError:
        """The error for a write that was under way when the connection or the session was lost."""
        summary = f"{self._item.tag} may have been written, its outcome is lost: {error.summary}"
        return MxGatewayTransportError(summary, replace(error.facts, method="Write"))

    def refusal(self, outcome: WriteComplete) -> MxAccessError:
        """The error for a write whose outcome is a refusal."""
        facts = ErrorFacts(
            method="Write",
            target=self._target,
            session_id=outcome.session_id,
            hresult=outcome.hresult,
            statuses=outcome.statuses,
        )
        return MxAccessError(f"{self._item.tag} was not written, MXAccess refused it", facts)
