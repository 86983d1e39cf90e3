"""Read a stream in a thread, which wakes the event loop once for many messages.

grpc.aio spends far more time on handing a message to the event loop than on parsing it. A segregated call costs a
fraction of that, and the queue between its thread and the event loop costs next to nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, Generic, TypeVar

import grpc
from google.protobuf.message import DecodeError

from mxgateway._transport.call_status import UNDECODABLE, status_of
from mxgateway._transport.exit import live_readers
from mxgateway._transport.streams.reader import MAX_PENDING_MESSAGES, StreamEnd
from mxgateway._transport.streams.signal import Signal
from mxgateway._transport.streams.turn_taking import TurnTaking
from mxgateway.errors import ErrorFacts, MxGatewayLimitError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.segregated_call import SegregatedCall

__all__ = ["ThreadReader"]

MessageT = TypeVar("MessageT", bound="Message")

# A consumer that never waits lets other tasks run after this time, and a busy thread lets other busy threads run.
_TURN_SECONDS: Final = 0.001
# How many messages the consumer takes at once, and how many the thread reads between two looks at the clock.
_BATCH_MESSAGES: Final = 64
# Messages are fast if they arrive at shorter intervals than this. Fast messages are collected before the consumer
# takes them.
_FAST_INTERVAL_SECONDS: Final = 0.0001
# Several streams share the event loop and the GIL. The more streams, the longer each collects.
_COLLECT_SECONDS: Final = 0.001
_MAX_COLLECT_SECONDS: Final = 0.004
# From this many messages in one collection on, a longer collection makes each message cheaper.
_MANY_MESSAGES: Final = 100
# A thread that waits for its consumer continues when this many messages are left. Continuing at each free place would
# cost one thread switch per message.
_CONTINUE_AT_MESSAGES: Final = MAX_PENDING_MESSAGES // 2
_MAX_EXIT_SECONDS: Final = 2.0

_turns: Final = TurnTaking()


class ThreadReader(Generic[MessageT]):
    """Reads a stream in a thread of its own; a stream uses it in the same way as a TaskReader."""

    def __init__(self, channel: Channel, call: SegregatedCall[MessageT], *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._call = call
        self._queue: deque[MessageT] = deque()
        self._max_queue_bytes = channel.options.max_message_bytes
        self._end: StreamEnd | None = None
        self._cancelled = False
        # Set by the consumer while it waits for messages, and reset by whichever thread wakes it.
        self._consumer_waits = False
        self._arrived = Signal(self._loop)
        # Set when no more than `_continue_at` messages are left in the queue.
        self._has_room = threading.Event()
        self._continue_at = _CONTINUE_AT_MESSAGES
        self._thread_ended = self._loop.create_future()
        self._batch_size = 1
        self._loop_has_run = True
        self._taken_since_wait = 0
        self._waited_at = self._turn_began = self._read_since = self._batch_began = time.monotonic()
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            call.finish()
            hint = "raise the limit of threads and processes of this user or container"
            facts = ErrorFacts(target=channel.options.endpoint, hint=hint)
            raise MxGatewayLimitError(f"no thread can be started to read a stream ({error})", facts) from None
        live_readers.add(self)
        channel.cancel_on_close(self, task=channel.start_task(self._until_thread_ended(), name=name))

    @property
    def pending(self) -> int:
        """The number of messages that have arrived and were not taken."""
        return len(self._queue)

    @property
    def ended(self) -> bool:
        """Whether no more messages can arrive."""
        return self._end is not None

    def take(self) -> Sequence[MessageT]:
        """Return messages that may be delivered before the event loop runs other tasks, in order; empty if none."""
        queue = self._queue
        if not queue or self._turn_is_over():
            return ()
        # Few messages at first, because a consumer may take long over each.
        messages = [queue.popleft() for _ in range(min(self._batch_size, len(queue)))]
        self._batch_size = min(self._batch_size * 2, _BATCH_MESSAGES)
        self._taken_since_wait += len(messages)
        if len(queue) <= self._continue_at and not self._has_room.is_set():
            self._has_room.set()
        return messages

    async def wait(self) -> StreamEnd | None:
        """Wait until messages can be taken. Return how the stream ended once all of them are taken."""
        if self._queue:
            await asyncio.sleep(0)
        else:
            await self._collect()
        while not self._queue:
            if self._end is not None:
                return self._end
            await self._wait_for_message()
        return None

    def cancel(self) -> None:
        """End the stream, which the gateway sees at once. Safe in any thread, and after the event loop has closed.

        In a forked process this does nothing: the connection is the parent's, and gRPC cannot be used in the fork.
        """
        if os.getpid() != self._pid:
            return
        self._cancelled = True
        self._queue.clear()
        self._call.cancel()
        self._has_room.set()

    async def close(self) -> None:
        """End the stream and wait until its thread has ended. Closing again does nothing."""
        self.cancel()
        await self._until_thread_ended()

    def end_with_process(self) -> None:
        """End the stream while the interpreter ends, because an open call can keep the process from ending."""
        if os.getpid() == self._pid:
            self.cancel()
            self._thread.join(_MAX_EXIT_SECONDS)

    async def _until_thread_ended(self) -> None:
        await asyncio.shield(self._thread_ended)
        self._thread.join()

    def _turn_is_over(self) -> bool:
        if self._loop_has_run:
            # A new turn begins in each iteration of the event loop. So a caller with a timeout of 0 still receives
            # what has already arrived.
            self._loop_has_run = False
            self._loop.call_soon(self._note_loop_has_run)
            self._turn_began = time.monotonic()
            self._batch_size = 1
        return time.monotonic() - self._turn_began > _TURN_SECONDS

    def _note_loop_has_run(self) -> None:
        self._loop_has_run = True

    async def _collect(self) -> None:
        """Wait briefly if messages are fast, so that the event loop takes many of them at once."""
        now = time.monotonic()
        taken, self._taken_since_wait = self._taken_since_wait, 0
        streams = len(live_readers)
        fast = now - self._waited_at < taken * _FAST_INTERVAL_SECONDS * streams
        self._waited_at = now
        if fast and self._end is None:
            factor = streams if taken < _MANY_MESSAGES else 2 * streams
            await asyncio.sleep(min(_COLLECT_SECONDS * factor, _MAX_COLLECT_SECONDS))

    async def _wait_for_message(self) -> None:
        self._consumer_waits = True
        try:
            # The thread appends before it looks at the flag. So the flag must be set before this looks at the queue.
            if not self._queue and self._end is None:
                await self._arrived.wait()
        finally:
            self._consumer_waits = False

    def _read(self) -> None:
        try:
            self._read_until_end()
        except grpc.RpcError as error:
            ended = status_of(error)
            end = StreamEnd(status=ended.code, details=ended.details, sent_by_gateway=ended.sent_by_gateway)
        except DecodeError:
            end = StreamEnd(status=grpc.StatusCode.INTERNAL, details=UNDECODABLE)
        except Exception as error:  # noqa: BLE001 - the consumer would wait endlessly for a thread that died silently
            end = StreamEnd(status=grpc.StatusCode.INTERNAL, details=f"reading ended with {error!r}")
        else:
            end = StreamEnd(status=grpc.StatusCode.OK, details=None)
        _turns.end_turn(self)
        self._end = StreamEnd(status=None, details=None) if self._cancelled else end
        self._call.finish()
        self._call_in_loop(self._finish)

    def _read_until_end(self) -> None:
        call, append = self._call, self._queue.append
        for number, message in enumerate(call, 1):
            append(message)
            if self._consumer_waits:
                self._consumer_waits = False
                self._call_in_loop(self._arrived.set)
            if not number % _BATCH_MESSAGES:
                self._share_gil()
                if len(self._queue) >= MAX_PENDING_MESSAGES:
                    self._wait_for_room(_CONTINUE_AT_MESSAGES)
            if call.large_bytes > self._max_queue_bytes:
                self._wait_for_room(0)
                call.large_bytes = 0

    def _share_gil(self) -> None:
        """Take turns with other reader threads while messages are fast."""
        now = time.monotonic()
        fast = now - self._batch_began < _BATCH_MESSAGES * _FAST_INTERVAL_SECONDS * len(live_readers)
        if not fast:
            _turns.end_turn(self)
        elif now - self._read_since > _TURN_SECONDS:
            _turns.take_turn(self)
            self._read_since = now = time.monotonic()
        self._batch_began = now

    def _wait_for_room(self, left: int) -> None:
        """Wait until the consumer has left at most this many messages in the queue."""
        self._continue_at = left
        self._has_room.clear()
        if len(self._queue) > left and not self._cancelled:
            _turns.end_turn(self)
            self._has_room.wait()

    def _call_in_loop(self, function: Callable[[], None]) -> None:
        # The event loop may be closed before the stream is.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function)

    def _finish(self) -> None:
        live_readers.discard(self)
        self._arrived.set()
        if not self._thread_ended.done():
            self._thread_ended.set_result(None)
