"""OpenSessions: the sessions that a client has opened and closes with itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.errors import ErrorFacts, MxGatewayError, MxGatewayProtocolError, MxGatewayVersionError
from mxgateway.protocol import GATEWAY_PROTOCOL_VERSION
from mxgateway.redaction import redact_message, shows_secret

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel
    from mxgateway.session import OpenSessionOptions, Session

__all__ = ["OpenSessions"]

_logger = logging.getLogger("mxgateway.client")


class OpenSessions:
    """Opens sessions, and closes those that are left."""

    def __init__(self) -> None:
        self._sessions: set[Session] = set()
        self._opening: set[asyncio.Task[Session]] = set()
        self._closing = False

    async def open(self, channel: Channel, options: OpenSessionOptions, timeout: float | None) -> Session:
        """Open a session over a channel; see `GatewayClient.open_session`."""
        channel.check_usable()
        if self._closing:
            # The channel still works while the client closes, but nothing would close a session opened now.
            raise channel.closed_error()
        opening = asyncio.create_task(self._request(channel, options, timeout), name="mxgateway open session")
        self._opening.add(opening)
        opening.add_done_callback(self._opening.discard)
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The gateway may still open the session: close it when its id is known.
            channel.start_task(_close_when_opened(opening), name="mxgateway close unwanted session")
            raise

    def release(self, session: Session) -> None:
        """Leave a session open in `close`."""
        self._sessions.discard(session)

    async def close(self, seconds: float) -> None:
        """Wait up to some seconds for sessions that are being opened, then close all. A failure is logged."""
        self._closing = True
        if self._opening:
            await asyncio.wait(self._opening, timeout=seconds)
        await asyncio.gather(*(_close(session) for session in self._sessions if not session.closed))

    async def _request(self, channel: Channel, options: OpenSessionOptions, timeout: float | None) -> Session:
        from mxgateway.session import Session, SessionInfo  # noqa: PLC0415 - see GatewayClient.open_session

        request = pb.OpenSessionRequest(
            requested_backend=options.requested_backend,
            client_session_name=options.client_session_name,
            client_correlation_id=channel.new_correlation_id(),
        )
        if options.command_timeout is not None:
            request.command_timeout.FromNanoseconds(round(options.command_timeout * 1e9))
        reply = await channel.call(channel.gateway.OpenSession, "OpenSession", request, timeout=timeout)
        channel.check_status(reply, "OpenSession", request)
        facts = ErrorFacts(method="OpenSession", target=channel.options.endpoint)
        if shows_secret(reply.session_id):
            redact_message(reply)
            raise MxGatewayProtocolError("the session id in the reply contains the API key", facts)
        if not reply.session_id:
            raise MxGatewayProtocolError("the reply is OK but has no session id", facts)
        session = Session(channel, SessionInfo.from_reply(reply))
        if reply.gateway_protocol_version != GATEWAY_PROTOCOL_VERSION:
            redact_message(reply)
            async with session:
                raise MxGatewayVersionError(
                    f"the gateway speaks protocol version {reply.gateway_protocol_version}, but this client supports "
                    f"version {GATEWAY_PROTOCOL_VERSION}",
                    replace(
                        facts,
                        session_id=session.session_id,
                        hint="use a release of the client that supports the gateway's version",
                    ),
                )
        self._sessions = {each for each in self._sessions if not each.closed} | {session}
        return session


async def _close(session: Session) -> None:
    try:
        await session.close()
    except MxGatewayError as error:
        _logger.warning("closing %s failed: %s", session.session_id, error)


async def _close_when_opened(opening: asyncio.Task[Session]) -> None:
    with suppress(MxGatewayError):
        session = await opening
        await session.close()
