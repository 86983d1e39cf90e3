"""What the doctor learns from the gateway's answers about the gateway's contract."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway import MxGatewayProtocolError
from mxgateway.contract import missing_fields, unknown_fields

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from mxgateway import MxGatewayError

__all__ = ["Answers"]


class Answers:
    """What the answers of the gateway show of its contract.

    Attributes:
        count: The number of answers.
        unreadable: Whether an answer could not be decoded.
        missing: The fields that every gateway sets and that this one did not set.
        unknown: The fields that are not in our contract.
    """

    def __init__(self) -> None:
        self.count = 0
        self.unreadable = False
        self.missing: dict[str, None] = {}
        self.unknown: dict[str, None] = {}

    def add(self, reply: Message) -> None:
        """Add an answer."""
        self.count += 1
        self.missing |= dict.fromkeys(missing_fields(reply))
        self.unknown |= dict.fromkeys(unknown_fields(reply))

    def add_failure(self, error: MxGatewayError) -> None:
        """Add the error of a call, which shows whether the gateway's answer could be decoded."""
        status = error.grpc_status
        self.unreadable |= isinstance(error, MxGatewayProtocolError) and status is not None and status.name == "OK"

    @property
    def problem(self) -> str:
        """What shows that the contracts do not fit together; empty if nothing does."""
        if self.unreadable:
            return "an answer cannot be decoded"
        return f"the answers lack {', '.join(self.missing)}" if self.missing else ""
