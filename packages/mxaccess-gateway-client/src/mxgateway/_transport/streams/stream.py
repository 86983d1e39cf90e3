"""The base of all streams: an async iterator that ends normally only when it is closed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from operator import length_hint
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Generic, NoReturn, TypeVar

import grpc

from mxgateway._support.public_names import PublicNames
from mxgateway._transport.failures import error_from_grpc
from mxgateway._transport.streams.task_reader import TaskReader
from mxgateway.errors import ErrorFacts, MxGatewayError, MxGatewayStreamEndedError, MxGatewayUsageError
from mxgateway.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from types import TracebackType
    from typing import Any, Self

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel, RequestT, StreamMethod
    from mxgateway._transport.streams.reader import Reader, StreamEnd

__all__ = ["Stream"]

MessageT = TypeVar("MessageT", bound="Message")
ItemT = TypeVar("ItemT")

_NOTHING: Final[Iterator[Any]] = iter(())


class Stream(PublicNames, ABC, Generic[MessageT, ItemT]):
    """A stream of the gateway: an async iterator and an async context manager.

    The request is sent when the stream is entered or first iterated. The stream ends normally only when the caller
    closes it; every loss raises. Cancelling a task that waits for an item, for example by `asyncio.timeout`, loses
    nothing and leaves the stream open. A stream that is not closed ends when it is garbage collected.
    """

    _method: ClassVar[str]
    _hints: ClassVar[Mapping[type[MxGatewayError], str]] = MappingProxyType({})

    def __init__(
        self,
        channel: Channel,
        session_id: str | None = None,
        *,
        correlation_id: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._channel = channel
        self._counters = channel.counters.stream(self._method)
        self._session_id = session_id
        self._correlation_id = correlation_id
        self._timeout = timeout
        self._reader: Reader[MessageT] | None = None
        self._failure: MxGatewayError | None = None
        self._closed = False
        self._waiting = False
        # `_buffer` holds the messages that were taken from the reader and not yet delivered. `_unchecked` is the same
        # iterator while `__anext__` may skip the checks of `_next`, and is empty otherwise.
        self._buffer: Iterator[MessageT] = _NOTHING
        self._unchecked: Iterator[MessageT] = _NOTHING
        self._taken_count = 0

    @property
    def delivered(self) -> int:
        """The number of items that were delivered."""
        return self._taken_count - length_hint(self._buffer)

    @property
    def pending(self) -> int:
        """The number of items that have arrived and wait to be delivered."""
        return length_hint(self._buffer) + (0 if self._reader is None else self._reader.pending)

    @property
    def is_open(self) -> bool:
        """Whether the request was sent and the stream has not ended since, by a close or by a loss."""
        return self._reader is not None and not self._reader.ended and not self._closed and self._failure is None

    def __repr__(self) -> str:
        if self._closed:
            state = "closed"
        elif self._failure is not None or (self._reader is not None and not self.is_open):
            state = "ended"
        else:
            state = "not begun" if self._reader is None else "open"
        place = f"{redact(self._session_id)} at " if self._session_id else ""
        return f"<{type(self).__name__} of {place}{self._channel.options.endpoint}, {state}, {self.pending} pending>"

    async def __aenter__(self) -> Self:
        self._ensure_open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        self._unchecked = _NOTHING
        return self

    async def __anext__(self) -> ItemT:
        """Return the next item.

        Raises:
            StopAsyncIteration: the caller closed the stream.
            MxGatewayStreamEndedError: the gateway ended the stream, even with OK.
            MxGatewayTransportError: the connection was lost.
            MxGatewayUsageError: another task already waits on this stream, or the client was opened in another event
                loop or process.
            MxGatewayError: the stream ended with another status; GRPC_STATUS_ERRORS says which error it is.
        """
        for message in self._unchecked:
            return self._item(message)
        return self._item(await self._next())

    async def close(self) -> None:
        """End the stream and wait until its reader has ended. Closing again does nothing.

        Items that have arrived and were not delivered are dropped.

        Raises:
            MxGatewayUsageError: the client was opened in another event loop or process.
        """
        if self._reader is not None:
            self._channel.check_place()
        self._closed = True
        self._discard_buffer()
        if self._reader is not None:
            await self._reader.close()

    def __del__(self) -> None:
        reader: Reader[MessageT] | None = getattr(self, "_reader", None)
        if reader is not None:
            reader.cancel()

    @abstractmethod
    def _open_reader(self) -> Reader[MessageT]:
        """Send the request and return the reader of the messages."""

    @abstractmethod
    def _item(self, message: MessageT) -> ItemT:
        """Convert a message to the item that is delivered."""

    def _ensure_open(self) -> Reader[MessageT]:
        if self._closed:
            raise self._misuse("the stream is closed")
        if self._reader is None:
            self._reader = self._open_reader()
            self._counters.add(self)
        return self._reader

    def _read_in_task(self, method: StreamMethod[RequestT, MessageT], request: RequestT) -> Reader[MessageT]:
        """Send a request and return a reader that reads the replies in a task. Event streams have a faster reader."""
        call = self._channel.stream(method, request, timeout=self._timeout)
        return TaskReader(self._channel, call, name=f"mxgateway {self._method}")

    async def _should_retry(self, end: StreamEnd) -> bool:  # noqa: ARG002 - subclasses use it
        """Return whether to send the request again instead of ending the stream, after a delay if one is needed."""
        return False

    async def _next(self) -> MessageT:
        """Return the next message after checking that this task may receive it; wait until there is one."""
        if self._reader is not None:
            self._channel.check_place()
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise StopAsyncIteration
        if self._waiting:
            raise self._misuse("another task already waits on this stream")
        if not length_hint(self._buffer):
            await self._fill_buffer()
        self._unchecked = self._buffer
        return next(self._unchecked)

    async def _fill_buffer(self) -> None:
        """Take the messages that have arrived from the reader; wait until there are some."""
        reader = self._ensure_open()
        self._waiting = True
        try:
            while not (messages := reader.take()):
                end = await reader.wait()
                if self._closed:
                    raise StopAsyncIteration
                if end is not None:
                    if not await self._should_retry(end):
                        self._fail(self._error(end))
                    reader = self._reader = self._open_reader()
        finally:
            self._waiting = False
        self._buffer = iter(messages)
        self._taken_count += len(messages)
        self._counters.take(len(messages))

    def _discard_buffer(self) -> None:
        self._taken_count = self.delivered
        self._buffer = self._unchecked = _NOTHING

    def _fail(self, failure: MxGatewayError) -> NoReturn:
        self._failure = failure
        self._counters.errors[type(failure).__name__] += 1
        self._discard_buffer()
        if self._reader is not None:
            self._reader.cancel()
        raise failure

    def _error(self, end: StreamEnd) -> MxGatewayError:
        if end.status is None:
            return self._misuse("the client was closed before the stream")
        if end.status is grpc.StatusCode.OK:
            failure: MxGatewayError = MxGatewayStreamEndedError(
                "the gateway ended the stream, which this client did not close", self._facts()
            )
        else:
            facts = replace(self._facts(), sent_by_gateway=end.sent_by_gateway)
            failure = error_from_grpc(end.status, end.details, facts)
        hint = self._hints.get(type(failure))
        return failure if hint is None or failure.hint is not None else failure.with_hint(hint)

    def _facts(self, hint: str | None = None) -> ErrorFacts:
        return ErrorFacts(
            method=self._method,
            target=self._channel.options.endpoint,
            session_id=self._session_id,
            correlation_id=self._correlation_id,
            timeout=self._timeout,
            hint=hint,
        )

    def _misuse(self, summary: str) -> MxGatewayUsageError:
        return MxGatewayUsageError(summary, self._facts())
