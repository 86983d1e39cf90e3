"""Bulk commands: many items in one round trip."""

from __future__ import annotations

from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Final, Literal, Protocol, TypeAlias, TypeVar

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender, set_handles
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

# Estimated size of one result in a reply, without the tag name.
_RESULT_BYTES: Final = 64
_READ_RESULT_BYTES: Final = 256
_MAX_BYTES_PER_CHARACTER: Final = 4

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
    """Commands for many items. Every method raises the errors that `Session` lists.

    The methods return one result per entry, in the order of the entries. Partial success is normal: a failed entry has
    a result with `was_successful=False` and an `error_message`, and does not raise. For an empty sequence nothing is
    sent, and the result is empty.

    If a command or its reply would exceed `max_message_bytes`, the method raises MxGatewayLimitError before anything is
    sent: split the entries. Only `read_bulk`, which changes nothing, is split automatically.
    """

    async def add_item_bulk(
        self, server_handle: int, tag_addresses: Sequence[str], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Add items by their references (gateway command AddItemBulk)."""
        request = self._request(pb.MX_COMMAND_KIND_ADD_ITEM_BULK)
        payload = request.command.add_item_bulk
        set_handles(payload, server_handle=server_handle)
        payload.tag_addresses.extend(_check_tag_names(tag_addresses))
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
        """Unadvise items (gateway command UnAdviseItemBulk). They stay added."""
        request = self._request(pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK)
        _set_item_handles(request.command.un_advise_item_bulk, server_handle, item_handles)
        return await self._subscribe(request, "un_advise_item_bulk", item_handles, timeout)

    async def subscribe_bulk(
        self, server_handle: int, tag_addresses: Sequence[str], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Add and advise items in one command (gateway command SubscribeBulk).

        Unlike `add_item`, it does not append `[]` to the name of an array attribute: include it, or writes of the array
        are accepted and have no effect.
        """
        request = self._request(pb.MX_COMMAND_KIND_SUBSCRIBE_BULK)
        payload = request.command.subscribe_bulk
        set_handles(payload, server_handle=server_handle)
        payload.tag_addresses.extend(_check_tag_names(tag_addresses))
        return await self._subscribe(request, "subscribe_bulk", tag_addresses, timeout)

    async def unsubscribe_bulk(
        self, server_handle: int, item_handles: Sequence[int], *, timeout: float | None = None
    ) -> tuple[SubscribeResult, ...]:
        """Unadvise and remove items in one command (gateway command UnsubscribeBulk)."""
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

        For a tag that is already advised, the result is its last value, with `was_cached=True`. For any other tag the
        worker adds and advises an item, waits for the first data change, and removes the item. `worker_timeout` limits
        this wait, in seconds; None is the worker's default. Unlike `add_item`, the method does not append `[]` to the
        name of an array attribute: include it.

        If the tags do not fit into one request or reply, they are sent in several calls, one after the other, each with
        the full `timeout`. If large values still make a reply too large, the method raises MxGatewayLimitError: read
        fewer tags at once.
        """
        from mxgateway.bulk import BulkReadResult  # noqa: PLC0415 - loaded at the first bulk command

        milliseconds = 0 if worker_timeout is None else round(check_seconds("worker_timeout", worker_timeout) * 1000)
        results: list[BulkReadResult] = []
        for part in self._split_tags(_check_tag_names(tag_addresses)):
            request = self._request(pb.MX_COMMAND_KIND_READ_BULK)
            payload = request.command.read_bulk
            set_handles(payload, server_handle=server_handle)
            payload.tag_addresses.extend(part)
            payload.timeout_ms = milliseconds
            reply = await self._send(request, timeout)
            if not reply.HasField("read_bulk"):
                raise self._missing_payload(request, reply, "read_bulk")
            results += map(BulkReadResult, self._matched_results(request, reply.read_bulk.results, part, "tag_address"))
        return tuple(results)

    async def write_bulk(
        self, server_handle: int, entries: Sequence[WriteBulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write to many advised items (gateway command WriteBulk). Each outcome arrives as a WriteComplete event.

        Warning: arrays are sent as they are given, see `write`. One with too few elements blocks the worker, and the
        entries after it are not written.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE_BULK)
        payload = request.command.write_bulk
        set_handles(payload, server_handle=server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handles(message, item_handle=entry.item_handle)
            fill_mx_value(message.value, entry.value, entry.data_type)
            message.user_id = entry.user_id
        return await self._write(request, "write_bulk", entries, timeout)

    async def write2_bulk(
        self, server_handle: int, entries: Sequence[Write2BulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write values with timestamps to many advised items (gateway command Write2Bulk), as `write_bulk` does."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE2_BULK)
        payload = request.command.write2_bulk
        set_handles(payload, server_handle=server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handles(message, item_handle=entry.item_handle)
            fill_mx_value(message.value, entry.value, entry.data_type)
            fill_mx_value(message.timestamp_value, entry.timestamp)
            message.user_id = entry.user_id
        return await self._write(request, "write2_bulk", entries, timeout)

    async def write_secured_bulk(
        self, server_handle: int, entries: Sequence[WriteSecuredBulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write to many items with secured or verified write security (gateway command WriteSecuredBulk).

        Arrays are sent as they are given: see the warning of `write_bulk`.
        """
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED_BULK)
        payload = request.command.write_secured_bulk
        set_handles(payload, server_handle=server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handles(message, item_handle=entry.item_handle)
            message.current_user_id = entry.current_user_id
            message.verifier_user_id = entry.verifier_user_id
            fill_mx_value(message.value, entry.value, entry.data_type)
        return await self._write(request, "write_secured_bulk", entries, timeout)

    async def write_secured2_bulk(
        self, server_handle: int, entries: Sequence[WriteSecured2BulkEntry], *, timeout: float | None = None
    ) -> tuple[BulkWriteResult, ...]:
        """Write to many items like `write_secured_bulk`, with timestamps (gateway command WriteSecured2Bulk)."""
        request = self._request(pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK)
        payload = request.command.write_secured2_bulk
        set_handles(payload, server_handle=server_handle)
        for entry in entries:
            message = payload.entries.add()
            set_handles(message, item_handle=entry.item_handle)
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
        self._check_size(request, len(entries))
        reply = await self._send(request, timeout)
        if not reply.HasField(arm):
            raise self._missing_payload(request, reply, arm)
        from mxgateway.bulk import SubscribeResult  # noqa: PLC0415

        bulk: pb.BulkSubscribeReply = getattr(reply, arm)
        name: _EntryField = "tag_address" if isinstance(entries[0], str) else "item_handle"
        return tuple(map(SubscribeResult.from_message, self._matched_results(request, bulk.results, entries, name)))

    async def _write(
        self, request: pb.MxCommandRequest, arm: _WriteArm, entries: Sequence[_WriteEntry], timeout: float | None
    ) -> tuple[BulkWriteResult, ...]:
        if not entries:
            return ()
        self._check_size(request, len(entries))
        reply = await self._send(request, timeout)
        if not reply.HasField(arm):
            raise self._missing_payload(request, reply, arm)
        from mxgateway.bulk import BulkWriteResult  # noqa: PLC0415

        bulk: pb.BulkWriteReply = getattr(reply, arm)
        handles = [entry.item_handle for entry in entries]
        return tuple(
            map(BulkWriteResult.from_message, self._matched_results(request, bulk.results, handles, "item_handle"))
        )

    def _matched_results(
        self,
        request: pb.MxCommandRequest,
        results: RepeatedCompositeFieldContainer[ResultT],
        entries: Sequence[str | int],
        name: _EntryField,
    ) -> Iterable[ResultT]:
        """Return the results after checking that there is one per entry, in the order of the entries."""
        if len(results) != len(entries):
            raise self._violation(request, f"the reply has {len(results)} results for {len(entries)} entries")
        if list(map(attrgetter(name), results)) == list(entries):
            return results
        requested = set(entries)
        for index, (entry, result) in enumerate(zip(entries, results, strict=True)):
            returned: str | int = getattr(result, name)
            # A gateway may change a tag name, for example append the [] of an array. That is accepted unless the
            # changed name is another entry's.
            if returned != entry and returned in requested and returned != f"{entry}[]":
                raise self._violation(request, f"result {index} is for {returned!r}, but entry {index} is {entry!r}")
        return results

    def _check_size(self, request: pb.MxCommandRequest, count: int) -> None:
        """Raise MxGatewayLimitError if the reply would be too large: the handles in it would be lost."""
        size, limit = request.ByteSize() + count * _RESULT_BYTES, self._channel.options.max_message_bytes
        if size > limit:
            raise MxGatewayLimitError(
                f"{count} entries and their results, about {size} bytes, exceed max_message_bytes ({limit}) and were "
                "not sent",
                replace(self._facts(request), hint="split them, or raise max_message_bytes here and at the gateway"),
            )

    def _split_tags(self, tags: Sequence[str]) -> Iterator[Sequence[str]]:
        """Split tags into as few parts as fit into requests and replies."""
        if not tags:
            return
        limit = self._channel.options.max_message_bytes
        if sum(map(len, tags)) * _MAX_BYTES_PER_CHARACTER + len(tags) * _READ_RESULT_BYTES <= limit:
            yield tags
            return
        begin = size = 0
        for index, tag in enumerate(tags):
            tag_size = len(tag.encode()) + _READ_RESULT_BYTES
            if size + tag_size > limit and index > begin:
                yield tags[begin:index]
                begin, size = index, 0
            size += tag_size
        yield tags[begin:]


def _check_tag_names(tag_addresses: Sequence[str]) -> Sequence[str]:
    """Return the tag names of a bulk command after checking that each is a str."""
    # A str is a sequence of str too: each character would become a tag.
    if isinstance(tag_addresses, str):
        raise MxGatewayConfigurationError(
            f"invalid tag_addresses {tag_addresses!r}: use a sequence of tag names, not a single str"
        )
    for tag in tag_addresses:
        if not isinstance(tag, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers without a type checker
            raise MxGatewayConfigurationError(f"invalid tag name {tag!r} in tag_addresses: it must be a str")
    return tag_addresses


def _set_item_handles(payload: _HandlesPayload, server_handle: int, item_handles: Sequence[int]) -> None:
    set_handles(payload, server_handle=server_handle)
    try:
        payload.item_handles.extend(item_handles)
    except (TypeError, ValueError):
        problem = f"invalid item_handles {item_handles!r}: use the ints that were returned when the items were added"
    else:
        return
    raise MxGatewayConfigurationError(problem)
