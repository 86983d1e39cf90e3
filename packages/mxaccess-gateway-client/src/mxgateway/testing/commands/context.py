"""The context in which a command runs, and the definition of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.values import MAX_ARRAY_LENGTH
from mxgateway.testing.state.refusals import CommandFailed, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway.testing.sessions.mxaccess import MxAccess
    from mxgateway.testing.sessions.session import Session
    from mxgateway.testing.state.keys import Key, Scope
    from mxgateway.testing.world import World

__all__ = ["Command", "CommandContext", "check_sparse_array"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """The context in which a command runs.

    Attributes:
        session: the session of the command.
        world: the state that all sessions share.
        key: the API key of the call.
        reply: the reply, which the command fills in.
    """

    session: Session
    world: World
    key: Key
    reply: pb.MxCommandReply

    @property
    def mxaccess(self) -> MxAccess:
        """The MXAccess object of the session."""
        return self.session.mxaccess

    def with_brackets(self, definition: str) -> str:
        """Append `[]` to the name of an array. Without its Galaxy, the gateway does not know which names are arrays."""
        if self.world.galaxy_cache.copy is None:
            return definition
        return self.world.plant.with_brackets(definition)

    def check_tag_access(self, tag: str) -> None:
        """Raise Refused if the key does not give access to this tag."""
        if not self.key.can_access_tag(tag):
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the API key {self.key.key_id} has no access to {tag}")

    def check_item_access(self, server_handle: int, item_handle: int) -> None:
        """Raise Refused if the key does not give access to this item, which a call with another key may have added."""
        if self.key.galaxy:
            self.check_tag_access(self.mxaccess.item(server_handle, item_handle).definition)


@dataclass(frozen=True, slots=True)
class Command:
    """A kind of command.

    Attributes:
        arm: the field of MxCommand that holds its arguments.
        scope: the scope that it requires.
        run: executes it, given the context and the arguments.
    """

    arm: str
    scope: Scope
    run: Callable[[CommandContext, Any], Awaitable[None] | None]


def check_sparse_array(value: pb.MxValue) -> None:
    """Raise CommandFailed if the value is an invalid sparse array, which no gateway can expand."""
    if value.WhichOneof("kind") != "sparse_array_value":
        return
    sparse = value.sparse_array_value
    indices = [element.index for element in sparse.elements]
    outside = [index for index in indices if index >= sparse.total_length]
    problem = ""
    if outside:
        problem = f"index {outside[0]} is out of range for {sparse.total_length} elements"
    elif len(set(indices)) < len(indices):
        problem = "an index occurs twice"
    elif sparse.total_length > MAX_ARRAY_LENGTH:
        problem = f"it has {sparse.total_length} elements, but at most {MAX_ARRAY_LENGTH} are allowed"
    if problem:
        raise CommandFailed(pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, f"invalid sparse array: {problem}")
