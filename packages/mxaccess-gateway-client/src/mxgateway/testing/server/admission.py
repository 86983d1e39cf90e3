"""Record, authenticate and authorize every incoming call, and map refusals to gRPC statuses."""

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
from mxgateway.testing.state.keys import Key, Scope
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
    from datetime import datetime

    from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
    from google.protobuf.message import Message

    from mxgateway.testing.state.condition import Condition
    from mxgateway.testing.world import World

__all__ = ["Admission", "Call", "CallRecord", "Rpc"]

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@dataclass(slots=True, kw_only=True, eq=False)
class CallRecord:
    """A call that the gateway received.

    Attributes:
        rpc: the name of the method, such as `OpenSession`.
        request: the decoded request. It may contain a password, so `repr` leaves it out.
        metadata_keys: the keys of the metadata, without the values.
        key_id: the part of the API key that is not secret; None if the key is missing or unknown.
        authorised: whether the key has the scope that the call requires.
        peer: the address of the client.
        deadline: how many seconds the call had left when it was received; None without a deadline.
        received_at: when it was received, by the gateway's clock.
        messages_sent: how many messages of a stream the gateway has sent.
        cancelled: whether the client cancelled the call, or its deadline passed, before it ended.
        status: the status of the call; None while it runs, and if it was cancelled.
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
        """Whether the call has not ended."""
        return self.status is None and not self.cancelled


class Call:
    """A call that has been admitted."""

    def __init__(self, record: CallRecord, key: Key, context: _Context, changed: Condition) -> None:
        self.key = key
        self._record = record
        self._context = context
        self._changed = changed

    async def send(self, message: Message) -> None:
        """Send one message of a stream. Waits while the client does not read."""
        await self._context.write(message)
        self._record.messages_sent += 1
        self._changed.notify_all()


@dataclass(frozen=True, slots=True)
class Rpc:
    """The implementation of one method.

    Attributes:
        serve: serves the method, given the request and the call. Returns the reply, or sends the messages of a stream
            and returns None.
        scope: the scope that the method requires, or a function that returns it for a request.
    """

    serve: Callable[[Any, Call], Awaitable[Message | None]]
    scope: Scope | Callable[[Any], Scope]

    def scope_of(self, request: Message) -> Scope:
        """Return the scope that this request requires."""
        return self.scope if isinstance(self.scope, Scope) else self.scope(request)


class _Records:
    """The most recent calls, limited in number and in total size."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._bytes = 0
        self._records: deque[tuple[int, CallRecord]] = deque()

    def append(self, record: CallRecord, size: int) -> None:
        """Add a record whose request has `size` bytes, and drop the oldest ones. Keep the newest, however large."""
        self._records.append((size, record))
        self._bytes += size
        while len(self._records) > self._max_records or (self._bytes > self._max_bytes and len(self._records) > 1):
            oldest_size, _ = self._records.popleft()
            self._bytes -= oldest_size

    def __iter__(self) -> Iterator[CallRecord]:
        return (record for _, record in self._records)


class Admission:
    """The gatekeeper that admits or refuses every call, in the same way for all methods."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._records = _Records(world.limits.recorded_calls, world.limits.recorded_bytes)
        self._running_calls = 0

    @property
    def records(self) -> tuple[CallRecord, ...]:
        """The most recent calls, the oldest first."""
        return tuple(self._records)

    @property
    def running_calls(self) -> int:
        """The number of calls that are being served."""
        return self._running_calls

    def handler(self, service: ServiceDescriptor, rpcs: Mapping[str, Rpc]) -> grpc.GenericRpcHandler:
        """Return the gRPC handler of a service whose methods are implemented by `rpcs`."""
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
        # gRPC passes the request as bytes, so that an unreadable one is recorded and refused like any other.
        return make(serve, request_deserializer=None, response_serializer=_serialize)

    @asynccontextmanager
    async def _admitted(
        self, name: str, rpc: Rpc, request: Message, received: bytes, context: _Context
    ) -> AsyncGenerator[Call]:
        readable = _parse(received, request)
        metadata = [(key, value) for key, value in context.invocation_metadata() or ()]
        record = CallRecord(
            rpc=name,
            request=request,
            metadata_keys=tuple(key for key, _ in metadata),
            peer=context.peer(),
            deadline=context.time_remaining(),
            received_at=self._world.clock.now(),
        )
        self._records.append(record, len(received))
        self._running_calls += 1
        self._world.changed.notify_all()
        try:
            await self._apply_faults(name)
            key = self._authenticate(metadata)
            record.key_id = key.key_id
            _check_readable(request, readable)
            _check_scope(key, rpc.scope_of(request))
            record.authorised = True
            yield Call(record, key, context, self._world.changed)
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
            self._running_calls -= 1
            self._world.changed.notify_all()

    async def _apply_faults(self, name: str) -> None:
        faults = self._world.active_faults
        if faults.call_delay:
            await self._world.clock.sleep(faults.call_delay)
        refusal = faults.refusal_for(name)
        if refusal is not None:
            raise refusal

    def _authenticate(self, metadata: list[tuple[str, str | bytes]]) -> Key:
        headers = [value for key, value in metadata if key == "authorization" and isinstance(value, str)]
        key = self._world.keys.find(headers[0]) if headers else None
        if key is None:
            # Do not repeat the header: it may be a key with a typing mistake.
            problem = "the API key is not valid" if headers else "the authorization metadata is missing"
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, problem)
        return key


def _parse(received: bytes, request: Message) -> bool:
    """Parse a request into its message. Return False if it is invalid."""
    try:
        request.ParseFromString(received)
    except UNREADABLE_BYTES:
        request.Clear()
        return False
    return True


def _check_readable(request: Message, readable: bool) -> None:  # noqa: FBT001 - it is the only flag
    if not readable:
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"the request is not a valid {request.DESCRIPTOR.full_name}")


def _check_scope(key: Key, scope: Scope) -> None:
    if scope not in key.scopes:
        raise Refused(grpc.StatusCode.PERMISSION_DENIED, f"the API key {key.key_id} lacks the scope {scope}")


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()
