"""The commands that do for many items what others do for one. An entry fails by itself, the call never for an entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command, must_be_writable
from mxgateway.testing.plant.statuses import S_OK
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import CommandFailed, MxAccessRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from mxgateway.testing.commands.context import Desk
    from mxgateway.testing.sessions.items import LastChange

__all__ = ["BULK_COMMANDS"]

_NO = (MxAccessRefused, Refused, CommandFailed)
_READ_TIMEOUT = 5.0

_Entry = TypeVar("_Entry", pb.WriteBulkEntry, pb.Write2BulkEntry, pb.WriteSecuredBulkEntry, pb.WriteSecured2BulkEntry)


def _add_item_bulk(desk: Desk, command: pb.AddItemBulkCommand) -> None:
    def add(tag_address: str) -> int:
        definition = desk.plant.with_brackets(tag_address)
        desk.must_reach(definition)
        return desk.mxaccess.add_item(command.server_handle, definition)

    desk.reply.add_item_bulk.CopyFrom(_by_tag(command, add))


def _subscribe_bulk(desk: Desk, command: pb.SubscribeBulkCommand) -> None:
    def subscribe(tag_address: str) -> int:
        desk.must_reach(tag_address)
        item_handle = desk.mxaccess.add_item(command.server_handle, tag_address)
        desk.mxaccess.advise(command.server_handle, item_handle)
        return item_handle

    desk.reply.subscribe_bulk.CopyFrom(_by_tag(command, subscribe))


def _advise_item_bulk(desk: Desk, command: pb.AdviseItemBulkCommand) -> None:
    desk.reply.advise_item_bulk.CopyFrom(_by_handle(desk, command, desk.mxaccess.advise))


def _un_advise_item_bulk(desk: Desk, command: pb.UnAdviseItemBulkCommand) -> None:
    desk.reply.un_advise_item_bulk.CopyFrom(_by_handle(desk, command, desk.mxaccess.un_advise))


def _remove_item_bulk(desk: Desk, command: pb.RemoveItemBulkCommand) -> None:
    desk.reply.remove_item_bulk.CopyFrom(_by_handle(desk, command, desk.mxaccess.remove_item))


def _unsubscribe_bulk(desk: Desk, command: pb.UnsubscribeBulkCommand) -> None:
    desk.reply.unsubscribe_bulk.CopyFrom(_by_handle(desk, command, desk.mxaccess.remove_item))


def _by_tag(
    command: pb.AddItemBulkCommand | pb.SubscribeBulkCommand, make_item: Callable[[str], int]
) -> pb.BulkSubscribeReply:
    reply = pb.BulkSubscribeReply()
    for tag_address in command.tag_addresses:
        result = reply.results.add(server_handle=command.server_handle, tag_address=tag_address)
        try:
            result.item_handle = make_item(tag_address)
            result.was_successful = True
        except _NO as refused:
            result.error_message = str(refused)
    return reply


def _by_handle(
    desk: Desk,
    command: pb.AdviseItemBulkCommand
    | pb.UnAdviseItemBulkCommand
    | pb.RemoveItemBulkCommand
    | pb.UnsubscribeBulkCommand,
    act: Callable[[int, int], None],
) -> pb.BulkSubscribeReply:
    reply = pb.BulkSubscribeReply()
    for item_handle in command.item_handles:
        result = reply.results.add(server_handle=command.server_handle, item_handle=item_handle)
        try:
            desk.must_reach_item(command.server_handle, item_handle)
            act(command.server_handle, item_handle)
            result.was_successful = True
        except _NO as refused:
            result.error_message = str(refused)
    return reply


def _write_bulk(desk: Desk, command: pb.WriteBulkCommand) -> None:
    def write(entry: pb.WriteBulkEntry) -> None:
        desk.mxaccess.write(command.server_handle, entry.item_handle, entry.value, user_id=entry.user_id)

    _by_entry(desk, command.server_handle, command.entries, write, desk.reply.write_bulk)


def _write2_bulk(desk: Desk, command: pb.Write2BulkCommand) -> None:
    def write(entry: pb.Write2BulkEntry) -> None:
        desk.mxaccess.write(
            command.server_handle,
            entry.item_handle,
            entry.value,
            user_id=entry.user_id,
            timestamp=entry.timestamp_value,
        )

    _by_entry(desk, command.server_handle, command.entries, write, desk.reply.write2_bulk)


def _write_secured_bulk(desk: Desk, command: pb.WriteSecuredBulkCommand) -> None:
    def write(entry: pb.WriteSecuredBulkEntry) -> None:
        desk.mxaccess.write_secured(
            command.server_handle,
            entry.item_handle,
            entry.value,
            current_user_id=entry.current_user_id,
            verifier_user_id=entry.verifier_user_id,
        )

    _by_entry(desk, command.server_handle, command.entries, write, desk.reply.write_secured_bulk)


def _write_secured2_bulk(desk: Desk, command: pb.WriteSecured2BulkCommand) -> None:
    def write(entry: pb.WriteSecured2BulkEntry) -> None:
        desk.mxaccess.write_secured(
            command.server_handle,
            entry.item_handle,
            entry.value,
            current_user_id=entry.current_user_id,
            verifier_user_id=entry.verifier_user_id,
            timestamp=entry.timestamp_value,
        )

    _by_entry(desk, command.server_handle, command.entries, write, desk.reply.write_secured2_bulk)


def _by_entry(
    desk: Desk, server_handle: int, entries: Iterable[_Entry], write: Callable[[_Entry], None], reply: pb.BulkWriteReply
) -> None:
    reply.SetInParent()
    for entry in entries:
        result = reply.results.add(server_handle=server_handle, item_handle=entry.item_handle)
        try:
            must_be_writable(entry.value)
            desk.must_reach_item(server_handle, entry.item_handle)
            write(entry)
            result.was_successful = True
            result.hresult = S_OK
        except MxAccessRefused as refused:
            result.hresult = refused.hresult
            result.statuses.extend(refused.statuses)
            result.error_message = refused.message
        except (Refused, CommandFailed) as refused:
            result.error_message = str(refused)


async def _read_bulk(desk: Desk, command: pb.ReadBulkCommand) -> None:
    tags = list(command.tag_addresses)
    out_of_reach: dict[str, str] = {}
    if desk.key.galaxy:
        for tag in tags:
            try:
                desk.must_reach(tag)
            except Refused as refused:
                out_of_reach[tag] = str(refused)
    seconds = command.timeout_ms / 1000 or _READ_TIMEOUT
    found: dict[str, LastChange] = {}
    problem = ""
    try:
        wanted = [tag for tag in tags if tag not in out_of_reach]
        found = await desk.mxaccess.read(command.server_handle, wanted, seconds)
    except MxAccessRefused as refused:
        problem = str(refused)
    reply = desk.reply.read_bulk
    reply.SetInParent()
    add_result = reply.results.add
    for tag in tags:
        change = found.get(tag)
        if change is not None:
            add_result().CopyFrom(change.result(tag))
        else:
            message = out_of_reach.get(tag) or problem or f"{tag} gave no value within {seconds:g} s"
            add_result(server_handle=command.server_handle, tag_address=tag, error_message=message)


BULK_COMMANDS = {
    pb.MX_COMMAND_KIND_ADD_ITEM_BULK: Command("add_item_bulk", Scope.INVOKE_READ, _add_item_bulk),
    pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK: Command("advise_item_bulk", Scope.INVOKE_READ, _advise_item_bulk),
    pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK: Command("remove_item_bulk", Scope.INVOKE_READ, _remove_item_bulk),
    pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK: Command("un_advise_item_bulk", Scope.INVOKE_READ, _un_advise_item_bulk),
    pb.MX_COMMAND_KIND_SUBSCRIBE_BULK: Command("subscribe_bulk", Scope.INVOKE_READ, _subscribe_bulk),
    pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK: Command("unsubscribe_bulk", Scope.INVOKE_READ, _unsubscribe_bulk),
    pb.MX_COMMAND_KIND_WRITE_BULK: Command("write_bulk", Scope.INVOKE_WRITE, _write_bulk),
    pb.MX_COMMAND_KIND_WRITE2_BULK: Command("write2_bulk", Scope.INVOKE_WRITE, _write2_bulk),
    pb.MX_COMMAND_KIND_WRITE_SECURED_BULK: Command("write_secured_bulk", Scope.INVOKE_SECURE, _write_secured_bulk),
    pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK: Command("write_secured2_bulk", Scope.INVOKE_SECURE, _write_secured2_bulk),
    pb.MX_COMMAND_KIND_READ_BULK: Command("read_bulk", Scope.INVOKE_READ, _read_bulk),
}
