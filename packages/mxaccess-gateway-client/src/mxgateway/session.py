"""A session of the gateway: one worker process with one MXAccess object."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypedDict

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.alarms import AlarmCommands
from mxgateway._commands.bulk import BulkCommands
from mxgateway._commands.control import ControlCommands, WorkerInfo
from mxgateway._commands.items import ItemCommands
from mxgateway._commands.writes import WriteCommands
from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayError, MxGatewaySessionError, MxGatewayTransportError
from mxgateway.events.stream import EventStream, StreamPlace
from mxgateway.redaction import redact

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mxgateway._transport.channel import Channel

__all__ = ["OpenSessionOptions", "OpenSessionOptionsFields", "Session", "SessionInfo", "WorkerInfo"]

_logger = logging.getLogger("mxgateway.session")

# CloseSession is safe to retry, and worth it: an open session counts against the gateway's limit until its lease ends.
# A connection that has just been lost fails only the first call on it.
_CLOSE_RETRY_PAUSES_SECONDS: Final = (0.1, 0.3)
# A call needs a positive timeout, even if a busy event loop has used up the time.
_MIN_CLOSE_TIMEOUT_SECONDS: Final = 0.001


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionOptions:
    """Options of a new session (rpc `OpenSession`).

    Attributes:
        client_session_name: name of the session in the gateway's lists and logs.
        command_timeout: seconds that a command may run at the gateway. None is the gateway's default (30).
        requested_backend: backend of the gateway. An empty string is the gateway's default.

    Raises:
        MxGatewayConfigurationError: `command_timeout` is not a positive number of seconds.
    """

    client_session_name: str = ""
    command_timeout: float | None = None
    requested_backend: str = ""

    def __post_init__(self) -> None:
        if self.command_timeout is not None:
            check_seconds("command_timeout", self.command_timeout)


class OpenSessionOptionsFields(TypedDict, total=False):
    """The fields of OpenSessionOptions as keyword arguments."""

    client_session_name: str
    command_timeout: float | None
    requested_backend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """Information from the gateway's reply to OpenSession. Of an attached session only the id is known.

    Attributes:
        session_id: id of the session, `session-` and 32 hex digits.
        backend_name: backend that runs the session.
        worker_process_id: process id of the worker on the gateway's machine.
        worker_protocol_version: version of the protocol between gateway and worker.
        gateway_protocol_version: version of the protocol between client and gateway.
        capabilities: features of the gateway beyond the basic contract.
        default_command_timeout: seconds that a command may run at the gateway.
    """

    session_id: str
    backend_name: str = ""
    worker_process_id: int = 0
    worker_protocol_version: int = 0
    gateway_protocol_version: int = 0
    capabilities: tuple[str, ...] = ()
    default_command_timeout: float = 0.0

    @classmethod
    def from_reply(cls, reply: pb.OpenSessionReply) -> SessionInfo:
        """Return the information of a generated `OpenSessionReply`."""
        return cls(
            session_id=reply.session_id,
            backend_name=reply.backend_name,
            worker_process_id=reply.worker_process_id,
            worker_protocol_version=reply.worker_protocol_version,
            gateway_protocol_version=reply.gateway_protocol_version,
            capabilities=tuple(reply.capabilities),
            default_command_timeout=reply.default_command_timeout.ToNanoseconds() / 1e9,
        )


class Session(PublicNames, ItemCommands, WriteCommands, BulkCommands, AlarmCommands, ControlCommands):
    """A session of the gateway, with a method for each MXAccess command. `GatewayClient.open_session` returns one.

    Handles belong to the session that returned them. The gateway runs the commands of a session one after the other,
    even if several clients send them.

    Every command takes `timeout` in seconds, which replaces the timeout of the client. A timeout or cancellation stops
    the waiting, not the worker: a running MXAccess call continues, and the state of the session is unknown. Call
    `get_state` or close the session before using its handles again. The library never repeats a command.

    Every command raises:

    - MxAccessError if MXAccess refuses it, with `hresult`, `statuses` and `diagnostic_message`
    - MxGatewayCommandError if the gateway refuses the request as invalid
    - MxGatewayAuthorizationError if the key lacks the scope
    - MxGatewaySessionError if the session is unknown, not READY or gone
    - MxGatewayWorkerError if the session's worker is unavailable
    - MxGatewayLimitError if too many commands are pending, or a message is too large
    - MxGatewayTimeoutError if no reply arrives before the deadline
    - MxGatewayTransportError if the connection fails
    - MxGatewayProtocolError if the reply violates the contract
    - MxGatewayUsageError if the client is closed, or belongs to another event loop or process
    - MxGatewayConfigurationError, a ValueError, if a handle or another argument is invalid
    """

    def __init__(self, channel: Channel, info: SessionInfo) -> None:
        super().__init__(channel, info.session_id)
        self._info = info
        self._place = StreamPlace()
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def session_id(self) -> str:
        """Id of the session, as the gateway assigned it."""
        return self._session_id

    @property
    def info(self) -> SessionInfo:
        """Information from the gateway's reply to OpenSession."""
        return self._info

    @property
    def closed(self) -> bool:
        """Whether `close` has closed the session at the gateway."""
        return self._closed

    def __repr__(self) -> str:
        # An attached session may have an id with anything in it.
        state = "closed" if self._closed else "open"
        return f"<Session {redact(self.session_id)} at {self._channel.options.endpoint}, {state}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.close()
            return
        try:
            await self.close()
        except MxGatewayError as failure:
            # The error from inside the block matters more, and is often the reason for this one.
            _logger.warning("closing %s failed: %s", self.session_id, failure)

    async def invoke(self, command: pb.MxCommand, *, timeout: float | None = None) -> pb.MxCommandReply:
        """Send a command as a generated message, and return the reply message (rpc `Invoke`).

        It raises the same errors as the other commands, but does not check that the reply has a payload.
        """
        request = self._request(command.kind)
        request.command.CopyFrom(command)
        return await self._send(request, timeout)

    def stream_events(self, *, after_sequence: int = 0) -> EventStream:
        """Return the stream of the session's events (rpc `StreamEvents`).

        Nothing is sent before the stream is entered or iterated. `after_sequence` resumes after the event with that
        `sequence`: the gateway replays the events that it still retains and then continues with new ones. If it no
        longer retains all of them, the stream begins with a ReplayGap.

        0 starts a new stream, without replay. If a stream breaks before its first event is delivered, there is no
        sequence to resume after, and events may be lost. In that case open a new session, as TagClient does.

        Raises:
            ValueError: `after_sequence` is negative or exceeds 64 bits.
        """
        if not 0 <= after_sequence < 2**64:
            raise ValueError(f"after_sequence {after_sequence} is not between 0 and 18446744073709551615")
        return EventStream(self._channel, self._place, self.session_id, after_sequence)

    async def close(self) -> None:
        """Close the event stream and the session (rpc `CloseSession`), with its items, advises and queued commands.

        Further calls have no effect, and several tasks may call it. A session that is unknown to the gateway counts as
        closed. If the connection fails, the call is retried up to two times. Cancelling stops only the waiting: the
        session is closed in the background. It takes up to `close_timeout` seconds.

        Raises:
            MxGatewayError: the session could not be closed. It ends at the gateway when its lease expires.
        """
        if self._closed:
            return
        if self._closing is None or self._closing.done():
            self._channel.check_usable()
            self._closing = self._channel.start_task(self._close(), name=f"mxgateway close {self.session_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        stream = self._place.stream
        if stream is not None:
            await stream.close()
        try:
            await self._close_at_gateway()
        except MxGatewaySessionError as error:
            if not error.gone:
                raise
            _logger.info("%s was gone before it was closed: %s", self.session_id, error)
        self._closed = True

    async def _close_at_gateway(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._channel.options.close_timeout
        for pause in _CLOSE_RETRY_PAUSES_SECONDS:
            try:
                return await self._call_close_session(end - loop.time())
            except MxGatewayTransportError:
                if loop.time() + pause >= end:
                    raise
            await asyncio.sleep(pause)
        return await self._call_close_session(end - loop.time())

    async def _call_close_session(self, seconds: float) -> None:
        request = pb.CloseSessionRequest(
            session_id=self.session_id, client_correlation_id=self._channel.new_correlation_id()
        )
        reply = await self._channel.call(
            self._channel.gateway.CloseSession,
            "CloseSession",
            request,
            timeout=max(seconds, _MIN_CLOSE_TIMEOUT_SECONDS),
            session_id=self.session_id,
        )
        self._channel.check_status(reply, "CloseSession", request)
