# ruff: noqa: SLF001 - that is what the module is about
"""A call that streams replies to a thread, and the short way from gRPC's core to them.

gRPC's iterator over such a call asks its core for each reply and puts that between locks and lists which only a call
with several threads needs: half of what a reply costs. The parts it is made of are not public, so they are looked for;
where one is missing, gRPC's iterator reads. Whatever is no reply, the end above all, is left to gRPC in any case.
"""

from __future__ import annotations

import contextlib
import importlib
import logging
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

from google.protobuf.message import DecodeError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import grpc
    from google.protobuf.message import Message

__all__ = ["SyncCall"]

_logger = logging.getLogger("mxgateway.channel")

# Of smaller messages as many as may wait in a stream take no more memory than one of the largest size.
_LARGE: Final = 4096

MessageT = TypeVar("MessageT", bound="Message")


class SyncCall(Generic[MessageT]):
    """A call that streams replies to a thread, over a connection of its own that ends with it.

    A call of this sort that is cancelled drops the events that tell of its end, and gRPC then keeps it, and with it its
    connection, for as long as the process lives. One whose channel is closed under it sees its end.

    Attributes:
        large_bytes: what has arrived in large messages, until the reader sets it back.
    """

    def __init__(self, channel: grpc.Channel, call: Iterator[MessageT]) -> None:
        self.large_bytes: int = 0
        self._channel = channel
        self._call = call

    def __iter__(self) -> Iterator[MessageT]:
        """Give the replies; raises grpc.RpcError when the call ends with another status than OK, or DecodeError."""
        try:
            core = _Core(self._call)
        except (AttributeError, ImportError) as missing:
            _logger.info("this grpcio is built in another way (%s): events are read by its own iterator", missing)
            return self._counted()
        return core.replies(self, self._call)

    def _counted(self) -> Iterator[MessageT]:
        for reply in self._call:
            if (size := reply.ByteSize()) > _LARGE:
                self.large_bytes += size
            yield reply

    def cancel(self) -> None:
        """End it and its connection, from any thread. Twice is fine."""
        self._channel.close()

    def finish(self) -> None:
        """End it in the thread that has read it, once nothing more is read.

        Of a call that failed before it was sent gRPC still has an event to tell. As long as nobody takes it gRPC keeps
        the call, and its closed channel connects again and stays connected.
        """
        self.cancel()
        with contextlib.suppress(AttributeError, ImportError):
            _Core(self._call).take_all()


class _Core:
    """The parts of gRPC's iterator over a call that needs no thread of its own: the same from grpcio 1.63 to 1.85."""

    def __init__(self, call: Any) -> None:
        core = importlib.import_module("grpc._cython.cygrpc")
        self._operate = call._call.operate
        self._next_event = call._call.next_event
        self._next_response = call._next_response
        self._parse = call._response_deserializer
        self._state = call._state
        self._due: set[object] = call._state.due
        self._condition = call._state.condition
        self._handle = importlib.import_module("grpc._channel")._handle_event
        self._receive = core.ReceiveMessageOperation
        self._message_due = core.OperationType.receive_message
        self._only_the_end_is_due = {core.OperationType.receive_status_on_client}

    def replies(self, owner: SyncCall[MessageT], call: Iterator[MessageT]) -> Iterator[MessageT]:
        """Give the replies of the call: the first by its iterator, which also sees to how a call begins."""
        for reply in call:
            yield reply
            if self._due == self._only_the_end_is_due:
                break
        else:
            return
        operate, next_event, receive, parse = self._operate, self._next_event, self._receive, self._parse
        while True:
            operations = (receive(0),)
            operate(operations, None)
            event = next_event()
            if event.batch_operations is not operations or (received := operations[0].message()) is None:
                break
            reply = parse(received)
            if reply is None:
                raise DecodeError
            if len(received) > _LARGE:
                owner.large_bytes += len(received)
            yield reply
        yield from self._rest(call, event)

    def _rest(self, call: Iterator[MessageT], event: object) -> Iterator[MessageT]:
        """Let gRPC have an event that was no reply, as if it had asked for it, and go on by itself."""
        self._due.add(self._message_due)
        self._take(event)
        try:
            last: MessageT = self._next_response()
        except StopIteration:
            return
        yield last
        yield from call

    def take_all(self) -> None:
        """Let gRPC have every event that is still to come of a call that has ended."""
        while self._due:
            self._take(self._next_event())

    def _take(self, event: object) -> None:
        with self._condition:
            callbacks = self._handle(event, self._state, self._parse)
        for callback in callbacks:
            callback()
