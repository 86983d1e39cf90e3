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
    """Every alarm that was active when the feed began has been told; from now on come changes."""


class AlarmProviderStatus:
    """Where the gateway has its alarms from: once at first, and whenever it changes (`AlarmProviderStatus`).

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.AlarmProviderStatus) -> None:
        self.raw: pb.AlarmProviderStatus = raw

    @property
    def mode(self) -> AlarmProviderMode:
        """The provider."""
        return AlarmProviderMode(self.raw.mode)

    @property
    def degraded(self) -> bool:
        """Whether it knows less than the provider that the gateway is set up for."""
        return self.raw.degraded

    @property
    def reason(self) -> str:
        """Why, in words."""
        return self.raw.reason

    @property
    def since(self) -> datetime | None:
        """Since when, in UTC.

        Raises:
            ValueError: it lies outside the years 1 to 9999.
        """
        return datetime_field(self.raw, "since")

    def __repr__(self) -> str:
        return f"AlarmProviderStatus({self.mode.name}, degraded={self.degraded}, reason={self.reason!r})"


class UnrecognizedAlarmMessage:
    """Something that this version doesn't know was told in the feed; a newer gateway may say more than this client.

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.AlarmFeedMessage) -> None:
        self.raw: pb.AlarmFeedMessage = raw


AlarmFeedItem: TypeAlias = (
    ActiveAlarm | AlarmSnapshotComplete | AlarmTransition | AlarmProviderStatus | UnrecognizedAlarmMessage
)
"""What the alarm feed brings, for `match`."""


class AlarmFeed(Stream[pb.AlarmFeedMessage, AlarmFeedItem]):
    """The alarms of the gateway as they happen: an async iterator and an async context manager.

    First come the active ones as ActiveAlarm, then AlarmSnapshotComplete, then AlarmProviderStatus once, and from then
    on AlarmTransition and further AlarmProviderStatus. The items are views that convert a field when it is asked for.

    It asks the gateway when it is entered or first iterated, and ends normally only when it is closed; every loss
    raises. A feed can't be resumed: open a new one, its first items say how the alarms stand. Cancelling a task that
    waits for an item loses nothing and leaves the feed open. A feed that is dropped without `close` ends when it is
    collected.

    Iterating raises

    - MxGatewayAuthorizationError when the key lacks the scope `events:read`,
    - MxGatewayStreamEndedError when the gateway ended the feed, even with OK,
    - MxGatewayLimitError when the gateway dropped a feed whose reader was too slow,
    - MxGatewayTransportError when the connection broke,
    - MxGatewayUsageError when another task waits on this feed already, or the client can't be used here.
    """

    _method = "StreamAlarms"
    _hints = MappingProxyType(
        {
            MxGatewayStreamEndedError: "open a new feed: its first items say how the alarms stand",
            MxGatewayLimitError: "take the items faster, and open a new feed: its first items say how the alarms stand",
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
