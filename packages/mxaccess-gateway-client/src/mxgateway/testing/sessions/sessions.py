"""All sessions of a gateway: opening, finding and forgetting them."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.sessions.session import Session
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from mxgateway.testing.world import World

__all__ = ["Sessions"]

_FIRST_PROCESS_ID = 4000


class Sessions:
    """The open and faulted sessions of a gateway, and the most recently closed ones."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._sessions: dict[str, Session] = {}
        self._process_ids = itertools.count(_FIRST_PROCESS_ID)

    def not_closed(self) -> tuple[Session, ...]:
        """Return every session that is not CLOSED. A faulted session counts until it is closed."""
        return tuple(session for session in self._sessions.values() if session.state != pb.SESSION_STATE_CLOSED)

    async def open(self, name: str, command_timeout: float) -> Session:
        """Open a session and wait until it is READY. If this call is cancelled before that, the session is closed.

        Raises:
            Refused: too many sessions are open, or the session ended while it started.
        """
        limit = self._world.limits.sessions
        if len(self.not_closed()) >= limit:
            raise Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, f"{limit} sessions are open, which is the limit")
        self._forget_oldest_closed()
        session = Session(name, next(self._process_ids), command_timeout, self._world)
        self._sessions[session.session_id] = session
        try:
            await session.start()
        except BaseException:
            session.start_closing()
            raise
        return session

    def __getitem__(self, session_id: str) -> Session:
        """Return a session in any state, without renewing its lease."""
        if session_id not in self._sessions:
            raise KeyError(f"unknown session {session_id!r}")
        return self._sessions[session_id]

    def find(self, session_id: str) -> Session:
        """Return a session in any state, and renew its lease.

        Raises:
            Refused: the id is empty or unknown.
        """
        if not session_id:
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "session_id is missing")
        session = self._sessions.get(session_id)
        if session is None:
            raise Refused(grpc.StatusCode.NOT_FOUND, f"session {session_id} is unknown")
        session.renew_lease()
        return session

    def find_ready(self, session_id: str) -> Session:
        """Return a READY session, and renew its lease.

        Raises:
            Refused: the session is unknown or not READY.
        """
        session = self.find(session_id)
        session.check_ready()
        return session

    def abandon_all(self) -> None:
        """Forget every session, as a restart of the gateway does."""
        for session in self._sessions.values():
            session.abandon()
        self._sessions.clear()
        self._world.changed.notify_all()

    def _forget_oldest_closed(self) -> None:
        closed = [each.session_id for each in self._sessions.values() if each.state == pb.SESSION_STATE_CLOSED]
        for session_id in closed[: len(closed) - self._world.limits.known_closed_sessions]:
            del self._sessions[session_id]
