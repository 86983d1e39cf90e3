"""The rpcs of MxAccessGateway that are about alarms, which need no session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.alarm_board import AlarmFilter
from mxgateway.testing.plant.statuses import E_INVALIDARG, S_OK
from mxgateway.testing.server.admission import Rpc
from mxgateway.testing.state.keys import Scope
from mxgateway.testing.state.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.testing.plant.alarm_board import AlarmBoard
    from mxgateway.testing.server.admission import Call

__all__ = ["AlarmRpcs"]


class AlarmRpcs:
    """The alarm feed, and the acknowledging of alarms."""

    def __init__(self, board: AlarmBoard) -> None:
        self._board = board

    def rpcs(self) -> Mapping[str, Rpc]:
        """Give every method, with the scope that it needs."""
        return {
            "AcknowledgeAlarm": Rpc(self._acknowledge_alarm, Scope.INVOKE_WRITE),
            "StreamAlarms": Rpc(self._stream_alarms, Scope.EVENTS_READ),
            "QueryActiveAlarms": Rpc(self._query_active_alarms, Scope.EVENTS_READ),
        }

    async def _acknowledge_alarm(self, request: pb.AcknowledgeAlarmRequest, call: Call) -> pb.AcknowledgeAlarmReply:
        alarm = self._board.find(request.alarm_full_reference)
        if alarm is not None and not call.key.reaches_tag(alarm.tag_name):
            raise Refused(
                grpc.StatusCode.PERMISSION_DENIED, f"the API key {call.key.key_id} does not reach {alarm.tag_name}"
            )
        reply = pb.AcknowledgeAlarmReply(correlation_id=request.client_correlation_id)
        if alarm is not None and self._board.acknowledge(alarm, request.operator_user, request.comment):
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_OK
            reply.hresult = S_OK
        else:
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
            reply.protocol_status.message = "the alarm was not acknowledged"
            reply.hresult = E_INVALIDARG
            reply.diagnostic_message = f"{request.alarm_full_reference} is no active alarm"
        return reply

    async def _stream_alarms(self, request: pb.StreamAlarmsRequest, call: Call) -> None:
        with self._board.feed(AlarmFilter(request.alarm_filter_prefix, call.key.reaches_tag)) as subscription:
            while (message := await subscription.next()) is not None:
                await call.send(message)

    async def _query_active_alarms(self, request: pb.QueryActiveAlarmsRequest, call: Call) -> None:
        for alarm in self._board.active(AlarmFilter(request.alarm_filter_prefix, call.key.reaches_tag)):
            await call.send(alarm)
