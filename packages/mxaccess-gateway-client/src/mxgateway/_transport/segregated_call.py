# ruff: noqa: SLF001 - this module is about private parts of grpcio
"""Segregated calls: streaming calls that a thread reads directly from gRPC's core.

gRPC's own iterator over such a call takes each reply from the core through locks and lists that only calls with
several threads need. That is half of the cost of a reply. The parts that the iterator is made of are not public, so
they are looked up when they are used. If one is missing, gRPC's own iterator reads. Everything that is not a reply,
above all the end of the call, is left to gRPC in any case.
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

__all__ = ["SegregatedCall"]

_logger = logging.getLogger("mxgateway.channel")

# A full queue of smaller messages takes no more memory than one message of the largest size.
_LARGE_MESSAGE_BYTES: Final = 4096

MessageT = TypeVar("MessageT", bound="Message")


class SegregatedCall(Generic[MessageT]):
    """A streaming call that a thread reads, over a connection of its own that ends with the call.

    The call needs its own connection because it is ended by closing the channel. If such a call is cancelled instead,
    it drops the events that report its end, and gRPC then keeps the call and its connection as long as the process
    lives.

    Attributes:
        large_bytes: the size of the large messages that have arrived, in bytes, until the reader resets it.
    """

    def __init__(self, channel: grpc.Channel, call: Iterator[MessageT]) -> None:
        self.large_bytes: int = 0
        self._channel = channel
        self._call = call

    def __iter__(self) -> Iterator[MessageT]:
        """Yield the replies.

        Raises:
            grpc.RpcError: the call ended with another status than OK.
            DecodeError: a reply cannot be decoded.
        """
        try:
            parts = _PrivateParts(self._call)
        except (AttributeError, ImportError) as missing:
            _logger.info("this version of grpcio has other private parts (%s): its iterator reads the events", missing)
            return self._read_by_iterator()
        return parts.replies(self, self._call)

    def cancel(self) -> None:
        """End the call and its connection, from any thread. Cancelling again does nothing."""
        self._channel.close()

    def finish(self) -> None:
        """End the call in the thread that has read it, after the last read.

        If a call failed before it was sent, gRPC still has an event to report. Until that event is taken, gRPC keeps
        the call, and its closed channel connects again and stays connected.
        """
        self.cancel()
        with contextlib.suppress(AttributeError, ImportError):
            _PrivateParts(self._call).handle_remaining_events()

    def _read_by_iterator(self) -> Iterator[MessageT]:
        for reply in self._call:
            if (size := reply.ByteSize()) > _LARGE_MESSAGE_BYTES:
                self.large_bytes += size
            yield reply


class _PrivateParts:
    """The private parts of gRPC's iterator over a segregated call: the same from grpcio 1.63 to 1.85."""

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
        self._only_end_due = {core.OperationType.receive_status_on_client}

    def replies(self, owner: SegregatedCall[MessageT], call: Iterator[MessageT]) -> Iterator[MessageT]:
        """Yield the replies; gRPC's iterator reads the first one, because it also starts the call."""
        for reply in call:
            yield reply
            if self._due == self._only_end_due:
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
            if len(received) > _LARGE_MESSAGE_BYTES:
                owner.large_bytes += len(received)
            yield reply
        yield from self._continue_by_iterator(call, event)

    def handle_remaining_events(self) -> None:
        """Let gRPC handle every event that is still due of a call that has ended."""
        while self._due:
            self._handle_event(self._next_event())

    def _continue_by_iterator(self, call: Iterator[MessageT], event: object) -> Iterator[MessageT]:
        """Let gRPC handle an event that is not a reply, as if its iterator had received it, and continue by itself."""
        self._due.add(self._message_due)
        self._handle_event(event)
        try:
            last: MessageT = self._next_response()
        except StopIteration:
            return
        yield last
        yield from call

    def _handle_event(self, event: object) -> None:
        with self._condition:
            callbacks = self._handle(event, self._state, self._parse)
        for callback in callbacks:
            callback()
