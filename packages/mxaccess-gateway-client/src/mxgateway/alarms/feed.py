"""The alarm feed: active alarms first, then every transition."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._transport.streams.stream import Stream
from mxgateway.alarms.active import ActiveAlarm
from mxgateway.errors import MxGatewayLimitError, MxGatewayStreamEndedError
from mxgateway.events.views import AlarmTransition
from mxgateway.status import AlarmProviderMode
from mxgateway.values.timestamps import datetime_field

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway._transport.channel import Channel
    from mxgateway._transport.streams.reader import Reader

__all__ = ["AlarmFeed", "AlarmFeedItem", "AlarmProviderStatus", "AlarmSnapshotComplete", "UnrecognizedAlarmMessage"]


@dataclass(frozen=True, slots=True)
class AlarmSnapshotComplete:
    """All alarms that were active at the start of the feed have been delivered. Changes follow."""


class AlarmProviderStatus:
    """The gateway's alarm provider (`AlarmProviderStatus`), sent at the start of the feed and after every change.

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.AlarmProviderStatus) -> None:
        self.raw: pb.AlarmProviderStatus = raw

    @property
    def mode(self) -> AlarmProviderMode:
        """Alarm provider in use."""
        return AlarmProviderMode(self.raw.mode)

    @property
    def degraded(self) -> bool:
        """Whether the provider has less information than the one that the gateway is configured for."""
        return self.raw.degraded

    @property
    def reason(self) -> str:
        """Reason for the mode, as text."""
        return self.raw.reason

    @property
    def since(self) -> datetime | None:
        """Time of the last mode change in UTC, or None if unknown.

        Raises:
            ValueError: the time is outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "since")

    def __repr__(self) -> str:
        return f"AlarmProviderStatus({self.mode.name}, degraded={self.degraded}, reason={self.reason!r})"


class UnrecognizedAlarmMessage:
    """A message of the feed that is unknown to this version of the client, for example from a newer gateway.

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.AlarmFeedMessage) -> None:
        self.raw: pb.AlarmFeedMessage = raw


AlarmFeedItem: TypeAlias = (
    ActiveAlarm | AlarmSnapshotComplete | AlarmTransition | AlarmProviderStatus | UnrecognizedAlarmMessage
)
"""The items of the alarm feed, for `match`."""


class AlarmFeed(Stream[pb.AlarmFeedMessage, AlarmFeedItem]):
    """The alarms of the gateway as they change: an async iterator and async context manager.

    The feed begins with the active alarms as ActiveAlarm, then one AlarmSnapshotComplete and one AlarmProviderStatus.
    After that it delivers AlarmTransition items, and AlarmProviderStatus after every change of the provider. The items
    are views that convert a field on access.

    The feed sends its request (rpc `StreamAlarms`) when it is entered or first iterated. It ends normally only if it is
    closed; every loss raises an error. A feed cannot be resumed: open a new one, which begins with the active alarms.
    Cancelling a task that waits for an item loses no item and leaves the feed open. A feed that is dropped without
    `close` ends when it is garbage-collected.

    Iterating raises:

    - MxGatewayAuthorizationError if the key lacks the scope `events:read`
    - MxGatewayStreamEndedError if the gateway ended the feed, even with status OK
    - MxGatewayLimitError if the gateway ended the feed because the client read too slowly
    - MxGatewayTransportError if the connection was lost
    - MxGatewayUsageError if another task already waits on the feed, or if the client belongs to another event loop or
      process
    """

    _method = "StreamAlarms"
    _hints = MappingProxyType(
        {
            MxGatewayStreamEndedError: "open a new feed, which begins with the active alarms",
            MxGatewayLimitError: "process items faster, and open a new feed, which begins with the active alarms",
        }
    )

    def __init__(self, channel: Channel, filter_prefix: str) -> None:
        request = pb.StreamAlarmsRequest(
            client_correlation_id=channel.new_correlation_id(), alarm_filter_prefix=filter_prefix
        )
        super().__init__(channel, correlation_id=request.client_correlation_id)
        self._request = request

    def _open_reader(self) -> Reader[pb.AlarmFeedMessage]:
        return self._read_in_task(self._channel.gateway.StreamAlarms, self._request)

    def _item(self, message: pb.AlarmFeedMessage) -> AlarmFeedItem:
        match message.WhichOneof("payload"):
            case "active_alarm":
                return ActiveAlarm(message.active_alarm)
            case "transition":
                return AlarmTransition(
                    pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION, on_alarm_transition=message.transition)
                )
            case "provider_status":
                return AlarmProviderStatus(message.provider_status)
            case "snapshot_complete" if message.snapshot_complete:
                return AlarmSnapshotComplete()
            case _:
                return UnrecognizedAlarmMessage(message)
