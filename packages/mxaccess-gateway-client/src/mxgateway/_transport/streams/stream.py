"""What all streams of the gateway have in common: an iterator that ends only when it should."""

from __future__ import annotations

from abc import ABC, abstractmethod
from operator import length_hint
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Final, Generic, NoReturn, TypeVar

import grpc

from mxgateway._transport.failures import error_from_grpc
from mxgateway._transport.streams.task_reader import TaskReader
from mxgateway.errors import ErrorFacts, MxGatewayError, MxGatewayStreamEndedError, MxGatewayUsageError

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


class Stream(ABC, Generic[MessageT, ItemT]):
    """A stream of the gateway: an async iterator and an async context manager.

    It asks the gateway when it is entered or first iterated. It ends normally only when it is closed from this side;
    every loss raises. Cancelling a task that waits for an item, by `asyncio.timeout` for example, loses nothing and
    leaves the stream open. A stream that is dropped without `close` ends when it is collected.
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
        self._session_id = session_id
        self._correlation_id = correlation_id
        self._timeout = timeout
        self._reader: Reader[MessageT] | None = None
        self._failure: MxGatewayError | None = None
        self._closed = False
        self._waiting = False
        # What was taken from the reader and not delivered yet; and the same while it may be delivered without a look
        # at who asks.
        self._taken: Iterator[MessageT] = _NOTHING
        self._flow: Iterator[MessageT] = _NOTHING
        self._taken_in_all = 0

    @property
    def delivered(self) -> int:
        """How many items were delivered."""
        return self._taken_in_all - length_hint(self._taken)

    @property
    def pending(self) -> int:
        """How many items have arrived and wait to be delivered."""
        return length_hint(self._taken) + (0 if self._reader is None else self._reader.pending)

    @property
    def is_open(self) -> bool:
        """Whether the gateway has been asked, and neither a close nor a loss has ended the stream since."""
        return self._reader is not None and not self._reader.ended and not self._closed and self._failure is None

    async def __aenter__(self) -> Self:
        self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def __aiter__(self) -> Self:
        self._flow = _NOTHING
        return self

    async def __anext__(self) -> ItemT:
        """Give the next item.

        Raises:
            StopAsyncIteration: the stream was closed from this side.
            MxGatewayStreamEndedError: the gateway ended it, even with OK.
            MxGatewayTransportError: the connection broke.
            MxGatewayUsageError: another task waits on this stream already, or the client can't be used here.
            MxGatewayError: what the status that ended the stream stands for, see GRPC_STATUS_ERRORS.
        """
        for message in self._flow:
            return self._item(message)
        return self._item(await self._next())

    async def close(self) -> None:
        """End the stream and wait until nothing of it is left here. Twice is fine.

        Items that have arrived and were not taken yet are dropped.

        Raises:
            MxGatewayUsageError: the client was opened in another event loop or another process.
        """
        if self._reader is not None:
            self._channel.check_place()
        self._closed = True
        self._drop()
        if self._reader is not None:
            await self._reader.close()

    def __del__(self) -> None:
        reader: Reader[MessageT] | None = getattr(self, "_reader", None)
        if reader is not None:
            reader.cancel()

    @abstractmethod
    def _open_reader(self) -> Reader[MessageT]:
        """Ask the gateway for the stream and return the reader of its messages."""

    @abstractmethod
    def _item(self, message: MessageT) -> ItemT:
        """Give what a message stands for."""

    def _started(self) -> Reader[MessageT]:
        if self._closed:
            raise self._misuse("the stream is closed")
        if self._reader is None:
            self._reader = self._open_reader()
        return self._reader

    def _read_in_task(self, method: StreamMethod[RequestT, MessageT], request: RequestT) -> Reader[MessageT]:
        """Send a request and return a task that reads the replies: the way for all streams but that of events."""
        call = self._channel.stream(method, request, timeout=self._timeout)
        return TaskReader(self._channel, call, name=f"mxgateway {self._method}")

    async def _may_ask_again(self, end: StreamEnd) -> bool:  # noqa: ARG002 - for those that look at it
        """Whether the end is none, and the gateway is to be asked again; waits until then."""
        return False

    async def _next(self) -> MessageT:
        """Give the next message when it takes more than taking it."""
        if self._reader is not None:
            self._channel.check_place()
        if self._failure is not None:
            raise self._failure
        if self._closed:
            raise StopAsyncIteration
        if self._waiting:
            raise self._misuse("another task already waits on this stream")
        if not length_hint(self._taken):
            await self._take()
        self._flow = self._taken
        return next(self._flow)

    async def _take(self) -> None:
        """Take what has arrived from the reader; waits until there is something."""
        reader = self._started()
        self._waiting = True
        try:
            while not (messages := reader.take()):
                end = await reader.wait()
                if self._closed:
                    raise StopAsyncIteration
                if end is not None:
                    if not await self._may_ask_again(end):
                        self._fail(self._error(end))
                    reader = self._reader = self._open_reader()
        finally:
            self._waiting = False
        self._taken = iter(messages)
        self._taken_in_all += len(messages)

    def _drop(self) -> None:
        self._taken_in_all = self.delivered
        self._taken = self._flow = _NOTHING

    def _fail(self, failure: MxGatewayError) -> NoReturn:
        self._failure = failure
        self._drop()
        if self._reader is not None:
            self._reader.cancel()
        raise failure

    def _error(self, end: StreamEnd) -> MxGatewayError:
        if end.status is None:
            return self._misuse("the client was closed under the stream")
        if end.status is grpc.StatusCode.OK:
            failure: MxGatewayError = MxGatewayStreamEndedError(
                "the gateway ended the stream, and nobody here asked for that", self._facts()
            )
        else:
            failure = error_from_grpc(end.status, end.details, self._facts())
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
