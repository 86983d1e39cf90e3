"""A session: one worker process with one MXAccess object, its commands and its events."""

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
from mxgateway._support.validation import check_seconds
from mxgateway.errors import MxGatewayError, MxGatewaySessionError, MxGatewayTransportError
from mxgateway.events.stream import EventStream, StreamPlace

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from mxgateway._transport.channel import Channel

__all__ = ["OpenSessionOptions", "OpenSessionOptionsFields", "Session", "SessionInfo", "WorkerInfo"]

_logger = logging.getLogger("mxgateway.session")

# CloseSession may be repeated, and a session left open takes a place at the gateway until its lease ends. A connection
# that was lost a moment ago shows that only to the first call on it.
_PAUSES_TO_CLOSE: Final = (0.1, 0.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSessionOptions:
    """What a new session is told (`OpenSession`).

    Attributes:
        client_session_name: how the gateway's own lists and logs call the session.
        command_timeout: seconds that the gateway lets one command run; None is the gateway's default (30).
        requested_backend: the gateway's backend to use; empty is its default.

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
    """The fields of OpenSessionOptions as keywords."""

    client_session_name: str
    command_timeout: float | None
    requested_backend: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionInfo:
    """What the gateway said of a session when it opened it; of an attached session only the id is known.

    Attributes:
        session_id: its id, `session-` and 32 hex digits.
        backend_name: the backend that runs it.
        worker_process_id: the worker's process id on the gateway's machine.
        worker_protocol_version: the version that gateway and worker speak to each other.
        gateway_protocol_version: the version that the gateway speaks to us.
        capabilities: what the gateway can do beyond the basic contract.
        default_command_timeout: seconds that the gateway lets a command run.
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
        """Give what a generated `OpenSessionReply` says of the session."""
        return cls(
            session_id=reply.session_id,
            backend_name=reply.backend_name,
            worker_process_id=reply.worker_process_id,
            worker_protocol_version=reply.worker_protocol_version,
            gateway_protocol_version=reply.gateway_protocol_version,
            capabilities=tuple(reply.capabilities),
            default_command_timeout=reply.default_command_timeout.ToNanoseconds() / 1e9,
        )


class Session(ItemCommands, WriteCommands, BulkCommands, AlarmCommands, ControlCommands):
    """A session of the gateway, with a method for each MXAccess command; `GatewayClient.open_session` gives one.

    Handles belong to the session that gave them. Commands of one session run one after the other, whoever sends them.

    Every command takes `timeout`, in seconds, instead of the client's. A deadline or a cancelled task stops the
    waiting, not the worker: a running MXAccess call goes on, and the state of the session is unknown. Ask `get_state`
    or close the session before its handles are used again. No command is ever repeated by the library.

    Every command raises

    - MxAccessError when MXAccess refuses it, with its hresult, statuses and diagnostic_message,
    - MxGatewayCommandError when the gateway finds the request wrong,
    - MxGatewayAuthorizationError when the key lacks the scope,
    - MxGatewaySessionError when the session is unknown, not READY or gone,
    - MxGatewayWorkerError when its worker is away,
    - MxGatewayLimitError when too many commands wait, or a message is too large,
    - MxGatewayTimeoutError when no answer comes in time,
    - MxGatewayTransportError when the connection fails,
    - MxGatewayProtocolError when the reply is not what the contract says,
    - MxGatewayUsageError when the client is closed, or used from another event loop or process,
    - MxGatewayConfigurationError, a ValueError, when a handle is no handle.
    """

    def __init__(self, channel: Channel, info: SessionInfo) -> None:
        super().__init__(channel, info.session_id)
        self._info = info
        self._place = StreamPlace()
        self._closing: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def session_id(self) -> str:
        """The session's id at the gateway."""
        return self._session_id

    @property
    def info(self) -> SessionInfo:
        """What the gateway said when it opened the session."""
        return self._info

    @property
    def closed(self) -> bool:
        """Whether the gateway has closed the session at our wish."""
        return self._closed

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
            # What went wrong inside matters more, and is often the reason why closing fails too.
            _logger.warning("closing %s failed: %s", self.session_id, failure)

    async def invoke(self, command: pb.MxCommand, *, timeout: float | None = None) -> pb.MxCommandReply:
        """Send a command as a generated message and give the reply as one (rpc `Invoke`).

        Raises the same errors as the other commands; a payload missing in the reply is the caller's to notice.
        """
        request = self._request(command.kind)
        request.command.CopyFrom(command)
        return await self._send(request, timeout)

    def stream_events(self, *, after_sequence: int = 0) -> EventStream:
        """Give the session's events (rpc `StreamEvents`); nothing is asked before the stream is entered or iterated.

        `after_sequence` resumes after the event with that `sequence`: the gateway replays what it still holds and goes
        on live, or begins with a ReplayGap. 0 is a fresh stream, without replay: where a stream broke before its first
        event was delivered there is nothing to resume after, and what was on its way is lost. Open a new session then,
        as TagClient does.

        Raises:
            ValueError: `after_sequence` is negative or more than 64 bits.
        """
        if not 0 <= after_sequence < 2**64:
            raise ValueError(f"after_sequence {after_sequence} is not between 0 and 18446744073709551615")
        return EventStream(self._channel, self._place, self.session_id, after_sequence)

    async def close(self) -> None:
        """Close the event stream and the session (rpc `CloseSession`); items, advises and queued commands end with it.

        Twice is fine, and so is closing from several tasks. A session that the gateway no longer knows counts as
        closed; where the connection fails it is tried twice more. Cancelling stops the waiting; the session is closed
        all the same. It takes at most `close_timeout`.

        Raises:
            MxGatewayError: the gateway could not be told. The session ends there by itself when its lease does.
        """
        if self._closed:
            return
        if self._closing is None or self._closing.done():
            self._channel.check_usable()
            self._closing = self._channel.keep(self._close(), name=f"mxgateway close {self.session_id}")
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        stream = self._place.stream
        if stream is not None:
            await stream.close()
        try:
            await self._ask_to_close()
        except MxGatewaySessionError as error:
            if not error.gone:
                raise
            _logger.info("%s was gone before it was closed: %s", self.session_id, error)
        self._closed = True

    async def _ask_to_close(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + self._channel.options.close_timeout
        for pause in _PAUSES_TO_CLOSE:
            try:
                return await self._call_close_session(end - loop.time())
            except MxGatewayTransportError:
                if loop.time() + pause >= end:
                    raise
            await asyncio.sleep(pause)
        # A busy loop may have slept too long.
        return await self._call_close_session(max(end - loop.time(), 0.001))

    async def _call_close_session(self, seconds: float) -> None:
        request = pb.CloseSessionRequest(
            session_id=self.session_id, client_correlation_id=self._channel.new_correlation_id()
        )
        reply = await self._channel.call(
            self._channel.gateway.CloseSession,
            "CloseSession",
            request,
            timeout=seconds,
            session_id=self.session_id,
        )
        self._channel.check_status(reply, "CloseSession", request)
