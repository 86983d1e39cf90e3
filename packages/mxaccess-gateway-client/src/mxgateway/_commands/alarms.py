"""Commands for alarms in a session."""

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
    """Alarm commands, executed by the session's worker. Every method raises the errors that `Session` lists.

    For alarms without a session, use the alarm feed of GatewayClient.
    """

    async def subscribe_alarms(
        self,
        subscription_expression: str,
        forced_mode: AlarmProviderMode = AlarmProviderMode.UNSPECIFIED,
        *,
        timeout: float | None = None,
    ) -> None:
        r"""Deliver alarms as AlarmTransition events of the session (gateway command SubscribeAlarms).

        `subscription_expression` is an alarm query of System Platform, such as `\\Node\Galaxy!Area`. `forced_mode`
        selects the alarm provider. If it is UNSPECIFIED, the gateway selects the provider and may change it.
        """
        request = self._request(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)
        payload = request.command.subscribe_alarms
        payload.subscription_expression = subscription_expression
        payload.forced_mode = pb.AlarmProviderMode.ValueType(AlarmProviderMode.parse(forced_mode))
        await self._send(request, timeout)

    async def unsubscribe_alarms(self, *, timeout: float | None = None) -> None:
        """Stop delivering alarms to the session (gateway command UnsubscribeAlarms)."""
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
        """Acknowledge an alarm by its GUID (gateway command AcknowledgeAlarm).

        A gateway refuses this, because the call of AVEVA that it needs is not implemented: use
        `acknowledge_alarm_by_name`.

        Returns the unchanged status number of the alarm library. A refused acknowledgement raises an error. If the call
        raises a timeout or transport error, the alarm may have been acknowledged.

        Raises:
            MxGatewayConfigurationError: `alarm_guid` is not a GUID.
            MxAccessError: the gateway cannot acknowledge by GUID.
        """
        from mxgateway.alarms.acknowledge import is_guid  # noqa: PLC0415 - loaded at the first use of alarms

        if not is_guid(alarm_guid):
            raise MxGatewayConfigurationError(
                f"invalid alarm_guid {alarm_guid!r}: use a GUID, or acknowledge_alarm_by_name with the alarm's name"
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
        return await self._send_acknowledgement(request, timeout)

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

        Returns the unchanged status number of the alarm library. A refused acknowledgement raises an error. If the call
        raises a timeout or transport error, the alarm may have been acknowledged.
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
        return await self._send_acknowledgement(request, timeout)

    async def query_active_alarms(
        self, filter_prefix: str = "", *, timeout: float | None = None
    ) -> tuple[ActiveAlarm, ...]:
        """Return the active alarms (gateway command QueryActiveAlarms).

        `filter_prefix` selects alarms whose full reference begins with it.
        """
        request = self._request(pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS)
        request.command.query_active_alarms_command.alarm_filter_prefix = filter_prefix
        reply = await self._send(request, timeout)
        if not reply.HasField("query_active_alarms"):
            raise self._missing_payload(request, reply, "query_active_alarms")
        from mxgateway.alarms.active import ActiveAlarm  # noqa: PLC0415

        return tuple(ActiveAlarm(snapshot) for snapshot in reply.query_active_alarms.snapshots)

    async def _send_acknowledgement(self, request: pb.MxCommandRequest, timeout: float | None) -> int:
        reply = await self._send(request, timeout)
        if not reply.HasField("acknowledge_alarm"):
            raise self._missing_payload(request, reply, "acknowledge_alarm")
        return reply.acknowledge_alarm.native_status
