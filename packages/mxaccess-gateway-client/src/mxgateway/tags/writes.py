"""The writes of a TagClient: those that are asked for at the same time are one WriteBulk, those to one tag never."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeAlias

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.validation import check_tags
from mxgateway.errors import (
    ErrorFacts,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayWorkerError,
)
from mxgateway.status import MxStatus
from mxgateway.tags.batches import Batches
from mxgateway.tags.items import check_refusal
from mxgateway.tags.requests import Call, Deadlines, own_copy
from mxgateway.values import to_mx_value
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mxgateway.events.views import WriteComplete
    from mxgateway.session import Session
    from mxgateway.tags.items import TagItem, TagItems
    from mxgateway.tags.supervisor import Supervisor
    from mxgateway.tags.write import TagWrite

__all__ = ["TagWrites"]

_logger = logging.getLogger("mxgateway.tags")

_Kind: TypeAlias = "pb.MxCommandKind.ValueType"

_CALLS_AT_ONCE: Final = 4
# Far from any limit of a message: the size of one caller's value must not fail the others.
_BYTES_AT_ONCE: Final = 1024 * 1024
# The gateway holds 10 000 events for a subscriber. A write brings two, beside the first values of 6 000 tags at most.
_OUTCOMES_AT_ONCE: Final = 1_000
_SHORTEST: Final = 0.001


class TagWrites:
    """Writes for many callers at once. Each write is sent at most once, and its outcome is told to its own caller."""

    def __init__(self, supervisor: Supervisor, items: TagItems, target: str, unused: Callable[[], None]) -> None:
        self.loop: Final = asyncio.get_running_loop()
        self.target: Final = target
        self._supervisor = supervisor
        self._items = items
        self._unused = unused
        self._deadlines: Deadlines[TagWrite] = Deadlines(self._too_late)
        self._batches: Batches[_Kind, TagWrite] = Batches(
            self._carry,
            self._fail,
            calls=_CALLS_AT_ONCE,
            entries=_OUTCOMES_AT_ONCE,
            size=_BYTES_AT_ONCE,
            name="mxgateway tags write",
        )
        # What was sent and has no outcome yet, one of each tag: completions carry no number, so only their order says
        # which is which.
        self._sent: dict[TagItem, TagWrite] = {}
        self._outcome_came = asyncio.Event()
        items.on_outcome = self._outcome

    def ask(self, write: TagWrite) -> None:
        """Let a write travel with others when its turn comes.

        Raises:
            MxGatewayError: see `TagClient.write`.
            TypeError, ValueError: the value doesn't fit.
        """
        # All that can be wrong with it is the caller's alone, and must be found before it travels with others.
        check_tags((write.tag,))
        entry = pb.WriteBulkEntry()
        fill_mx_value(entry.value, write.value, write.data_type)
        entry.user_id = write.user_id
        if write.timestamp is not None:
            to_mx_value(write.timestamp)
        self._supervisor.check()
        self._deadlines.begin(write)
        item = self._items.item(write.tag)
        write.item, write.entry, write.size = item, entry, entry.ByteSize()
        item.begin_write()
        item.turns.ask(write)

    def leave(self, write: TagWrite) -> None:
        """Wait for a write no longer, whether it was sent or not."""
        self._abandon(write)
        self._end(write)

    def due(self, write: TagWrite) -> None:
        """Let a write travel with others now."""
        plain = write.timestamp is None
        self._batches.ask(pb.MX_COMMAND_KIND_WRITE_BULK if plain else pb.MX_COMMAND_KIND_WRITE2_BULK, write)

    async def close(self, failure: MxGatewayError) -> None:
        """End every write that was not sent; what was sent has lost its outcome with the session."""
        self._batches.stop()
        for write in self._deadlines.take_all():
            self._end(write, own_copy(failure))
        await self._batches.stopped()

    async def _carry(self, kind: _Kind, writes: Sequence[TagWrite]) -> None:
        await self._room(len(writes))
        session, server_handle = await self._supervisor.session()
        ready: list[TagWrite] = []
        unready: list[TagWrite] = []
        for write in writes:
            if not write.over:
                (ready if self._items.ready_to_write(write.item, session) else unready).append(write)
        if unready:
            # Half a subscription would leave tags silent: it goes on even when nobody waits for it any more.
            self._supervisor.help(self._make_ready(unready), name="mxgateway tags write")
        if ready:
            await self._send(session, server_handle, kind, ready)

    async def _room(self, count: int) -> None:
        """Wait until the gateway has room for the events of so many writes more."""
        while self._sent and len(self._sent) + count > _OUTCOMES_AT_ONCE:
            if not await self._items.will_happen(self._outcome_came):
                return

    async def _make_ready(self, writes: Sequence[TagWrite]) -> None:
        """Add and advise tags that are not, or no longer."""
        items = [write.item for write in writes]
        try:
            doubtful = [item for item in items if item.doubtful]
            if doubtful:
                await self._supervisor.change(self._items.renew(doubtful))
            await self._supervisor.change(self._items.subscribe(items))
            self._supervisor.check()
        except MxGatewayError as error:
            for write in writes:
                self._end(write, own_copy(error))
            return
        for write in writes:
            if write.over:
                continue
            try:
                check_refusal(write.item)
            except MxGatewayCommandError as refused:
                self._end(write, refused)
            else:
                self.due(write)

    async def _send(self, session: Session, server_handle: int, kind: _Kind, writes: Sequence[TagWrite]) -> None:
        for write in writes:
            # From here on it may happen.
            write.session = session
            self._sent[write.item] = write
        seconds = max(max(write.deadline for write in writes) - self.loop.time(), _SHORTEST)
        try:
            if len(writes) == 1:
                await Call(writes).make(_write(session, server_handle, writes[0], seconds))
                self._accepted(writes[0])
            else:
                results = await Call(writes).make(_write_all(session, server_handle, kind, writes, seconds))
                for write, result in zip(writes, results or (), strict=False):
                    if _is_refusal(result):
                        self._end(write, write.not_accepted(result))
                    else:
                        self._accepted(write)
        except MxGatewayLimitError as error:
            if len(writes) == 1 or error.grpc_status is not None or error.protocol_status is not None:
                self._failed(writes, error)
            else:
                # Nothing was sent: together they are too large.
                self._take_back(writes)
                middle = len(writes) // 2
                for part in (writes[:middle], writes[middle:]):
                    await self._carry(kind, part)
        except MxGatewayError as error:
            self._failed(writes, error)

    def _take_back(self, writes: Sequence[TagWrite]) -> None:
        for write in writes:
            if not write.over:
                write.session = None
                del self._sent[write.item]

    def _accepted(self, write: TagWrite) -> None:
        if not write.confirm and not write.done():
            write.set_result(None)

    def _failed(self, writes: Sequence[TagWrite], error: MxGatewayError) -> None:
        """Tell each write what the failure of the whole call means for it."""
        unfinished = [write for write in writes if not write.over]
        if unfinished and isinstance(error, MxGatewayTimeoutError):
            # What a session did that gave no answer is unknown.
            self._supervisor.distrust(unfinished[0].timeout(), unfinished[0].session)
        for write in unfinished:
            if isinstance(error, MxGatewayTimeoutError):
                self._fail(write, write.timeout())
            elif isinstance(error, MxGatewayTransportError | MxGatewaySessionError | MxGatewayWorkerError):
                self._fail(write, write.lost(error))
            elif isinstance(error, MxGatewayCommandError):
                # No outcome will come.
                self._end(write, _own(error, writes))
            else:
                self._fail(write, _own(error, writes))

    def _outcome(self, item: TagItem, outcome: WriteComplete | MxGatewayError) -> None:
        write = self._sent.get(item)
        if write is None:
            return
        if isinstance(outcome, MxGatewayError):
            if write.call is not None:
                write.call.leave()
            self._end(write, write.lost(outcome))
        elif outcome.succeeded:
            self._end(write)
        else:
            self._end(write, write.refusal(outcome))

    def _too_late(self, write: TagWrite) -> None:
        error = write.timeout()
        if self._abandon(write):
            self._supervisor.distrust(error, write.session)
        self._end(write, error)

    def _abandon(self, write: TagWrite) -> bool:
        """Nobody waits for it any more; True when it was the last one of its call, which is given up unanswered."""
        if write.session is not None:
            # An outcome that comes too late must not be taken for the one of the next write.
            write.item.doubtful = True
        return write.call is not None and write.call.leave()

    def _fail(self, write: TagWrite, error: MxGatewayError) -> None:
        """It is over, and if it was sent, nobody knows how."""
        if write.session is not None:
            write.item.doubtful = True
        self._end(write, error)

    def _end(self, write: TagWrite, error: MxGatewayError | None = None) -> None:
        """It is over, in whatever way: the next write to the tag may begin."""
        if write.over:
            return
        write.over = True
        self._deadlines.end(write)
        if self._sent.get(write.item) is write:
            del self._sent[write.item]
            self._outcome_came.set()
        if not write.done():
            if error is None:
                write.set_result(None)
            else:
                write.set_exception(error)
        elif error is not None and not write.cancelled():
            # Only a refusal is news: why an outcome is missing is said once, not for each write.
            level = logging.WARNING if isinstance(error, MxAccessError) else logging.DEBUG
            _logger.log(level, "nobody waited for the outcome: %s", error)
        write.item.end_write()
        self._unused()
        write.item.turns.end(write)


async def _write(session: Session, server_handle: int, write: TagWrite, seconds: float) -> None:
    handle, entry = write.item.handle, write.entry
    if write.timestamp is None:
        await session.write(server_handle, handle, entry.value, entry.user_id, timeout=seconds)
    else:
        await session.write2(server_handle, handle, entry.value, write.timestamp, entry.user_id, timeout=seconds)


async def _write_all(
    session: Session, server_handle: int, kind: _Kind, writes: Sequence[TagWrite], seconds: float
) -> Sequence[pb.BulkWriteResult]:
    # When the reply comes, some of the tags may have other handles.
    handles = [write.item.handle for write in writes]
    command = pb.MxCommand(kind=kind)
    if kind == pb.MX_COMMAND_KIND_WRITE_BULK:
        command.write_bulk.server_handle = server_handle
        for write, handle in zip(writes, handles, strict=True):
            write.entry.item_handle = handle
        command.write_bulk.entries.extend([write.entry for write in writes])
    else:
        command.write2_bulk.server_handle = server_handle
        for write, handle in zip(writes, handles, strict=True):
            entry = command.write2_bulk.entries.add()
            entry.item_handle = handle
            entry.value.CopyFrom(write.entry.value)
            entry.user_id = write.entry.user_id
            fill_mx_value(entry.timestamp_value, write.timestamp)
    reply = await session.invoke(command, timeout=seconds)
    results = (reply.write_bulk if kind == pb.MX_COMMAND_KIND_WRITE_BULK else reply.write2_bulk).results
    problem = ""
    if len(results) != len(writes):
        problem = f"the reply has {len(results)} results for {len(writes)} entries"
    elif any(result.item_handle not in {0, handle} for handle, result in zip(handles, results, strict=True)):
        problem = "the results of the reply are not in the order of the entries"
    if problem:
        # One write would get the outcome of another.
        facts = ErrorFacts(method="Write", session_id=session.session_id, correlation_id=reply.correlation_id)
        raise MxGatewayProtocolError(problem, facts)
    return results


def _is_refusal(result: pb.BulkWriteResult) -> bool:
    """Whether a write was not accepted: a result that contradicts itself must not pass for a success."""
    return not result.was_successful or result.hresult < 0 or any(map(_failed, result.statuses))


def _failed(status: pb.MxStatusProxy) -> bool:
    return MxStatus.from_message(status).failed


def _own(error: MxGatewayError, writes: Sequence[TagWrite]) -> MxGatewayError:
    """Give the error that a write would have had alone."""
    if len(writes) == 1:
        return error
    own = own_copy(error)
    own.facts = replace(own.facts, method=own.method and own.method.removesuffix("Bulk"))
    return own
