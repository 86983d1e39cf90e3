"""Protocol status codes and session states, and the base class of all enums of the contract.

The generated code defines the numbers. A number that is unknown to this version becomes a member named
`UNRECOGNIZED_<number>`, so that a newer gateway does not break an older client.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final, Self

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["GATEWAY_PROTOCOL_VERSION", "OpenEnum", "ProtocolStatusCode", "SessionState"]

GATEWAY_PROTOCOL_VERSION: Final = 3
"""Version of the gateway's protocol that this client supports."""


class OpenEnum(IntEnum):
    """An enum of the contract that accepts unknown numbers."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if not isinstance(value, int):
            return None
        # Unknown members are not stored: a hostile peer could fill the memory with them.
        member = int.__new__(cls, value)
        member._name_ = f"UNRECOGNIZED_{value}"
        member._value_ = value
        return member

    @classmethod
    def parse(cls, given: object) -> Self:
        """Return a member, or the member with this name in any case.

        Raises:
            TypeError: It is neither a member nor the name of one.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, str) and given.upper() in cls.__members__:
            return cls[given.upper()]
        example = next(member for member in cls if member)
        raise TypeError(
            f"{given!r} is not {cls.__name__}: use a member such as {cls.__name__}.{example.name}, or its name"
        )

    @property
    def words(self) -> str:
        """The name in readable form: `CONFIGURATION_ERROR` becomes "configuration error"."""
        return self.name.lower().replace("_", " ").replace("lmx", "LMX").replace("nmx", "NMX")


class ProtocolStatusCode(OpenEnum):
    """The status that the gateway sets in a reply (`ProtocolStatus.code`)."""

    UNSPECIFIED = pb.PROTOCOL_STATUS_CODE_UNSPECIFIED
    OK = pb.PROTOCOL_STATUS_CODE_OK
    INVALID_REQUEST = pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST
    SESSION_NOT_FOUND = pb.PROTOCOL_STATUS_CODE_SESSION_NOT_FOUND
    SESSION_NOT_READY = pb.PROTOCOL_STATUS_CODE_SESSION_NOT_READY
    WORKER_UNAVAILABLE = pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
    TIMEOUT = pb.PROTOCOL_STATUS_CODE_TIMEOUT
    CANCELED = pb.PROTOCOL_STATUS_CODE_CANCELED
    PROTOCOL_VIOLATION = pb.PROTOCOL_STATUS_CODE_PROTOCOL_VIOLATION
    MXACCESS_FAILURE = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE


class SessionState(OpenEnum):
    """The state of a session. Only a READY session accepts commands and event streams."""

    UNSPECIFIED = pb.SESSION_STATE_UNSPECIFIED
    CREATING = pb.SESSION_STATE_CREATING
    STARTING_WORKER = pb.SESSION_STATE_STARTING_WORKER
    WAITING_FOR_PIPE = pb.SESSION_STATE_WAITING_FOR_PIPE
    HANDSHAKING = pb.SESSION_STATE_HANDSHAKING
    INITIALIZING_WORKER = pb.SESSION_STATE_INITIALIZING_WORKER
    READY = pb.SESSION_STATE_READY
    CLOSING = pb.SESSION_STATE_CLOSING
    CLOSED = pb.SESSION_STATE_CLOSED
    FAULTED = pb.SESSION_STATE_FAULTED
