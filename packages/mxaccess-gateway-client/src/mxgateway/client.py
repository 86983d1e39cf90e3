"""The client of one gateway."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final, overload

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._connect import open_channel, probe, warn_about_plaintext
from mxgateway._support.awaitable import AwaitableContextManager
from mxgateway._support.validation import wrap_api_key
from mxgateway.errors import (
    ErrorFacts,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayProtocolError,
    MxGatewayVersionError,
)
from mxgateway.options import ClientOptions
from mxgateway.redaction import redact_message, shows_secret

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self, Unpack

    from mxgateway._transport.channel import Channel
    from mxgateway.alarms.active import ActiveAlarms
    from mxgateway.alarms.feed import AlarmFeed
    from mxgateway.galaxy.client import Galaxy
    from mxgateway.options import ClientOptionsFields
    from mxgateway.session import OpenSessionOptions, OpenSessionOptionsFields, Session
    from mxgateway.tags.client import TagClient
    from mxgateway.tags.options import TagOptions, TagOptionsFields

_logger = logging.getLogger("mxgateway.client")

__all__ = ["GATEWAY_PROTOCOL_VERSION", "GatewayClient"]

GATEWAY_PROTOCOL_VERSION: Final = 3
"""The version of the gateway's contract that this client speaks."""


class GatewayClient:
    """A connection to one gateway, bound to the event loop that opened it; `GatewayClient.connect` gives one.

    It may be shared by all tasks of that loop. Closing it closes the sessions it opened.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._sessions: set[Session] = set()
        self._opening: set[asyncio.Task[Session]] = set()
        self._closing: asyncio.Task[None] | None = None

    @overload
    @classmethod
    def connect(cls, options: ClientOptions, /) -> AwaitableContextManager[GatewayClient]: ...

    @overload
    @classmethod
    def connect(cls, /, **fields: Unpack[ClientOptionsFields]) -> AwaitableContextManager[GatewayClient]: ...

    @classmethod
    def connect(
        cls, options: ClientOptions | None = None, /, **fields: Unpack[ClientOptionsFields]
    ) -> AwaitableContextManager[GatewayClient]:
        """Connect to a gateway, by awaiting what this gives or by entering it with `async with`.

        Takes a ClientOptions or its fields as keywords. It waits until the gateway has answered a first question, at
        most `connect_timeout` seconds, and as long again, but no more than 3, to find out why no answer came. It fails
        at once where the answer is final: nothing listens, the certificate is not trusted, the key is unknown. A look
        at a certificate that is trusted by its fingerprint comes before, and has `connect_timeout` seconds of its own.

        Raises:
            MxGatewayConfigurationError: a field can't work, or a certificate file can't be used.
            MxGatewayTransportError: there is no connection; the hint says why and what to change.
            MxGatewayCertificateError: the gateway shows another certificate than the one that is pinned or remembered.
            MxGatewayTimeoutError: no answer came within `connect_timeout`.
            MxGatewayAuthenticationError: the gateway doesn't accept the key.
            MxGatewayProtocolError: something else than an MXAccess Gateway answers.
        """
        wrap_api_key(fields)
        if options is not None and fields:
            raise TypeError("connect takes a ClientOptions or its fields, not both")
        chosen = options if options is not None else ClientOptions(**fields)
        return AwaitableContextManager(lambda: cls._connect(chosen))

    @classmethod
    async def _connect(cls, options: ClientOptions) -> GatewayClient:
        warn_about_plaintext(options)
        channel = await open_channel(options)
        try:
            await probe(channel)
        except BaseException:
            await channel.close()
            raise
        _logger.debug("connected to %s", options.endpoint)
        return cls(channel)

    @property
    def options(self) -> ClientOptions:
        """What the client was told."""
        return self._channel.options

    @property
    def endpoint(self) -> str:
        """The gateway's address, `host:port`."""
        return self._channel.options.endpoint

    @property
    def certificate_fingerprint(self) -> str | None:
        """SHA-256 of the gateway's certificate, 64 hex digits, when it is trusted by that; None otherwise."""
        return self._channel.certificate_fingerprint

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closing is not None or self._channel.closed

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    @overload
    def open_session(
        self, options: OpenSessionOptions, /, *, timeout: float | None = None
    ) -> AwaitableContextManager[Session]: ...

    @overload
    def open_session(
        self, /, *, timeout: float | None = None, **fields: Unpack[OpenSessionOptionsFields]
    ) -> AwaitableContextManager[Session]: ...

    def open_session(
        self,
        options: OpenSessionOptions | None = None,
        /,
        *,
        timeout: float | None = None,
        **fields: Unpack[OpenSessionOptionsFields],
    ) -> AwaitableContextManager[Session]:
        """Open a session (rpc `OpenSession`), by awaiting what this gives or by entering it with `async with`.

        Takes an OpenSessionOptions or its fields as keywords; `timeout` in seconds. A session whose opening is
        cancelled here is closed as soon as the gateway has opened it. One whose reply is lost, to a deadline for
        example, stays at the gateway until its lease ends.

        Raises:
            MxGatewayVersionError: the gateway speaks a protocol version that this client doesn't know.
            MxGatewayLimitError: the gateway has as many sessions as it allows.
            MxGatewayAuthorizationError: the key lacks the scope `session:open`.
            MxGatewayWorkerError: the session's worker could not be started.
            MxGatewayError: as for every command, see Session.
        """
        if options is not None and fields:
            raise TypeError("open_session takes an OpenSessionOptions or its fields, not both")
        # Whoever only looks whether a gateway is there, at its alarms or at its Galaxy needs no session.
        from mxgateway.session import OpenSessionOptions  # noqa: PLC0415

        chosen = options if options is not None else OpenSessionOptions(**fields)
        return AwaitableContextManager(lambda: self._open_session(chosen, timeout))

    def attach_session(self, session_id: str) -> Session:
        """Give a Session for an id that somebody else opened, in another process for example; nothing is sent.

        Its `info` holds nothing but the id. The client does not close it; `close` of the Session, or leaving it
        as a context manager, does.

        Raises:
            MxGatewayConfigurationError: the id is empty.
        """
        from mxgateway.session import Session, SessionInfo  # noqa: PLC0415 - see open_session

        if not session_id.strip():
            raise MxGatewayConfigurationError("session_id is empty: give the id that opening the session returned")
        if shows_secret(session_id):
            # Not even in a traceback that shows local variables.
            del session_id
            raise MxGatewayConfigurationError("session_id holds a key: give the id that opening the session returned")
        return Session(self._channel, SessionInfo(session_id=session_id.strip()))

    def detach_session(self, session: Session) -> None:
        """Leave a session open for somebody else, who attaches to its id: closing the client no longer closes it.

        Nothing is sent. The gateway ends a session that nobody uses when its lease is over.
        """
        self._sessions.discard(session)

    def tags(
        self, options: TagOptions | str, /, **fields: Unpack[TagOptionsFields]
    ) -> AwaitableContextManager[TagClient]:
        """Give a TagClient with a session of its own, by awaiting what this gives or by entering it with `async with`.

        Takes a TagOptions, or the name to register with MXAccess and the other fields as keywords. Close it before the
        client.

        Raises:
            MxGatewayError: the first session could not be opened, see `open_session`; later ones are its own affair.
        """
        if not isinstance(options, str) and fields:
            raise TypeError("tags takes a TagOptions, or a name and fields, not both")
        from mxgateway.tags.client import open_tag_client  # noqa: PLC0415 - programs that use handles do not need it
        from mxgateway.tags.options import TagOptions  # noqa: PLC0415

        chosen = TagOptions(client_name=options, **fields) if isinstance(options, str) else options
        return AwaitableContextManager(
            lambda: open_tag_client(self.open_session, chosen, self.endpoint, self.options.timeout)
        )

    @property
    def galaxy(self) -> Galaxy:
        """The Galaxy's object tree."""
        from mxgateway.galaxy.client import Galaxy  # noqa: PLC0415 - only who looks at the Galaxy needs it

        return Galaxy(self._channel)

    def stream_alarms(self, filter_prefix: str = "") -> AlarmFeed:
        """Give the gateway's alarms as they happen, the active ones first (rpc `StreamAlarms`); it needs no session.

        Nothing is asked before the feed is entered or iterated. `filter_prefix` leaves only alarms whose full reference
        begins so, whatever the case.
        """
        from mxgateway.alarms.feed import AlarmFeed  # noqa: PLC0415 - only who cares for alarms needs it

        return AlarmFeed(self._channel, filter_prefix)

    def query_active_alarms(self, filter_prefix: str = "", *, timeout: float | None = None) -> ActiveAlarms:
        """Give the alarms that are active now (rpc `QueryActiveAlarms`); it needs no session.

        Nothing is asked before it is entered or iterated. `filter_prefix` is that of `stream_alarms`. `timeout` in
        seconds is for the whole of it, the time that the reader takes included.
        """
        from mxgateway.alarms.active import ActiveAlarms  # noqa: PLC0415

        return ActiveAlarms(self._channel, filter_prefix, timeout)

    async def acknowledge_alarm(
        self, reference: str, comment: str = "", operator_user: str = "", *, timeout: float | None = None
    ) -> None:
        """Acknowledge an alarm (rpc `AcknowledgeAlarm`); it needs no session.

        `reference` is the alarm's GUID or its `alarm_full_reference`, `Provider!Group.Tag`. `comment` and
        `operator_user` are for the alarm's history. Cancelling stops the waiting only. What ends in a timeout or a
        transport error may have happened; it is never repeated.

        Raises:
            MxGatewayConfigurationError: `reference` is neither; nothing was sent.
            MxAccessError: the alarm can't be acknowledged, see `hresult` and `diagnostic_message`.
            MxGatewayCommandError: the gateway finds the request wrong.
            MxGatewayAuthorizationError: the key lacks the scope `invoke:write`.
            MxGatewayError: as for every call.
        """
        from mxgateway.alarms.acknowledge import acknowledge_alarm  # noqa: PLC0415

        await acknowledge_alarm(self._channel, reference, comment, operator_user, timeout)

    async def invoke(self, request: pb.MxCommandRequest, *, timeout: float | None = None) -> pb.MxCommandReply:
        """Send a raw command request and give its reply as it comes (rpc `Invoke`).

        Nothing in the reply is checked. An empty `client_correlation_id` is filled in; the request is not changed.

        Raises:
            MxGatewayError: the call failed as a whole, see GRPC_STATUS_ERRORS.
        """
        if not request.client_correlation_id:
            original, request = request, pb.MxCommandRequest()
            request.CopyFrom(original)
            request.client_correlation_id = self._channel.new_correlation_id()
        return await self._channel.invoke(request, "Invoke", timeout=timeout)

    async def close(self) -> None:
        """Close the sessions that are still open, end every call and the connection.

        Twice is fine, and so is closing from several tasks. It takes at most twice `close_timeout`. A session that
        can't be closed is named in a warning of the log `mxgateway.client`. Cancelling stops the waiting only.

        Raises:
            MxGatewayUsageError: the client was opened in another event loop or another process.
        """
        self._channel.check_place()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"mxgateway close {self.endpoint}")
        await asyncio.shield(self._closing)

    async def _open_session(self, options: OpenSessionOptions, timeout: float | None) -> Session:
        self._channel.check_usable()
        if self._closing is not None:
            # The channel is still needed for closing, but a session opened now would be closed by nobody.
            raise self._channel.closed_error()
        opening = asyncio.create_task(self._request_session(options, timeout), name="mxgateway open session")
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The gateway may open it all the same, and then nobody would know of it.
            self._channel.keep(_close_when_opened(opening), name="mxgateway close unwanted session")
            raise

    async def _request_session(self, options: OpenSessionOptions, timeout: float | None) -> Session:
        from mxgateway.session import Session, SessionInfo  # noqa: PLC0415 - see open_session

        channel = self._channel
        request = pb.OpenSessionRequest(
            requested_backend=options.requested_backend,
            client_session_name=options.client_session_name,
            client_correlation_id=channel.new_correlation_id(),
        )
        if options.command_timeout is not None:
            request.command_timeout.FromNanoseconds(round(options.command_timeout * 1e9))
        reply = await channel.call(channel.gateway.OpenSession, "OpenSession", request, timeout=timeout)
        channel.check_status(reply, "OpenSession", request)
        facts = ErrorFacts(method="OpenSession", target=self.endpoint)
        if shows_secret(reply.session_id):
            redact_message(reply)
            raise MxGatewayProtocolError("the gateway names the session by our key", facts)
        if not reply.session_id:
            raise MxGatewayProtocolError("the reply is OK but names no session", facts)
        session = Session(channel, SessionInfo.from_reply(reply))
        if reply.gateway_protocol_version != GATEWAY_PROTOCOL_VERSION:
            redact_message(reply)
            async with session:
                raise MxGatewayVersionError(
                    f"the gateway speaks protocol version {reply.gateway_protocol_version}, this client knows "
                    f"{GATEWAY_PROTOCOL_VERSION}",
                    replace(
                        facts,
                        session_id=session.session_id,
                        hint="use the client release that was made for this gateway",
                    ),
                )
        self._sessions = {each for each in self._sessions if not each.closed} | {session}
        return session

    async def _close(self) -> None:
        if self._opening:
            await asyncio.wait(self._opening, timeout=self.options.close_timeout)
        await asyncio.gather(*(_close_session(session) for session in self._sessions if not session.closed))
        await self._channel.close()


async def _close_session(session: Session) -> None:
    try:
        await session.close()
    except MxGatewayError as error:
        _logger.warning("closing %s failed: %s", session.session_id, error)


async def _close_when_opened(opening: asyncio.Task[Session]) -> None:
    with suppress(MxGatewayError):
        session = await opening
        await session.close()
