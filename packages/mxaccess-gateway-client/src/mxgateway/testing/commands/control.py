"""The commands that are about the session and its worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command
from mxgateway.testing.state.keys import Scope

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import Desk

__all__ = ["CONTROL_COMMANDS"]


def _ping(desk: Desk, command: pb.PingCommand) -> None:
    desk.reply.diagnostic_message = command.message


def _get_session_state(desk: Desk, _: pb.GetSessionStateCommand) -> None:
    desk.reply.session_state.state = desk.session.state


def _get_worker_info(desk: Desk, _: pb.GetWorkerInfoCommand) -> None:
    desk.reply.worker_info.worker_process_id = desk.session.worker.process_id
    desk.reply.worker_info.worker_protocol_version = desk.session.worker.protocol_version


def _drain_events(desk: Desk, command: pb.DrainEventsCommand) -> None:
    desk.reply.drain_events.SetInParent()
    desk.reply.drain_events.events.extend(desk.session.events.drain(command.max_events))


def _shutdown_worker(desk: Desk, _: pb.ShutdownWorkerCommand) -> None:
    desk.session.begin_closing()


CONTROL_COMMANDS = {
    pb.MX_COMMAND_KIND_PING: Command("ping", Scope.INVOKE_READ, _ping),
    pb.MX_COMMAND_KIND_GET_SESSION_STATE: Command("get_session_state", Scope.INVOKE_READ, _get_session_state),
    pb.MX_COMMAND_KIND_GET_WORKER_INFO: Command("get_worker_info", Scope.INVOKE_READ, _get_worker_info),
    pb.MX_COMMAND_KIND_DRAIN_EVENTS: Command("drain_events", Scope.EVENTS_READ, _drain_events),
    pb.MX_COMMAND_KIND_SHUTDOWN_WORKER: Command("shutdown_worker", Scope.INVOKE_READ, _shutdown_worker),
}
