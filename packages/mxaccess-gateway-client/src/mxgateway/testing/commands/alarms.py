"""The commands that are about alarms: the same alarms as those of the rpcs, asked for within a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.commands.context import Command
from mxgateway.testing.plant.alarm_board import AlarmFilter
from mxgateway.testing.plant.statuses import E_INVALIDARG, S_OK
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import MxAccessRefused, Refused

if TYPE_CHECKING:
    from mxgateway.testing.commands.context import Desk

__all__ = ["ALARM_COMMANDS"]


def _subscribe_alarms(desk: Desk, command: pb.SubscribeAlarmsCommand) -> None:
    # `\\machine\Galaxy!Area` and `Galaxy!Area` mean the same alarms.
    prefix = command.subscription_expression.rpartition("\\")[2]
    desk.session.subscribe_alarms(AlarmFilter(prefix, desk.key.reaches_tag))


def _unsubscribe_alarms(desk: Desk, _: pb.UnsubscribeAlarmsCommand) -> None:
    desk.session.unsubscribe_alarms()


def _acknowledge_alarm(desk: Desk, command: pb.AcknowledgeAlarmCommand) -> None:
    _acknowledge(desk, command.alarm_guid, command)


def _acknowledge_alarm_by_name(desk: Desk, command: pb.AcknowledgeAlarmByNameCommand) -> None:
    _acknowledge(desk, f"{command.provider_name}!{command.group_name}.{command.alarm_name}", command)


def _acknowledge(
    desk: Desk, reference: str, command: pb.AcknowledgeAlarmCommand | pb.AcknowledgeAlarmByNameCommand
) -> None:
    try:
        alarm = desk.alarms.find(reference)
    except Refused:
        alarm = None
    if alarm is not None:
        desk.must_reach(alarm.tag_name)
    if alarm is None or not desk.alarms.acknowledge(alarm, command.operator_user, command.comment):
        raise MxAccessRefused(E_INVALIDARG, f"{reference} is no active alarm")
    desk.reply.acknowledge_alarm.native_status = S_OK


def _query_active_alarms(desk: Desk, command: pb.QueryActiveAlarmsCommand) -> None:
    active = desk.alarms.active(AlarmFilter(command.alarm_filter_prefix, desk.key.reaches_tag))
    desk.reply.query_active_alarms.CopyFrom(pb.QueryActiveAlarmsReplyPayload(snapshots=active))


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
