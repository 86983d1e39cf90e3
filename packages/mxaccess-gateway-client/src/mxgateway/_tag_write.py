"""One write to a tag, and what can honestly be said of it when it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from mxgateway._tag_requests import Request
from mxgateway.errors import (
    ErrorFacts,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.status import MxStatus

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway._tag_items import TagItem
    from mxgateway.events import WriteComplete
    from mxgateway.session import Session

__all__ = ["TagWrite"]


class TagWrite(Request[None]):
    """One write to one tag.

    Attributes:
        item: the tag.
        entry: what is written; its handle is filled in when it is sent.
        timestamp: the time of the value, where it has one.
        confirm: whether the caller waits for the outcome.
        session: where it was sent; None as long as it certainly has not happened.
        over: whether it has come to its end.
    """

    __slots__ = ("_due", "_target", "confirm", "entry", "item", "over", "session", "timestamp")

    def __init__(
        self,
        item: TagItem,
        entry: pb.WriteBulkEntry,
        timestamp: datetime | None,
        *,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        confirm: bool,
        target: str,
        due: Callable[[TagWrite], None],
    ) -> None:
        super().__init__(loop, seconds, 1, entry.ByteSize())
        self.item: Final = item
        self.entry: Final = entry
        self.timestamp: Final = timestamp
        self.confirm: Final = confirm
        self.session: Session | None = None
        self.over: bool = False
        self._target = target
        self._due = due

    def begin(self) -> None:
        """Every earlier write to the tag is over."""
        self._due(self)

    def timeout(self) -> MxGatewayTimeoutError:
        """The error for a write that took too long."""
        if self.session is None:
            summary = f"{self.item.tag} was not written: neither a connection nor its turn came in {self.seconds:g} s"
        else:
            summary = f"{self.item.tag} may have been written: no outcome came within {self.seconds:g} s"
        return MxGatewayTimeoutError(summary, ErrorFacts(method="Write", target=self._target, timeout=self.seconds))

    def lost(self, error: MxGatewayError) -> MxGatewayTransportError:
        """The error for a write that was under way when the connection or the session was lost."""
        summary = f"{self.item.tag} may have been written, its outcome is lost: {error.summary}"
        lost = MxGatewayTransportError(summary, replace(error.facts, method="Write"))
        lost.__cause__ = error
        return lost

    def refusal(self, outcome: WriteComplete) -> MxAccessError:
        """The error for a write whose outcome is a refusal."""
        facts = ErrorFacts(
            method="Write",
            target=self._target,
            session_id=outcome.session_id,
            hresult=outcome.hresult,
            statuses=outcome.statuses,
        )
        return MxAccessError(f"{self.item.tag} was not written, MXAccess refused it", facts)

    def not_accepted(self, result: pb.BulkWriteResult) -> MxGatewayCommandError:
        """The error for a write that was refused at once, alone among those that travelled with it."""
        facts = ErrorFacts(
            method="Write",
            target=self._target,
            session_id=self.session.session_id if self.session is not None else None,
            hresult=result.hresult if result.HasField("hresult") else None,
            statuses=tuple(map(MxStatus.from_message, result.statuses)),
            diagnostic_message=result.error_message,
        )
        if facts.hresult is None and not facts.statuses:
            return MxGatewayCommandError(f"{self.item.tag} was not written, the gateway refused it", facts)
        return MxAccessError(f"{self.item.tag} was not written, MXAccess refused it", facts)
