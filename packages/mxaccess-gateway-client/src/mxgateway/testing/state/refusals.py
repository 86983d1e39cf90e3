"""Exceptions for the three ways in which a call or a command is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    import grpc
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["CommandFailed", "MxAccessRefused", "Refused"]


class Refused(Exception):
    """The gateway ends the call with a gRPC status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


class CommandFailed(Exception):
    """The gateway sends a reply whose `protocol_status` is not OK."""

    def __init__(self, code: pb.ProtocolStatusCode.ValueType, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class MxAccessRefused(Exception):
    """MXAccess refuses the command: the reply is MXACCESS_FAILURE, with the HRESULT and statuses of MXAccess."""

    def __init__(self, hresult: int, message: str, statuses: Iterable[pb.MxStatusProxy] = ()) -> None:
        super().__init__(message)
        self.hresult = hresult
        self.message = message
        self.statuses: tuple[pb.MxStatusProxy, ...] = tuple(statuses)
