"""Where every call comes in: it is recorded, its key is looked at, and what it ends with is told."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf import message_factory

from mxgateway._transport.decoding import UNREADABLE_BYTES
from mxgateway.testing.state.keys import Key, KeyRing, Scope
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
    from datetime import datetime

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

    from mxgateway.testing.state.changes import Changes
    from mxgateway.testing.state.clock import Clock
    from mxgateway.testing.state.conditions import Conditions
    from mxgateway.testing.state.limits import Limits

__all__ = ["Call", "CallRecord", "Door", "Rpc"]

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(slots=True, kw_only=True, eq=False)
class CallRecord:
    """A call that the gateway saw.

    Attributes:
        rpc: the method's name, such as `OpenSession`.
        request: what it asked, decoded. It may hold a password, and is not shown.
        metadata_keys: the keys of its metadata, without their values.
        key_id: the part of its key that is no secret, when the gateway knows the key.
        authorised: whether the key may do what was asked.
        peer: where it came from.
        deadline: how many seconds it had left when it came; None for no deadline.
        received_at: when it came, by the gateway's clock.
        messages_sent: how many messages the gateway has sent to it.
        cancelled: whether its caller went away, or its deadline passed, before it ended.
        status: what it ended with; None while it runs, and when it was cancelled.
    """

    rpc: str
    request: Message = field(repr=False)
    metadata_keys: tuple[str, ...]
    peer: str
    deadline: float | None
    received_at: datetime
    key_id: str | None = None
    authorised: bool = False
    messages_sent: int = 0
    cancelled: bool = False
    status: grpc.StatusCode | None = None

    @property
    def running(self) -> bool:
        """Whether it has not ended yet."""
        return self.status is None and not self.cancelled


class Call:
    """A call that came through the door."""

    def __init__(self, record: CallRecord, key: Key, context: _Context, changes: Changes) -> None:
        self.key = key
        self._record = record
        self._context = context
        self._changes = changes

    async def send(self, message: Message) -> None:
        """Send one message of a stream; waits while the caller doesn't read."""
        await self._context.write(message)
        self._record.messages_sent += 1
        self._changes.notify()


@dataclass(frozen=True, slots=True)
class Rpc:
    """How one method is served.

    Attributes:
        serve: takes the request and the call. Gives the reply, or sends the messages of a stream itself.
        scope: what a key needs for it, which may depend on the request.
    """

    serve: Callable[[Any, Call], Awaitable[Message | None]]
    scope: Scope | Callable[[Any], Scope]

    def scope_of(self, request: Message) -> Scope:
        """Give what a key needs for this request."""
        return self.scope if isinstance(self.scope, Scope) else self.scope(request)


class _Records:
    """The calls that came last, as many as there is room for."""

    def __init__(self, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._bytes = 0
        self._records: deque[tuple[int, CallRecord]] = deque()

    def append(self, record: CallRecord, size: int) -> None:
        """Keep one more, whose request has so many bytes; the oldest make way, the newest is kept however large."""
        self._records.append((size, record))
        self._bytes += size
        while len(self._records) > self._most or (self._bytes > self._most_bytes and len(self._records) > 1):
            oldest_size, _ = self._records.popleft()
            self._bytes -= oldest_size

    def __iter__(self) -> Iterator[CallRecord]:
        return (record for _, record in self._records)


class Door:
    """Lets calls in, one way for all of them."""

    def __init__(self, keys: KeyRing, clock: Clock, conditions: Conditions, changes: Changes, limits: Limits) -> None:
        self._keys = keys
        self._clock = clock
        self._conditions = conditions
        self._changes = changes
        self._records = _Records(limits.recorded_calls, limits.recorded_bytes)
        self._inside = 0

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """The calls that came last, the oldest first."""
        return tuple(self._records)

    @property
    def inside(self) -> int:
        """How many calls are being served."""
        return self._inside

    def handler(self, service: ServiceDescriptor, rpcs: Mapping[str, Rpc]) -> grpc.GenericRpcHandler:
        """Serve a service whose methods are `rpcs`."""
        return grpc.method_handlers_generic_handler(
            service.full_name,
            {method.name: self._method_handler(method, rpcs[method.name]) for method in service.methods},
        )

    def _method_handler(self, method: MethodDescriptor, rpc: Rpc) -> grpc.RpcMethodHandler[Any, Any]:
        request_class = message_factory.GetMessageClass(method.input_type)

        async def serve(received: bytes, context: _Context) -> Message | None:
            request = request_class()
            async with self._admitted(method.name, rpc, request, received, context) as call:
                return await rpc.serve(request, call)

        make = grpc.unary_stream_rpc_method_handler if method.server_streaming else grpc.unary_unary_rpc_method_handler
        # The request comes as bytes: one that can't be read is refused like any other.
        return make(serve, request_deserializer=None, response_serializer=_serialize)

    @asynccontextmanager
    async def _admitted(
        self, name: str, rpc: Rpc, request: Message, received: bytes, context: _Context
    ) -> AsyncGenerator[Call]:
        readable = _read(received, request)
        metadata = [(key, value) for key, value in context.invocation_metadata() or ()]
        record = CallRecord(
            rpc=name,
            request=request,
            metadata_keys=tuple(key for key, _ in metadata),
            peer=context.peer(),
            deadline=context.time_remaining(),
            received_at=self._clock.now(),
        )
        self._records.append(record, len(received))
        self._inside += 1
        self._changes.notify()
        try:
            await self._meet_conditions(name)
            key = self._recognised(metadata)
            record.key_id = key.key_id
            _must_be_readable(request, readable)
            _must_have_scope(key, rpc.scope_of(request))
            record.authorised = True
            yield Call(record, key, context, self._changes)
            record.status = grpc.StatusCode.OK
        except Refused as refused:
            record.status = refused.code
            await context.abort(refused.code, refused.details)
        except asyncio.CancelledError:
            record.cancelled = True
            raise
        except Exception:
            record.status = grpc.StatusCode.UNKNOWN
            raise
        finally:
            self._inside -= 1
            self._changes.notify()

    async def _meet_conditions(self, name: str) -> None:
        if self._conditions.call_delay:
            await self._clock.sleep(self._conditions.call_delay)
        refusal = self._conditions.refusal_for(name)
        if refusal is not None:
            raise refusal

    def _recognised(self, metadata: list[tuple[str, str | bytes]]) -> Key:
        headers = [value for key, value in metadata if key == "authorization" and isinstance(value, str)]
        key = self._keys.find(headers[0]) if headers else None
        if key is None:
            # Never a word of what was sent: it may be a key with a typing mistake in it.
            problem = "the API key is not valid" if headers else "the authorization metadata is missing"
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, problem)
        return key


def _read(received: bytes, request: Message) -> bool:
    """Read a request into its message; False when that can't be done."""
    try:
        request.ParseFromString(received)
    except UNREADABLE_BYTES:
        request.Clear()
        return False
    return True


def _must_be_readable(request: Message, readable: bool) -> None:  # noqa: FBT001 - it is what it says
    if not readable:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"the request is no {request.DESCRIPTOR.full_name}")


def _must_have_scope(key: Key, scope: Scope) -> None:
    if scope not in key.scopes:
        raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the API key {key.key_id} lacks the scope {scope}")


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
