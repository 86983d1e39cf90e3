"""The channel to the gateway: opening it, calls over it, and closing it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, cast

import grpc
import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc

from mxgateway._support.validation import check_seconds
from mxgateway._transport.arguments import channel_arguments
from mxgateway._transport.call_status import CallStatus, status_of
from mxgateway._transport.counters import ChannelCounters
from mxgateway._transport.decoding import redacting_channel
from mxgateway._transport.exit import live_channels
from mxgateway._transport.failures import error_from_grpc, error_from_status, missing_service_error
from mxgateway._transport.metadata import AuthorizationMetadata
from mxgateway.auth import ApiKey
from mxgateway.errors import ErrorFacts, MxGatewayUsageError
from mxgateway.redaction import redact_message

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from google.protobuf.message import Message
    from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc

    from mxgateway._transport.segregated_call import SegregatedCall
    from mxgateway._transport.tls.credentials import Credentials
    from mxgateway.options import ClientOptions
    from mxgateway.statistics.figures import CallObserver

_logger = logging.getLogger("mxgateway.channel")

__all__ = ["Channel", "ReplyT", "RequestT", "StreamMethod", "UnaryMethod"]

RequestT = TypeVar("RequestT", bound="Message")
MessageT = TypeVar("MessageT", bound="Message")
ReplyT = TypeVar("ReplyT")


class UnaryMethod(Protocol[RequestT, ReplyT]):
    """A method of a gRPC stub that returns one reply."""

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
        self.counters: Final = ChannelCounters()
        self._channel = channel
        self._redacting = redacting_channel(channel, api_key)
        self._gateway: pb_grpc.MxAccessGatewayAsyncStub = pb_grpc.MxAccessGatewayStub(self._redacting)
        # Set by `connect` if only the Galaxy is served. It does not change afterwards.
        self.lacks_gateway: bool = False
        self._credentials = credentials
        self._metadata = AuthorizationMetadata(api_key)
        self._loop = asyncio.get_running_loop()
        self._pid = os.getpid()
        self._calls: set[_Cancellable] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self.observe_reply: Callable[[Message], None] | None = None
        self.observe_call: CallObserver | None = None
        self._correlation_prefix = os.urandom(8).hex()
        self._correlation_numbers = itertools.count(1)
        live_channels.add(self)

    @classmethod
    async def open(cls, options: ClientOptions) -> Channel:
        """Return a new channel.

        No data is sent to the gateway yet. A certificate that is trusted by its fingerprint is fetched and compared.

        Raises:
            MxGatewayConfigurationError: a certificate file cannot be used.
            MxGatewayCertificateError: the gateway shows another certificate than the pinned or remembered one.
            MxGatewayTransportError: the gateway's certificate must be compared, but the gateway cannot be reached.
            MxGatewayTimeoutError: another process keeps `known_gateways_file` locked.
        """
        if options.plaintext:
            return cls(options, grpc.aio.insecure_channel(options.endpoint, options=channel_arguments(options, None)))
        from mxgateway._transport.tls.credentials import load_credentials  # noqa: PLC0415 - not needed for plaintext

        credentials = await load_credentials(options)
        channel = grpc.aio.secure_channel(
            options.endpoint, credentials.channel, options=channel_arguments(options, credentials)
        )
        return cls(options, channel, credentials)

    @property
    def gateway(self) -> pb_grpc.MxAccessGatewayAsyncStub:
        """The stub of the gateway's own service.

        Raises:
            MxGatewayProtocolError: `lacks_gateway` is set.
        """
        self._check_service()
        return self._gateway

    @cached_property
    def galaxy(self) -> galaxy_pb_grpc.GalaxyRepositoryAsyncStub:
        """The stub of the Galaxy service; `gateway` is the stub of the other service."""
        from mxaccess_gateway.v1 import galaxy_repository_pb2_grpc as galaxy_pb_grpc  # noqa: PLC0415 - mxgateway.galaxy.client

        return galaxy_pb_grpc.GalaxyRepositoryStub(self._redacting)

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    @property
    def certificate_fingerprint(self) -> str | None:
        """SHA-256 of the only trusted certificate, 64 hex digits, if it is pinned or remembered."""
        return None if self._credentials is None else self._credentials.fingerprint

    def new_correlation_id(self) -> str:
        """Return a `client_correlation_id` that no other call of any client has."""
        return f"{self._correlation_prefix}-{next(self._correlation_numbers)}"

    def check_usable(self) -> None:
        """Check that a call can be made now, in this event loop and process.

        Raises:
            MxGatewayUsageError: the client is closed, or was opened in another event loop or process.
        """
        if self._closed:
            raise self.closed_error()
        self.check_place()

    def closed_error(self) -> MxGatewayUsageError:
        """Return the error for using a closed client."""
        return self._misuse("the client is closed", "open a new one with GatewayClient.connect")

    def check_place(self) -> None:
        """Check that this is the event loop and the process that opened the client.

        Raises:
            MxGatewayUsageError: it is not.
        """
        if os.getpid() != self._pid:
            raise self._misuse(
                f"the client was opened in process {self._pid} and cannot be used in its fork {os.getpid()}",
                "connect after the fork, in the process that uses the client",
            )
        if asyncio.get_running_loop() is not self._loop:
            raise self._misuse(
                "the client was opened in another event loop",
                "connect in the loop that uses the client, usually inside asyncio.run",
            )

    def unary_method(
        self, path: str, request: type[RequestT], reply: type[MessageT]
    ) -> UnaryMethod[RequestT, MessageT]:
        """Return a method for `call` that is not one of the contract's, by its path `/package.Service/Method`."""
        method: UnaryMethod[RequestT, MessageT] = self._redacting.unary_unary(
            path, request_serializer=request.SerializeToString, response_deserializer=reply.FromString
        )
        return method

    async def call(
        self,
        method: UnaryMethod[RequestT, ReplyT],
        name: str,
        request: RequestT,
        *,
        timeout: float | None,
        session_id: str | None = None,
        counted: bool = True,
    ) -> ReplyT:
        """Make a call with one reply and return the reply.

        Cancelling ends the call for the client. What the gateway has started continues there.

        Args:
            method: the method of the stub.
            name: the MXAccess method or gateway rpc that errors show.
            request: the request.
            timeout: seconds; None for the client's default.
            session_id: the session of the call; None if the call has no session.
            counted: whether the statistics include it.

        Raises:
            MxGatewayError: the call failed; GRPC_STATUS_ERRORS and SESSIONLESS_GRPC_STATUS_ERRORS say with which error.
            MxGatewayUsageError: the client is closed, was closed during the call, or was opened in another event loop
                or process.
            MxGatewayConfigurationError: `timeout` is not a positive number of seconds.
        """
        observer = self.observe_call
        if observer is None:
            return await self._call(method, name, request, timeout, session_id, counted=counted)
        ended = observer(cast("Message", request), self.options.endpoint)
        try:
            reply = await self._call(method, name, request, timeout, session_id, counted=counted)
        except BaseException as error:
            ended(None, error)
            raise
        ended(cast("Message", reply), None)
        return reply

    async def _call(
        self,
        method: UnaryMethod[RequestT, ReplyT],
        name: str,
        request: RequestT,
        timeout: float | None,
        session_id: str | None,
        *,
        counted: bool,
    ) -> ReplyT:
        self.check_usable()
        seconds = self.options.timeout if timeout is None else check_seconds("timeout", timeout)
        ended: CallStatus | None = None
        counters = self.counters if counted else ChannelCounters()
        call = method(request, timeout=seconds, metadata=self._metadata)
        self._calls.add(call)
        counters.started += 1
        counters.running += 1
        try:
            reply = await call
            # grpcio returns None for a missing reply and for one that cannot be decoded.
            if reply is not None:
                if self.observe_reply is not None:
                    self.observe_reply(cast("Message", reply))
                return reply
            ended = CallStatus(code=grpc.StatusCode.OK, details="the reply is missing or cannot be decoded")
        except (grpc.aio.AioRpcError, KeyError) as error:
            ended = status_of(error)
        except asyncio.CancelledError:
            counters.cancelled += 1
            if not self._closed or _task_is_cancelled():
                raise
        finally:
            self._calls.discard(call)
            counters.running -= 1
        # gRPC's call and error hold unredacted text. So neither may appear in a traceback that shows local variables,
        # nor be the context of the error that is raised here.
        del call
        facts = ErrorFacts(
            method=name,
            target=self.options.endpoint,
            session_id=session_id,
            correlation_id=getattr(request, "client_correlation_id", None),
            timeout=seconds,
        )
        if ended is None:
            raise MxGatewayUsageError("the client was closed during the call: its outcome is unknown", facts)
        failure = error_from_grpc(ended.code, ended.details, replace(facts, sent_by_gateway=ended.sent_by_gateway))
        is_unimplemented = ended.code is grpc.StatusCode.UNIMPLEMENTED and failure.http_status is None
        del ended
        if is_unimplemented and method in {self._gateway.OpenSession, self._gateway.Invoke}:
            # Every gateway has these two, whatever its version.
            failure = missing_service_error(failure.facts)
        raise counters.failed(failure)

    async def invoke(self, request: pb.MxCommandRequest, name: str, *, timeout: float | None) -> pb.MxCommandReply:
        """Send a command of a session and return the reply (rpc `Invoke`); `name` is the method that errors show.

        Raises:
            MxGatewayError: the call failed, as with `call`.
        """
        return await self.call(self.gateway.Invoke, name, request, timeout=timeout, session_id=request.session_id)

    def stream(
        self, method: StreamMethod[RequestT, ReplyT], request: RequestT, *, timeout: float | None = None
    ) -> grpc.aio.UnaryStreamCall[RequestT, ReplyT]:
        """Start a call that streams replies. The caller must cancel it and await its end.

        Args:
            method: the method of the stub.
            request: the request.
            timeout: seconds for the whole stream; None for no deadline.

        Raises:
            MxGatewayUsageError: the client is closed, or was opened in another event loop or process.
        """
        self.check_usable()
        call = method(request, timeout=timeout, metadata=self._metadata)
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return call

    def stream_events(self, request: pb.StreamEventsRequest) -> SegregatedCall[pb.MxEvent] | None:
        """Start an event stream that a thread can read, over a connection of its own. The caller must cancel it.

        Returns None if this version of grpcio has no segregated calls. Use `stream` then.

        Raises:
            MxGatewayProtocolError: the server does not have the gateway's own service.
            MxGatewayUsageError: the client is closed, or was opened in another event loop or process.
        """
        self.check_usable()
        self._check_service()
        # A local import because grpcio loads this part only on demand; types-grpcio does not have it.
        from grpc.experimental import ChannelOptions  # noqa: PLC0415 # pyright: ignore[reportMissingTypeStubs]

        from mxgateway._transport.segregated_call import SegregatedCall  # noqa: PLC0415

        single_threaded = getattr(ChannelOptions, "SingleThreadedUnaryStream", None)
        if single_threaded is None:
            _logger.info("this version of grpcio has no single-threaded streams: grpc.aio reads the events")
            return None
        arguments = [*channel_arguments(self.options, self._credentials), (single_threaded, 1)]
        channel = (
            grpc.insecure_channel(self.options.endpoint, options=arguments)
            if self._credentials is None
            else grpc.secure_channel(self.options.endpoint, self._credentials.channel, options=arguments)
        )
        stub = pb_grpc.MxAccessGatewayStub(redacting_channel(channel, self._api_key))
        call = stub.StreamEvents(request, metadata=tuple(self._metadata))
        return SegregatedCall(channel, call)

    def cancel_on_close(self, call: _Cancellable, *, task: asyncio.Task[None]) -> None:
        """Let `close` cancel a call, unless the call's task has ended before."""
        self._calls.add(call)
        task.add_done_callback(lambda _: self._calls.discard(call))

    def start_task(self, work: Coroutine[Any, Any, None], *, name: str) -> asyncio.Task[None]:
        """Run work in a task that `close` waits for."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._task_ended)
        return task

    def check_status(
        self, reply: pb.OpenSessionReply | pb.CloseSessionReply, name: str, request: _CorrelatedRequest
    ) -> None:
        """Check the protocol status of a reply that has no other result.

        Raises:
            MxGatewayError: the status is not OK; PROTOCOL_STATUS_ERRORS says which error it is.
        """
        if reply.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK:
            # In place, because a traceback that shows local variables may show the caller's reply.
            redact_message(reply)
            facts = ErrorFacts(
                method=name,
                target=self.options.endpoint,
                session_id=getattr(request, "session_id", None),
                correlation_id=request.client_correlation_id,
            )
            raise self.counters.failed(error_from_status(reply.protocol_status, facts))

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Retrieve the exception so that asyncio does not log it; a caller that awaited the task has seen it.
            task.exception()

    async def close(self) -> None:
        """Cancel all running calls, wait for the tasks and close the connection. Closing again does nothing."""
        self._closed = True
        # Older versions of grpcio leave some running calls waiting endlessly if their channel is closed.
        for call in tuple(self._calls):
            call.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._channel.close()

    def _check_service(self) -> None:
        if self.lacks_gateway:
            raise missing_service_error(ErrorFacts(target=self.options.endpoint))

    def _misuse(self, summary: str, hint: str) -> MxGatewayUsageError:
        return MxGatewayUsageError(summary, ErrorFacts(target=self.options.endpoint, hint=hint))


def _task_is_cancelled() -> bool:
    """Return whether the running task was cancelled, as opposed to its call."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
