"""Whether a reply really reports success."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.status import MxStatus

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["contradicts_ok"]


def contradicts_ok(reply: pb.MxCommandReply) -> bool:
    """Return whether an OK reply carries a failed result, so that a refusal is never taken for a success."""
    return reply.hresult < 0 or any(MxStatus.from_message(status).failed for status in reply.statuses)
