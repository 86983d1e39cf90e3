"""The gateway's alarms, which need no session: the feed of what happens to them, the active ones, acknowledging."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._alarm_fields import AlarmFields
from mxgateway._commands import contradicts_ok
from mxgateway._failures import error_from_reply
from mxgateway._stream import Stream
from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayProtocolError, MxGatewayStreamEndedError
from mxgateway.events import AlarmTransition
from mxgateway.options import check_seconds
from mxgateway.redaction import redact_message
from mxgateway.status import AlarmConditionState, AlarmProviderMode
from mxgateway.values import datetime_field

if TYPE_CHECKING:
    from datetime import datetime

    from mxgateway._channel import Channel

__all__ = [
    "ActiveAlarm",
    "ActiveAlarms",
    "AlarmFeed",
    "AlarmFeedItem",
    "AlarmProviderStatus",
    "AlarmSnapshotComplete",
    "UnrecognizedAlarmMessage",
]

_GUID: Final = re.compile(r"[{(]?[0-9A-Fa-f]{8}(?:-?[0-9A-Fa-f]{4}){3}-?[0-9A-Fa-f]{12}[)}]?")


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
            grpc.StatusCode.OK: "open a new feed: its first items say how the alarms stand",
            grpc.StatusCode.RESOURCE_EXHAUSTED: "take the items faster, and open a new feed: its first items say how "
            "the alarms stand",
        }
    )

    def __init__(self, channel: Channel, filter_prefix: str) -> None:
        request = pb.StreamAlarmsRequest(
            client_correlation_id=channel.new_correlation_id(), alarm_filter_prefix=filter_prefix
        )
        super().__init__(channel, correlation_id=request.client_correlation_id)
        self._request = request

    def _call(self) -> grpc.aio.UnaryStreamCall[pb.StreamAlarmsRequest, pb.AlarmFeedMessage]:
        return self._channel.stream(self._channel.gateway.StreamAlarms, self._request)

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

    def _call(self) -> grpc.aio.UnaryStreamCall[pb.QueryActiveAlarmsRequest, pb.ActiveAlarmSnapshot]:
        return self._channel.stream(self._channel.gateway.QueryActiveAlarms, self._request, timeout=self._timeout)

    def _item(self, message: pb.ActiveAlarmSnapshot) -> ActiveAlarm:
        return ActiveAlarm(message)


async def acknowledge_alarm(
    channel: Channel, reference: str, comment: str, operator_user: str, timeout: float | None
) -> None:
    """Acknowledge an alarm by rpc `AcknowledgeAlarm`, as `GatewayClient.acknowledge_alarm` says."""
    if not (is_guid(reference) or _is_full_reference(reference)):
        raise MxGatewayConfigurationError(
            f"alarm {reference!r} is neither a GUID nor Provider!Group.Tag: give the alarm_full_reference of an alarm"
        )
    request = pb.AcknowledgeAlarmRequest(
        client_correlation_id=channel.new_correlation_id(),
        alarm_full_reference=reference,
        comment=comment,
        operator_user=operator_user,
    )
    # Kept in this form alone: what error_from_reply redacts is all that a traceback with local variables can show.
    answer = _as_command_reply(
        await channel.call(channel.gateway.AcknowledgeAlarm, "AcknowledgeAlarm", request, timeout=timeout)
    )
    facts = ErrorFacts(
        method="AcknowledgeAlarm", target=channel.options.endpoint, correlation_id=request.client_correlation_id
    )
    if answer.protocol_status.code != pb.PROTOCOL_STATUS_CODE_OK or contradicts_ok(answer):
        raise error_from_reply(answer, facts)
    if answer.correlation_id not in {"", request.client_correlation_id}:
        redact_message(answer)
        stranger = answer.correlation_id
        raise MxGatewayProtocolError(f"the reply is for correlation id {stranger}, which was not asked for here", facts)


def is_guid(text: str) -> bool:
    """Whether a text is a GUID, with or without hyphens and brackets."""
    return _GUID.fullmatch(text) is not None


def _is_full_reference(text: str) -> bool:
    provider, _, rest = text.partition("!")
    group, _, tag = rest.partition(".")
    return all(part.strip() for part in (provider, group, tag))


def _as_command_reply(reply: pb.AcknowledgeAlarmReply) -> pb.MxCommandReply:
    """The same answer in the form that a command has, so that a refusal of MXAccess looks the same everywhere."""
    answer = pb.MxCommandReply(
        correlation_id=reply.correlation_id,
        protocol_status=reply.protocol_status,
        statuses=[reply.status] if reply.HasField("status") else [],
        diagnostic_message=reply.diagnostic_message,
    )
    if reply.HasField("hresult"):
        answer.hresult = reply.hresult
    return answer
