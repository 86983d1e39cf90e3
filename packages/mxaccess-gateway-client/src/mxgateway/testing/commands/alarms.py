"""Alarm commands of a session. They concern the same alarms as the alarm rpcs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command
from mxgateway.testing.plant.alarm_board import AlarmFilter, acknowledging_by_guid, is_guid
from mxgateway.testing.plant.statuses import E_INVALIDARG, S_OK
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import CommandFailed, MxAccessRefused, Refused

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import CommandContext

__all__ = ["ALARM_COMMANDS"]


def _subscribe_alarms(context: CommandContext, command: pb.SubscribeAlarmsCommand) -> None:
    # `\\machine\Galaxy!Area` and `Galaxy!Area` select the same alarms.
    prefix = command.subscription_expression.rpartition("\\")[2]
    if context.session.subscribed_to_alarms:
        raise CommandFailed(
            pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, "the session is already subscribed to alarms: unsubscribe first"
        )
    context.session.subscribe_alarms(AlarmFilter(prefix, context.key.can_access_tag))


def _unsubscribe_alarms(context: CommandContext, _: pb.UnsubscribeAlarmsCommand) -> None:
    context.session.unsubscribe_alarms()


def _acknowledge_alarm(_: CommandContext, command: pb.AcknowledgeAlarmCommand) -> None:
    if not is_guid(command.alarm_guid):
        raise CommandFailed(pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST, f"{command.alarm_guid!r} is not a GUID")
    raise acknowledging_by_guid()


def _acknowledge_alarm_by_name(context: CommandContext, command: pb.AcknowledgeAlarmByNameCommand) -> None:
    reference = f"{command.provider_name}!{command.group_name}.{command.alarm_name}"
    try:
        alarm = context.world.alarms.find(reference)
    except Refused:
        alarm = None
    if alarm is not None:
        context.check_tag_access(alarm.tag_name)
    if alarm is None or not context.world.alarms.acknowledge(alarm, command.operator_user, command.comment):
        raise MxAccessRefused(E_INVALIDARG, f"there is no active alarm {reference}")
    context.reply.acknowledge_alarm.native_status = S_OK


def _query_active_alarms(context: CommandContext, command: pb.QueryActiveAlarmsCommand) -> None:
    active = context.world.alarms.active(AlarmFilter(command.alarm_filter_prefix, context.key.can_access_tag))
    context.reply.query_active_alarms.CopyFrom(pb.QueryActiveAlarmsReplyPayload(snapshots=active))


ALARM_COMMANDS = {
    pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS: Command("subscribe_alarms", Scope.INVOKE_READ, _subscribe_alarms),
    pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS: Command("unsubscribe_alarms", Scope.INVOKE_READ, _unsubscribe_alarms),
    pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM: Command("acknowledge_alarm_command", Scope.INVOKE_WRITE, _acknowledge_alarm),
    pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS: Command(
        "query_active_alarms_command", Scope.EVENTS_READ, _query_active_alarms
    ),
    pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME: Command(
        "acknowledge_alarm_by_name_command", Scope.INVOKE_WRITE, _acknowledge_alarm_by_name
    ),
}
