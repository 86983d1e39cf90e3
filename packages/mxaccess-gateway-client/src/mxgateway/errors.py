"""Everything that can go wrong, and the one place that says which class stands for what.

    MxGatewayError
    ├── MxGatewayConfigurationError (ValueError)    options, files or values that can't work
    ├── MxGatewayUsageError (RuntimeError)          closed, busy, or used from another loop or process
    ├── MxGatewayTransportError                     no connection, or it broke
    ├── MxGatewayTimeoutError (TimeoutError)        no answer within the time
    ├── MxGatewayAuthenticationError                the key is missing or wrong
    ├── MxGatewayAuthorizationError                 the key lacks a scope
    ├── MxGatewayLimitError                         a limit of the gateway or of this client is reached
    ├── MxGatewaySessionError                       the session is unknown, not ready or gone
    │   └── MxGatewayStreamEndedError               the gateway ended an event stream nobody closed
    ├── MxGatewayWorkerError                        the session's worker is away
    ├── MxGatewayProtocolError                      the gateway answers what the contract doesn't allow
    │   ├── MxGatewayVersionError                   it speaks a protocol version this client doesn't know
    │   └── MxGatewayEventLossError                 the numbers of a stream have a hole: events were lost
    ├── MxGatewayGalaxyChangedError                 the Galaxy was deployed while its objects were read
    └── MxGatewayCommandError                       the gateway refuses the request
        ├── MxGatewayNotFoundError                  what the request names isn't there, such as an object of the Galaxy
        └── MxAccessError                           MXAccess refuses it: hresult, statuses, diagnostic_message

Facts are attributes; the message is made from them. No error holds the API key or a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import grpc

from mxgateway.protocol import ProtocolStatusCode
from mxgateway.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.status import MxStatus

__all__ = [
    "GRPC_STATUS_ERRORS",
    "HTTP_STATUS_ERRORS",
    "PROTOCOL_STATUS_ERRORS",
    "SESSIONLESS_GRPC_STATUS_ERRORS",
    "ErrorFacts",
    "MxAccessError",
    "MxGatewayAuthenticationError",
    "MxGatewayAuthorizationError",
    "MxGatewayCertificateError",
    "MxGatewayCommandError",
    "MxGatewayConfigurationError",
    "MxGatewayError",
    "MxGatewayEventLossError",
    "MxGatewayGalaxyChangedError",
    "MxGatewayLimitError",
    "MxGatewayNotFoundError",
    "MxGatewayProtocolError",
    "MxGatewaySessionError",
    "MxGatewayStreamEndedError",
    "MxGatewayTimeoutError",
    "MxGatewayTransportError",
    "MxGatewayUsageError",
    "MxGatewayVersionError",
    "MxGatewayWorkerError",
    "shortened",
]

# Long status texts come from the other side: enough to understand, not enough to flood a log.
_LONGEST_TEXT = 2000
_MOST_STATUSES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """What is known about a failure.

    Attributes:
        method: the MXAccess method or gateway rpc.
        target: the endpoint.
        session_id: the session, if there is one.
        correlation_id: the `client_correlation_id` of the call; the gateway's log has it too.
        timeout: seconds that the call had.
        grpc_status: the gRPC status code of a call that failed as a whole.
        http_status: the HTTP status of an answer that came from no gateway, but from a proxy before it for example.
        trusted_fingerprints: SHA-256 of the gateway's certificate as it is pinned or remembered, 64 hex digits each.
        shown_fingerprint: SHA-256 of the certificate that the gateway showed instead, 64 hex digits.
        protocol_status: the gateway's own verdict in a normal reply.
        details: the text that came with either, redacted.
        hresult: the COM result of an MXAccess refusal, as a signed 32 bit number.
        statuses: every MxStatus of the reply, up to the first 1000, or 100 of a reply of more than 64 KiB.
        diagnostic_message: what the worker says about it, redacted.
        hint: what to look at or to change.
        reply: the reply itself, where there was one, its texts redacted; of more than 64 KiB without its payload.
    """

    method: str | None = None
    target: str | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    timeout: float | None = None
    grpc_status: grpc.StatusCode | None = None
    http_status: int | None = None
    trusted_fingerprints: tuple[str, ...] = ()
    shown_fingerprint: str | None = None
    protocol_status: ProtocolStatusCode | None = None
    details: str | None = None
    hresult: int | None = None
    statuses: tuple[MxStatus, ...] = ()
    diagnostic_message: str | None = None
    hint: str | None = None
    reply: pb.MxCommandReply | None = field(default=None, repr=False)


class MxGatewayError(Exception):
    """The base of all errors of this library; each fact of ErrorFacts is an attribute of the same name."""

    def __init__(self, summary: str, facts: ErrorFacts | None = None) -> None:
        # Here, and therefore for every error wherever it comes from.
        summary = redact(shortened(summary))
        super().__init__(summary)
        self.summary: str = summary
        self.facts: ErrorFacts = _redacted(facts or ErrorFacts())

    @property
    def method(self) -> str | None:
        """The MXAccess method or gateway rpc."""
        return self.facts.method

    @property
    def target(self) -> str | None:
        """The endpoint."""
        return self.facts.target

    @property
    def session_id(self) -> str | None:
        """The session, if there is one."""
        return self.facts.session_id

    @property
    def correlation_id(self) -> str | None:
        """The `client_correlation_id` of the call."""
        return self.facts.correlation_id

    @property
    def timeout(self) -> float | None:
        """Seconds that the call had."""
        return self.facts.timeout

    @property
    def grpc_status(self) -> grpc.StatusCode | None:
        """The gRPC status code of a call that failed as a whole."""
        return self.facts.grpc_status

    @property
    def http_status(self) -> int | None:
        """The HTTP status of an answer that came from no gateway, but from a proxy before it for example."""
        return self.facts.http_status

    @property
    def trusted_fingerprints(self) -> tuple[str, ...]:
        """SHA-256 of the gateway's certificate as it is pinned or remembered, 64 hex digits each."""
        return self.facts.trusted_fingerprints

    @property
    def shown_fingerprint(self) -> str | None:
        """SHA-256 of the certificate that the gateway showed instead, 64 hex digits."""
        return self.facts.shown_fingerprint

    @property
    def protocol_status(self) -> ProtocolStatusCode | None:
        """The gateway's own verdict in a normal reply."""
        return self.facts.protocol_status

    @property
    def details(self) -> str | None:
        """The text that came with either status, redacted."""
        return self.facts.details

    @property
    def hresult(self) -> int | None:
        """The COM result of an MXAccess refusal, as a signed 32 bit number."""
        return self.facts.hresult

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every MxStatus of the reply, up to the first 1000, or 100 of a reply of more than 64 KiB."""
        return self.facts.statuses

    @property
    def diagnostic_message(self) -> str | None:
        """What the worker says about it, redacted."""
        return self.facts.diagnostic_message

    @property
    def hint(self) -> str | None:
        """What to look at or to change."""
        return self.facts.hint

    @property
    def reply(self) -> pb.MxCommandReply | None:
        """The reply itself, where there was one."""
        return self.facts.reply

    def with_hint(self, hint: str) -> Self:
        """Give the same error with a hint."""
        return type(self)(self.summary, replace(self.facts, hint=hint))

    def __str__(self) -> str:
        return _message(self.summary, self.facts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[MxGatewayError], tuple[str, ErrorFacts]]:
        return type(self), (self.summary, self.facts)


class MxGatewayConfigurationError(MxGatewayError, ValueError):
    """Options, certificate files or values that can't work, found before anything is sent."""


class MxGatewayUsageError(MxGatewayError, RuntimeError):
    """The client, session or stream can't be used like this: closed, busy, or from another event loop or process."""


class MxGatewayTransportError(MxGatewayError):
    """There is no connection to the gateway, or it broke."""


class MxGatewayCertificateError(MxGatewayTransportError):
    """The gateway shows another certificate than the one pinned or remembered, or one that nobody has trusted yet."""


class MxGatewayTimeoutError(MxGatewayError, TimeoutError):
    """No answer came within the time.

    A deadline stops the waiting, not the worker: what was asked for may still happen. Ask `get_state` or close the
    session before its handles are used again.
    """


class MxGatewayAuthenticationError(MxGatewayError):
    """The API key is missing, unknown or revoked."""


class MxGatewayAuthorizationError(MxGatewayError):
    """The API key lacks the scope that this call needs."""


class MxGatewayLimitError(MxGatewayError):
    """A limit is reached: sessions, pending commands, queued events, or the size of a message."""


class MxGatewaySessionError(MxGatewayError):
    """The session is unknown, not ready, faulted or gone."""

    @property
    def gone(self) -> bool:
        """Whether the gateway does not know the session, or no longer knows it."""
        unknown = ProtocolStatusCode.SESSION_NOT_FOUND
        return self.grpc_status is grpc.StatusCode.NOT_FOUND or self.protocol_status == unknown


class MxGatewayStreamEndedError(MxGatewaySessionError):
    """The gateway ended an event stream that nobody here closed: events from now on are lost to it."""


class MxGatewayWorkerError(MxGatewayError):
    """The session's worker process is away."""


class MxGatewayProtocolError(MxGatewayError):
    """The gateway, or something else at its address, answered what the contract doesn't allow."""


class MxGatewayVersionError(MxGatewayProtocolError):
    """The gateway speaks a protocol version that this client doesn't know."""


class MxGatewayEventLossError(MxGatewayProtocolError):
    """The numbers of a stream have a hole or run backwards: events were lost, what was believed may be wrong."""


class MxGatewayGalaxyChangedError(MxGatewayError):
    """The Galaxy was deployed while its objects were read: what came is of two states and must be read again."""


class MxGatewayCommandError(MxGatewayError):
    """The gateway refuses the request as it stands."""


class MxGatewayNotFoundError(MxGatewayCommandError):
    """What the request names isn't there, such as an object of the Galaxy; a session is MxGatewaySessionError's."""


class MxAccessError(MxGatewayCommandError):
    """MXAccess itself refused: see `hresult`, `statuses` and `diagnostic_message`."""


GRPC_STATUS_ERRORS: Mapping[grpc.StatusCode, type[MxGatewayError]] = MappingProxyType(
    {
        # An OK without a reply is no answer of this contract.
        grpc.StatusCode.OK: MxGatewayProtocolError,
        grpc.StatusCode.CANCELLED: MxGatewayTransportError,
        grpc.StatusCode.UNKNOWN: MxGatewayTransportError,
        grpc.StatusCode.INVALID_ARGUMENT: MxGatewayCommandError,
        grpc.StatusCode.DEADLINE_EXCEEDED: MxGatewayTimeoutError,
        grpc.StatusCode.NOT_FOUND: MxGatewaySessionError,
        grpc.StatusCode.ALREADY_EXISTS: MxGatewayCommandError,
        grpc.StatusCode.PERMISSION_DENIED: MxGatewayAuthorizationError,
        grpc.StatusCode.RESOURCE_EXHAUSTED: MxGatewayLimitError,
        grpc.StatusCode.FAILED_PRECONDITION: MxGatewaySessionError,
        grpc.StatusCode.ABORTED: MxGatewaySessionError,
        grpc.StatusCode.OUT_OF_RANGE: MxGatewayCommandError,
        grpc.StatusCode.UNIMPLEMENTED: MxGatewayProtocolError,
        grpc.StatusCode.INTERNAL: MxGatewayTransportError,
        grpc.StatusCode.UNAVAILABLE: MxGatewayTransportError,
        grpc.StatusCode.DATA_LOSS: MxGatewayTransportError,
        grpc.StatusCode.UNAUTHENTICATED: MxGatewayAuthenticationError,
    }
)

# What has no session must not be told of one.
SESSIONLESS_GRPC_STATUS_ERRORS: Mapping[grpc.StatusCode, type[MxGatewayError]] = MappingProxyType(
    {
        **GRPC_STATUS_ERRORS,
        grpc.StatusCode.NOT_FOUND: MxGatewayNotFoundError,
        grpc.StatusCode.FAILED_PRECONDITION: MxGatewayCommandError,
        grpc.StatusCode.ABORTED: MxGatewayCommandError,
    }
)

# What answers with an HTTP status is no gateway; a status that isn't here is that of a server in trouble.
HTTP_STATUS_ERRORS: Mapping[int, type[MxGatewayError]] = MappingProxyType(
    {
        **dict.fromkeys(range(300, 500), MxGatewayProtocolError),
        401: MxGatewayAuthenticationError,
        403: MxGatewayAuthorizationError,
        407: MxGatewayAuthenticationError,
        408: MxGatewayTransportError,
        413: MxGatewayLimitError,
        429: MxGatewayLimitError,
        431: MxGatewayLimitError,
    }
)

PROTOCOL_STATUS_ERRORS: Mapping[ProtocolStatusCode, type[MxGatewayError]] = MappingProxyType(
    {
        ProtocolStatusCode.UNSPECIFIED: MxGatewayProtocolError,
        # An OK becomes an error only when the reply contradicts it.
        ProtocolStatusCode.OK: MxGatewayProtocolError,
        ProtocolStatusCode.INVALID_REQUEST: MxGatewayCommandError,
        ProtocolStatusCode.SESSION_NOT_FOUND: MxGatewaySessionError,
        ProtocolStatusCode.SESSION_NOT_READY: MxGatewaySessionError,
        ProtocolStatusCode.WORKER_UNAVAILABLE: MxGatewayWorkerError,
        ProtocolStatusCode.TIMEOUT: MxGatewayTimeoutError,
        ProtocolStatusCode.CANCELED: MxGatewayCommandError,
        ProtocolStatusCode.PROTOCOL_VIOLATION: MxGatewayProtocolError,
        ProtocolStatusCode.MXACCESS_FAILURE: MxAccessError,
    }
)


def _redacted(facts: ErrorFacts) -> ErrorFacts:
    texts: dict[str, Any] = {name: redact(shortened(text)) for name, text in _texts(facts)}
    statuses = tuple(replace(status, diagnostic_text=redact(status.diagnostic_text)) for status in facts.statuses)
    return replace(facts, statuses=statuses, **texts)


def _texts(facts: ErrorFacts) -> Iterator[tuple[str, str]]:
    for fact in fields(facts):
        value = getattr(facts, fact.name)
        if isinstance(value, str):
            yield fact.name, value


def _message(summary: str, facts: ErrorFacts) -> str:
    where = " ".join(part for part in (facts.method, f"on {facts.target}" if facts.target else None) if part)
    reasons = [shortened(f"{where}: {summary}" if where else summary)]
    if facts.timeout is not None and facts.grpc_status is grpc.StatusCode.DEADLINE_EXCEEDED:
        reasons[0] += f" ({facts.timeout:g} s)"
    said = [text for text in (facts.diagnostic_message, facts.details) if text]
    # The gateway often says the same thing twice.
    reasons += said[:1] if len(set(said)) == 1 else said
    if facts.hresult is not None and facts.hresult != 0:
        reasons.append(f"hresult 0x{facts.hresult & 0xFFFFFFFF:08X}")
    failed = [status for status in facts.statuses if status.failed]
    reasons += [shortened(str(status)) for status in failed[:_MOST_STATUSES]]
    if len(failed) > _MOST_STATUSES:
        reasons.append(f"and {len(failed) - _MOST_STATUSES} more")
    if facts.session_id:
        reasons.append(shortened(facts.session_id))
    text = " | ".join(" ".join(reason.split()) for reason in reasons)
    return f"{text} -> {facts.hint}" if facts.hint else text


def shortened(text: str) -> str:
    """Give a text that came from the other side; a long one is cut, and redacted before that."""
    if len(text) <= _LONGEST_TEXT:
        return text
    # Redacted before it is cut: no cut may leave a piece of a secret that is too short to be found.
    words = f"... ({len(text)} characters)"
    return redact(text[: 2 * _LONGEST_TEXT])[: _LONGEST_TEXT - len(words)] + words
