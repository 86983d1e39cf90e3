"""TagClient: read, write and watch tags by name, across lost connections."""

from __future__ import annotations

import asyncio
import contextlib
import warnings
from typing import TYPE_CHECKING

from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds, check_tags
from mxgateway._watching.overflow import check_overflow, check_queue_size
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.redaction import redact
from mxgateway.tags.calls.names import tag_names
from mxgateway.tags.calls.plain_values import plain_values
from mxgateway.tags.calls.polling import TagPoll
from mxgateway.tags.calls.waiting import wait_for
from mxgateway.tags.engine import TagEngine
from mxgateway.tags.watches.queue import new_tag_queue
from mxgateway.tags.watches.watch import TagWatch
from mxgateway.tags.writes.sending import WriteOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType
    from typing import Self

    from mxgateway._connecting.gateways import Gateways
    from mxgateway._connecting.sessions import OpenSessions
    from mxgateway._watching.overflow import OverflowPolicy
    from mxgateway.statistics import TagStatistics
    from mxgateway.status import MxDataType
    from mxgateway.tags.options import TagOptions
    from mxgateway.tags.reading import TagReading
    from mxgateway.tags.saved_session import SavedSession
    from mxgateway.tags.watches.changes import TagChange
    from mxgateway.tags.writes.outcomes import WriteOutcome
    from mxgateway.values import MxValueInput, MxValueOutput

__all__ = ["TagClient", "open_tag_client"]


class TagClient(PublicNames):
    """Reads, writes and watches tags by name. `GatewayClient.tags` opens one.

    It owns one session and its only event stream. Each tag is added and advised once, however many watches it has, and
    removed `linger` seconds after its last watch or write has ended. When the connection breaks, the client resumes
    after the last event; when the session is lost, or its worker does not answer within 10 seconds of a reconnect, it
    opens a new session and subscribes every tag again. The watches report both. Meanwhile reads are retried; writes
    are never repeated. If the gateway rejects the key or speaks an unknown protocol version, the client ends and every
    method raises that error. The same happens if the application cancels the client's own tasks.

    If its GatewayClient has several `endpoints`, the TagClient goes to the next gateway that answers when its own stays
    away for longer than `failover_after` seconds, or at once when its error is final. It stays there until that one is
    lost, or until `return_to_preferred` is called. It ends only when the errors of all gateways are final. An event
    cannot be resumed at another gateway: the watches report what was missed, see WatchRestored. A write in progress
    ends with an unknown outcome, and is repeated at no gateway.
    """

    def __init__(self, engine: TagEngine, options: TagOptions, timeout: float) -> None:
        self._engine = engine
        self._options = options
        self._timeout = timeout
        self._closed = False

    @property
    def options(self) -> TagOptions:
        """The options of the client."""
        return self._options

    @property
    def endpoint(self) -> str:
        """The gateway of its session, `host:port`; during a loss, that of its last session."""
        return self._engine.supervisor.endpoint

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    def __repr__(self) -> str:
        state = "closed" if self._closed else self._engine.describe()
        return f"<TagClient {redact(self._options.client_name)!r} at {self.endpoint}, {state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def read(self, *tags: str | Iterable[str], timeout: float | None = None) -> tuple[TagReading, ...]:
        """Read tags in one round trip (gateway command ReadBulk) and return one reading per tag, in the same order.

        The arguments are tags, or one iterable of tags. Concurrent reads are batched. A tag that cannot be read does
        not affect the others: its reading has an `error`, and its `value` raises it. A tag that sends no value is
        waited for up to half of `timeout`, at most 5 seconds, which delays the other tags of the batch as well. While
        the connection is lost the read waits, and after a transient failure it is retried, until `timeout` (in seconds;
        the client's if None) is over. The name of an array should end in `[]`: without it, MXAccess may refuse to read
        the array (status detail 1003). Cancelling affects this caller only.

        Raises:
            MxGatewayConfigurationError: A tag is not a valid string, or `timeout` is invalid.
            MxGatewayUsageError: The TagClient is closed, or was opened in another event loop.
            MxGatewayTimeoutError: No reply arrived in time.
            MxGatewayLimitError: A value is larger than `max_message_bytes`.
            MxGatewayError: The TagClient has ended with this error.
        """
        return await self._engine.reads.read(tag_names(tags), self._seconds(timeout))

    async def read_one(self, tag: str, *, timeout: float | None = None) -> TagReading:
        """Read one tag, and return its reading. Otherwise the same as `read`."""
        (reading,) = await self._engine.reads.read((tag,), self._seconds(timeout))
        return reading

    async def read_values(self, *tags: str | Iterable[str], timeout: float | None = None) -> dict[str, MxValueOutput]:
        """Read tags, and return the value of each by its tag. Otherwise the same as `read`.

        A value of uncertain quality is returned like a good one.

        Raises:
            ExceptionGroup: Some tags have no value, or one of bad quality. It names them, and contains one
                MxAccessError per tag (a ValueError if its value is a timestamp outside the years 1 to 9999).
            MxGatewayError: The read failed as a whole, see `read`.
        """
        return plain_values(await self._engine.reads.read(tag_names(tags), self._seconds(timeout)))

    async def wait_for(
        self,
        tag: str,
        predicate: Callable[[TagChange], object],
        *,
        any_quality: bool = False,
        timeout: float | None = None,
    ) -> TagChange:
        """Wait until a tag meets a condition, and return the change that does, the present value included.

        `predicate` is called with each change of the tag, see TagChange. Changes of bad quality, and those without a
        value, are skipped unless `any_quality` is true. A value that is outdated because the connection is lost does
        not count; the wait continues until the connection is restored. `timeout` is in seconds, up to a year; None is
        the client's. Cancelling ends the wait and changes nothing else.

        Raises:
            MxGatewayWaitTimeoutError: The condition was not met in time. The text says the last value, and `last` is
                its change. It is an MxGatewayTimeoutError, and so a TimeoutError.
            MxAccessError: The tag does not exist, or must not be read; see `statuses`. Raised at once.
            MxGatewayCommandError: The gateway refused the tag. Raised at once.
            MxGatewayConfigurationError: The tag is not a valid string, or `timeout` is invalid.
            TypeError: `predicate` is not a plain function.
            MxGatewayError: The TagClient has ended with this error, see TagWatch. Errors that `predicate` raises are
                raised unchanged.
        """
        engine = self._engine
        return await wait_for(
            self.watch((tag,)),
            predicate,
            any_quality=any_quality,
            seconds=check_seconds("timeout", self._seconds(timeout)),
            supervisor=engine.supervisor,
            target=self.endpoint,
        )

    def poll(self, *tags: str | Iterable[str], every: float = 10.0) -> TagPoll:
        """Return an async iterator of snapshots, which reads all tags together every `every` seconds.

        The beats are multiples of the period since 1970, so that polls with one period agree: with 10 s, at :00, :10,
        :20 and so on. The first snapshot follows at the next beat. Beats do not drift. If the caller takes longer than
        a period, or no reply arrives within one, beats are missed, and the snapshots say so. Nothing is read before it
        is iterated, and no tag stays advised between the beats: for periods below a second use `watch`.

        Iterating raises the errors of `read`, except for MxGatewayTimeoutError.

        Raises:
            MxGatewayConfigurationError: There is no tag, a tag is not a valid string, or `every` is less than 0.01 s.
        """
        return TagPoll(_required(tags, "poll"), every, lambda names, seconds: self.read(names, timeout=seconds))

    async def write(
        self,
        tag: str,
        value: MxValueInput,
        *,
        user_id: int = 0,
        timestamp: datetime | None = None,
        data_type: MxDataType | None = None,
        confirm: bool = True,
        resize: bool = False,
        timeout: float | None = None,
    ) -> None:
        """Write a tag and wait until MXAccess has confirmed it (`Write`, or `Write2` with `timestamp`).

        Concurrent writes are batched (gateway commands WriteBulk and Write2Bulk), each with its own outcome, which is
        its OnWriteComplete event. Writes to the same tag are sent one after the other, in the order of the calls, each
        when the previous one has its outcome or has timed out. `user_id` counts only with `supervisory`. `timestamp`
        must be an aware datetime. `timeout` is in seconds; None is the client's. If the call is cancelled before the
        write was sent, nothing is written; later, cancelling stops only the waiting of this caller.

        A boolean, number, text or time is converted to the type of the tag, if that is known from its present value and
        nothing is lost: 1 to True, 5.0 or "5" to 5, 5 to "5". Otherwise it is refused. A new tag is waited for up to
        0.5 seconds, because its first value says its type. With `data_type`, or an MxValue, nothing is converted.

        With `confirm=False` the method returns once MXAccess has accepted the write. A refusal that follows is not
        raised, but logged as a warning of the logger `mxgateway.tags`.

        A sequence or SparseArray replaces the whole array, through its `[]` name, whether `tag` ends in `[]` or not. It
        must have as many elements as the array has: on a real plant, a shorter one blocks the worker of the session.
        The length is that of the tag's last change; if it is unknown, the array is read first. A SparseArray without
        `total_length` gets it in the same way. `resize=True` sends an array of any length, for arrays that can take it.

        To write many tags, use `write_many`.

        Raises:
            MxAccessError: MXAccess refused the write, at once or by its outcome; see `statuses`. If it did so for
                security, `hint` says what may allow the write. Or the array could not be read to learn its length.
            MxGatewayArrayLengthError: The array has another length, or its length is unknown; see `array_length` and
                `value_length`. Nothing was sent.
            MxGatewayCommandError: The gateway refused the tag.
            MxGatewayConfigurationError: The tag is not a valid string, or `timeout` is invalid, or the value is not
                exactly one of the tag's type. Nothing was written.
            MxGatewayUsageError: The TagClient is closed, or was opened in another event loop.
            MxGatewayTimeoutError: The write could not be sent in time, or no outcome arrived in time: the text says
                which. Without an outcome the tag may have been written; the write is not repeated.
            MxGatewayTransportError: The connection or the session was lost meanwhile: the tag may have been written.
            MxGatewayLimitError: The value is too large, or too many commands wait at the gateway: it was not written.
            MxGatewayAuthorizationError: The key lacks the scope `invoke:write`.
            TypeError, ValueError: The value is invalid, see `to_mx_value`.
        """
        options = WriteOptions(
            user_id=user_id,
            timestamp=timestamp,
            data_type=data_type,
            confirm=confirm,
            resize=resize,
            seconds=self._seconds(timeout),
        )
        await self._engine.writes.write(self._engine.writes.prepare(tag, value, options))

    async def write_many(
        self,
        values: Mapping[str, MxValueInput],
        *,
        user_id: int = 0,
        timestamp: datetime | None = None,
        data_type: MxDataType | None = None,
        confirm: bool = True,
        resize: bool = False,
        timeout: float | None = None,
    ) -> tuple[WriteOutcome, ...]:
        """Write many tags, a recipe for example, and return the outcome of each in the given order.

        The writes are sent as few bulk commands, in the order of the mapping, but MXAccess may carry them out in any
        order. No error of a single write is raised: see `state` and `error` of its outcome. The keywords are those of
        `write` and apply to every write; `timeout` is for all of them together. An array that does not fit its tag is
        NOT_SENT, and does not affect the others. If the call is cancelled, writes that were sent may still happen.

        Raises:
            MxGatewayConfigurationError: A tag is not a valid string, or `timeout` is invalid; nothing was sent.
            MxGatewayUsageError: The TagClient is closed, or was opened in another event loop; nothing was sent.
            TypeError, ValueError: A value is invalid, see `to_mx_value`; nothing was sent.
            MxGatewayError: The TagClient has ended with this error; nothing was sent.
        """
        options = WriteOptions(
            user_id=user_id,
            timestamp=timestamp,
            data_type=data_type,
            confirm=confirm,
            resize=resize,
            seconds=self._seconds(timeout),
        )
        writes = self._engine.writes
        return await writes.write_many([writes.prepare(tag, value, options) for tag, value in values.items()])

    def watch(
        self, *tags: str | Iterable[str], queue_size: int | None = None, overflow: OverflowPolicy | None = None
    ) -> TagWatch:
        """Return a watch, which yields the changes of tags and what happens to the connection.

        The arguments are tags, or one iterable of tags. Nothing is sent before the watch is entered or iterated.
        `queue_size` (changes) and `overflow` replace those of the TagClient. A slow reader loses its own changes only.

        Raises:
            MxGatewayConfigurationError: There is no tag, a tag is not a valid string, `queue_size` is less than 1, or
                `overflow` is not a policy.
        """
        names = _required(tags, "watch")
        size = self._options.queue_size if queue_size is None else check_queue_size(queue_size)
        policy = self._options.overflow if overflow is None else check_overflow(overflow)
        unique = tuple(dict.fromkeys(names))
        return TagWatch(self, self._engine, unique, new_tag_queue(size, policy))

    def statistics(self) -> TagStatistics:
        """Return what the TagClient has done since it was opened. Call it in the event loop of the TagClient.

        The numbers that count only grow, and stay when the TagClient is closed. `GatewayClient.statistics` has the
        calls, and the sum of all TagClients.
        """
        return self._engine.statistics()

    async def return_to_preferred(self) -> None:
        """Go back to the first of several `endpoints`, and close the session at the present gateway.

        Nothing happens if the TagClient is there already, and nothing is lost if that gateway does not answer. The
        watches report the change like any lost session: WatchLost, WatchRestored with the `endpoint`, and the present
        values marked `repeated`. A write in progress ends with an unknown outcome, so call this when none is. With
        `shuffle_endpoints` the first endpoint is that of the random order. Cancelling stops only the waiting.

        Raises:
            MxGatewayUsageError: The TagClient is closed, or was opened in another event loop.
            MxGatewayTransportError: The gateway cannot be connected to, or no session could be opened there. The
                TagClient keeps its session, or has a new one at another gateway.
            MxGatewayError: The gateway does not answer, see `GatewayClient.connect`, or the TagClient has ended with
                this error.
        """
        await self._engine.supervisor.return_to_preferred()

    @property
    def session_changes(self) -> int:
        """How often the session or its item handles have changed. A SavedSession from before the last one is outdated.

        Call it in the event loop of the TagClient.
        """
        return self._engine.subscriptions.session_changes

    def saved_session(self) -> SavedSession | None:
        """Return what another process needs to continue the session, if this one ends without closing it.

        None while there is no session, before its first event, or while tags are added or removed: then it could not be
        continued without losing changes. `sequence` is that of the last event that has arrived here. If fewer have been
        processed, replace it. Call it in the event loop of the TagClient.
        """
        return self._engine.supervisor.saved_session()

    async def resume(self, saved: SavedSession) -> bool:
        """Continue the session of a TagClient in another process, which has ended without closing it.

        Call it before the first watch or write; later it returns False. The session of this client is closed. The tags
        of the saved one stay
        advised: watches of them begin with WatchRestored and the first event after `sequence`, without the present
        values. If the gateway no longer has all these events, WatchGap and the present values follow. Tags that no
        watch asks for are removed after the linger time.

        Return False if the session cannot be continued, usually because the gateway has ended it: it keeps a session
        for 30 seconds after its last stream. This client then keeps its own session, and the saved one is closed. If
        the other process still reads it, that may show only after True was returned: then WatchLost follows, and the
        session is replaced.

        Raises:
            MxGatewayUsageError: The TagClient is closed, or was opened in another event loop.
            MxGatewayError: The TagClient has ended with this error.
        """
        resumed = await self._engine.supervisor.resume(saved)
        if resumed:
            self._engine.sweeper.schedule()
        return resumed

    async def detach(self) -> SavedSession | None:
        """Do the same as `close`, but leave the session at the gateway, and return what continues it.

        None as in `saved_session`; then the session is closed all the same.

        Raises:
            MxGatewayUsageError: The TagClient was opened in another event loop.
        """
        self._engine.supervisor.check_loop()
        self._closed = True
        saved = self.saved_session()
        await self._engine.close(keep_session=saved is not None)
        return saved

    async def close(self) -> None:
        """End the watches and close the session. Closing twice is allowed.

        If the session cannot be closed, a warning of the logger `mxgateway.tags` names it.

        Raises:
            MxGatewayUsageError: The TagClient was opened in another event loop.
        """
        self._engine.supervisor.check_loop()
        self._closed = True
        await self._engine.close()

    def _seconds(self, timeout: float | None) -> float:
        return self._timeout if timeout is None else timeout

    def __del__(self) -> None:
        supervisor = self._engine.supervisor
        if self._closed or not supervisor.running:
            return
        warnings.warn(f"unclosed TagClient {self._options.client_name!r}", ResourceWarning, source=self, stacklevel=1)
        # Garbage collection may run in any thread, and after the event loop has been closed.
        with contextlib.suppress(RuntimeError):
            supervisor.loop.call_soon_threadsafe(_close_dropped, self._engine)


def _required(tags: tuple[str | Iterable[str], ...], method: str) -> tuple[str, ...]:
    """Return the tags of a call that needs at least one.

    Raises:
        MxGatewayConfigurationError: There is none, or one is not a valid string.
    """
    names = tag_names(tags)
    if not names:
        raise MxGatewayConfigurationError(f"{method}() requires at least one tag name")
    check_tags(names)
    return names


async def open_tag_client(gateways: Gateways, sessions: OpenSessions, options: TagOptions, timeout: float) -> TagClient:
    """Open the first session of a TagClient; `GatewayClient.tags` calls this."""
    engine = TagEngine(gateways, sessions, options)
    await engine.supervisor.start()
    return TagClient(engine, options, timeout)


# Closes the TagClients that were dropped. asyncio itself does not keep tasks alive.
_closing: set[asyncio.Task[None]] = set()


def _close_dropped(engine: TagEngine) -> None:
    task = asyncio.create_task(engine.close(), name="mxgateway tags close dropped")
    _closing.add(task)
    task.add_done_callback(_closing.discard)
