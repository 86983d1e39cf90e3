"""The channel to the gateway: how it is made, how a call goes over it, and what a failed call becomes."""

from __future__ import annotations

import asyncio
import atexit
import gc
import itertools
import logging
import os
import weakref
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import grpc
import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

from mxgateway._support.validation import check_seconds
from mxgateway._transport.arguments import channel_arguments
from mxgateway._transport.decoding import guarded
from mxgateway._transport.failures import error_from_grpc, error_from_status
from mxgateway._transport.metadata import AuthorizationMetadata
from mxgateway.auth import ApiKey
from mxgateway.errors import ErrorFacts, MxGatewayUsageError
from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from google.protobuf.message import Message
    from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc

    from mxgateway._transport.segregated_call import SyncCall
    from mxgateway._transport.tls.credentials import Credentials
    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.channel")

__all__ = ["Channel", "ReplyT", "RequestT", "StreamMethod"]

RequestT = TypeVar("RequestT", bound="Message")
ReplyT = TypeVar("ReplyT")


class _UnaryMethod(Protocol[RequestT, ReplyT]):
    def __call__(
        self, request: RequestT, *, timeout: float | None = None, metadata: grpc.aio.Metadata | None = None
    ) -> grpc.aio.UnaryUnaryCall[RequestT, ReplyT]: ...


class StreamMethod(Protocol[RequestT, ReplyT]):
    """A method of a gRPC stub that streams its replies."""

    def __call__(
        self, request: RequestT, *, timeout: float | None = None, metadata: grpc.aio.Metadata | None = None
    ) -> grpc.aio.UnaryStreamCall[RequestT, ReplyT]: ...


class _Cancellable(Protocol):
    def cancel(self) -> object: ...


class _CorrelatedRequest(Protocol):
    client_correlation_id: str


class Channel:
    """One connection to one gateway, bound to the event loop and the process that opened it."""

    def __init__(
        self, options: ClientOptions, channel: grpc.aio.Channel, credentials: Credentials | None = None
    ) -> None:
        self._api_key = api_key = options.api_key if isinstance(options.api_key, ApiKey) else None
        self.options: ClientOptions = options
        self._channel = channel
        self._guarded = guarded(channel, api_key)
        self.gateway: pb_grpc.MxAccessGatewayAsyncStub = pb_grpc.MxAccessGatewayStub(self._guarded)
        self._credentials = credentials
        self._metadata = AuthorizationMetadata(api_key)
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._calls: set[_Cancellable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._correlation = os.urandom(8).hex()
        self._counter = itertools.count(1)
        _alive.add(self)

    @classmethod
    async def open(cls, options: ClientOptions) -> Channel:
        """Make the channel; nothing is sent to the gateway yet, but its certificate is looked at when it is pinned.

        Raises:
            MxGatewayConfigurationError: a certificate file can't be used.
            MxGatewayCertificateError: a gateway shows another certificate than the pinned or remembered one.
            MxGatewayTransportError: a gateway whose certificate is to be looked at can't be reached.
        """
        if options.plaintext:
            return cls(options, grpc.aio.insecure_channel(options.endpoint, options=channel_arguments(options, None)))
        from mxgateway._transport.tls.credentials import load_credentials  # noqa: PLC0415 - plaintext needs none of it

        credentials = await load_credentials(options)
        channel = grpc.aio.secure_channel(
            options.endpoint, credentials.channel, options=channel_arguments(options, credentials)
        )
        return cls(options, channel, credentials)

    @cached_property
    def galaxy(self) -> galaxy_pb_grpc.GalaxyRepositoryAsyncStub:
        """The calls of the Galaxy's service; `gateway` has those of the other one."""
        from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc  # noqa: PLC0415 - mxgateway.galaxy.client

        return galaxy_pb_grpc.GalaxyRepositoryStub(self._guarded)

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    @property
    def certificate_fingerprint(self) -> str | None:
        """SHA-256 of the only certificate that is trusted, 64 hex digits, when it is pinned or remembered."""
        return None if self._credentials is None else self._credentials.fingerprint

    def new_correlation_id(self) -> str:
        """Give a `client_correlation_id` that no other call of any client has."""
        return f"{self._correlation}-{next(self._counter)}"

    def check_usable(self) -> None:
        """Make sure that a call can be made here and now.

        Raises:
            MxGatewayUsageError: the client is closed, or was opened in another event loop or another process.
        """
        if self._closed:
            raise self.closed_error()
        self.check_place()

    def closed_error(self) -> MxGatewayUsageError:
        """The error for using a closed client."""
        return self._misuse("the client is closed", "open a new one with GatewayClient.connect")

    def check_place(self) -> None:
        """Make sure that this is the process and the event loop that opened the client.

        Raises:
            MxGatewayUsageError: it is another one.
        """
        if os.getpid() != self._pid:
            raise self._misuse(
                f"the client was opened in process {self._pid} and can't be used in its fork {os.getpid()}",
                "connect after the fork, in the process that uses the client",
            )
        if asyncio.get_running_loop() is not self._loop:
            raise self._misuse(
                "the client was opened in another event loop",
                "connect in the loop that uses the client, usually inside asyncio.run",
            )

    async def call(
        self,
        method: _UnaryMethod[RequestT, ReplyT],
        name: str,
        request: RequestT,
        *,
        timeout: float | None,
        session_id: str | None = None,
    ) -> ReplyT:
        """Make a unary call and give its reply; without `session_id` it has to do with no session.

        Cancelling ends the call on this side; what the gateway has begun goes on there.

        Raises:
            MxGatewayError: what the status of a failed call stands for, see GRPC_STATUS_ERRORS and
                SESSIONLESS_GRPC_STATUS_ERRORS.
            MxGatewayUsageError: the client can't be used here, or was closed while the call ran.
            ValueError: `timeout` is not a positive number of seconds.
        """
        self.check_usable()
        seconds = self.options.timeout if timeout is None else check_seconds("timeout", timeout)
        status: grpc.StatusCode | None = None
        details: str | None = None
        call = method(request, timeout=seconds, metadata=self._metadata)
        self._calls.add(call)
        try:
            reply = await call
            # grpcio gives None for a reply that is missing and for one that protobuf can't read.
            if reply is not None:
                return reply
            status, details = grpc.StatusCode.OK, "the reply is missing or can't be read"
        except grpc.aio.AioRpcError as error:
            status, details = error.code(), error.details()
        except KeyError as error:
            # Some grpcio can't say what a status is that gRPC doesn't have.
            status, details = grpc.StatusCode.UNKNOWN, f"gRPC has no status {error}"
        except asyncio.CancelledError:
            if not self._closed or _task_is_cancelled():
                raise
        finally:
            self._calls.discard(call)
        # The call and the error of gRPC hold unredacted text: neither may be seen in a traceback that shows local
        # variables, nor be the context of what is raised here.
        del call
        facts = ErrorFacts(
            method=name,
            target=self.options.endpoint,
            session_id=session_id,
            correlation_id=getattr(request, "client_correlation_id", None),
            timeout=seconds,
        )
        if status is None:
            raise MxGatewayUsageError("the client was closed while the call ran: its outcome is unknown", facts)
        failure = error_from_grpc(status, details, facts)
        del details
        raise failure

    async def invoke(self, request: pb.MxCommandRequest, name: str, *, timeout: float | None) -> pb.MxCommandReply:
        """Send a command of a session and return the reply (rpc `Invoke`); `name` is the method that errors show.

        Raises:
            MxGatewayError: as `call` does.
        """
        return await self.call(self.gateway.Invoke, name, request, timeout=timeout, session_id=request.session_id)

    def stream(
        self, method: StreamMethod[RequestT, ReplyT], request: RequestT, *, timeout: float | None = None
    ) -> grpc.aio.UnaryStreamCall[RequestT, ReplyT]:
        """Start a call that streams replies; the caller owns it, cancels it and awaits its end.

        `timeout` is for the whole stream; without it there is no deadline.

        Raises:
            MxGatewayUsageError: the client can't be used here.
        """
        self.check_usable()
        call = method(request, timeout=timeout, metadata=self._metadata)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    def stream_events(self, request: pb.StreamEventsRequest) -> SyncCall[pb.MxEvent] | None:
        """Start an event stream that a thread can read, over a connection of its own; the caller owns it.

        None where this grpcio has no calls that need no thread of their own: then only `stream` is left.

        Raises:
            MxGatewayUsageError: the client can't be used here.
        """
        self.check_usable()
        # grpcio loads both halves only when they are asked for; types-grpcio leaves this one out.
        from grpc.experimental import ChannelOptions  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]

        from mxgateway._transport.segregated_call import SyncCall  # noqa: PLC0415

        single_threaded = getattr(ChannelOptions, "SingleThreadedUnaryStream", None)
        if single_threaded is None:
            _logger.info("this grpcio has no single-threaded streams: events are read by grpc.aio")
            return None
        arguments = [*channel_arguments(self.options, self._credentials), (single_threaded, 1)]
        channel = (
            grpc.insecure_channel(self.options.endpoint, options=arguments)
            if self._credentials is None
            else grpc.secure_channel(self.options.endpoint, self._credentials.channel, options=arguments)
        )
        stub = pb_grpc.MxAccessGatewayStub(guarded(channel, self._api_key))
        call = stub.StreamEvents(request, metadata=tuple(self._metadata))
        return SyncCall(channel, call)

    def own(self, call: _Cancellable, task: asyncio.Task[None]) -> None:
        """Let `close` cancel something that is over when its task is."""
        self._calls.add(call)
        task.add_done_callback(lambda _: self._calls.discard(call))

    def keep(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run work in a task that `close` waits for."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def check_status(
        self, reply: pb.OpenSessionReply | pb.CloseSessionReply, name: str, request: _CorrelatedRequest
    ) -> None:
        """Make sure that a reply that says no with nothing but a protocol status says yes.

        Raises:
            MxGatewayError: what the status stands for, see PROTOCOL_STATUS_ERRORS.
        """
        if reply.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK:
            # In place: the caller's reply may be seen in a traceback that shows local variables.
            redact_message(reply)
            facts = ErrorFacts(
                method=name,
                target=self.options.endpoint,
                session_id=getattr(request, "session_id", None),
                correlation_id=request.client_correlation_id,
            )
            raise error_from_status(reply.protocol_status, facts)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Whoever waited for it has the error; nobody else is to hear of it.
            task.exception()

    async def close(self) -> None:
        """End every call that still runs and close the connection. Twice is fine."""
        self._closed = True
        # A channel that closes itself under running calls leaves some of them waiting for ever on older grpcio.
        for call in tuple(self._calls):
            call.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._channel.close()

    def _misuse(self, summary: str, hint: str) -> MxGatewayUsageError:
        return MxGatewayUsageError(summary, ErrorFacts(target=self.options.endpoint, hint=hint))


def _task_is_cancelled() -> bool:
    """Whether somebody asked the running task to stop, as opposed to its call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


_alive: weakref.WeakSet[Channel] = weakref.WeakSet()


@atexit.register
def _free_before_the_end() -> None:
    # What only a cycle still holds would be freed while the interpreter ends. On Python 3.13 an older grpcio may then
    # wait for its own thread, which doesn't run any more.
    if _alive:
        gc.collect()
