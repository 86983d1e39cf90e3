"""The alarms that are active now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.validation import check_seconds
from mxgateway._transport.streams.stream import Stream
from mxgateway.errors import MxGatewayStreamEndedError
from mxgateway.events.alarm_fields import AlarmFields
from mxgateway.status import AlarmConditionState

if TYPE_CHECKING:
    from mxgateway._transport.channel import Channel
    from mxgateway._transport.streams.reader import Reader

__all__ = ["ActiveAlarm", "ActiveAlarms"]


class ActiveAlarm(AlarmFields):
    """An alarm that is active now (`ActiveAlarmSnapshot`).

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.ActiveAlarmSnapshot) -> None:
        self.raw: pb.ActiveAlarmSnapshot = raw

    @property
    def _alarm(self) -> pb.ActiveAlarmSnapshot:
        return self.raw

    @property
    def current_state(self) -> AlarmConditionState:
        """How the alarm stands."""
        return AlarmConditionState(self.raw.current_state)

    def __repr__(self) -> str:
        return f"ActiveAlarm({self.alarm_full_reference!r}, {self.current_state.name})"


class ActiveAlarms(Stream[pb.ActiveAlarmSnapshot, ActiveAlarm]):
    """The alarms that are active now: an async iterator and an async context manager that ends after the last one.

    It asks the gateway when it is entered or first iterated. An alarm that comes or goes meanwhile may be missing or
    be there; the feed tells of it. One that ends early raises: what came by then is not all.

    Iterating raises

    - MxGatewayAuthorizationError when the key lacks the scope `events:read`,
    - MxGatewayTimeoutError when the last alarm was not taken in time,
    - MxGatewayTransportError when the connection broke,
    - MxGatewayUsageError when another task waits on this iterator already, or the client can't be used here.
    """

    _method = "QueryActiveAlarms"

    def __init__(self, channel: Channel, filter_prefix: str, timeout: float | None) -> None:
        request = pb.QueryActiveAlarmsRequest(
            client_correlation_id=channel.new_correlation_id(), alarm_filter_prefix=filter_prefix
        )
        super().__init__(
            channel,
            correlation_id=request.client_correlation_id,
            timeout=channel.options.timeout if timeout is None else check_seconds("timeout", timeout),
        )
        self._request = request

    async def __anext__(self) -> ActiveAlarm:
        try:
            return await super().__anext__()
        except MxGatewayStreamEndedError:
            pass
        # Here an OK from the gateway is the promised end.
        raise StopAsyncIteration

    def _open_reader(self) -> Reader[pb.ActiveAlarmSnapshot]:
        return self._read_in_task(self._channel.gateway.QueryActiveAlarms, self._request)

    def _item(self, message: pb.ActiveAlarmSnapshot) -> ActiveAlarm:
        return ActiveAlarm(message)
