"""CallStatus: how a call ended, and whether the gateway or gRPC on this side set its status.

gRPC does not report this. Statuses from the wire and those that gRPC sets itself arrive in the same way, and
`debug_error_string` differs by version: in some a lost connection is "received from peer", in others a refusal of the
gateway has no peer. So the status and its details decide. The tests compare the details of gRPC itself with every
supported version of grpcio.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

import grpc

__all__ = ["UNDECODABLE", "CallStatus", "status_of"]

UNDECODABLE: Final = "Exception deserializing response!"
"""grpcio's details for a streamed message that protobuf cannot decode; grpc.aio returns None instead."""

# The statuses that gRPC's core and grpcio set on the client's side.
_SET_BY_GRPC: Final = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.PERMISSION_DENIED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNAUTHENTICATED,
    }
)

# How the details of gRPC itself begin. The pattern is a string: re compiles it when it is first used, so that the
# import takes no time.
_DETAILS_OF_GRPC: Final = (
    r"(?i)(?:"
    # The connection. Newer versions put "Stream removed" before the reason.
    r"stream removed|failed to connect to all addresses|empty address list|dns resolution failed|errors resolving"
    r"|(?:recvmsg|sendmsg|wsa\w*) ?:|socket closed|broken pipe|connection (?:reset|refused|aborted|timed out)"
    r"|endpoint (?:closing|closed|read failed|write failed)|transport closed|client transport closed|goaway received"
    r"|ping timeout|keepalive watchdog timeout|too_many_pings|cancelling all calls|stream ids exhausted"
    # The answer.
    r"|no status received|received http2 header|received rst_stream|rst_stream|stream refused by server"
    r"|unexpected error (?:de)?compressing|decompression failed|error parsing '|illegal base64"
    r"|(?:received|sent|decompressed) message larger than max|(?:received|to-be-sent) .{0,20}metadata size exceeds"
    # This process.
    r"|exception (?:de)?serializing|failed to serialize|deadline exceeded$|cancelled$|locally cancelled"
    r"|channel (?:closed|deallocated)"
    r")"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStatus:
    """How a call ended.

    Attributes:
        code: the gRPC status.
        details: its text, not redacted yet.
        sent_by_gateway: whether the status was received from the gateway, or from a proxy that speaks for it.
    """

    code: grpc.StatusCode
    details: str | None = field(default=None, repr=False)
    sent_by_gateway: bool = False


def status_of(error: grpc.RpcError | KeyError) -> CallStatus:
    """Return how a call ended, given the exception that grpcio raised: of grpc.aio, or of a call that a thread reads.

    Some versions of grpcio raise a KeyError for a status number that gRPC does not define.
    """
    if isinstance(error, KeyError):
        return CallStatus(code=grpc.StatusCode.UNKNOWN, details=f"gRPC has no status {error}")
    code, details = error.code(), error.details()
    return CallStatus(code=code, details=details, sent_by_gateway=_is_sent(code, details or ""))


def _is_sent(code: grpc.StatusCode, details: str) -> bool:
    return code not in _SET_BY_GRPC or re.match(_DETAILS_OF_GRPC, details) is None
