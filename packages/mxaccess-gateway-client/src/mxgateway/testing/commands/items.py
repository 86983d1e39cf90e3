"""The commands that stand for one call of MXAccess each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command, must_be_writable
from mxgateway.testing.sessions.items import Advise
from mxgateway.testing.state.keys import Scope

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import Desk

__all__ = ["ITEM_COMMANDS"]


def _register(desk: Desk, command: pb.RegisterCommand) -> None:
    desk.reply.register.server_handle = desk.mxaccess.register(command.client_name)


def _unregister(desk: Desk, command: pb.UnregisterCommand) -> None:
    desk.mxaccess.unregister(command.server_handle)


def _add_item(desk: Desk, command: pb.AddItemCommand) -> None:
    definition = desk.plant.with_brackets(command.item_definition)
    desk.must_reach(definition)
    desk.reply.add_item.item_handle = desk.mxaccess.add_item(command.server_handle, definition)


def _in_context(desk: Desk, command: pb.AddItem2Command | pb.AddBufferedItemCommand) -> str:
    definition, context = command.item_definition, command.item_context
    definition = desk.plant.with_brackets(f"{context}.{definition}" if context else definition)
    desk.must_reach(definition)
    return definition


def _add_item2(desk: Desk, command: pb.AddItem2Command) -> None:
    definition = _in_context(desk, command)
    desk.reply.add_item2.item_handle = desk.mxaccess.add_item(command.server_handle, definition)


def _add_buffered_item(desk: Desk, command: pb.AddBufferedItemCommand) -> None:
    definition = _in_context(desk, command)
    desk.reply.add_buffered_item.item_handle = desk.mxaccess.add_item(command.server_handle, definition, buffered=True)


def _set_buffered_update_interval(desk: Desk, command: pb.SetBufferedUpdateIntervalCommand) -> None:
    seconds = command.update_interval_milliseconds / 1000
    desk.mxaccess.set_buffered_update_interval(command.server_handle, seconds)


def _remove_item(desk: Desk, command: pb.RemoveItemCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.remove_item(command.server_handle, command.item_handle)


def _advise(desk: Desk, command: pb.AdviseCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.advise(command.server_handle, command.item_handle)


def _advise_supervisory(desk: Desk, command: pb.AdviseSupervisoryCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.advise(command.server_handle, command.item_handle, Advise.SUPERVISORY)


def _un_advise(desk: Desk, command: pb.UnAdviseCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.un_advise(command.server_handle, command.item_handle)


def _suspend(desk: Desk, command: pb.SuspendCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.reply.suspend.status.CopyFrom(desk.mxaccess.suspend(command.server_handle, command.item_handle))


def _activate(desk: Desk, command: pb.ActivateCommand) -> None:
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.reply.activate.status.CopyFrom(desk.mxaccess.activate(command.server_handle, command.item_handle))


def _write(desk: Desk, command: pb.WriteCommand | pb.Write2Command) -> None:
    must_be_writable(command.value)
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.write(
        command.server_handle,
        command.item_handle,
        command.value,
        user_id=command.user_id,
        timestamp=command.timestamp_value if isinstance(command, pb.Write2Command) else None,
    )


def _write_secured(desk: Desk, command: pb.WriteSecuredCommand | pb.WriteSecured2Command) -> None:
    must_be_writable(command.value)
    desk.must_reach_item(command.server_handle, command.item_handle)
    desk.mxaccess.write_secured(
        command.server_handle,
        command.item_handle,
        command.value,
        current_user_id=command.current_user_id,
        verifier_user_id=command.verifier_user_id,
        timestamp=command.timestamp_value if isinstance(command, pb.WriteSecured2Command) else None,
    )


def _authenticate_user(desk: Desk, command: pb.AuthenticateUserCommand) -> None:
    desk.reply.authenticate_user.user_id = desk.mxaccess.authenticate_user(
        command.server_handle, command.verify_user, command.verify_user_password
    )


def _archestra_user_to_id(desk: Desk, command: pb.ArchestrAUserToIdCommand) -> None:
    desk.reply.archestra_user_to_id.user_id = desk.mxaccess.archestra_user_to_id(
        command.server_handle, command.user_id_guid
    )


ITEM_COMMANDS = {
    pb.MX_COMMAND_KIND_REGISTER: Command("register", Scope.INVOKE_READ, _register),
    pb.MX_COMMAND_KIND_UNREGISTER: Command("unregister", Scope.INVOKE_READ, _unregister),
    pb.MX_COMMAND_KIND_ADD_ITEM: Command("add_item", Scope.INVOKE_READ, _add_item),
    pb.MX_COMMAND_KIND_ADD_ITEM2: Command("add_item2", Scope.INVOKE_READ, _add_item2),
    pb.MX_COMMAND_KIND_REMOVE_ITEM: Command("remove_item", Scope.INVOKE_READ, _remove_item),
    pb.MX_COMMAND_KIND_ADVISE: Command("advise", Scope.INVOKE_READ, _advise),
    pb.MX_COMMAND_KIND_UN_ADVISE: Command("un_advise", Scope.INVOKE_READ, _un_advise),
    pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY: Command("advise_supervisory", Scope.INVOKE_READ, _advise_supervisory),
    pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM: Command("add_buffered_item", Scope.INVOKE_READ, _add_buffered_item),
    pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL: Command(
        "set_buffered_update_interval", Scope.INVOKE_READ, _set_buffered_update_interval
    ),
    pb.MX_COMMAND_KIND_SUSPEND: Command("suspend", Scope.INVOKE_READ, _suspend),
    pb.MX_COMMAND_KIND_ACTIVATE: Command("activate", Scope.INVOKE_READ, _activate),
    pb.MX_COMMAND_KIND_WRITE: Command("write", Scope.INVOKE_WRITE, _write),
    pb.MX_COMMAND_KIND_WRITE2: Command("write2", Scope.INVOKE_WRITE, _write),
    pb.MX_COMMAND_KIND_WRITE_SECURED: Command("write_secured", Scope.INVOKE_SECURE, _write_secured),
    pb.MX_COMMAND_KIND_WRITE_SECURED2: Command("write_secured2", Scope.INVOKE_SECURE, _write_secured),
    pb.MX_COMMAND_KIND_AUTHENTICATE_USER: Command("authenticate_user", Scope.INVOKE_SECURE, _authenticate_user),
    pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID: Command("archestra_user_to_id", Scope.INVOKE_READ, _archestra_user_to_id),
}
