"""Read a stream in a task, over grpc.aio."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import grpc.aio

from mxgateway._transport.call_status import UNDECODABLE, status_of
from mxgateway._transport.streams.reader import MAX_PENDING_MESSAGES, StreamEnd
from mxgateway._transport.streams.signal import Signal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel

__all__ = ["MessageT", "TaskReader"]

MessageT = TypeVar("MessageT", bound="Message")


class TaskReader(Generic[MessageT]):
    """Reads a stream in a task of its own, so that cancelling the consumer neither loses a message nor ends the stream.

    It receives messages as soon as they arrive, and stops receiving while too many wait for the consumer.
    """

    def __init__(self, channel: Channel, call: grpc.aio.UnaryStreamCall[Any, MessageT], *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: deque[MessageT] = deque()
        self._queue_bytes = 0
        self._max_queue_bytes = channel.options.max_message_bytes
        self._arrived = Signal(self._loop)
        self._taken = Signal(self._loop)
        self._end: StreamEnd | None = None
        self._call = call
        # Closing the client cancels the call. A reader that waits for its consumer must then wake up.
        call.add_done_callback(lambda _: self._taken.set())
        self._task = channel.start_task(self._read(), name=name)

    @property
    def pending(self) -> int:
        """The number of messages that have arrived and were not taken."""
        return len(self._queue)

    @property
    def ended(self) -> bool:
        """Whether no more messages can arrive."""
        return self._end is not None

    def take(self) -> Sequence[MessageT]:
        """Return all messages that have arrived, in order."""
        messages = tuple(self._queue)
        self._queue.clear()
        self._taken.set()
        return messages

    async def wait(self) -> StreamEnd | None:
        """Wait until messages can be taken. Return how the stream ended once all of them are taken."""
        while not self._queue:
            if self._end is not None:
                return self._end
            await self._arrived.wait()
        return None

    def cancel(self) -> None:
        """End the stream, which the gateway sees at once. Safe in any thread, and after the event loop has closed."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel)

    async def close(self) -> None:
        """End the stream and wait until its task has ended. Closing again does nothing."""
        self._cancel()
        await asyncio.wait([self._task])

    def _cancel(self) -> None:
        self._queue.clear()
        self._call.cancel()
        self._taken.set()

    async def _read(self) -> None:
        try:
            self._end = await self._read_until_end()
        finally:
            # If the call is cancelled, grpc.aio raises the same CancelledError as if this task had been.
            self._end = self._end or StreamEnd(status=None, details=None)
            self._call.cancel()
            self._arrived.set()

    async def _read_until_end(self) -> StreamEnd:
        try:
            while (received := await self._call.read()) is not grpc.aio.EOF:
                if received is None:
                    return StreamEnd(status=grpc.StatusCode.INTERNAL, details=UNDECODABLE)
                message = cast("MessageT", received)
                if not self._queue:
                    self._queue_bytes = 0
                self._queue.append(message)
                self._queue_bytes += message.ByteSize()
                self._arrived.set()
                full = len(self._queue) >= MAX_PENDING_MESSAGES or self._queue_bytes > self._max_queue_bytes
                if full and not self._call.done():
                    await self._taken.wait()
        except (grpc.aio.AioRpcError, KeyError) as error:
            ended = status_of(error)
            return StreamEnd(status=ended.code, details=ended.details, sent_by_gateway=ended.sent_by_gateway)
        return StreamEnd(status=grpc.StatusCode.OK, details=None)
