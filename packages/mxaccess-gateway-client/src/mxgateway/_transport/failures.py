"""Turn failed calls and refusing replies into errors."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import grpc

from mxgateway._transport.call_status import UNDECODABLE
from mxgateway.errors import (
    GRPC_STATUS_ERRORS,
    HTTP_STATUS_ERRORS,
    PROTOCOL_STATUS_ERRORS,
    SESSIONLESS_GRPC_STATUS_ERRORS,
    MxAccessError,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayLimitError,
    MxGatewayNotFoundError,
    MxGatewayProtocolError,
    MxGatewayServerError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayWorkerError,
)
from mxgateway.protocol import ProtocolStatusCode
from mxgateway.redaction import discard_unknown_fields, redact_message, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.errors import ErrorFacts, MxGatewayError

__all__ = [
    "error_from_grpc",
    "error_from_reply",
    "error_from_status",
    "is_message_too_large",
    "missing_service_error",
]

# MXAccess returns one status per entry of a command. A reply that is larger than any of MXAccess is reduced to what
# explains the failure, because searching megabytes for secrets would block the event loop.
_MAX_STATUSES = 1000
_MAX_STATUSES_OF_LARGE_REPLY = 100
_LARGE_REPLY_BYTES = 64 * 1024

# The patterns are strings: re compiles them when they are first used, so that the import takes no time.

# grpcio's details for a message over the client's limit, for one over a server's limit, and those of ASP.NET Core.
_TOO_LARGE_PATTERN = r"(?i)message (?:larger than max|exceeds the maximum)"

# gRPC's details, in every version, for an answer that has an HTTP status and no gRPC status.
_HTTP_STATUS_PATTERN = r"Received http2 header with status: (\d{3})"

# gRPC's details for an answer that ends without a gRPC status. A stream with an HTTP status sometimes has them too.
_NO_STATUS = "Stream removed"
_CHECK_ENDPOINT = "check that the endpoint is the gateway's, and what a proxy in between does with the call"
_NO_STATUS_HINT = f"the server does not speak gRPC: {_CHECK_ENDPOINT}"

_MISSING_SERVICE_HINT = (
    "only the Galaxy can be browsed at a server without it, such as a Historian Gateway: use the endpoint of an "
    "MXAccess Gateway"
)

_NOT_TRUSTED_HINT = "the gateway's certificate is not trusted, it may be a new one: connect again to find out more"

# The statuses that a gateway sends if it fails itself.
_FAILURES = frozenset(
    {grpc.StatusCode.UNKNOWN, grpc.StatusCode.INTERNAL, grpc.StatusCode.ABORTED, grpc.StatusCode.DATA_LOSS}
)

# Summaries of statuses that a server has sent, where those of the error's class would be about something else.
_SENT_SUMMARIES: Mapping[grpc.StatusCode, str] = MappingProxyType(
    {
        **{status: f"the gateway failed with {status.name}" for status in _FAILURES},
        grpc.StatusCode.CANCELLED: "the gateway cancelled the call (CANCELLED)",
        grpc.StatusCode.UNAVAILABLE: "the gateway cannot serve the call at present (UNAVAILABLE)",
        grpc.StatusCode.UNIMPLEMENTED: "the server does not implement the call (UNIMPLEMENTED)",
    }
)

_SUMMARIES: Mapping[type[MxGatewayError], str] = MappingProxyType(
    {
        MxGatewayTransportError: "the connection to the gateway failed",
        MxGatewayTimeoutError: "the gateway did not answer in time",
        MxGatewayAuthenticationError: "the gateway does not accept the API key",
        MxGatewayAuthorizationError: "the API key lacks the required scope",
        MxGatewayLimitError: "a limit was reached",
        MxGatewaySessionError: "the session cannot be used",
        MxGatewayWorkerError: "the session's worker is not available",
        MxGatewayProtocolError: "the answer violates the gateway's protocol",
        MxGatewayCommandError: "the gateway refused the request",
        MxGatewayNotFoundError: "the gateway does not know the object in the request",
        MxAccessError: "MXAccess refused the request",
    }
)

_HINTS: Mapping[type[MxGatewayError], str] = MappingProxyType(
    {
        MxGatewayAuthenticationError: "check that the API key is complete and that the gateway knows it",
        MxGatewayAuthorizationError: "use a key with this scope, or add the scope to the key on the gateway",
    }
)

_HTTP_HINTS: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys(range(300, 500), _CHECK_ENDPOINT),
        400: "the proxy refuses the request as invalid: it may require a client certificate (client_certificate_file)",
        401: "the proxy in front of the gateway requires authentication of its own, besides the gateway's API key",
        403: "the proxy in front of the gateway does not allow this client",
        413: "a message is larger than the proxy allows (nginx: client_max_body_size)",
        429: "the proxy limits the rate of requests: send fewer, or raise the proxy's limit",
        431: "the API key is longer than the proxy allows (nginx: large_client_header_buffers)",
        502: "the proxy cannot reach the gateway: check that the gateway is running, and its address in the proxy",
        504: "the gateway sent nothing for longer than the proxy waits (nginx: grpc_read_timeout)",
    }
)


def is_message_too_large(error: MxGatewayError) -> bool:
    """Return whether a call failed because a message was larger than this client or the gateway allows."""
    return re.search(_TOO_LARGE_PATTERN, error.details or "") is not None


def error_from_grpc(status: grpc.StatusCode, details: str | None, facts: ErrorFacts) -> MxGatewayError:
    """Return the error for a call that ended with a gRPC status.

    The facts of a call without a session must have no `session_id`. `sent_by_gateway` of the facts says whose failure
    it is: the gateway's, or that of the connection.
    """
    text = details or ""
    facts = replace(facts, grpc_status=status, details=text)
    answer = re.match(_HTTP_STATUS_PATTERN, text)
    if answer is not None:
        return _error_from_http(int(answer[1]), facts)
    kind = _kind_of(status, text, facts)
    hint = facts.hint or _hint_of(status, text, kind, facts)
    summary = _SENT_SUMMARIES.get(status) if facts.sent_by_gateway else None
    return kind(summary or _SUMMARIES[kind], replace(facts, hint=hint))


def missing_service_error(facts: ErrorFacts) -> MxGatewayProtocolError:
    """Return the error for a call of the gateway's own service at a server that does not have this service."""
    facts = replace(facts, hint=_MISSING_SERVICE_HINT)
    return MxGatewayProtocolError("this server has no MxAccessGateway service", facts)


def _kind_of(status: grpc.StatusCode, text: str, facts: ErrorFacts) -> type[MxGatewayError]:
    if text == UNDECODABLE:
        return MxGatewayProtocolError
    kinds = SESSIONLESS_GRPC_STATUS_ERRORS if facts.session_id is None else GRPC_STATUS_ERRORS
    kind = kinds.get(status, MxGatewayTransportError)
    if kind is MxGatewayTransportError and facts.sent_by_gateway and status in _FAILURES:
        return MxGatewayServerError
    return kind


def _hint_of(status: grpc.StatusCode, text: str, kind: type[MxGatewayError], facts: ErrorFacts) -> str | None:
    if facts.sent_by_gateway and status in _FAILURES:
        search = f", search for {facts.correlation_id}" if facts.correlation_id else ""
        return f"the gateway's log has more about this failure{search}"
    if status is grpc.StatusCode.UNKNOWN and text.startswith(_NO_STATUS):
        return _NO_STATUS_HINT
    if status is grpc.StatusCode.UNAVAILABLE and "CERTIFICATE_VERIFY_FAILED" in text:
        return _NOT_TRUSTED_HINT
    if kind is MxGatewayLimitError and re.search(_TOO_LARGE_PATTERN, text):
        return "raise max_message_bytes here and on the gateway, or request less at once"
    return _HINTS.get(kind)


def _error_from_http(status: int, facts: ErrorFacts) -> MxGatewayError:
    kind = HTTP_STATUS_ERRORS.get(status, MxGatewayTransportError)
    hint = _HTTP_HINTS.get(status) or "check the log of the proxy in front of the gateway"
    return kind(
        f"HTTP status {status} instead of an answer from a gateway",
        replace(facts, http_status=status, hint=hint),
    )


def error_from_status(status: pb.ProtocolStatus, facts: ErrorFacts) -> MxGatewayError:
    """Return the error for a reply that has only a protocol status, which is not OK."""
    code = ProtocolStatusCode(status.code)
    kind = PROTOCOL_STATUS_ERRORS.get(code, MxGatewayCommandError)
    return kind(_SUMMARIES[kind], replace(facts, protocol_status=code, details=status.message))


def error_from_reply(reply: pb.MxCommandReply, facts: ErrorFacts) -> MxGatewayError:
    """Return the error for a reply that is not OK, or that is OK with a failed result; redact the reply's texts."""
    from mxgateway.status import MxStatus  # noqa: PLC0415 - not needed before the first refusal

    _drop_payload_of_large_reply(reply)
    code = ProtocolStatusCode(reply.protocol_status.code)
    kind = MxAccessError if code == ProtocolStatusCode.OK else PROTOCOL_STATUS_ERRORS.get(code, MxGatewayCommandError)
    error = kind(
        _SUMMARIES[kind],
        replace(
            facts,
            protocol_status=code,
            details=reply.protocol_status.message,
            hresult=reply.hresult if reply.HasField("hresult") else None,
            statuses=tuple(MxStatus.from_message(status) for status in reply.statuses),
            diagnostic_message=shorten(reply.diagnostic_message),
            reply=reply,
        ),
    )
    redact_message(reply)
    return error


def _drop_payload_of_large_reply(reply: pb.MxCommandReply) -> None:
    del reply.statuses[_MAX_STATUSES:]
    if reply.ByteSize() <= _LARGE_REPLY_BYTES:
        return
    reply.ClearField("return_value")
    payload = reply.WhichOneof("payload")
    if payload is not None:
        reply.ClearField(payload)
    del reply.statuses[_MAX_STATUSES_OF_LARGE_REPLY:]
    reply.diagnostic_message = shorten(reply.diagnostic_message)
    reply.protocol_status.message = shorten(reply.protocol_status.message)
    for status in reply.statuses:
        status.diagnostic_text = shorten(status.diagnostic_text)
    discard_unknown_fields(reply)
