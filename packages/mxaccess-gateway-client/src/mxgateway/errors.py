"""The errors of the library, and which status raises which error.

    MxGatewayError
    ├── MxGatewayConfigurationError (ValueError)    invalid options, files or arguments
    │   └── MxGatewayArrayLengthError               a written array has another length than the tag
    ├── MxGatewayUsageError (RuntimeError)          closed, busy, or used from another event loop or process
    ├── MxGatewayTransportError                     cannot connect, or the connection was lost
    │   ├── MxGatewayCertificateError               the gateway's certificate is not the trusted one
    │   ├── MxGatewayServerError                    the gateway itself failed; the connection works
    │   └── MxGatewayGalaxyUnavailableError         the gateway has no copy of the Galaxy yet; the connection works
    ├── MxGatewayTimeoutError (TimeoutError)        no reply before the deadline
    │   └── MxGatewayWaitTimeoutError               a tag did not meet a condition in time
    ├── MxGatewayAuthenticationError                the API key is missing or invalid
    ├── MxGatewayAuthorizationError                 the API key lacks a scope
    ├── MxGatewayLimitError                         a limit of the gateway or of this client is exceeded
    ├── MxGatewaySessionError                       the session is unknown, not ready or gone
    │   └── MxGatewayStreamEndedError               the gateway ended a stream that the caller did not close
    ├── MxGatewayWorkerError                        the session's worker is unavailable
    ├── MxGatewayProtocolError                      the reply violates the contract
    │   ├── MxGatewayVersionError                   the gateway speaks an unknown protocol version
    │   └── MxGatewayEventLossError                 the sequence of a stream has a gap: events were lost
    ├── MxGatewayGalaxyChangedError                 the Galaxy was deployed while its objects were read
    └── MxGatewayCommandError                       the gateway refused the request
        ├── MxGatewayNotFoundError                  the request names something unknown, such as a Galaxy object
        └── MxAccessError                           MXAccess refused: hresult, statuses, diagnostic_message

Facts are attributes, and the message is built from them. No error holds the API key or a password.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import grpc

from mxgateway.error_facts import ErrorFacts, message_of, redacted
from mxgateway.protocol import ProtocolStatusCode
from mxgateway.redaction import redact, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.status import MxStatus

__all__ = [
    "GRPC_STATUS_ERRORS",
    "HTTP_STATUS_ERRORS",
    "PROTOCOL_STATUS_ERRORS",
    "SESSIONLESS_GRPC_STATUS_ERRORS",
    "ErrorFacts",
    "MxAccessError",
    "MxGatewayArrayLengthError",
    "MxGatewayAuthenticationError",
    "MxGatewayAuthorizationError",
    "MxGatewayCertificateError",
    "MxGatewayCommandError",
    "MxGatewayConfigurationError",
    "MxGatewayError",
    "MxGatewayEventLossError",
    "MxGatewayGalaxyChangedError",
    "MxGatewayGalaxyUnavailableError",
    "MxGatewayLimitError",
    "MxGatewayNotFoundError",
    "MxGatewayProtocolError",
    "MxGatewayServerError",
    "MxGatewaySessionError",
    "MxGatewayStreamEndedError",
    "MxGatewayTimeoutError",
    "MxGatewayTransportError",
    "MxGatewayUsageError",
    "MxGatewayVersionError",
    "MxGatewayWorkerError",
]


class MxGatewayError(Exception):
    """Base class of all errors of this library. Each fact of ErrorFacts is an attribute of the same name."""

    def __init__(self, summary: str, facts: ErrorFacts | None = None) -> None:
        # Every error is redacted here, whatever raised it.
        summary = redact(shorten(summary))
        super().__init__(summary)
        self.summary: str = summary
        self.facts: ErrorFacts = redacted(facts or ErrorFacts())

    @property
    def method(self) -> str | None:
        """MXAccess method or gateway rpc."""
        return self.facts.method

    @property
    def target(self) -> str | None:
        """Endpoint of the gateway, `host:port`."""
        return self.facts.target

    @property
    def session_id(self) -> str | None:
        """Session that the call belongs to."""
        return self.facts.session_id

    @property
    def correlation_id(self) -> str | None:
        """`client_correlation_id` of the call. The gateway logs it too."""
        return self.facts.correlation_id

    @property
    def timeout(self) -> float | None:
        """Timeout of the call in seconds."""
        return self.facts.timeout

    @property
    def grpc_status(self) -> grpc.StatusCode | None:
        """GRPC status code of a call that failed as a whole."""
        return self.facts.grpc_status

    @property
    def sent_by_gateway(self) -> bool:
        """Whether `grpc_status` was received from the gateway, so that the connection works."""
        return self.facts.sent_by_gateway

    @property
    def http_status(self) -> int | None:
        """HTTP status of a reply that does not come from a gateway, but for example from a proxy."""
        return self.facts.http_status

    @property
    def trusted_fingerprints(self) -> tuple[str, ...]:
        """SHA-256 fingerprints of the pinned or remembered certificates, 64 hex digits each."""
        return self.facts.trusted_fingerprints

    @property
    def shown_fingerprint(self) -> str | None:
        """SHA-256 fingerprint of the certificate that the gateway showed instead, 64 hex digits."""
        return self.facts.shown_fingerprint

    @property
    def endpoint_errors(self) -> tuple[MxGatewayError, ...]:
        """Error of each gateway, if none of several could be used."""
        return tuple(error for error in self.facts.endpoint_errors if isinstance(error, MxGatewayError))

    @property
    def protocol_status(self) -> ProtocolStatusCode | None:
        """Status that the gateway set in a normal reply."""
        return self.facts.protocol_status

    @property
    def details(self) -> str | None:
        """Text that came with `grpc_status` or `protocol_status`, redacted: all lines, up to 16,384 characters."""
        return self.facts.details

    @property
    def hresult(self) -> int | None:
        """COM result of an MXAccess refusal, as a signed 32-bit number."""
        return self.facts.hresult

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """MxStatus entries of the reply: the first 1000, or the first 100 if the reply exceeds 64 KiB."""
        return self.facts.statuses

    @property
    def diagnostic_message(self) -> str | None:
        """Message of the worker, redacted."""
        return self.facts.diagnostic_message

    @property
    def hint(self) -> str | None:
        """What to check or to change."""
        return self.facts.hint

    @property
    def array_length(self) -> int | None:
        """Number of elements of the array in the plant."""
        return self.facts.array_length

    @property
    def value_length(self) -> int | None:
        """Number of elements of the value that was to be written to the array."""
        return self.facts.value_length

    @property
    def reply(self) -> pb.MxCommandReply | None:
        """Reply message, its texts redacted. A reply that exceeds 64 KiB has lost its payload."""
        return self.facts.reply

    def with_hint(self, hint: str) -> Self:
        """Return the same error with a hint."""
        return type(self)(self.summary, replace(self.facts, hint=hint))

    def __str__(self) -> str:
        return message_of(self.summary, self.facts)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[type[MxGatewayError], tuple[Any, ...]]:
        return type(self), (self.summary, self.facts)


class MxGatewayConfigurationError(MxGatewayError, ValueError):
    """An option, certificate file or argument is invalid. Raised before anything is sent."""


class MxGatewayArrayLengthError(MxGatewayConfigurationError):
    """A written array has another length than the array in the plant, or the length of that array is unknown.

    Nothing was sent: on a real plant, such a write can block the worker of the session until it is killed. Both lengths
    are attributes, `array_length` and `value_length`; `array_length` is None if it is unknown.
    """


class MxGatewayUsageError(MxGatewayError, RuntimeError):
    """The client, session or stream cannot be used: it is closed, busy, or belongs to another event loop or process."""


class MxGatewayTransportError(MxGatewayError):
    """The client cannot connect to the gateway, or the connection was lost.

    If `sent_by_gateway` is True, the connection works, and the gateway itself sent the status: see the subclasses. If
    it is none of them, the gateway or the session's worker is UNAVAILABLE at present, or has CANCELLED the call.
    """


class MxGatewayCertificateError(MxGatewayTransportError):
    """The gateway's certificate differs from the pinned or remembered one, or none has been trusted yet."""


class MxGatewayServerError(MxGatewayTransportError):
    """The gateway itself failed, and sent UNKNOWN, INTERNAL or DATA_LOSS. The connection works.

    `details` has what the gateway sent, for example a stack trace; its log has more. What the gateway has done before
    it failed is unknown.
    """


class MxGatewayGalaxyUnavailableError(MxGatewayTransportError):
    """The gateway has no copy of the Galaxy yet: its cache was never filled. The connection works.

    The gateway fills its cache when it reaches the Galaxy's database. Try again later, or call
    `Galaxy.wait_until_loaded`. A gateway that cannot be reached raises MxGatewayTransportError itself.
    """


class MxGatewayTimeoutError(MxGatewayError, TimeoutError):
    """No reply arrived before the deadline.

    A deadline stops the waiting, not the worker: the command may still take effect. Call `get_state` or close the
    session before using its handles again.
    """


class MxGatewayAuthenticationError(MxGatewayError):
    """The API key is missing, unknown or revoked."""


class MxGatewayAuthorizationError(MxGatewayError):
    """The API key lacks the scope that the call needs."""


class MxGatewayLimitError(MxGatewayError):
    """A limit is exceeded: number of sessions, pending commands or queued events, or size of a message."""


class MxGatewaySessionError(MxGatewayError):
    """The session is unknown, not ready, faulted or gone."""

    @property
    def gone(self) -> bool:
        """Whether the session is unknown to the gateway, for example because it has ended."""
        unknown = ProtocolStatusCode.SESSION_NOT_FOUND
        return self.grpc_status is grpc.StatusCode.NOT_FOUND or self.protocol_status == unknown


class MxGatewayStreamEndedError(MxGatewaySessionError):
    """The gateway ended a stream that the caller did not close. The stream delivers nothing more."""


class MxGatewayWorkerError(MxGatewayError):
    """The session's worker process is unavailable."""


class MxGatewayProtocolError(MxGatewayError):
    """The reply violates the contract. It may come from something other than a gateway."""


class MxGatewayVersionError(MxGatewayProtocolError):
    """The gateway speaks a protocol version that is unknown to this client."""


class MxGatewayEventLossError(MxGatewayProtocolError):
    """The sequence of a stream has a gap or runs backwards: events were lost, and known values may be outdated."""


class MxGatewayGalaxyChangedError(MxGatewayError):
    """The Galaxy was deployed while its objects were read: they are from two states and must be read again."""


class MxGatewayCommandError(MxGatewayError):
    """The gateway refused the request as invalid."""


class MxGatewayNotFoundError(MxGatewayCommandError):
    """The request names something unknown, such as a Galaxy object. An unknown session raises MxGatewaySessionError."""


class MxAccessError(MxGatewayCommandError):
    """MXAccess refused the command: see `hresult`, `statuses` and `diagnostic_message`."""


GRPC_STATUS_ERRORS: Mapping[grpc.StatusCode, type[MxGatewayError]] = MappingProxyType(
    {
        # OK without a reply violates the contract.
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

# Errors of calls without a session must not mention a session.
SESSIONLESS_GRPC_STATUS_ERRORS: Mapping[grpc.StatusCode, type[MxGatewayError]] = MappingProxyType(
    {
        **GRPC_STATUS_ERRORS,
        grpc.StatusCode.NOT_FOUND: MxGatewayNotFoundError,
        grpc.StatusCode.FAILED_PRECONDITION: MxGatewayCommandError,
        grpc.StatusCode.ABORTED: MxGatewayCommandError,
    }
)

# A gateway never replies with an HTTP status. A status that is missing here raises MxGatewayTransportError.
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
        # OK is an error only if the rest of the reply reports a failure.
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
