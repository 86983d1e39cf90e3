"""Query the active alarms."""

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
    """An active alarm (`ActiveAlarmSnapshot`).

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.ActiveAlarmSnapshot) -> None:
        self.raw: pb.ActiveAlarmSnapshot = raw

    @property
    def _alarm(self) -> pb.ActiveAlarmSnapshot:
        return self.raw

    @property
    def current_state(self) -> AlarmConditionState:
        """Current state of the alarm."""
        return AlarmConditionState(self.raw.current_state)

    def __repr__(self) -> str:
        return f"ActiveAlarm({self.alarm_full_reference!r}, {self.current_state.name})"


class ActiveAlarms(Stream[pb.ActiveAlarmSnapshot, ActiveAlarm]):
    """The currently active alarms: an async iterator and async context manager that ends after the last alarm.

    It sends its request (rpc `QueryActiveAlarms`) when it is entered or first iterated. An alarm that is raised or
    cleared during the iteration may be included or not; the alarm feed reports it. If the stream ends early, it raises
    an error, so a list that ends normally is complete.

    Iterating raises:

    - MxGatewayAuthorizationError if the key lacks the scope `events:read`
    - MxGatewayTimeoutError if the last alarm was not received within `timeout`
    - MxGatewayTransportError if the connection was lost
    - MxGatewayUsageError if another task already waits on the iterator, or if the client belongs to another event loop
      or process
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
        # For this rpc, status OK is the normal end. Raised outside of `except` so that it has no context.
        raise StopAsyncIteration

    def _open_reader(self) -> Reader[pb.ActiveAlarmSnapshot]:
        return self._read_in_task(self._channel.gateway.QueryActiveAlarms, self._request)

    def _item(self, message: pb.ActiveAlarmSnapshot) -> ActiveAlarm:
        return ActiveAlarm(message)
