"""Commands that call one MXAccess method each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command, check_sparse_array
from mxgateway.testing.sessions.items import Advise
from mxgateway.testing.state.keys import Scope

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import CommandContext

__all__ = ["ITEM_COMMANDS"]


def _register(context: CommandContext, command: pb.RegisterCommand) -> None:
    context.reply.register.server_handle = context.mxaccess.register(command.client_name)


def _unregister(context: CommandContext, command: pb.UnregisterCommand) -> None:
    context.mxaccess.unregister(command.server_handle)


def _add_item(context: CommandContext, command: pb.AddItemCommand) -> None:
    definition = context.with_brackets(command.item_definition)
    context.check_tag_access(definition)
    context.reply.add_item.item_handle = context.mxaccess.add_item(command.server_handle, definition)


def _definition_in_context(context: CommandContext, command: pb.AddItem2Command | pb.AddBufferedItemCommand) -> str:
    definition, prefix = command.item_definition, command.item_context
    definition = context.with_brackets(f"{prefix}.{definition}" if prefix else definition)
    context.check_tag_access(definition)
    return definition


def _add_item2(context: CommandContext, command: pb.AddItem2Command) -> None:
    definition = _definition_in_context(context, command)
    context.reply.add_item2.item_handle = context.mxaccess.add_item(command.server_handle, definition)


def _add_buffered_item(context: CommandContext, command: pb.AddBufferedItemCommand) -> None:
    definition = _definition_in_context(context, command)
    item_handle = context.mxaccess.add_item(command.server_handle, definition, buffered=True)
    context.reply.add_buffered_item.item_handle = item_handle


def _set_buffered_update_interval(context: CommandContext, command: pb.SetBufferedUpdateIntervalCommand) -> None:
    seconds = command.update_interval_milliseconds / 1000
    context.mxaccess.set_buffered_update_interval(command.server_handle, seconds)


def _remove_item(context: CommandContext, command: pb.RemoveItemCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.mxaccess.remove_item(command.server_handle, command.item_handle)


def _advise(context: CommandContext, command: pb.AdviseCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.mxaccess.advise(command.server_handle, command.item_handle)


def _advise_supervisory(context: CommandContext, command: pb.AdviseSupervisoryCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.mxaccess.advise(command.server_handle, command.item_handle, Advise.SUPERVISORY)


def _un_advise(context: CommandContext, command: pb.UnAdviseCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.mxaccess.un_advise(command.server_handle, command.item_handle)


def _suspend(context: CommandContext, command: pb.SuspendCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.reply.suspend.status.CopyFrom(context.mxaccess.suspend(command.server_handle, command.item_handle))


def _activate(context: CommandContext, command: pb.ActivateCommand) -> None:
    context.check_item_access(command.server_handle, command.item_handle)
    context.reply.activate.status.CopyFrom(context.mxaccess.activate(command.server_handle, command.item_handle))


async def _write(context: CommandContext, command: pb.WriteCommand | pb.Write2Command) -> None:
    check_sparse_array(command.value)
    context.check_item_access(command.server_handle, command.item_handle)
    await context.mxaccess.write(
        command.server_handle,
        command.item_handle,
        command.value,
        user_id=command.user_id,
        timestamp=command.timestamp_value if isinstance(command, pb.Write2Command) else None,
    )


async def _write_secured(context: CommandContext, command: pb.WriteSecuredCommand | pb.WriteSecured2Command) -> None:
    check_sparse_array(command.value)
    context.check_item_access(command.server_handle, command.item_handle)
    await context.mxaccess.write_secured(
        command.server_handle,
        command.item_handle,
        command.value,
        current_user_id=command.current_user_id,
        verifier_user_id=command.verifier_user_id,
        timestamp=command.timestamp_value if isinstance(command, pb.WriteSecured2Command) else None,
    )


def _authenticate_user(context: CommandContext, command: pb.AuthenticateUserCommand) -> None:
    context.reply.authenticate_user.user_id = context.mxaccess.authenticate_user(
        command.server_handle, command.verify_user, command.verify_user_password
    )


def _archestra_user_to_id(context: CommandContext, command: pb.ArchestrAUserToIdCommand) -> None:
    context.reply.archestra_user_to_id.user_id = context.mxaccess.archestra_user_to_id(
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
