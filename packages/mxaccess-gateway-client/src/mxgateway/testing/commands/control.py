"""Commands that concern the session and its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command
from mxgateway.testing.state.keys import Scope

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import CommandContext

__all__ = ["CONTROL_COMMANDS"]


def _ping(context: CommandContext, command: pb.PingCommand) -> None:
    context.reply.diagnostic_message = command.message


def _get_session_state(context: CommandContext, _: pb.GetSessionStateCommand) -> None:
    context.reply.session_state.state = context.session.state


def _get_worker_info(context: CommandContext, _: pb.GetWorkerInfoCommand) -> None:
    context.reply.worker_info.worker_process_id = context.session.worker.process_id
    context.reply.worker_info.worker_protocol_version = context.session.worker.protocol_version


def _drain_events(context: CommandContext, command: pb.DrainEventsCommand) -> None:
    context.reply.drain_events.SetInParent()
    context.reply.drain_events.events.extend(context.session.events.drain(command.max_events))


def _shutdown_worker(context: CommandContext, _: pb.ShutdownWorkerCommand) -> None:
    context.session.start_closing()


CONTROL_COMMANDS = {
    pb.MX_COMMAND_KIND_PING: Command("ping", Scope.INVOKE_READ, _ping),
    pb.MX_COMMAND_KIND_GET_SESSION_STATE: Command("get_session_state", Scope.INVOKE_READ, _get_session_state),
    pb.MX_COMMAND_KIND_GET_WORKER_INFO: Command("get_worker_info", Scope.INVOKE_READ, _get_worker_info),
    pb.MX_COMMAND_KIND_DRAIN_EVENTS: Command("drain_events", Scope.EVENTS_READ, _drain_events),
    pb.MX_COMMAND_KIND_SHUTDOWN_WORKER: Command("shutdown_worker", Scope.INVOKE_READ, _shutdown_worker),
}
