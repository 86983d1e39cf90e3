"""TagWrites: concurrent writes, sent together in bulk, each matched to its own outcome."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.validation import check_seconds, check_tags
from mxgateway.errors import (
    MxAccessError,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    MxGatewayWorkerError,
)
from mxgateway.tags.batching import Batcher, SharedCall, is_reply_too_large, is_request_too_large, own_copy
from mxgateway.tags.writes.arrays import array_check, check_arrays, fill_value
from mxgateway.tags.writes.outcomes import (
    WriteOutcome,
    WriteState,
    explain_refusal,
    not_accepted,
    outcome_lost,
    own_error,
    refused,
    timed_out,
)
from mxgateway.tags.writes.sending import CommandKind, TagWrite, WriteOptions, send_bulk, send_single, wait_for_types
from mxgateway.values import to_mx_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.events.views import WriteComplete
    from mxgateway.session import Session
    from mxgateway.tags.reads import TagReads
    from mxgateway.tags.subscriptions.subscription import Subscription
    from mxgateway.tags.subscriptions.subscriptions import Subscriptions
    from mxgateway.tags.subscriptions.sweeper import Sweeper
    from mxgateway.tags.supervisor import Supervisor
    from mxgateway.values import MxValueInput

__all__ = ["TagWrites"]

_logger = logging.getLogger("mxgateway.tags")

_CONCURRENT_CALLS: Final = 4
# Far below any message limit: a large value of one caller must not fail the writes of others.
_BYTES_PER_CALL: Final = 1024 * 1024
# The gateway queues 10 000 events per subscriber. A write causes two, beside the first values of up to 5 000 tags.
_MAX_IN_PROGRESS: Final = 1_000
_MIN_TIMEOUT_SECONDS: Final = 0.001
# Errors of a call of which the gateway has carried out nothing.
_NOT_WRITTEN: Final = (
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayLimitError,
)


class TagWrites:
    """Write tags for many callers at once. Each write is sent at most once, and its outcome reaches its own caller."""

    def __init__(self, supervisor: Supervisor, subscriptions: Subscriptions, sweeper: Sweeper, reads: TagReads) -> None:
        self._loop = asyncio.get_running_loop()
        self._supervisor = supervisor
        self._subscriptions = subscriptions
        self._sweeper = sweeper
        self._reads = reads
        self._batcher: Batcher[CommandKind, TagWrite] = Batcher(
            self._send,
            self._fail,
            max_calls=_CONCURRENT_CALLS,
            max_entries=_MAX_IN_PROGRESS,
            max_bytes=_BYTES_PER_CALL,
            name="mxgateway tags write",
        )
        # The writes that were sent and have no outcome yet, one per tag.
        self._in_progress: dict[Subscription, TagWrite] = {}
        self._outcome_arrived = asyncio.Event()
        # Every write that holds the lock of its tag.
        self._begun: set[TagWrite] = set()
        supervisor.on_end = self._fail_all
        subscriptions.on_outcome = self._match_outcome

    @property
    def _target(self) -> str:
        """The endpoint that errors name."""
        return self._supervisor.endpoint

    def prepare(self, tag: str, value: MxValueInput, options: WriteOptions) -> TagWrite:
        """Check everything that can be wrong with a write, before it is sent together with the writes of others.

        Raises:
            MxGatewayError: See `TagClient.write`.
            TypeError, ValueError: The value is invalid.
        """
        check_tags((tag,))
        entry = pb.WriteBulkEntry()
        fill_value(entry.value, value, options.data_type)
        entry.user_id = options.user_id
        if options.timestamp is not None:
            to_mx_value(options.timestamp)
        self._supervisor.check()
        deadline = self._loop.time() + check_seconds("timeout", options.seconds)
        write = TagWrite(tag, entry, self._loop.create_future(), options, deadline)
        write.check = array_check(write, value)
        write.convertible = options.data_type is None and not isinstance(value, pb.MxValue)
        return write

    async def write(self, write: TagWrite) -> None:
        """Write one tag and wait for the outcome.

        Raises:
            MxGatewayError: See `TagClient.write`.
        """
        await self._begin(write)
        try:
            outcome = await write.outcome
        except asyncio.CancelledError:
            self._abandon(write)
            raise
        if outcome.error is not None:
            raise outcome.error

    async def write_many(self, writes: Sequence[TagWrite]) -> tuple[WriteOutcome, ...]:
        """Write different tags, and return the outcome of each in the same order."""
        turns: list[asyncio.Task[None]] = []
        try:
            for write in writes:
                if self._subscriptions.get(write.reference).in_use:
                    turn = asyncio.create_task(self._begin(write), name="mxgateway tags turn")
                    turn.add_done_callback(partial(_turn_ended, write))
                    turns.append(turn)
                else:
                    await self._begin(write)
            if writes:
                await asyncio.wait([write.outcome for write in writes])
        except asyncio.CancelledError:
            for turn in turns:
                turn.cancel()
            for write in writes:
                self._abandon(write)
            raise
        return tuple(write.outcome.result() for write in writes)

    async def close(self, failure: MxGatewayError) -> None:
        """Fail the writes that were not sent. Those that were sent have lost their outcome with the session."""
        await self._batcher.stop(failure)

    async def _begin(self, write: TagWrite) -> None:
        """Wait until the earlier writes to the tag have ended, then send this one together with others."""
        subscription = write.subscription = self._subscriptions.get(write.reference)
        in_use = subscription.in_use
        subscription.add_user()
        try:
            if in_use:
                async with asyncio.timeout_at(write.deadline):
                    await subscription.write_lock.acquire()
            else:
                # Does not suspend.
                await subscription.write_lock.acquire()
        except TimeoutError:
            self._release(subscription)
            error = timed_out(write.tag, sent=False, seconds=write.options.seconds, target=self._target)
            write.outcome.set_result(WriteOutcome(tag=write.tag, state=WriteState.NOT_SENT, error=error))
        except asyncio.CancelledError:
            self._release(subscription)
            raise
        else:
            write.timer = self._loop.call_at(write.deadline, self._time_out, write)
            self._begun.add(write)
            self._batcher.submit(write.kind, write)

    async def _send(self, kind: CommandKind, writes: Sequence[TagWrite]) -> None:
        await self._wait_for_room(len(writes))
        session, server_handle = await self._supervisor.session()
        ready: list[TagWrite] = []
        unready: list[TagWrite] = []
        unchecked: list[TagWrite] = []
        for write in writes:
            if write.ended:
                continue
            is_ready = self._subscriptions.ready_to_write(write.subscription, session)
            if not is_ready or write.awaits_type:
                unready.append(write)
            elif write.check is not None:
                unchecked.append(write)
            elif self._convert(write):
                ready.append(write)
        if unready:
            # Not cancelled with its caller: half a subscription would leave the tag without changes.
            self._supervisor.run(self._subscribe(unready), name="mxgateway tags write")
        if unchecked:
            self._supervisor.run(self._check_arrays(unchecked), name="mxgateway tags write")
        if ready:
            await self._send_ready(session, server_handle, kind, ready)

    def _convert(self, write: TagWrite) -> bool:
        """Convert the value of a write to the type of its tag. If that is impossible, end it and return False."""
        try:
            write.convert(self._target)
        except MxGatewayConfigurationError as error:
            self._end(write, error)
            return False
        return True

    async def _wait_for_room(self, count: int) -> None:
        """Wait until the gateway's queue has room for the events of `count` more writes."""
        while self._in_progress and len(self._in_progress) + count > _MAX_IN_PROGRESS:
            if not await self._subscriptions.wait_for_event(self._outcome_arrived):
                return

    async def _subscribe(self, writes: Sequence[TagWrite]) -> None:
        """Add and advise the tags of writes, then send the writes."""
        subscriptions = [write.subscription for write in writes]
        try:
            doubtful = [each for each in subscriptions if each.doubtful]
            if doubtful:
                await self._supervisor.change(self._subscriptions.renew(doubtful))
            await self._supervisor.change(self._subscriptions.subscribe(subscriptions))
            await wait_for_types(self._subscriptions, writes)
            self._supervisor.check()
        except MxGatewayError as error:
            for write in writes:
                self._end(write, own_copy(error))
            return
        for write in writes:
            if write.ended:
                continue
            try:
                write.subscription.check_refusal()
            except MxGatewayCommandError as refusal:
                self._end(write, refusal, state=WriteState.REFUSED)
            else:
                self._batcher.submit(write.kind, write)

    async def _check_arrays(self, writes: Sequence[TagWrite]) -> None:
        """Compare arrays with those in the plant, then send the ones that fit."""
        seconds = self._seconds_left(writes)
        for write, error in await check_arrays(self._reads, writes, seconds, target=self._target):
            if error is not None:
                self._end(write, error)
            elif not write.ended:
                self._batcher.submit(write.kind, write)

    async def _send_ready(
        self, session: Session, server_handle: int, kind: CommandKind, writes: Sequence[TagWrite]
    ) -> None:
        seconds = self._seconds_left(writes)
        if len(writes) == 1:
            sending = send_single(session, server_handle, writes[0], seconds)
        else:
            sending = send_bulk(session, server_handle, kind, writes, seconds)
        call = SharedCall(sending, len(writes))
        for write in writes:
            # From here on the write may happen.
            write.session = session
            write.call = call
            self._in_progress[write.subscription] = write
        try:
            results = await call.reply()
        except MxGatewayLimitError as error:
            if len(writes) > 1 and is_request_too_large(error):
                self._take_back(writes)
                middle = len(writes) // 2
                for part in (writes[:middle], writes[middle:]):
                    await self._send(kind, part)
            else:
                self._fail_call(writes, error)
        except MxGatewayError as error:
            self._fail_call(writes, error)
        else:
            if results is not None:
                self._accept(writes, results, session)
        finally:
            for write in writes:
                if write.call is call:
                    write.call = None

    def _take_back(self, writes: Sequence[TagWrite]) -> None:
        """Note that writes were not sent after all, because together they are too large."""
        for write in writes:
            if not write.ended:
                write.session = write.call = None
                del self._in_progress[write.subscription]

    def _accept(self, writes: Sequence[TagWrite], results: Sequence[pb.BulkWriteResult], session: Session) -> None:
        """Match each result of a bulk write to its write. A single write has no result: it was accepted."""
        for index, write in enumerate(writes):
            refusal = None
            if results:
                refusal = not_accepted(write.tag, results[index], target=self._target, session_id=session.session_id)
            if refusal is not None:
                self._end(write, refusal, state=WriteState.REFUSED)
            elif not write.options.confirm and not write.outcome.done():
                # The lock of the tag is held until the outcome arrives.
                write.outcome.set_result(WriteOutcome(tag=write.tag, state=WriteState.ACCEPTED))

    def _fail_call(self, writes: Sequence[TagWrite], error: MxGatewayError) -> None:
        """End each write of a failed call with what the failure means for it."""
        unfinished = [write for write in writes if not write.ended]
        if unfinished and isinstance(error, MxGatewayTimeoutError):
            # What the session did of a call without a reply is unknown.
            self._supervisor.invalidate(self._timeout_error(unfinished[0]), unfinished[0].session)
        for write in unfinished:
            if isinstance(error, MxGatewayTimeoutError):
                self._end_unknown(write, self._timeout_error(write))
            elif isinstance(error, MxGatewayTransportError | MxGatewaySessionError | MxGatewayWorkerError):
                self._end_unknown(write, outcome_lost(write.tag, error))
            elif isinstance(error, _NOT_WRITTEN) and not is_reply_too_large(error):
                # No outcome will follow.
                state = WriteState.NOT_SENT if is_request_too_large(error) else WriteState.REFUSED
                self._end(write, own_error(error, len(writes)), state=state)
            else:
                self._end_unknown(write, own_error(error, len(writes)))

    def _match_outcome(self, subscription: Subscription, outcome: WriteComplete | MxGatewayError) -> None:
        """End the write in progress to a tag with its WriteComplete event, or with the reason why none will arrive."""
        write = self._in_progress.get(subscription)
        if write is None:
            return
        if isinstance(outcome, MxGatewayError):
            if write.call is not None:
                write.call.release()
            self._end(write, outcome_lost(write.tag, outcome), state=WriteState.UNKNOWN)
        elif outcome.succeeded:
            self._end(write)
        else:
            self._end(write, refused(write.tag, outcome, target=self._target), state=WriteState.REFUSED)

    def _time_out(self, write: TagWrite) -> None:
        error = self._timeout_error(write)
        if self._release_call(write):
            self._supervisor.invalidate(error, write.session)
        self._fail(write, error)

    def _fail_all(self, failure: MxGatewayError) -> None:
        """End every write because the TagClient has ended."""
        for write in list(self._begun):
            self._fail(write, own_copy(failure))

    def _abandon(self, write: TagWrite) -> None:
        """Stop waiting for a write on behalf of its caller. If it was sent, its outcome is unknown."""
        if write.timer is not None and not write.ended:
            self._release_call(write)
            self._fail(write, self._timeout_error(write))

    def _release_call(self, write: TagWrite) -> bool:
        """Stop waiting for the call of a write. Return True if that cancelled a call of which no reply has arrived."""
        return write.call is not None and write.call.release()

    def _fail(self, write: TagWrite, error: MxGatewayError) -> None:
        """End a write whose outcome is unknown if it was sent."""
        if write.session is None:
            self._end(write, error)
        else:
            self._end_unknown(write, error)

    def _end_unknown(self, write: TagWrite, error: MxGatewayError) -> None:
        # An outcome that arrives later must not be matched to the next write.
        write.subscription.doubtful = True
        self._end(write, error, state=WriteState.UNKNOWN)

    def _end(
        self, write: TagWrite, error: MxGatewayError | None = None, *, state: WriteState = WriteState.NOT_SENT
    ) -> None:
        """End a write and release its tag for the next one."""
        if write.ended:
            return
        write.ended = True
        if isinstance(error, MxAccessError) and state is WriteState.REFUSED:
            error = explain_refusal(error, supervisory=self._subscriptions.supervisory)
        if write.options.resize and write.session is not None:
            write.subscription.forget_length()
        self._begun.discard(write)
        if write.timer is not None:
            write.timer.cancel()
        if self._in_progress.get(write.subscription) is write:
            del self._in_progress[write.subscription]
            self._outcome_arrived.set()
        if not write.outcome.done():
            state = WriteState.CONFIRMED if error is None else state
            write.outcome.set_result(WriteOutcome(tag=write.tag, state=state, error=error))
        elif error is not None and not write.outcome.cancelled():
            # Only a refusal is worth a warning: why an outcome is missing is logged once, not for each write.
            level = logging.WARNING if isinstance(error, MxAccessError) else logging.DEBUG
            _logger.log(level, "unawaited write failed: %s", error)
        write.subscription.write_lock.release()
        self._release(write.subscription)

    def _release(self, subscription: Subscription) -> None:
        subscription.remove_user()
        self._sweeper.schedule()

    def _seconds_left(self, writes: Sequence[TagWrite]) -> float:
        """Return the seconds until the last deadline of writes."""
        return max(max(write.deadline for write in writes) - self._loop.time(), _MIN_TIMEOUT_SECONDS)

    def _timeout_error(self, write: TagWrite) -> MxGatewayTimeoutError:
        return timed_out(write.tag, sent=write.session is not None, seconds=write.options.seconds, target=self._target)


def _turn_ended(write: TagWrite, turn: asyncio.Task[None]) -> None:
    """End a write whose task was cancelled while it waited for its tag, so that its caller does not wait forever."""
    if turn.cancelled() and not write.outcome.done():
        error = MxGatewayUsageError(f"{write.tag} was not written: its task was cancelled from outside")
        write.outcome.set_result(WriteOutcome(tag=write.tag, state=WriteState.NOT_SENT, error=error))
