"""What a call that failed, and a reply that refuses, is for the caller: its error, with what is known about it."""

from __future__ import annotations

import re
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import grpc

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
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayWorkerError,
)
from mxgateway.protocol import ProtocolStatusCode
from mxgateway.redaction import redact_message, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.errors import ErrorFacts, MxGatewayError

__all__ = ["TOO_LARGE", "UNREADABLE", "error_from_grpc", "error_from_reply", "error_from_status"]

UNREADABLE: Final = "Exception deserializing response!"
"""What grpcio says of a message in a stream that protobuf can't read; grpc.aio gives None instead."""

# MXAccess gives one for each thing that it was asked. Of a reply that is larger than any of its own only what explains
# it is kept: to look for secrets in megabytes would hold up the event loop.
_MOST_STATUSES_KEPT = 1000
_MOST_STATUSES_KEPT_OF_MANY = 100
_LARGEST_REPLY = 64 * 1024

# What grpcio says of a message over our limit, what it says of one over the server's, and what ASP.NET Core says.
TOO_LARGE: Final = re.compile(r"message (?:larger than max|exceeds the maximum)", re.IGNORECASE)

# What gRPC says of an answer that has an HTTP status and no gRPC status, in every version.
_HTTP_STATUS = re.compile(r"Received http2 header with status: (\d{3})")

# What it says of an answer that ends without a gRPC status; now and then of a stream that had an HTTP status, too.
_NO_STATUS = "Stream removed"
_NO_STATUS_HINT = "what answered speaks no gRPC: see that the endpoint is the gateway's, and what a proxy does with it"

_NOT_TRUSTED_HINT = "the gateway shows a certificate that isn't trusted, perhaps a new one: connecting anew tells more"

_SUMMARIES: Mapping[type[MxGatewayError], str] = MappingProxyType(
    {
        MxGatewayTransportError: "the connection to the gateway failed",
        MxGatewayTimeoutError: "no answer came in time",
        MxGatewayAuthenticationError: "the gateway doesn't accept the API key",
        MxGatewayAuthorizationError: "the API key lacks the scope for this",
        MxGatewayLimitError: "a limit is reached",
        MxGatewaySessionError: "the session can't be used",
        MxGatewayWorkerError: "the session's worker is away",
        MxGatewayProtocolError: "the answer doesn't follow the contract",
        MxGatewayCommandError: "the gateway refused the request",
        MxGatewayNotFoundError: "the gateway doesn't know what the request names",
        MxAccessError: "MXAccess refused",
    }
)

_HINTS: Mapping[type[MxGatewayError], str] = MappingProxyType(
    {
        MxGatewayAuthenticationError: "check that the API key is complete, and that the gateway knows it",
        MxGatewayAuthorizationError: "use a key with this scope, or add the scope to the key on the gateway",
    }
)

_HTTP_HINTS: Mapping[int, str] = MappingProxyType(
    {
        **dict.fromkeys(range(300, 500), "see that the endpoint is the gateway's, and what a proxy does with it"),
        400: "the proxy refuses the request as it comes: it may want a client certificate (client_certificate_file)",
        401: "the proxy before the gateway wants to know who asks, beside the gateway's own API key",
        403: "the proxy before the gateway doesn't let this client through",
        413: "a message is larger than the proxy lets through (nginx: client_max_body_size)",
        429: "the proxy lets fewer requests through: make fewer, or let it take more",
        431: "the API key is longer than the proxy lets through (nginx: large_client_header_buffers)",
        502: "the proxy doesn't reach the gateway: see that the gateway runs, and where the proxy looks for it",
        504: "the gateway was silent for longer than the proxy waits (nginx: grpc_read_timeout)",
    }
)


def error_from_grpc(status: grpc.StatusCode, details: str | None, facts: ErrorFacts) -> MxGatewayError:
    """Give the error for a call that ended with a gRPC status; a call whose facts have no session_id has no session."""
    text = shorten(details or "")
    answer = _HTTP_STATUS.match(text)
    if answer is not None:
        return _error_from_http(int(answer[1]), replace(facts, grpc_status=status, details=text))
    if status is grpc.StatusCode.UNKNOWN and text.startswith(_NO_STATUS):
        facts = replace(facts, hint=_NO_STATUS_HINT)
    if status is grpc.StatusCode.UNAVAILABLE and "CERTIFICATE_VERIFY_FAILED" in text:
        facts = replace(facts, hint=_NOT_TRUSTED_HINT)
    kinds = SESSIONLESS_GRPC_STATUS_ERRORS if facts.session_id is None else GRPC_STATUS_ERRORS
    kind = MxGatewayProtocolError if text == UNREADABLE else kinds.get(status, MxGatewayTransportError)
    if kind is MxGatewayLimitError and TOO_LARGE.search(text):
        facts = replace(facts, hint="raise max_message_bytes here and at the gateway, or ask for less at once")
    return kind(_SUMMARIES[kind], replace(facts, grpc_status=status, details=text, hint=facts.hint or _HINTS.get(kind)))


def _error_from_http(status: int, facts: ErrorFacts) -> MxGatewayError:
    kind = HTTP_STATUS_ERRORS.get(status, MxGatewayTransportError)
    hint = _HTTP_HINTS.get(status) or "see what a proxy before the gateway says of it"
    return kind(
        f"HTTP status {status} came instead of a gateway's answer",
        replace(facts, http_status=status, hint=hint),
    )


def error_from_status(status: pb.ProtocolStatus, facts: ErrorFacts) -> MxGatewayError:
    """Give the error for a reply that has nothing but a protocol status, which isn't OK."""
    code = ProtocolStatusCode(status.code)
    kind = PROTOCOL_STATUS_ERRORS.get(code, MxGatewayCommandError)
    return kind(_SUMMARIES[kind], replace(facts, protocol_status=code, details=shorten(status.message)))


def error_from_reply(reply: pb.MxCommandReply, facts: ErrorFacts) -> MxGatewayError:
    """Give the error for a reply that isn't OK, or that claims OK with a failed result; its texts get redacted."""
    from mxgateway.status import MxStatus  # noqa: PLC0415 - before MXAccess has answered anything, nobody needs it

    _keep_what_explains(reply)
    code = ProtocolStatusCode(reply.protocol_status.code)
    kind = MxAccessError if code == ProtocolStatusCode.OK else PROTOCOL_STATUS_ERRORS.get(code, MxGatewayCommandError)
    error = kind(
        _SUMMARIES[kind],
        replace(
            facts,
            protocol_status=code,
            details=shorten(reply.protocol_status.message),
            hresult=reply.hresult if reply.HasField("hresult") else None,
            statuses=tuple(MxStatus.from_message(status) for status in reply.statuses),
            diagnostic_message=shorten(reply.diagnostic_message),
            reply=reply,
        ),
    )
    redact_message(reply)
    return error


def _keep_what_explains(reply: pb.MxCommandReply) -> None:
    # First of all: protobuf's pure-Python backend keeps the size that it has once counted, unknown fields included.
    reply.DiscardUnknownFields()
    del reply.statuses[_MOST_STATUSES_KEPT:]
    if reply.ByteSize() <= _LARGEST_REPLY:
        return
    reply.ClearField("return_value")
    payload = reply.WhichOneof("payload")
    if payload is not None:
        reply.ClearField(payload)
    del reply.statuses[_MOST_STATUSES_KEPT_OF_MANY:]
    reply.diagnostic_message = shorten(reply.diagnostic_message)
    reply.protocol_status.message = shorten(reply.protocol_status.message)
    for status in reply.statuses:
        status.diagnostic_text = shorten(status.diagnostic_text)
