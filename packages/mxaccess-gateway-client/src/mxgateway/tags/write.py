"""One write to a tag, and what can honestly be said of it when it is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, Protocol

from mxgateway.errors import (
    ErrorFacts,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.status import MxStatus
from mxgateway.tags.requests import Request

if TYPE_CHECKING:
    import asyncio
    from datetime import datetime

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.events.views import WriteComplete
    from mxgateway.session import Session
    from mxgateway.status import MxDataType
    from mxgateway.tags.items import TagItem
    from mxgateway.values import MxValueInput

__all__ = ["TagWrite"]


class Writer(Protocol):
    """Whoever carries writes out."""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where they are waited for."""
        ...

    @property
    def target(self) -> str:
        """The address of the gateway."""
        ...

    def ask(self, write: TagWrite) -> None:
        """Somebody waits for a write from now on."""
        ...

    def due(self, write: TagWrite) -> None:
        """Every earlier write to its tag is over."""
        ...

    def leave(self, write: TagWrite) -> None:
        """Nobody waits for a write any more."""
        ...


class TagWrite(Request[None]):
    """One write to one tag.

    Attributes:
        tag: what is written to.
        value: what is to be written.
        user_id: in whose name, 0 in nobody's.
        timestamp: the time of the value, where it has one.
        data_type: what the value is to be, where that was said.
        confirm: whether the caller waits for the outcome.
        item: the tag, once it has begun.
        entry: what is written, once it has begun; its handle is filled in when it is sent.
        session: where it was sent; None as long as it certainly has not happened.
        over: whether it has come to its end.
    """

    __slots__ = (
        "_writer",
        "confirm",
        "data_type",
        "entry",
        "item",
        "over",
        "session",
        "tag",
        "timestamp",
        "user_id",
        "value",
    )
    __name__ = "TagClient.write"

    item: TagItem
    entry: pb.WriteBulkEntry

    def __init__(
        self,
        writer: Writer,
        tag: str,
        value: MxValueInput,
        *,
        user_id: int,
        timestamp: datetime | None,
        data_type: MxDataType | None,
        confirm: bool,
        seconds: float,
    ) -> None:
        super().__init__(writer.loop, seconds, 1)
        self.tag: Final = tag
        self.value: Final = value
        self.user_id: Final = user_id
        self.timestamp: Final = timestamp
        self.data_type: Final = data_type
        self.confirm: Final = confirm
        self.session: Session | None = None
        self.over: bool = False
        self._writer = writer

    def begin(self) -> None:
        """Ask for it to be written."""
        self._writer.ask(self)

    def leave(self) -> None:
        """Ask for it no longer."""
        self._writer.leave(self)

    def take_turn(self) -> None:
        """Every earlier write to the tag is over."""
        self._writer.due(self)

    def timeout(self) -> MxGatewayTimeoutError:
        """The error for a write that took too long."""
        if self.session is None:
            summary = f"{self.tag} was not written: neither a connection nor its turn came in {self.seconds:g} s"
        else:
            summary = f"{self.tag} may have been written: no outcome came within {self.seconds:g} s"
        return MxGatewayTimeoutError(
            summary, ErrorFacts(method="Write", target=self._writer.target, timeout=self.seconds)
        )

    def lost(self, error: MxGatewayError) -> MxGatewayTransportError:
        """The error for a write that was under way when the connection or the session was lost."""
        summary = f"{self.tag} may have been written, its outcome is lost: {error.summary}"
        lost = MxGatewayTransportError(summary, replace(error.facts, method="Write"))
        lost.__cause__ = error
        return lost

    def refusal(self, outcome: WriteComplete) -> MxAccessError:
        """The error for a write whose outcome is a refusal."""
        facts = ErrorFacts(
            method="Write",
            target=self._writer.target,
            session_id=outcome.session_id,
            hresult=outcome.hresult,
            statuses=outcome.statuses,
        )
        return MxAccessError(f"{self.tag} was not written, MXAccess refused it", facts)

    def not_accepted(self, result: pb.BulkWriteResult) -> MxGatewayCommandError:
        """The error for a write that was refused at once, alone among those that travelled with it."""
        facts = ErrorFacts(
            method="Write",
            target=self._writer.target,
            session_id=self.session.session_id if self.session is not None else None,
            hresult=result.hresult if result.HasField("hresult") else None,
            statuses=tuple(map(MxStatus.from_message, result.statuses)),
            diagnostic_message=result.error_message,
        )
        if facts.hresult is None and not facts.statuses:
            return MxGatewayCommandError(f"{self.tag} was not written, the gateway refused it", facts)
        return MxAccessError(f"{self.tag} was not written, MXAccess refused it", facts)
