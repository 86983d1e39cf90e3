"""GatewayClient: the connection to a gateway, one of several if the options name several."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, overload

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._connecting.gateways import Gateways
from mxgateway._connecting.sessions import OpenSessions
from mxgateway._support.awaitable import AwaitableContextManager
from mxgateway._support.public_names import PublicNames
from mxgateway._support.validation import wrap_api_key
from mxgateway._transport.counters import client_statistics
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.options import ClientOptions
from mxgateway.protocol import GATEWAY_PROTOCOL_VERSION
from mxgateway.redaction import shows_secret

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self, Unpack

    from google.protobuf.message import Message

    from mxgateway._transport.channel import Channel
    from mxgateway.alarms.active import ActiveAlarms
    from mxgateway.alarms.feed import AlarmFeed
    from mxgateway.alarms.watch import AlarmWatch
    from mxgateway.galaxy.client import Galaxy
    from mxgateway.options import ClientOptionsFields
    from mxgateway.session import OpenSessionOptions, OpenSessionOptionsFields, Session
    from mxgateway.statistics.figures import CallObserver, ClientStatistics
    from mxgateway.tags.client import TagClient
    from mxgateway.tags.options import TagOptions, TagOptionsFields

__all__ = ["GATEWAY_PROTOCOL_VERSION", "GatewayClient"]


class GatewayClient(PublicNames):
    """A connection to a gateway. `GatewayClient.connect` returns one.

    If the options name several `endpoints`, the client's own calls go to the gateway that `connect` has chosen, until a
    TagClient or an alarm watch of this client goes to another one: then they follow. `endpoint` names the gateway. A
    session stays at the gateway where it was opened.

    It belongs to the event loop that opened it, and all tasks of that loop can share it. Closing it closes the sessions
    that it opened.
    """

    def __init__(self, gateways: Gateways) -> None:
        self._gateways = gateways
        self._sessions = OpenSessions()
        self._closing: asyncio.Task[None] | None = None

    @overload
    @classmethod
    def connect(cls, options: ClientOptions, /) -> AwaitableContextManager[GatewayClient]: ...

    @overload
    @classmethod
    def connect(
        cls, endpoint: str, /, **fields: Unpack[ClientOptionsFields]
    ) -> AwaitableContextManager[GatewayClient]: ...

    @overload
    @classmethod
    def connect(cls, /, **fields: Unpack[ClientOptionsFields]) -> AwaitableContextManager[GatewayClient]: ...

    @classmethod
    def connect(
        cls, options: ClientOptions | str | None = None, /, **fields: Unpack[ClientOptionsFields]
    ) -> AwaitableContextManager[GatewayClient]:
        """Connect to a gateway. Await the result, or enter it with `async with`.

        The arguments are a ClientOptions, or the endpoint and other fields of ClientOptions as keywords. Waits up to
        `connect_timeout` seconds for the first reply. If none arrives, spends up to another min(`connect_timeout`, 3)
        seconds diagnosing why. It fails at once if waiting cannot help: the port is closed, the certificate is not
        trusted, or the key is invalid. A certificate that is trusted by its fingerprint is checked first, with
        `connect_timeout` seconds of its own.

        With several `endpoints` the gateways are tried one after the other, each with these times, and the first one
        that answers is used: `endpoint` says which, and so does the logger `mxgateway.client`.

        If all of several gateways fail, the error names each endpoint with its reason, and `endpoint_errors` has their
        errors. It is of the class of these errors if they have the same one. If not, it is an MxGatewayTransportError,
        or of the class of the first if no further attempt can succeed anywhere.

        A server that serves only the Galaxy, such as a Historian Gateway, is accepted too: see `services` of
        ClientOptions.

        Raises:
            MxGatewayConfigurationError: a field is invalid, or a certificate file cannot be used.
            MxGatewayTransportError: cannot connect; the hint says why and what to change.
            MxGatewayCertificateError: the gateway's certificate is not the pinned or remembered one.
            MxGatewayTimeoutError: no reply arrived within `connect_timeout`.
            MxGatewayAuthenticationError: the gateway does not accept the key.
            MxGatewayServerError: the gateway itself failed, see its log.
            MxGatewayProtocolError: the server at the endpoint is not an MXAccess Gateway.
        """
        wrap_api_key(fields)
        if isinstance(options, str):
            if "endpoint" in fields:
                raise TypeError("connect takes one endpoint: pass it first or as a keyword, not both")
            fields["endpoint"] = options
            chosen = ClientOptions(**fields)
        elif options is not None and fields:
            raise TypeError("connect takes a ClientOptions or its fields, not both")
        else:
            chosen = options if options is not None else ClientOptions(**fields)
        return AwaitableContextManager("GatewayClient.connect(...)", lambda: cls._connect(chosen))

    @classmethod
    async def _connect(cls, options: ClientOptions) -> GatewayClient:
        gateways = Gateways(options)
        try:
            await gateways.connect()
        except BaseException:
            await gateways.close()
            raise
        return cls(gateways)

    @property
    def options(self) -> ClientOptions:
        """Options of the client."""
        return self._gateways.options

    @property
    def endpoint(self) -> str:
        """Address of the gateway for the client's own calls, `host:port`."""
        return self._gateways.current.endpoint

    @property
    def serves_only_galaxy(self) -> bool:
        """Whether `connect` has found that the server has no MxAccessGateway service: only `galaxy` works there.

        With `services="galaxy"` the client does not ask for the other service, and this is False.
        """
        return self._channel.lacks_gateway

    @property
    def certificate_fingerprint(self) -> str | None:
        """SHA-256 fingerprint, 64 hex digits, if the gateway's certificate is trusted by it; None otherwise."""
        return self._channel.certificate_fingerprint

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closing is not None or self._channel.closed

    def __repr__(self) -> str:
        security = "plaintext" if self._channel.options.plaintext else "TLS"
        return f"<GatewayClient {self.endpoint}, {security}, {'closed' if self.closed else 'open'}>"

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
        """Open a session (rpc `OpenSession`). Await the result, or enter it with `async with`.

        The arguments are an OpenSessionOptions, or its fields as keywords. `timeout` is in seconds. If the task is
        cancelled, the session is closed in the background as soon as the gateway has opened it. If the reply is lost,
        for example after a timeout, the session stays open at the gateway until its lease expires.

        Raises:
            MxGatewayProtocolError: the server has no MxAccessGateway service.
            MxGatewayVersionError: the gateway speaks a protocol version that is unknown to this client.
            MxGatewayLimitError: the gateway has reached its limit of sessions.
            MxGatewayAuthorizationError: the key lacks the scope `session:open`.
            MxGatewayWorkerError: the session's worker could not be started.
            MxGatewayError: any other error that Session lists.
        """
        if options is not None and fields:
            raise TypeError("open_session takes an OpenSessionOptions or its fields, not both")
        # Importing it here keeps programs fast that only connect, or use only alarms or the Galaxy.
        from mxgateway.session import OpenSessionOptions  # noqa: PLC0415

        chosen = options if options is not None else OpenSessionOptions(**fields)
        return AwaitableContextManager(
            "client.open_session(...)", lambda: self._sessions.open(self._channel, chosen, timeout)
        )

    def attach_session(self, session_id: str) -> Session:
        """Return a Session for the id of a session that is already open, for example from another process.

        Nothing is sent. `info` of the Session has only the id. Closing the client does not close this session; `close`
        of the Session does, or leaving it as a context manager.

        Raises:
            MxGatewayConfigurationError: the id is empty, or contains an API key.
        """
        from mxgateway.session import Session, SessionInfo  # noqa: PLC0415 - see open_session

        if not session_id.strip():
            raise MxGatewayConfigurationError("session_id is empty: use the id that opening the session returned")
        if shows_secret(session_id):
            # A traceback with local variables must not show it.
            del session_id
            raise MxGatewayConfigurationError(
                "session_id contains an API key: use the id that opening the session returned"
            )
        return Session(self._channel, SessionInfo(session_id=session_id.strip()))

    def detach_session(self, session: Session) -> None:
        """Keep a session open when the client is closed, so that another process can attach to its id.

        Nothing is sent. The gateway ends an unused session when its lease expires.
        """
        self._sessions.release(session)

    def tags(
        self, options: TagOptions | str, /, **fields: Unpack[TagOptionsFields]
    ) -> AwaitableContextManager[TagClient]:
        """Open a TagClient with a session of its own. Await the result, or enter it with `async with`.

        The arguments are a TagOptions, or the name to register with MXAccess, followed by other fields as keywords.
        Close the TagClient before the client.

        Raises:
            MxGatewayError: the first session could not be opened, see `open_session`. Later sessions, which the
                TagClient opens to recover, do not raise here.
        """
        if not isinstance(options, str) and fields:
            raise TypeError("tags takes a TagOptions, or a name and fields, not both")
        from mxgateway.tags.client import open_tag_client  # noqa: PLC0415 - programs that use handles do not need it
        from mxgateway.tags.options import TagOptions  # noqa: PLC0415

        chosen = TagOptions(client_name=options, **fields) if isinstance(options, str) else options
        return AwaitableContextManager(
            "client.tags(...)",
            lambda: open_tag_client(self._gateways, self._sessions, chosen, self.options.timeout),
        )

    @property
    def galaxy(self) -> Galaxy:
        """The object tree of the Galaxy."""
        from mxgateway.galaxy.client import Galaxy  # noqa: PLC0415 - loaded at the first use of the Galaxy

        return Galaxy(self._channel)

    def stream_alarms(self, filter_prefix: str = "") -> AlarmFeed:
        """Return a feed of the gateway's alarms, beginning with the active ones (rpc `StreamAlarms`).

        No session is needed, and nothing is sent before the feed is entered or iterated. `filter_prefix` selects alarms
        whose full reference begins with it, ignoring case.
        """
        from mxgateway.alarms.feed import AlarmFeed  # noqa: PLC0415 - loaded at the first use of alarms

        return AlarmFeed(self._channel, filter_prefix)

    def watch_alarms(
        self,
        filter_prefix: str = "",
        *,
        queue_size: int = 10_000,
        reconnect_delay: float = 0.2,
        longest_reconnect_delay: float = 15.0,
        failover_after: float = 30.0,
    ) -> AlarmWatch:
        """Return a watch of the gateway's alarms, which survives lost connections (rpc `StreamAlarms`).

        It keeps the table of active alarms and yields every change of it, see AlarmWatch. No session is needed, and
        nothing is sent before the watch is entered or iterated. Each watch has a feed of its own. `filter_prefix` works
        as in `stream_alarms`. At most `queue_size` changes wait for the reader; if more arrive, the oldest are dropped
        and counted in a WatchGap. After a loss the watch waits `reconnect_delay` seconds before the first attempt; each
        further delay is twice as long, up to `longest_reconnect_delay`, and at random up to half shorter. For
        `failover_after` seconds only the same gateway is tried, then all of several `endpoints`.

        Raises:
            MxGatewayConfigurationError: `queue_size` is less than 1, or a number of seconds is not positive.
        """
        from mxgateway.alarms.watch import open_alarm_watch  # noqa: PLC0415

        return open_alarm_watch(
            self._gateways,
            filter_prefix,
            queue_size=queue_size,
            reconnect_delay=reconnect_delay,
            longest_reconnect_delay=longest_reconnect_delay,
            failover_after=failover_after,
        )

    def query_active_alarms(self, filter_prefix: str = "", *, timeout: float | None = None) -> ActiveAlarms:
        """Return the currently active alarms (rpc `QueryActiveAlarms`).

        No session is needed, and nothing is sent before the result is entered or iterated. `filter_prefix` works as in
        `stream_alarms`. `timeout` in seconds is for the whole iteration, including the time that the caller takes.
        """
        from mxgateway.alarms.active import ActiveAlarms  # noqa: PLC0415

        return ActiveAlarms(self._channel, filter_prefix, timeout)

    async def acknowledge_alarm(
        self, reference: str, comment: str = "", operator_user: str = "", *, timeout: float | None = None
    ) -> None:
        """Acknowledge an alarm (rpc `AcknowledgeAlarm`). No session is needed.

        `reference` is the `alarm_full_reference` of the alarm, `Provider!Group.Tag`. A GUID is sent too, but a gateway
        refuses it: the call of AVEVA that it needs is not implemented. `comment` and `operator_user` go into the
        history of the alarm. `timeout` is in seconds. Cancelling stops only the waiting. If the call raises a timeout
        or transport error, the alarm may have been acknowledged; the client never repeats the call.

        Raises:
            MxGatewayConfigurationError: `reference` is not of the form `Provider!Group.Tag`. Nothing was sent.
            MxAccessError: the alarm is not active, or `reference` is a GUID; see `hresult` and `diagnostic_message`.
            MxGatewayCommandError: the gateway refused the request as invalid.
            MxGatewayAuthorizationError: the key lacks the scope `invoke:write`.
            MxGatewayError: any other error that Session lists.
        """
        from mxgateway.alarms.acknowledge import acknowledge_alarm  # noqa: PLC0415

        await acknowledge_alarm(self._channel, reference, comment, operator_user, timeout)

    async def invoke(self, request: pb.MxCommandRequest, *, timeout: float | None = None) -> pb.MxCommandReply:
        """Send a raw command request, and return the unchecked reply (rpc `Invoke`).

        `timeout` is in seconds. If `client_correlation_id` is empty, a copy of the request with a new id is sent.

        Raises:
            MxGatewayError: the call failed as a whole, see GRPC_STATUS_ERRORS.
        """
        if not request.client_correlation_id:
            original, request = request, pb.MxCommandRequest()
            request.CopyFrom(original)
            request.client_correlation_id = self._channel.new_correlation_id()
        return await self._channel.invoke(request, "Invoke", timeout=timeout)

    def observe_replies(self, observer: Callable[[Message], None] | None) -> None:
        """Call a function with each further reply of a unary rpc, as received and before it is checked; None ends that.

        This is for diagnosis: the reply has also the fields that this version does not know. The function runs in the
        event loop and must not raise.
        """
        self._channel.observe_reply = observer

    def observe_calls(self, observer: CallObserver | None) -> None:
        """Call a function at the start of each further call with one reply, and its result at the end; None ends that.

        The function is called with the request and the address of the gateway, its result with the reply or the error.
        A reply is not checked yet: it may be a refusal. Both run in the event loop and must not raise. A request may
        have values and passwords. `mxgateway.statistics.instrument` uses this for OpenTelemetry.
        """
        self._gateways.observe_calls(observer)

    def statistics(self) -> ClientStatistics:
        """Return what the client has done since it was opened: calls, errors, events, gaps, losses, and what waits.

        The numbers are of this moment, and may be asked for in any thread. Those that count only grow, and stay when
        the client is closed. Asking costs some microseconds; counting costs one addition per call, or per many events.
        """
        return client_statistics(self._gateways.counters)

    async def close(self) -> None:
        """Close the open sessions, cancel all calls, and close the connection.

        Further calls have no effect, and several tasks may call it. It takes up to twice `close_timeout` seconds.
        Cancelling stops only the waiting. If a session cannot be closed, the logger `mxgateway.client` gets a warning.

        Raises:
            MxGatewayUsageError: the client belongs to another event loop or process.
        """
        self._channel.check_place()
        if self._closing is None:
            self._closing = asyncio.create_task(self._close(), name=f"mxgateway close {self.endpoint}")
        await asyncio.shield(self._closing)

    @property
    def _channel(self) -> Channel:
        return self._gateways.current.channel

    async def _close(self) -> None:
        await self._sessions.close(self.options.close_timeout)
        await self._gateways.close()
