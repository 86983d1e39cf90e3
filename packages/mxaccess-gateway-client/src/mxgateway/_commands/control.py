"""The gateway's own commands for a session and its worker; MXAccess knows none of them."""

from __future__ import annotations

from dataclasses import dataclass

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender
from mxgateway._support.validation import check_seconds
from mxgateway.events.views import MxEvent, to_event
from mxgateway.protocol import SessionState

__all__ = ["ControlCommands", "WorkerInfo"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerInfo:
    """A session's worker process.

    Attributes:
        worker_process_id: its process id on the gateway's machine.
        worker_protocol_version: the version that gateway and worker speak to each other.
    """

    worker_process_id: int
    worker_protocol_version: int


class ControlCommands(CommandSender):
    """Questions about the session itself. Every method raises what `Session` says of commands."""

    async def ping(self, message: str = "", *, timeout: float | None = None) -> None:
        """Ask the worker for a sign of life (gateway command Ping); `message` is for its log."""
        request = self._request(pb.MX_COMMAND_KIND_PING)
        request.command.ping.message = message
        await self._send(request, timeout)

    async def get_state(self, *, timeout: float | None = None) -> SessionState:
        """Give the session's state (gateway command GetSessionState); it answers in a session that isn't READY too."""
        request = self._request(pb.MX_COMMAND_KIND_GET_SESSION_STATE)
        request.command.get_session_state.SetInParent()
        reply = await self._send(request, timeout)
        if not reply.HasField("session_state"):
            raise self._missing(request, reply, "session_state")
        return SessionState(reply.session_state.state)

    async def get_worker_info(self, *, timeout: float | None = None) -> WorkerInfo:
        """Give facts on the session's worker process (gateway command GetWorkerInfo)."""
        request = self._request(pb.MX_COMMAND_KIND_GET_WORKER_INFO)
        request.command.get_worker_info.SetInParent()
        reply = await self._send(request, timeout)
        if not reply.HasField("worker_info"):
            raise self._missing(request, reply, "worker_info")
        info = reply.worker_info
        return WorkerInfo(
            worker_process_id=info.worker_process_id, worker_protocol_version=info.worker_protocol_version
        )

    async def drain_events(self, max_events: int = 0, *, timeout: float | None = None) -> tuple[MxEvent, ...]:
        """Take the queued events of the session, the oldest first, at most `max_events` (gateway command DrainEvents).

        0 takes all. What is taken here no event stream brings any more.
        """
        request = self._request(pb.MX_COMMAND_KIND_DRAIN_EVENTS)
        request.command.drain_events.max_events = max_events
        reply = await self._send(request, timeout)
        if not reply.HasField("drain_events"):
            raise self._missing(request, reply, "drain_events")
        return tuple(to_event(event) for event in reply.drain_events.events)

    async def shutdown_worker(self, grace_period: float | None = None, *, timeout: float | None = None) -> None:
        """End the session's worker (gateway command ShutdownWorker); the session is of no use afterwards but to close.

        `grace_period` is the time in seconds that the worker may take to end by itself.
        """
        request = self._request(pb.MX_COMMAND_KIND_SHUTDOWN_WORKER)
        payload = request.command.shutdown_worker
        payload.SetInParent()
        if grace_period is not None:
            payload.grace_period.FromNanoseconds(round(check_seconds("grace_period", grace_period) * 1e9))
        await self._send(request, timeout)
