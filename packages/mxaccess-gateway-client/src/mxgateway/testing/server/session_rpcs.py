"""The session rpcs of MxAccessGateway: sessions, commands and events."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from google.protobuf.duration_pb2 import Duration
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import CommandContext
from mxgateway.testing.commands.table import COMMANDS, scope_of
from mxgateway.testing.plant.statuses import S_OK
from mxgateway.testing.server.admission import Rpc
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import CommandFailed, MxAccessRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.testing.commands.context import Command
    from mxgateway.testing.server.admission import Call
    from mxgateway.testing.sessions.sessions import Sessions
    from mxgateway.testing.world import World

__all__ = ["SessionRpcs"]

_BACKEND = "simulated"
_CAPABILITIES = ("unary-acknowledge-alarm", "server-stream-active-alarms")
_OK = pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK)


class SessionRpcs:
    """The implementation of sessions, commands and event streams."""

    def __init__(self, world: World, sessions: Sessions, protocol_version: int) -> None:
        self._world = world
        self._sessions = sessions
        self._protocol_version = protocol_version

    def rpcs(self) -> Mapping[str, Rpc]:
        """Return the methods, each with the scope that it requires."""
        return {
            "OpenSession": Rpc(self._open_session, Scope.SESSION_OPEN),
            "CloseSession": Rpc(self._close_session, Scope.SESSION_CLOSE),
            "Invoke": Rpc(self._invoke, scope_of),
            "StreamEvents": Rpc(self._stream_events, Scope.EVENTS_READ),
        }

    async def _open_session(self, request: pb.OpenSessionRequest, _: Call) -> pb.OpenSessionReply:
        command_timeout = self._world.limits.command_timeout
        if request.HasField("command_timeout"):
            command_timeout = request.command_timeout.seconds + request.command_timeout.nanos / 1e9
            if command_timeout <= 0:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "command_timeout must be positive")
        session = await self._sessions.open(request.client_session_name, command_timeout)
        return pb.OpenSessionReply(
            session_id=session.session_id,
            backend_name=_BACKEND,
            worker_process_id=session.worker.process_id,
            worker_protocol_version=session.worker.protocol_version,
            capabilities=_CAPABILITIES,
            default_command_timeout=_duration(session.command_timeout),
            protocol_status=_OK,
            gateway_protocol_version=self._protocol_version,
        )

    async def _close_session(self, request: pb.CloseSessionRequest, _: Call) -> pb.CloseSessionReply:
        session = self._sessions.find(request.session_id)
        await session.close()
        return pb.CloseSessionReply(session_id=session.session_id, final_state=session.state, protocol_status=_OK)

    async def _invoke(self, request: pb.MxCommandRequest, call: Call) -> pb.MxCommandReply:
        session = self._sessions.find(request.session_id)
        if not request.HasField("command"):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "the command is missing")
        if request.command.kind != pb.MX_COMMAND_KIND_GET_SESSION_STATE:
            session.check_ready()
        reply = pb.MxCommandReply(hresult=S_OK, protocol_status=_OK)
        try:
            context = CommandContext(session=session, world=self._world, key=call.key, reply=reply)
            await self._execute(request.command, context)
        except CommandFailed as failed:
            reply = pb.MxCommandReply(protocol_status=pb.ProtocolStatus(code=failed.code, message=failed.message))
        except MxAccessRefused as refused:
            reply = pb.MxCommandReply(
                protocol_status=pb.ProtocolStatus(
                    code=pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE, message="MXAccess refused the command"
                ),
                hresult=refused.hresult,
                statuses=refused.statuses,
                diagnostic_message=refused.message,
            )
        reply.session_id = request.session_id
        reply.correlation_id = request.client_correlation_id
        reply.kind = request.command.kind
        return reply

    async def _execute(self, message: pb.MxCommand, context: CommandContext) -> None:
        command = _command_of(message)
        if message.kind == pb.MX_COMMAND_KIND_GET_SESSION_STATE:
            # The gateway itself knows the state, so that it can answer even if the worker is busy or has ended.
            context.reply.session_state.state = context.session.state
            return
        arguments = getattr(message, command.arm)
        await context.session.worker.execute(lambda: command.run(context, arguments), context.session.command_timeout)

    async def _stream_events(self, request: pb.StreamEventsRequest, call: Call) -> None:
        session = self._sessions.find_ready(request.session_id)
        with session.subscription(request.after_worker_sequence) as subscription:
            while (event := await subscription.next()) is not None:
                await call.send(event)


def _command_of(message: pb.MxCommand) -> Command:
    command = COMMANDS.get(message.kind)
    if command is None:
        raise CommandFailed(pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, f"unknown command kind {message.kind}")
    arm = message.WhichOneof("payload")
    if arm != command.arm:
        raise CommandFailed(
            pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST,
            f"{pb.MxCommandKind.Name(message.kind)} needs the payload {command.arm}, not {arm}",
        )
    return command


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
