"""The gateway's bulk commands: many items in one round trip."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, TypeVar

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handle, set_server_handle
from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayConfigurationError, MxGatewayLimitError
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer, RepeatedScalarFieldContainer
    from google.protobuf.message import Message

    from mxgateway.bulk import (
        BulkReadResult,
        BulkWriteResult,
        SubscribeResult,
        Write2BulkEntry,
        WriteBulkEntry,
        WriteSecured2BulkEntry,
        WriteSecuredBulkEntry,
    )

__all__ = ["BulkCommands"]

# What a reply has for an entry beside its tag, as a rule.
_RESULT_BYTES: Final = 64
_READING_BYTES: Final = 256
# Bytes that one character has at most.
_LONGEST_CHARACTER: Final = 4

ResultT = TypeVar("ResultT", bound="Message")

_SubscribeArm: TypeAlias = Literal[
    "add_item_bulk",
    "advise_item_bulk",
    "remove_item_bulk",
    "un_advise_item_bulk",
    "subscribe_bulk",
    "unsubscribe_bulk",
]
_EntryField: TypeAlias = Literal["tag_address", "item_handle"]
_WriteArm: TypeAlias = Literal["write_bulk", "write2_bulk", "write_secured_bulk", "write_secured2_bulk"]


class _WriteEntry(Protocol):
    @property
    def item_handle(self) -> int: ...


class _HandlesPayload(Protocol):
    server_handle: int

    @property
    def item_handles(self) -> RepeatedScalarFieldContainer[int]: ...


class BulkCommands(CommandSender):
    """Many items in one command. Every method raises what `Session` says of commands.

    Results come in the order of the entries, one each. Partial success is normal: a failed entry is a result with
    `was_successful` false and an `error_message`, never an error of the whole call. An empty sequence gives no results
    and asks nothing.

    A command that is larger than `max_message_bytes`, or whose reply would be, is refused with MxGatewayLimitError
    before anything is sent: give it in parts. Only `read_bulk`, which changes nothing, is split into several calls by
    itself.
    """

    async def add_item_bulk(
        self, server_handle: int, tag_addresses: Sequence[str], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Add items by their references (gateway command AddItemBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM_BULK)
        payload = request.command.add_item_bulk
        set_server_handle(payload, server_handle)
        payload.tag_addresses.extend(_tags(tag_addresses))
        return await self._subscribe(request, "add_item_bulk", tag_addresses, timeout)

    async def advise_item_bulk(
        self, server_handle: int, item_handles: Sequence[int], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Advise items (gateway command AdviseItemBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK)
        _set_item_handles(request.command.advise_item_bulk, server_handle, item_handles)
        return await self._subscribe(request, "advise_item_bulk", item_handles, timeout)

    async def remove_item_bulk(
        self, server_handle: int, item_handles: Sequence[int], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Remove items (gateway command RemoveItemBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK)
        _set_item_handles(request.command.remove_item_bulk, server_handle, item_handles)
        return await self._subscribe(request, "remove_item_bulk", item_handles, timeout)

    async def un_advise_item_bulk(
        self, server_handle: int, item_handles: Sequence[int], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """End the advises of items (gateway command UnAdviseItemBulk); they stay added."""
        request = self._request(pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK)
        _set_item_handles(request.command.un_advise_item_bulk, server_handle, item_handles)
        return await self._subscribe(request, "un_advise_item_bulk", item_handles, timeout)

    async def subscribe_bulk(
        self, server_handle: int, tag_addresses: Sequence[str], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Add and advise items in one command (gateway command SubscribeBulk).

        Unlike `add_item`, it doesn't append `[]` to the name of an array: write it.
        """
        request = self._request(pb.MX_COMMAND_KIND_SUBSCRIBE_BULK)
        payload = request.command.subscribe_bulk
        set_server_handle(payload, server_handle)
        payload.tag_addresses.extend(_tags(tag_addresses))
        return await self._subscribe(request, "subscribe_bulk", tag_addresses, timeout)

    async def unsubscribe_bulk(
        self, server_handle: int, item_handles: Sequence[int], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """End the advises of items and remove them in one command (gateway command UnsubscribeBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK)
        _set_item_handles(request.command.unsubscribe_bulk, server_handle, item_handles)
        return await self._subscribe(request, "unsubscribe_bulk", item_handles, timeout)

    async def read_bulk(
        self,
        server_handle: int,
        tag_addresses: Sequence[str],
        *,
        worker_timeout: float | None = None,
        timeout: float | None = None,
    ) -> tuple[BulkReadResult, ...]:
        """Read tags by name (gateway command ReadBulk).

        A tag that is advised already gives its last value, `was_cached`. For any other one the worker adds, advises,
        waits for the first data change and cleans up; `worker_timeout` is how long it may wait, in seconds (None is the
        worker's default). Unlike `add_item`, it doesn't append `[]` to the name of an array: write it.

        More tags than one message can carry, there or back, travel in several calls, one after the other, each with
        the whole `timeout`. Values so long that a reply is too large all the same raise MxGatewayLimitError: read fewer
        tags at once.
        """
        from mxgateway.bulk import BulkReadResult  # noqa: PLC0415 - single items need none of it

        milliseconds = 0 if worker_timeout is None else round(check_seconds("worker_timeout", worker_timeout) * 1000)
        results: list[BulkReadResult] = []
        for part in self._parts(_tags(tag_addresses)):
            request = self._request(pb.MX_COMMAND_KIND_READ_BULK)
            payload = request.command.read_bulk
            set_server_handle(payload, server_handle)
            payload.tag_addresses.extend(part)
            payload.timeout_ms = milliseconds
            reply = await self._send(request, timeout)
            if not reply.HasField("read_bulk"):
                raise self._missing(request, reply, "read_bulk")
            results += map(BulkReadResult, self._in_order(request, reply.read_bulk.results, part, "tag_address"))
        return tuple(results)

    async def write_bulk(
        self, server_handle: int, entries: Sequence[WriteBulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write to many advised items (gateway command WriteBulk); each outcome comes as a WriteComplete event."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_BULK)
        payload = request.command.write_bulk
        set_server_handle(payload, server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handle(message, entry.item_handle)
            fill_mx_value(message.value, entry.value, entry.data_type)
            message.user_id = entry.user_id
        return await self._write(request, "write_bulk", entries, timeout)

    async def write2_bulk(
        self, server_handle: int, entries: Sequence[Write2BulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write values with their times to many advised items (gateway command Write2Bulk)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE2_BULK)
        payload = request.command.write2_bulk
        set_server_handle(payload, server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handle(message, entry.item_handle)
            fill_mx_value(message.value, entry.value, entry.data_type)
            fill_mx_value(message.timestamp_value, entry.timestamp)
            message.user_id = entry.user_id
        return await self._write(request, "write2_bulk", entries, timeout)

    async def write_secured_bulk(
        self, server_handle: int, entries: Sequence[WriteSecuredBulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write with security to many items (gateway command WriteSecuredBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED_BULK)
        payload = request.command.write_secured_bulk
        set_server_handle(payload, server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handle(message, entry.item_handle)
            message.current_user_id = entry.current_user_id
            message.verifier_user_id = entry.verifier_user_id
            fill_mx_value(message.value, entry.value, entry.data_type)
        return await self._write(request, "write_secured_bulk", entries, timeout)

    async def write_secured2_bulk(
        self, server_handle: int, entries: Sequence[WriteSecured2BulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write with security and with the values' times to many items (gateway command WriteSecured2Bulk)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK)
        payload = request.command.write_secured2_bulk
        set_server_handle(payload, server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handle(message, entry.item_handle)
            message.current_user_id = entry.current_user_id
            message.verifier_user_id = entry.verifier_user_id
            fill_mx_value(message.value, entry.value, entry.data_type)
            fill_mx_value(message.timestamp_value, entry.timestamp)
        return await self._write(request, "write_secured2_bulk", entries, timeout)

    async def _subscribe(
        self, request: pb.MxCommandRequest, arm: _SubscribeArm, entries: Sequence[str | int], timeout: float | None
    ) -> tuple[SubscribeResult, ...]:
        if not entries:
            return ()
        self._check_room(request, len(entries))
        reply = await self._send(request, timeout)
        if not reply.HasField(arm):
            raise self._missing(request, reply, arm)
        from mxgateway.bulk import SubscribeResult  # noqa: PLC0415

        bulk: pb.BulkSubscribeReply = getattr(reply, arm)
        name: _EntryField = "tag_address" if isinstance(entries[0], str) else "item_handle"
        return tuple(map(SubscribeResult.from_message, self._in_order(request, bulk.results, entries, name)))

    async def _write(
        self, request: pb.MxCommandRequest, arm: _WriteArm, entries: Sequence[_WriteEntry], timeout: float | None
    ) -> tuple[BulkWriteResult, ...]:
        if not entries:
            return ()
        self._check_room(request, len(entries))
        reply = await self._send(request, timeout)
        if not reply.HasField(arm):
            raise self._missing(request, reply, arm)
        from mxgateway.bulk import BulkWriteResult  # noqa: PLC0415

        bulk: pb.BulkWriteReply = getattr(reply, arm)
        handles = [entry.item_handle for entry in entries]
        return tuple(map(BulkWriteResult.from_message, self._in_order(request, bulk.results, handles, "item_handle")))

    def _in_order(
        self,
        request: pb.MxCommandRequest,
        results: RepeatedCompositeFieldContainer[ResultT],
        entries: Sequence[str | int],
        name: _EntryField,
    ) -> Iterable[ResultT]:
        """The results, when there is one for each entry and in their order: otherwise one would pass for another's."""
        if len(results) != len(entries):
            raise self._violation(request, f"the reply has {len(results)} results for {len(entries)} entries")
        if list(map(attrgetter(name), results)) == list(entries):
            return results
        asked = set(entries)
        for index, (entry, result) in enumerate(zip(entries, results, strict=True)):
            said: str | int = getattr(result, name)
            # A gateway may write a tag in its own way, with the [] of an array for example: then nobody else has it.
            if said != entry and said in asked and said != f"{entry}[]":
                raise self._violation(request, f"result {index} is for {said!r}, but entry {index} is {entry!r}")
        return results

    def _check_room(self, request: pb.MxCommandRequest, count: int) -> None:
        """Make sure that the reply can be received: a reply that is lost takes the handles with it."""
        size, limit = request.ByteSize() + count * _RESULT_BYTES, self._channel.options.max_message_bytes
        if size > limit:
            raise MxGatewayLimitError(
                f"{count} entries and their results have about {size} bytes, more than the {limit} of "
                "max_message_bytes, and were not sent",
                replace(self._facts(request), hint="give them in parts, or raise max_message_bytes here and there"),
            )

    def _parts(self, tags: Sequence[str]) -> Iterator[Sequence[str]]:
        """The tags in as few parts as messages can carry, there and back."""
        if not tags:
            return
        room = self._channel.options.max_message_bytes
        if sum(map(len, tags)) * _LONGEST_CHARACTER + len(tags) * _READING_BYTES <= room:
            yield tags
            return
        begin = size = 0
        for index, tag in enumerate(tags):
            tag_size = len(tag.encode()) + _READING_BYTES
            if size + tag_size > room and index > begin:
                yield tags[begin:index]
                begin, size = index, 0
            size += tag_size
        yield tags[begin:]


def _tags(tag_addresses: Sequence[str]) -> Sequence[str]:
    # A single text is a sequence of texts too, and would become a tag for each letter.
    if isinstance(tag_addresses, str):
        raise MxGatewayConfigurationError(f"tag_addresses {tag_addresses!r} is one tag: give a sequence of them")
    for tag in tag_addresses:
        if not isinstance(tag, str):  # pyright: ignore[reportUnnecessaryIsInstance] - who calls may check no types
            raise MxGatewayConfigurationError(f"tag_addresses has {tag!r}, which is no text")
    return tag_addresses


def _set_item_handles(payload: _HandlesPayload, server_handle: int, item_handles: Sequence[int]) -> None:
    set_server_handle(payload, server_handle)
    try:
        payload.item_handles.extend(item_handles)
    except (TypeError, ValueError):
        problem = f"item_handles {item_handles!r} are not handles: give the ints that adding the items returned"
    else:
        return
    raise MxGatewayConfigurationError(problem)
