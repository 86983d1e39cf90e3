"""The outcome of a write: accepted, confirmed, refused, not sent or unknown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Final

from mxgateway._support.security import refused_for_security
from mxgateway.errors import (
    ErrorFacts,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.status import MxStatus
from mxgateway.tags.batching import own_copy

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.events.views import WriteComplete

__all__ = [
    "WriteOutcome",
    "WriteState",
    "explain_refusal",
    "not_accepted",
    "outcome_lost",
    "own_error",
    "refused",
    "timed_out",
]

_PLAIN_ADVISE_HINT: Final = (
    "under a plain advise MXAccess may refuse this for security: use client.tags(..., supervisory=True), "
    "or Session.write_secured if the attribute accepts only secured writes"
)
_SUPERVISORY_ADVISE_HINT: Final = (
    "check what the user may write, and use Session.write_secured if the attribute accepts only secured writes"
)


class WriteState(Enum):
    """What is known of a write when it has ended."""

    CONFIRMED = "confirmed"
    """MXAccess has confirmed the write."""

    ACCEPTED = "accepted"
    """MXAccess has accepted the write; its confirmation was not waited for."""

    REFUSED = "refused"
    """MXAccess or the gateway has refused the write: the tag was not written."""

    NOT_SENT = "not-sent"
    """The write was never sent: the tag was not written."""

    UNKNOWN = "unknown"
    """The write was sent and its outcome is missing: the tag may have been written. The write is never repeated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteOutcome:
    """The outcome of one write of `TagClient.write_many`.

    Attributes:
        tag: The tag as the caller named it.
        state: What is known of the write.
        error: Why it was refused or not sent, or why its outcome is unknown; None if it was accepted or confirmed. The
            error is the one that `TagClient.write` would have raised.
    """

    tag: str
    state: WriteState
    error: MxGatewayError | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the write was accepted or confirmed."""
        return self.error is None

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """The statuses with which MXAccess refused the write."""
        return self.error.statuses if self.error is not None else ()


def timed_out(tag: str, *, sent: bool, seconds: float, target: str) -> MxGatewayTimeoutError:
    """Return the error for a write that has taken longer than its timeout."""
    if sent:
        summary = f"{tag} may have been written: no outcome arrived within {seconds:g} s"
    else:
        summary = f"{tag} was not written: it could not be sent within {seconds:g} s"
    return MxGatewayTimeoutError(summary, ErrorFacts(method="Write", target=target, timeout=seconds))


def outcome_lost(tag: str, error: MxGatewayError) -> MxGatewayTransportError:
    """Return the error for a write that was in progress when the connection or the session was lost."""
    summary = f"{tag} may have been written, its outcome is lost: {error.summary}"
    lost = MxGatewayTransportError(summary, replace(error.facts, method="Write"))
    lost.__cause__ = error
    return lost


def refused(tag: str, completion: WriteComplete, *, target: str) -> MxAccessError:
    """Return the error for a write whose WriteComplete event is a refusal."""
    facts = ErrorFacts(
        method="Write",
        target=target,
        session_id=completion.session_id,
        hresult=completion.hresult,
        statuses=completion.statuses,
    )
    return MxAccessError(f"{tag} was not written, MXAccess refused it", facts)


def not_accepted(
    tag: str, result: pb.BulkWriteResult, *, target: str, session_id: str | None
) -> MxGatewayCommandError | None:
    """Return the error for a refused entry of a bulk write, or None if the entry was accepted.

    A result that contradicts itself counts as a refusal: a refusal must never pass for a success.
    """
    statuses = tuple(map(MxStatus.from_message, result.statuses))
    if result.was_successful and result.hresult >= 0 and not any(status.failed for status in statuses):
        return None
    facts = ErrorFacts(
        method="Write",
        target=target,
        session_id=session_id,
        hresult=result.hresult if result.HasField("hresult") else None,
        statuses=statuses,
        diagnostic_message=result.error_message,
    )
    if facts.hresult is None and not facts.statuses:
        return MxGatewayCommandError(f"{tag} was not written, the gateway refused it", facts)
    return MxAccessError(f"{tag} was not written, MXAccess refused it", facts)


def explain_refusal(error: MxAccessError, *, supervisory: bool) -> MxAccessError:
    """Return a refusal for security with a hint on what may allow the write, and any other refusal unchanged."""
    if not refused_for_security(error):
        return error
    return error.with_hint(_SUPERVISORY_ADVISE_HINT if supervisory else _PLAIN_ADVISE_HINT)


def own_error(error: MxGatewayError, writes: int) -> MxGatewayError:
    """Return the error of a call that carried this many writes as one of them would have had it alone."""
    if writes == 1:
        return error
    own = own_copy(error)
    own.facts = replace(own.facts, method=own.method and own.method.removesuffix("Bulk"))
    return own
