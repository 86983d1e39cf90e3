"""Where a command is carried out, and what a kind of command is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.values import LONGEST_ARRAY
from mxgateway.testing.state.refusals import CommandFailed, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway.testing.plant.alarm_board import AlarmBoard
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.sessions.mxaccess import MxAccess
    from mxgateway.testing.sessions.sessions import Session
    from mxgateway.testing.state.keys import Key, Scope

__all__ = ["Command", "Desk", "must_be_writable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where a command is carried out: its session, whose key it comes with, and the reply that it fills in."""

    session: Session
    plant: Plant
    alarms: AlarmBoard
    key: Key
    reply: pb.MxCommandReply

    @property
    def mxaccess(self) -> MxAccess:
        """The session's MXAccess object."""
        return self.session.mxaccess

    def must_reach(self, tag: str) -> None:
        """Raise Refused when the key is limited to another part of the Galaxy."""
        if not self.key.reaches_tag(tag):
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the API key {self.key.key_id} does not reach {tag}")

    def must_reach_item(self, server_handle: int, item_handle: int) -> None:
        """Raise Refused when the key may not use this item, which another key may have added."""
        if self.key.galaxy:
            self.must_reach(self.mxaccess.item(server_handle, item_handle).definition)


@dataclass(frozen=True, slots=True)
class Command:
    """A kind of command.

    Attributes:
        arm: the arm of MxCommand that holds its arguments.
        scope: what a key needs for it.
        run: carries it out.
    """

    arm: str
    scope: Scope
    run: Callable[[Desk, Any], Awaitable[None] | None]


def must_be_writable(value: pb.MxValue) -> None:
    """Raise CommandFailed for a sparse array that contradicts itself, which no gateway can fill up."""
    if value.WhichOneof("kind") != "sparse_array_value":
        return
    sparse = value.sparse_array_value
    indices = [element.index for element in sparse.elements]
    outside = [index for index in indices if index >= sparse.total_length]
    problem = ""
    if outside:
        problem = f"index {outside[0]} is outside its {sparse.total_length} elements"
    elif len(set(indices)) < len(indices):
        problem = "it names an index twice"
    elif sparse.total_length > LONGEST_ARRAY:
        problem = f"{sparse.total_length} elements are more than {LONGEST_ARRAY}"
    if problem:
        raise CommandFailed(pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, f"the sparse array can't be written: {problem}")
