"""The reader of a stream: takes messages off the wire at once, and holds the gateway back when nobody takes them."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar, cast

import grpc.aio

from mxgateway._transport.failures import UNREADABLE
from mxgateway._transport.streams.reader import CAPACITY, StreamEnd

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel

__all__ = ["MessageT", "TaskReader"]

MessageT = TypeVar("MessageT", bound="Message")


class TaskReader(Generic[MessageT]):
    """Reads one stream in a task of its own, so that cancelling a consumer loses nothing and ends nothing."""

    def __init__(self, channel: Channel, call: grpc.aio.UnaryStreamCall[Any, MessageT], *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: deque[MessageT] = deque()
        self._arrived: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._end: StreamEnd | None = None
        self._bytes = 0
        self._most_bytes = channel.options.max_message_bytes
        self._call = call
        # Who closes the client ends the calls: a reader that waits for its consumer must hear of it.
        call.add_done_callback(lambda _: _wake(self._room))
        self._task = channel.keep(self._read(), name=name)

    @property
    def pending(self) -> int:
        """How many messages wait to be taken."""
        return len(self._queue)

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._end is not None

    def take(self) -> Sequence[MessageT]:
        """Give what has arrived, in order."""
        messages = tuple(self._queue)
        self._queue.clear()
        _wake(self._room)
        return messages

    async def wait(self) -> StreamEnd | None:
        """Wait until something can be taken; gives how the stream ended once everything is."""
        while not self._queue:
            if self._end is not None:
                return self._end
            self._arrived = self._loop.create_future()
            try:
                await self._arrived
            finally:
                self._arrived = None
        return None

    def cancel(self) -> None:
        """End the stream; the gateway sees it at once. Safe from any thread, and when the loop is closed already."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._cancel)

    async def close(self) -> None:
        """End the stream and wait until nothing of it is left. Twice is fine."""
        self._cancel()
        await asyncio.wait([self._task])

    def _cancel(self) -> None:
        self._queue.clear()
        self._call.cancel()
        _wake(self._room)

    async def _read(self) -> None:
        try:
            self._end = await self._read_until_end()
        finally:
            self._end = self._end or StreamEnd(status=None, details=None)
            self._call.cancel()
            _wake(self._arrived)

    async def _read_until_end(self) -> StreamEnd:
        try:
            while (arrived := await self._call.read()) is not grpc.aio.EOF:
                if arrived is None:
                    return StreamEnd(status=grpc.StatusCode.INTERNAL, details=UNREADABLE)
                message = cast("MessageT", arrived)
                if not self._queue:
                    self._bytes = 0
                self._queue.append(message)
                self._bytes += message.ByteSize()
                _wake(self._arrived)
                full = len(self._queue) >= CAPACITY or self._bytes > self._most_bytes
                if full and not self._call.done():
                    await self._wait_for_room()
        except grpc.aio.AioRpcError as error:
            return StreamEnd(status=error.code(), details=error.details())
        except KeyError as error:
            # Some grpcio can't say what a status is that gRPC doesn't have.
            return StreamEnd(status=grpc.StatusCode.UNKNOWN, details=f"gRPC has no status {error}")
        except asyncio.CancelledError:
            # grpc.aio reports a call that was cancelled from here as if this task had been.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return StreamEnd(status=None, details=None)
        return StreamEnd(status=grpc.StatusCode.OK, details=None)

    async def _wait_for_room(self) -> None:
        self._room = self._loop.create_future()
        try:
            await self._room
        finally:
            self._room = None


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
