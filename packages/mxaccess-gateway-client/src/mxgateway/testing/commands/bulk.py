"""Bulk commands. Each entry succeeds or fails independently; a failed entry does not fail the command."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, TypeVar

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command, check_sparse_array
from mxgateway.testing.plant.statuses import S_OK
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import CommandFailed, MxAccessRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from mxgateway.testing.commands.context import CommandContext
    from mxgateway.testing.sessions.items import LastChange
    from mxgateway.testing.sessions.mxaccess import MxAccess

__all__ = ["BULK_COMMANDS"]

_REFUSALS = (MxAccessRefused, Refused, CommandFailed)
_DEFAULT_READ_TIMEOUT_SECONDS = 5.0


class _WriteEntry(Protocol):
    """The fields that the entries of all bulk writes have."""

    item_handle: int

    @property
    def value(self) -> pb.MxValue: ...


_EntryT = TypeVar("_EntryT", bound=_WriteEntry)
_EntryT_co = TypeVar("_EntryT_co", bound=_WriteEntry, covariant=True)


class _BulkWrite(Protocol[_EntryT_co]):
    """The fields that all bulk writes have."""

    server_handle: int

    @property
    def entries(self) -> Iterable[_EntryT_co]: ...


def _add_item_bulk(context: CommandContext, command: pb.AddItemBulkCommand) -> None:
    def add(tag_address: str) -> int:
        definition = context.with_brackets(tag_address)
        context.check_tag_access(definition)
        return context.mxaccess.add_item(command.server_handle, definition)

    context.reply.add_item_bulk.CopyFrom(_by_tag(command, add))


def _subscribe_bulk(context: CommandContext, command: pb.SubscribeBulkCommand) -> None:
    def subscribe(tag_address: str) -> int:
        context.check_tag_access(tag_address)
        item_handle = context.mxaccess.add_item(command.server_handle, tag_address)
        context.mxaccess.advise(command.server_handle, item_handle)
        return item_handle

    context.reply.subscribe_bulk.CopyFrom(_by_tag(command, subscribe))


def _advise_item_bulk(context: CommandContext, command: pb.AdviseItemBulkCommand) -> None:
    context.reply.advise_item_bulk.CopyFrom(_by_handle(context, command, context.mxaccess.advise))


def _un_advise_item_bulk(context: CommandContext, command: pb.UnAdviseItemBulkCommand) -> None:
    context.reply.un_advise_item_bulk.CopyFrom(_by_handle(context, command, context.mxaccess.un_advise))


def _remove_item_bulk(context: CommandContext, command: pb.RemoveItemBulkCommand) -> None:
    context.reply.remove_item_bulk.CopyFrom(_by_handle(context, command, context.mxaccess.remove_item))


def _unsubscribe_bulk(context: CommandContext, command: pb.UnsubscribeBulkCommand) -> None:
    context.reply.unsubscribe_bulk.CopyFrom(_by_handle(context, command, context.mxaccess.remove_item))


def _by_tag(
    command: pb.AddItemBulkCommand | pb.SubscribeBulkCommand, make_item: Callable[[str], int]
) -> pb.BulkSubscribeReply:
    reply = pb.BulkSubscribeReply()
    for tag_address in command.tag_addresses:
        result = reply.results.add(server_handle=command.server_handle, tag_address=tag_address)
        try:
            result.item_handle = make_item(tag_address)
            result.was_successful = True
        except _REFUSALS as refused:
            result.error_message = str(refused)
    return reply


def _by_handle(
    context: CommandContext,
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
            context.check_item_access(command.server_handle, item_handle)
            act(command.server_handle, item_handle)
            result.was_successful = True
        except _REFUSALS as refused:
            result.error_message = str(refused)
    return reply


async def _write(mxaccess: MxAccess, server_handle: int, entry: pb.WriteBulkEntry | pb.Write2BulkEntry) -> None:
    await mxaccess.write(
        server_handle,
        entry.item_handle,
        entry.value,
        user_id=entry.user_id,
        timestamp=entry.timestamp_value if isinstance(entry, pb.Write2BulkEntry) else None,
    )


async def _write_secured(
    mxaccess: MxAccess, server_handle: int, entry: pb.WriteSecuredBulkEntry | pb.WriteSecured2BulkEntry
) -> None:
    await mxaccess.write_secured(
        server_handle,
        entry.item_handle,
        entry.value,
        current_user_id=entry.current_user_id,
        verifier_user_id=entry.verifier_user_id,
        timestamp=entry.timestamp_value if isinstance(entry, pb.WriteSecured2BulkEntry) else None,
    )


def _bulk_write(
    write: Callable[[MxAccess, int, _EntryT], Awaitable[None]],
    reply_of: Callable[[pb.MxCommandReply], pb.BulkWriteReply],
) -> Callable[[CommandContext, _BulkWrite[_EntryT]], Awaitable[None]]:
    """Return a bulk write that calls `write` for each entry, and fills in the payload that `reply_of` selects."""

    async def run(context: CommandContext, command: _BulkWrite[_EntryT]) -> None:
        mxaccess, server_handle = context.mxaccess, command.server_handle
        reply = reply_of(context.reply)
        reply.SetInParent()
        for entry in command.entries:
            result = reply.results.add(server_handle=server_handle, item_handle=entry.item_handle)
            try:
                check_sparse_array(entry.value)
                context.check_item_access(server_handle, entry.item_handle)
                await write(mxaccess, server_handle, entry)
                result.was_successful = True
                result.hresult = S_OK
            except MxAccessRefused as refused:
                result.hresult = refused.hresult
                result.statuses.extend(refused.statuses)
                result.error_message = refused.message
            except (Refused, CommandFailed) as refused:
                result.error_message = str(refused)

    return run


async def _read_bulk(context: CommandContext, command: pb.ReadBulkCommand) -> None:
    tags = list(command.tag_addresses)
    inaccessible = _inaccessible_tags(context, tags)
    timeout = command.timeout_ms / 1000 or _DEFAULT_READ_TIMEOUT_SECONDS
    found: dict[str, LastChange] = {}
    error_message = ""
    try:
        accessible = [tag for tag in tags if tag not in inaccessible]
        found = await context.mxaccess.read(command.server_handle, accessible, timeout)
    except MxAccessRefused as refused:
        error_message = str(refused)
    reply = context.reply.read_bulk
    reply.SetInParent()
    add_result = reply.results.add
    for tag in tags:
        change = found.get(tag)
        if change is not None:
            add_result().CopyFrom(change.result(tag))
        else:
            message = inaccessible.get(tag) or error_message or f"{tag}: no value within {timeout:g} s"
            add_result(server_handle=command.server_handle, tag_address=tag, error_message=message)


def _inaccessible_tags(context: CommandContext, tags: Iterable[str]) -> dict[str, str]:
    """Return the tags that the key does not give access to, each with its error message."""
    inaccessible: dict[str, str] = {}
    if context.key.galaxy:
        for tag in tags:
            try:
                context.check_tag_access(tag)
            except Refused as refused:
                inaccessible[tag] = str(refused)
    return inaccessible


BULK_COMMANDS = {
    pb.MX_COMMAND_KIND_ADD_ITEM_BULK: Command("add_item_bulk", Scope.INVOKE_READ, _add_item_bulk),
    pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK: Command("advise_item_bulk", Scope.INVOKE_READ, _advise_item_bulk),
    pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK: Command("remove_item_bulk", Scope.INVOKE_READ, _remove_item_bulk),
    pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK: Command("un_advise_item_bulk", Scope.INVOKE_READ, _un_advise_item_bulk),
    pb.MX_COMMAND_KIND_SUBSCRIBE_BULK: Command("subscribe_bulk", Scope.INVOKE_READ, _subscribe_bulk),
    pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK: Command("unsubscribe_bulk", Scope.INVOKE_READ, _unsubscribe_bulk),
    pb.MX_COMMAND_KIND_WRITE_BULK: Command(
        "write_bulk", Scope.INVOKE_WRITE, _bulk_write(_write, lambda reply: reply.write_bulk)
    ),
    pb.MX_COMMAND_KIND_WRITE2_BULK: Command(
        "write2_bulk", Scope.INVOKE_WRITE, _bulk_write(_write, lambda reply: reply.write2_bulk)
    ),
    pb.MX_COMMAND_KIND_WRITE_SECURED_BULK: Command(
        "write_secured_bulk", Scope.INVOKE_SECURE, _bulk_write(_write_secured, lambda reply: reply.write_secured_bulk)
    ),
    pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK: Command(
        "write_secured2_bulk", Scope.INVOKE_SECURE, _bulk_write(_write_secured, lambda reply: reply.write_secured2_bulk)
    ),
    pb.MX_COMMAND_KIND_READ_BULK: Command("read_bulk", Scope.INVOKE_READ, _read_bulk),
}
