"""The alarm rpcs of MxAccessGateway, which need no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.alarm_board import AlarmFilter
from mxgateway.testing.plant.statuses import E_INVALIDARG, S_OK
from mxgateway.testing.server.admission import Rpc
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import MxAccessRefused, Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.testing.server.admission import Call
    from mxgateway.testing.world import World

__all__ = ["AlarmRpcs"]


class AlarmRpcs:
    """The implementation of the alarm feed, the query of active alarms, and acknowledgements."""

    def __init__(self, world: World) -> None:
        self._alarms = world.alarms

    def rpcs(self) -> Mapping[str, Rpc]:
        """Return the methods, each with the scope that it requires."""
        return {
            "AcknowledgeAlarm": Rpc(self._acknowledge_alarm, Scope.INVOKE_WRITE),
            "StreamAlarms": Rpc(self._stream_alarms, Scope.EVENTS_READ),
            "QueryActiveAlarms": Rpc(self._query_active_alarms, Scope.EVENTS_READ),
        }

    async def _acknowledge_alarm(self, request: pb.AcknowledgeAlarmRequest, call: Call) -> pb.AcknowledgeAlarmReply:
        reply = pb.AcknowledgeAlarmReply(correlation_id=request.client_correlation_id)
        try:
            self._acknowledge(request, call)
        except MxAccessRefused as refused:
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
            reply.protocol_status.message = "the alarm was not acknowledged"
            reply.hresult = refused.hresult
            reply.diagnostic_message = refused.message
        else:
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_OK
            reply.hresult = S_OK
        return reply

    def _acknowledge(self, request: pb.AcknowledgeAlarmRequest, call: Call) -> None:
        reference = request.alarm_full_reference
        alarm = self._alarms.find(reference)
        if alarm is not None and not call.key.can_access_tag(alarm.tag_name):
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED, f"the API key {call.key.key_id} has no access to {alarm.tag_name}"
            )
        if alarm is None or not self._alarms.acknowledge(alarm, request.operator_user, request.comment):
            raise MxAccessRefused(E_INVALIDARG, f"there is no active alarm {reference}")

    async def _stream_alarms(self, request: pb.StreamAlarmsRequest, call: Call) -> None:
        with self._alarms.feed(AlarmFilter(request.alarm_filter_prefix, call.key.can_access_tag)) as subscription:
            while (message := await subscription.next()) is not None:
                await call.send(message)

    async def _query_active_alarms(self, request: pb.QueryActiveAlarmsRequest, call: Call) -> None:
        for alarm in self._alarms.active(AlarmFilter(request.alarm_filter_prefix, call.key.can_access_tag)):
            await call.send(alarm)
