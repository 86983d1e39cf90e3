"""The commands that bring alarms into a session's events, and those that answer them there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._commands.invoke import CommandSender
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.status import AlarmProviderMode

if TYPE_CHECKING:
    from mxgateway.alarms.active import ActiveAlarm

__all__ = ["AlarmCommands"]


class AlarmCommands(CommandSender):
    """Alarms by way of the session's worker. Every method raises what `Session` says of commands.

    GatewayClient has the gateway's own alarm feed, which needs no session.
    """

    async def subscribe_alarms(
        self,
        subscription_expression: str,
        forced_mode: AlarmProviderMode = AlarmProviderMode.UNSPECIFIED,
        *,
        timeout: float | None = None,
    ) -> None:
        r"""Bring alarms into the session's events as AlarmTransition (gateway command SubscribeAlarms).

        `subscription_expression` names them in the words of System Platform, such as `\\Node\Galaxy!Area`.
        `forced_mode` names the provider to take; unspecified leaves the choice, and changing it, to the gateway.
        """
        request = self._request(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)
        payload = request.command.subscribe_alarms
        payload.subscription_expression = subscription_expression
        payload.forced_mode = pb.AlarmProviderMode.ValueType(forced_mode)
        await self._send(request, timeout)

    async def unsubscribe_alarms(self, *, timeout: float | None = None) -> None:
        """End what `subscribe_alarms` began (gateway command UnsubscribeAlarms)."""
        request = self._request(pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS)
        request.command.unsubscribe_alarms.SetInParent()
        await self._send(request, timeout)

    async def acknowledge_alarm(
        self,
        alarm_guid: str,
        comment: str = "",
        operator_user: str = "",
        operator_node: str = "",
        operator_domain: str = "",
        operator_full_name: str = "",
        *,
        timeout: float | None = None,
    ) -> int:
        """Acknowledge an alarm by its GUID (gateway command AcknowledgeAlarm) and give the alarm library's own status.

        The number is as the library gave it; what refuses the acknowledgement raises. One that ends in a timeout or a
        transport error may have happened.

        Raises:
            MxGatewayConfigurationError: `alarm_guid` is no GUID.
        """
        from mxgateway.alarms.acknowledge import is_guid  # noqa: PLC0415 - only who cares for alarms needs it

        if not is_guid(alarm_guid):
            raise MxGatewayConfigurationError(
                f"alarm_guid {alarm_guid!r} is no GUID: acknowledge_alarm_by_name takes an alarm's name"
            )
        request = self._request(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM)
        request.command.acknowledge_alarm_command.CopyFrom(
            pb.AcknowledgeAlarmCommand(
                alarm_guid=alarm_guid,
                comment=comment,
                operator_user=operator_user,
                operator_node=operator_node,
                operator_domain=operator_domain,
                operator_full_name=operator_full_name,
            )
        )
        return await self._acknowledged(request, timeout)

    async def acknowledge_alarm_by_name(
        self,
        alarm_name: str,
        provider_name: str,
        group_name: str,
        comment: str = "",
        operator_user: str = "",
        operator_node: str = "",
        operator_domain: str = "",
        operator_full_name: str = "",
        *,
        timeout: float | None = None,
    ) -> int:
        """Acknowledge the alarm `provider_name!group_name.alarm_name` (gateway command AcknowledgeAlarmByName).

        It gives the alarm library's own status, as `acknowledge_alarm` does.
        """
        request = self._request(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME)
        request.command.acknowledge_alarm_by_name_command.CopyFrom(
            pb.AcknowledgeAlarmByNameCommand(
                alarm_name=alarm_name,
                provider_name=provider_name,
                group_name=group_name,
                comment=comment,
                operator_user=operator_user,
                operator_node=operator_node,
                operator_domain=operator_domain,
                operator_full_name=operator_full_name,
            )
        )
        return await self._acknowledged(request, timeout)

    async def query_active_alarms(
        self, filter_prefix: str = "", *, timeout: float | None = None
    ) -> tuple[ActiveAlarm, ...]:
        """Give the active alarms whose full reference begins with the prefix (gateway command QueryActiveAlarms)."""
        request = self._request(pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS)
        request.command.query_active_alarms_command.alarm_filter_prefix = filter_prefix
        reply = await self._send(request, timeout)
        if not reply.HasField("query_active_alarms"):
            raise self._missing(request, reply, "query_active_alarms")
        from mxgateway.alarms.active import ActiveAlarm  # noqa: PLC0415

        return tuple(ActiveAlarm(snapshot) for snapshot in reply.query_active_alarms.snapshots)

    async def _acknowledged(self, request: pb.MxCommandRequest, timeout: float | None) -> int:
        reply = await self._send(request, timeout)
        if not reply.HasField("acknowledge_alarm"):
            raise self._missing(request, reply, "acknowledge_alarm")
        return reply.acknowledge_alarm.native_status
