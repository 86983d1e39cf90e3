"""The table of all commands, with the scope that each requires."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxgateway.testing.commands.alarms import ALARM_COMMANDS
from mxgateway.testing.commands.bulk import BULK_COMMANDS
from mxgateway.testing.commands.control import CONTROL_COMMANDS
from mxgateway.testing.commands.items import ITEM_COMMANDS
from mxgateway.testing.state.keys import Scope

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.testing.commands.context import Command

__all__ = ["COMMANDS", "scope_of"]

COMMANDS: dict[pb.MxCommandKind.ValueType, Command] = {
    **ITEM_COMMANDS,
    **BULK_COMMANDS,
    **ALARM_COMMANDS,
    **CONTROL_COMMANDS,
}


def scope_of(request: pb.MxCommandRequest) -> Scope:
    """Return the scope that a command requires. An unknown command requires `admin`."""
    command = COMMANDS.get(request.command.kind)
    return Scope.ADMIN if command is None else command.scope
