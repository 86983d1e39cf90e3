"""TagSession: the session of a TagClient at one gateway, and its event stream."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mxgateway.errors import MxGatewayError, MxGatewayTimeoutError, MxGatewayTransportError
from mxgateway.protocol import SessionState
from mxgateway.session import OpenSessionOptions, Session, SessionInfo
from mxgateway.tags.saved_session import SavedSession

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import Self

    from mxgateway._connecting.gateways import Gateway
    from mxgateway._connecting.sessions import OpenSessions
    from mxgateway.events.stream import EventStream

__all__ = ["TagSession"]

_logger = logging.getLogger("mxgateway.tags")

# A session is replaced if its worker does not answer within this time after a reconnect.
_RESUME_SECONDS: Final = 10.0


class TagSession:
    """A session that is registered with MXAccess, and its only event stream.

    Attributes:
        gateway: The gateway of the session.
        session: The session.
        server_handle: Its server handle.
        stream: Its event stream. Resuming replaces it.
    """

    __slots__ = ("gateway", "server_handle", "session", "stream")

    def __init__(self, gateway: Gateway, session: Session, server_handle: int, stream: EventStream) -> None:
        self.gateway: Final = gateway
        self.session: Final = session
        self.server_handle: Final = server_handle
        self.stream: EventStream = stream

    @classmethod
    async def open(cls, gateway: Gateway, sessions: OpenSessions, client_name: str) -> Self:
        """Open a session and its stream at a gateway.

        Raises:
            MxGatewayError: It could not be opened; no session is left behind.
        """
        session = await sessions.open(gateway.channel, OpenSessionOptions(), None)
        opened = False
        try:
            server_handle = await session.register(client_name)
            stream = session.stream_events()
            await stream.__aenter__()
            opened = True
        finally:
            if not opened:
                # Never raises an error of the gateway: the first error, or the cancellation, is what counts.
                await _close(session)
        return cls(gateway, session, server_handle, stream)

    @classmethod
    async def continue_saved(cls, gateway: Gateway, saved: SavedSession, *, supervisory: bool) -> Self | None:
        """Continue the session of another process. If that is impossible, close it and return None."""
        session = Session(gateway.channel, SessionInfo(session_id=saved.session_id))
        stream = session.stream_events(after_sequence=saved.sequence)
        continued, resumed = cls(gateway, session, saved.server_handle, stream), False
        try:
            resumed = saved.supervisory == supervisory and await continued.resume(events_expected=True)
        except (MxGatewayTransportError, MxGatewayTimeoutError) as error:
            _logger.info("%s cannot be continued: %s", saved.session_id, error)
        finally:
            if not resumed:
                await continued.close()
        return continued if resumed else None

    async def resume(self, *, events_expected: bool) -> bool:
        """Continue after the last event. Return False if that is impossible, and the session must be replaced.

        `events_expected` says whether events may have been sent already.

        Raises:
            MxGatewayTransportError: The gateway does not answer.
            MxGatewayTimeoutError: The gateway does not answer in time.
        """
        session, stream = self.session, self.stream
        if stream.last_sequence == 0 and events_expected:
            # There is no event to resume after: events that were sent meanwhile would be missed in silence.
            return False
        try:
            if await session.get_state(timeout=_RESUME_SECONDS) != SessionState.READY:
                return False
        except (MxGatewayTransportError, MxGatewayTimeoutError):
            raise
        except MxGatewayError:
            return False
        resumed = session.stream_events(after_sequence=stream.last_sequence)
        answered = False
        try:
            await resumed.__aenter__()
            # If the gateway still holds the broken stream, its refusal usually arrives before this reply.
            await session.ping(timeout=_RESUME_SECONDS)
            answered = True
        except MxGatewayTimeoutError as error:
            # The gateway knows the session, but its worker hangs.
            _logger.warning("the worker of %s does not answer, it is replaced: %s", session.session_id, error)
            return False
        finally:
            if not answered:
                await resumed.close()
        self.stream = resumed
        return resumed.is_open

    def save(self, item_handles: Mapping[str, int], *, supervisory: bool, heard: datetime) -> SavedSession:
        """Return what continues the session in another process."""
        return SavedSession(
            endpoint=self.gateway.endpoint,
            session_id=self.session.session_id,
            server_handle=self.server_handle,
            supervisory=supervisory,
            item_handles=item_handles,
            sequence=self.stream.last_sequence,
            heard=heard,
        )

    async def close(self) -> None:
        """Close the session. A failure is logged: the gateway ends the session when its lease expires."""
        await _close(self.session)


async def _close(session: Session) -> None:
    try:
        await session.close()
    except MxGatewayError as error:
        _logger.warning("closing %s failed: %s", session.session_id, error)
