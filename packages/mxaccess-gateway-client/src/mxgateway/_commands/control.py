"""Commands for a session and its worker, without a counterpart in MXAccess."""

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
    """The worker process of a session.

    Attributes:
        worker_process_id: process id on the gateway's machine.
        worker_protocol_version: version of the protocol between gateway and worker.
    """

    worker_process_id: int
    worker_protocol_version: int


class ControlCommands(CommandSender):
    """Commands for the session itself. Every method raises the errors that `Session` lists."""

    async def ping(self, message: str = "", *, timeout: float | None = None) -> None:
        """Check that the worker responds (gateway command Ping). The worker logs `message`."""
        request = self._request(pb.MX_COMMAND_KIND_PING)
        request.command.ping.message = message
        await self._send(request, timeout)

    async def get_state(self, *, timeout: float | None = None) -> SessionState:
        """Return the state of the session (gateway command GetSessionState). It works in every state."""
        request = self._request(pb.MX_COMMAND_KIND_GET_SESSION_STATE)
        request.command.get_session_state.SetInParent()
        reply = await self._send(request, timeout)
        if not reply.HasField("session_state"):
            raise self._missing_payload(request, reply, "session_state")
        return SessionState(reply.session_state.state)

    async def get_worker_info(self, *, timeout: float | None = None) -> WorkerInfo:
        """Return information about the session's worker process (gateway command GetWorkerInfo)."""
        request = self._request(pb.MX_COMMAND_KIND_GET_WORKER_INFO)
        request.command.get_worker_info.SetInParent()
        reply = await self._send(request, timeout)
        if not reply.HasField("worker_info"):
            raise self._missing_payload(request, reply, "worker_info")
        info = reply.worker_info
        return WorkerInfo(
            worker_process_id=info.worker_process_id, worker_protocol_version=info.worker_protocol_version
        )

    async def drain_events(self, max_events: int = 0, *, timeout: float | None = None) -> tuple[MxEvent, ...]:
        """Remove and return queued events of the session, the oldest first (gateway command DrainEvents).

        `max_events` limits their number; 0 means all. Event streams do not deliver these events any more.
        """
        request = self._request(pb.MX_COMMAND_KIND_DRAIN_EVENTS)
        request.command.drain_events.max_events = max_events
        reply = await self._send(request, timeout)
        if not reply.HasField("drain_events"):
            raise self._missing_payload(request, reply, "drain_events")
        return tuple(to_event(event) for event in reply.drain_events.events)

    async def shutdown_worker(self, grace_period: float | None = None, *, timeout: float | None = None) -> None:
        """Stop the session's worker (gateway command ShutdownWorker). Afterwards the session can only be closed.

        `grace_period` is the number of seconds that the worker has to exit by itself.
        """
        request = self._request(pb.MX_COMMAND_KIND_SHUTDOWN_WORKER)
        payload = request.command.shutdown_worker
        payload.SetInParent()
        if grace_period is not None:
            payload.grace_period.FromNanoseconds(round(check_seconds("grace_period", grace_period) * 1e9))
        await self._send(request, timeout)
