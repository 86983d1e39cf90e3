"""The fast reader: a thread takes messages off the wire, and the event loop is woken once for many of them.

grpc.aio spends far more on handing a message to the event loop than on parsing it. A synchronous call that needs no
thread inside gRPC costs a fraction of that, and the queue between it and the loop costs next to nothing.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
import time
import weakref
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import grpc
from google.protobuf.message import DecodeError

from mxgateway._transport.failures import UNREADABLE
from mxgateway._transport.streams.reader import CAPACITY, StreamEnd
from mxgateway._transport.streams.turn_taking import Baton

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.segregated_call import SyncCall

__all__ = ["ThreadReader"]

MessageT = TypeVar("MessageT", bound="Message")

# A consumer that never waits, and a thread among busy ones, leave others a turn after so many seconds.
_TURN: Final = 0.001
# How many messages are handed over at once, and read in a row, without a look at the clock.
_ROW: Final = 64
# Messages that come faster than one in so many seconds are collected for a moment before the loop is woken for them.
_QUICK: Final = 0.0001
# Several streams share what the loop and the interpreter lock can do: each gets more at a time, and less often.
_MOMENT: Final = 0.001
_LONGEST_MOMENT: Final = 0.004
_MANY: Final = 100
# The thread goes on reading when so many are left: waking it for each single place would be one switch a message.
_ROOM: Final = CAPACITY // 2
_LAST_WORDS: Final = 2.0


class ThreadReader(Generic[MessageT]):
    """Reads one stream in a thread of its own; to its stream it is what a TaskReader is."""

    def __init__(self, channel: Channel, call: SyncCall[MessageT], *, name: str) -> None:
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._call = call
        self._queue: deque[MessageT] = deque()
        self._end: StreamEnd | None = None
        self._cancelled = False
        self._waiting = False
        self._arrived: asyncio.Future[None] | None = None
        self._room = threading.Event()
        self._room_at = _ROOM
        self._most_bytes = channel.options.max_message_bytes
        self._gone = self._loop.create_future()
        self._row = 1
        self._loop_was_free = True
        self._taken = 0
        self._waited_at = self._turn_began = self._read_since = self._row_began = time.monotonic()
        self._thread = threading.Thread(target=self._read, name=name, daemon=True)
        _running.add(self)
        channel.own(self, channel.keep(self._until_gone(), name=name))
        self._thread.start()

    @property
    def pending(self) -> int:
        """How many messages wait to be taken."""
        return len(self._queue)

    @property
    def ended(self) -> bool:
        """Whether nothing more can come."""
        return self._end is not None

    def take(self) -> Sequence[MessageT]:
        """Give what may be delivered before somebody else gets the loop, in order; nothing when there is none."""
        queue = self._queue
        if not queue or self._turn_is_over():
            return ()
        # Few at first: a consumer may take long over each.
        messages = [queue.popleft() for _ in range(min(self._row, len(queue)))]
        self._row = min(self._row * 2, _ROW)
        self._taken += len(messages)
        if len(queue) <= self._room_at and not self._room.is_set():
            self._room.set()
        return messages

    async def wait(self) -> StreamEnd | None:
        """Wait until something can be taken; gives how the stream ended once everything is."""
        if self._queue:
            await asyncio.sleep(0)
        else:
            await self._collect()
        while not self._queue:
            if self._end is not None:
                return self._end
            await self._wait()
        return None

    def cancel(self) -> None:
        """End the stream; the gateway sees it at once. Safe from any thread, and when the loop is closed already.

        In a fork nothing happens: the connection is the parent's, and gRPC doesn't survive being touched there.
        """
        if os.getpid() != self._pid:
            return
        self._cancelled = True
        self._queue.clear()
        self._call.cancel()
        self._room.set()

    async def close(self) -> None:
        """End the stream and wait until its thread is gone. Twice is fine."""
        self.cancel()
        await self._until_gone()

    def end_with_process(self) -> None:
        """End the stream while the interpreter ends: a call that is open then can keep it from ending."""
        if os.getpid() == self._pid:
            self.cancel()
            self._thread.join(_LAST_WORDS)

    async def _until_gone(self) -> None:
        await asyncio.shield(self._gone)
        self._thread.join()

    def _turn_is_over(self) -> bool:
        if self._loop_was_free:
            # Whoever comes with a timeout that is over at the loop's next turn gets what is here all the same.
            self._loop_was_free = False
            self._loop.call_soon(self._free)
            self._turn_began = time.monotonic()
            self._row = 1
        return time.monotonic() - self._turn_began > _TURN

    def _free(self) -> None:
        self._loop_was_free = True

    async def _collect(self) -> None:
        """Let a moment pass when messages come fast: the loop then takes many of them at once."""
        now = time.monotonic()
        taken, self._taken = self._taken, 0
        streams = len(_running)
        quick = now - self._waited_at < taken * _QUICK * streams
        self._waited_at = now
        if quick and self._end is None:
            # The more come in a moment, the less each costs when the moment is longer.
            moments = streams if taken < _MANY else 2 * streams
            await asyncio.sleep(min(_MOMENT * moments, _LONGEST_MOMENT))

    async def _wait(self) -> None:
        self._arrived = self._loop.create_future()
        self._waiting = True
        try:
            # The thread looks at the flag behind its append, so this looks at the queue behind the flag.
            if not self._queue and self._end is None:
                await self._arrived
        finally:
            self._waiting = False
            self._arrived = None

    def _read(self) -> None:
        try:
            self._read_until_end()
        except grpc.RpcError as error:
            end = StreamEnd(status=error.code(), details=error.details())
        except DecodeError:
            end = StreamEnd(status=grpc.StatusCode.INTERNAL, details=UNREADABLE)
        except Exception as error:  # noqa: BLE001 - a thread that ended without a word would leave its consumer waiting
            end = StreamEnd(status=grpc.StatusCode.INTERNAL, details=f"reading ended with {error!r}")
        else:
            end = StreamEnd(status=grpc.StatusCode.OK, details=None)
        _baton.leave(self)
        self._end = StreamEnd(status=None, details=None) if self._cancelled else end
        self._call.finish()
        self._tell(self._finish)

    def _read_until_end(self) -> None:
        call, append = self._call, self._queue.append
        for number, message in enumerate(call, 1):
            append(message)
            if self._waiting:
                self._waiting = False
                self._tell(self._wake)
            if not number % _ROW:
                self._share()
                if len(self._queue) >= CAPACITY:
                    self._wait_for_room(_ROOM)
            if call.large_bytes > self._most_bytes:
                self._wait_for_room(0)
                call.large_bytes = 0

    def _share(self) -> None:
        """Take turns with other threads while messages come fast."""
        now = time.monotonic()
        quick = now - self._row_began < _ROW * _QUICK * len(_running)
        if not quick:
            _baton.leave(self)
        elif now - self._read_since > _TURN:
            _baton.pass_on(self)
            self._read_since = now = time.monotonic()
        self._row_began = now

    def _wait_for_room(self, left: int) -> None:
        """Wait until no more than so many messages are left."""
        self._room_at = left
        self._room.clear()
        if len(self._queue) > left and not self._cancelled:
            _baton.leave(self)
            self._room.wait()

    def _tell(self, what: Callable[[], None]) -> None:
        # The loop may be closed under a stream that nobody closed.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(what)

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    def _finish(self) -> None:
        _running.discard(self)
        self._wake()
        if not self._gone.done():
            self._gone.set_result(None)


_baton: Final = Baton()
_running: weakref.WeakSet[ThreadReader[Any]] = weakref.WeakSet()


@atexit.register
def _end_with_process() -> None:
    for reader in tuple(_running):
        reader.end_with_process()
