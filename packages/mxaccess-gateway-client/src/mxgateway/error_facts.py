"""ErrorFacts: what is known about a failure, and the one-line message made from it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from mxgateway.redaction import redact, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.protocol import ProtocolStatusCode
    from mxgateway.status import MxStatus

__all__ = ["ErrorFacts", "message_of", "redacted"]

_MAX_STATUSES_IN_MESSAGE = 10
# Details of several lines, such as a stack trace, are shown completely only up to this length.
_MAX_JOINED_CHARACTERS = 300
# The attribute `details` has room for a whole stack trace; a message shows only its first line.
_MAX_DETAILS_CHARACTERS = 16 * 1024
# With these statuses the gateway reports a failure of its own, whose details may be a stack trace.
_FAILURES = frozenset({"UNKNOWN", "INTERNAL", "ABORTED", "DATA_LOSS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFacts:
    """Facts about a failure; a fact that does not apply is None or empty.

    Attributes:
        method: MXAccess method or gateway rpc.
        target: endpoint of the gateway, `host:port`.
        session_id: session that the call belongs to.
        correlation_id: `client_correlation_id` of the call. The gateway logs it too.
        timeout: timeout of the call in seconds.
        grpc_status: gRPC status code of a call that failed as a whole.
        sent_by_gateway: whether `grpc_status` was received from the gateway. False if gRPC set it on this side, for
            example because the connection was lost, and if there is no `grpc_status`.
        http_status: HTTP status of a reply that does not come from a gateway, but for example from a proxy.
        trusted_fingerprints: SHA-256 fingerprints of the pinned or remembered certificates, 64 hex digits each.
        shown_fingerprint: SHA-256 fingerprint of the certificate that the gateway showed instead, 64 hex digits.
        endpoint_errors: MxGatewayError of each gateway, if none of several could be used.
        protocol_status: status that the gateway set in a normal reply.
        details: text that came with `grpc_status` or `protocol_status`, redacted: all lines, up to 16,384 characters.
            The message of the error shows only the first line of a stack trace or another long text.
        hresult: COM result of an MXAccess refusal, as a signed 32-bit number.
        statuses: MxStatus entries of the reply: the first 1000, or the first 100 if the reply exceeds 64 KiB.
        diagnostic_message: message of the worker, redacted.
        hint: what to check or to change.
        array_length: number of elements of the array in the plant.
        value_length: number of elements of the value that was to be written to it.
        reply: reply message, its texts redacted. A reply that exceeds 64 KiB has lost its payload.
    """

    method: str | None = None
    target: str | None = None
    session_id: str | None = None
    correlation_id: str | None = None
    timeout: float | None = None
    grpc_status: grpc.StatusCode | None = None
    sent_by_gateway: bool = False
    http_status: int | None = None
    trusted_fingerprints: tuple[str, ...] = ()
    shown_fingerprint: str | None = None
    endpoint_errors: tuple[Exception, ...] = ()
    protocol_status: ProtocolStatusCode | None = None
    details: str | None = None
    hresult: int | None = None
    statuses: tuple[MxStatus, ...] = ()
    diagnostic_message: str | None = None
    hint: str | None = None
    array_length: int | None = None
    value_length: int | None = None
    reply: pb.MxCommandReply | None = field(default=None, repr=False)


def redacted(facts: ErrorFacts) -> ErrorFacts:
    """Return the facts with all texts redacted, and shortened if they are long."""
    texts: dict[str, Any] = {name: redact(_shortened(name, text)) for name, text in _texts(facts)}
    statuses = tuple(replace(status, diagnostic_text=redact(status.diagnostic_text)) for status in facts.statuses)
    return replace(facts, statuses=statuses, **texts)


def message_of(summary: str, facts: ErrorFacts) -> str:
    """Return the message of an error: a summary, the facts that matter to a person, and the hint, in one line."""
    where = " ".join(part for part in (facts.method, f"on {facts.target}" if facts.target else None) if part)
    parts = [shorten(f"{where}: {summary}" if where else summary)]
    if facts.timeout is not None and facts.grpc_status is not None and facts.grpc_status.name == "DEADLINE_EXCEEDED":
        parts[0] += f" ({facts.timeout:g} s)"
    is_failure = facts.sent_by_gateway and facts.grpc_status is not None and facts.grpc_status.name in _FAILURES
    max_joined = 0 if is_failure else _MAX_JOINED_CHARACTERS
    texts = [_one_line(text, max_joined) for text in (facts.diagnostic_message, facts.details) if text]
    # The gateway often repeats one text in both fields.
    parts += texts[:1] if len(set(texts)) == 1 else texts
    if facts.hresult is not None and facts.hresult != 0:
        parts.append(f"hresult 0x{facts.hresult & 0xFFFFFFFF:08X}")
    failed = [status for status in facts.statuses if status.failed]
    parts += [shorten(str(status)) for status in failed[:_MAX_STATUSES_IN_MESSAGE]]
    if len(failed) > _MAX_STATUSES_IN_MESSAGE:
        parts.append(f"and {len(failed) - _MAX_STATUSES_IN_MESSAGE} more")
    if facts.session_id:
        parts.append(shorten(facts.session_id))
    text = " | ".join(" ".join(part.split()) for part in parts if part)
    return f"{text} -> {facts.hint}" if facts.hint else text


def _shortened(name: str, text: str) -> str:
    is_long = name == "details" and "\n" in text
    return shorten(text, _MAX_DETAILS_CHARACTERS) if is_long else shorten(text)


def _one_line(text: str, max_joined: int) -> str:
    """Return a text of several lines as one line, or only its first line if that would exceed `max_joined`."""
    lines = [line for line in (" ".join(each.split()) for each in text.splitlines()) if line]
    joined = " ".join(lines)
    return shorten(f"{lines[0]} ..." if len(lines) > 1 and len(joined) > max_joined else joined)


def _texts(facts: ErrorFacts) -> Iterator[tuple[str, str]]:
    for fact in fields(facts):
        value = getattr(facts, fact.name)
        if isinstance(value, str):
            yield fact.name, value
