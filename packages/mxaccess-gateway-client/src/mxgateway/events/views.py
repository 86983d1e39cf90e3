"""The events of a session: views over the messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.events.alarm_fields import AlarmFields
from mxgateway.status import AlarmTransitionKind, MxEventFamily, MxStatus, Quality
from mxgateway.values import MxValueOutput, from_mx_value
from mxgateway.values.decoding import show_mx_value
from mxgateway.values.timestamps import datetime_field, to_datetime

if TYPE_CHECKING:
    from datetime import datetime


__all__ = [
    "AlarmProviderModeChanged",
    "AlarmTransition",
    "BufferedDataChange",
    "BufferedSample",
    "DataChange",
    "MxEvent",
    "OperationComplete",
    "ReplayGap",
    "WriteComplete",
    "to_event",
]


class MxEvent:
    """An event of a session: a view over its message that converts a field when it is asked for.

    Its subclasses are the families. An event of a family that this version doesn't know is an MxEvent itself.

    Attributes:
        raw: the message as it came.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.MxEvent) -> None:
        self.raw: pb.MxEvent = raw

    @property
    def family(self) -> MxEventFamily:
        """The event's family."""
        return MxEventFamily(self.raw.family)

    @property
    def session_id(self) -> str:
        """The session that the event belongs to."""
        return self.raw.session_id

    @property
    def server_handle(self) -> int:
        """The server handle, as `register` gave it."""
        return self.raw.server_handle

    @property
    def item_handle(self) -> int:
        """The item handle, as `add_item` gave it."""
        return self.raw.item_handle

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` gives it.

        Raises:
            ValueError: it is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.raw.value)

    @property
    def quality(self) -> Quality:
        """The OPC DA quality of the value."""
        return Quality(self.raw.quality)

    @property
    def timestamp(self) -> datetime | None:
        """When the source says the value is from, in UTC."""
        return datetime_field(self.raw, "source_timestamp")

    @property
    def worker_timestamp(self) -> datetime | None:
        """When the worker received the event from MXAccess, in UTC."""
        return datetime_field(self.raw, "worker_timestamp")

    @property
    def gateway_receive_timestamp(self) -> datetime | None:
        """When the gateway received the event from the worker, in UTC."""
        return datetime_field(self.raw, "gateway_receive_timestamp")

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Every status that came with the event."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def sequence(self) -> int:
        """The `worker_sequence`: it rises by one from event to event of a session."""
        return self.raw.worker_sequence

    @property
    def hresult(self) -> int | None:
        """The COM result, as a signed 32 bit number, where the event has one."""
        return self.raw.hresult if self.raw.HasField("hresult") else None

    def __repr__(self) -> str:
        return f"{type(self).__name__}(sequence={self.sequence}, item_handle={self.item_handle})"


class DataChange(MxEvent):
    """An advised item has a new value, quality or timestamp (`OnDataChange`)."""

    __slots__ = ()

    def __repr__(self) -> str:
        return (
            f"DataChange(sequence={self.sequence}, item_handle={self.item_handle}, "
            f"value={show_mx_value(self.raw.value)}, quality={self.quality!r})"
        )


class WriteComplete(MxEvent):
    """A write has its outcome (`OnWriteComplete`): `succeeded`, or the failed ones among `statuses`."""

    __slots__ = ()

    @property
    def succeeded(self) -> bool:
        """Whether neither a status nor the hresult reports a failure."""
        return (self.hresult or 0) >= 0 and not any(status.failed for status in self.statuses)

    def __repr__(self) -> str:
        return (
            f"WriteComplete(sequence={self.sequence}, item_handle={self.item_handle}, succeeded={self.succeeded}, "
            f"statuses=[{', '.join(map(str, self.statuses))}])"
        )


class OperationComplete(MxEvent):
    """An operation other than a write has ended (`OperationComplete`); MXAccess raises it only sometimes."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedSample:
    """One sample of a buffered item.

    Attributes:
        value: the value.
        quality: its OPC DA quality, where the gateway sent one for each sample.
        timestamp: its time in UTC, where the gateway sent one for each sample.
    """

    value: MxValueOutput
    quality: Quality | None
    timestamp: datetime | None


class BufferedDataChange(MxEvent):
    """A buffered item brings the samples since the last time (`OnBufferedDataChange`); `value` is their list."""

    __slots__ = ()

    @property
    def samples(self) -> tuple[BufferedSample, ...]:
        """The samples in the order the gateway sent them, usually the oldest first.

        Raises:
            ValueError: a timestamp lies outside the years 1 to 9999.
        """
        body = self.raw.on_buffered_data_change
        value = self.value
        values = value if isinstance(value, list) else [value]
        qualities = list(body.quality_values.int32_values.values)
        times = list(body.timestamp_values.timestamp_values.values)
        return tuple(
            BufferedSample(
                value=value,
                quality=Quality(qualities[index]) if index < len(qualities) else None,
                timestamp=to_datetime(times[index]) if index < len(times) else None,
            )
            for index, value in enumerate(values)
        )


class AlarmTransition(MxEvent, AlarmFields):
    """An alarm was raised, acknowledged, cleared or raised again (`OnAlarmTransition`).

    The alarm feed brings it too. There it belongs to no session: what other events have beyond the alarm is empty.
    """

    __slots__ = ()

    @property
    def _alarm(self) -> pb.OnAlarmTransitionEvent:
        return self.raw.on_alarm_transition

    @property
    def transition_kind(self) -> AlarmTransitionKind:
        """What happened."""
        return AlarmTransitionKind(self.raw.on_alarm_transition.transition_kind)

    def __repr__(self) -> str:
        return f"AlarmTransition({self.alarm_full_reference!r}, {self.transition_kind.name})"


class AlarmProviderModeChanged(MxEvent):
    """The gateway has its alarms from another provider now (`OnAlarmProviderModeChanged`)."""

    __slots__ = ()


class ReplayGap(MxEvent):
    """Events were lost between two streams: what was believed about the items may be wrong, read afresh.

    It comes first in a stream that asked to resume after a sequence that the gateway no longer holds.
    """

    __slots__ = ()

    @property
    def requested_after_sequence(self) -> int:
        """The sequence that the stream asked to resume after."""
        return self.raw.replay_gap.requested_after_sequence

    @property
    def oldest_available_sequence(self) -> int:
        """The first sequence that the gateway still holds."""
        return self.raw.replay_gap.oldest_available_sequence

    def __repr__(self) -> str:
        return f"ReplayGap(after {self.requested_after_sequence}, oldest {self.oldest_available_sequence})"


FAMILIES: dict[int, type[MxEvent]] = {
    pb.MX_EVENT_FAMILY_ON_DATA_CHANGE: DataChange,
    pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE: WriteComplete,
    pb.MX_EVENT_FAMILY_OPERATION_COMPLETE: OperationComplete,
    pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE: BufferedDataChange,
    pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION: AlarmTransition,
    pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED: AlarmProviderModeChanged,
}


def to_event(message: pb.MxEvent) -> MxEvent:
    """Give the view for a message: the gap sentinel is a ReplayGap, everything else goes by its family."""
    if message.HasField("replay_gap"):
        return ReplayGap(message)
    return FAMILIES.get(message.family, MxEvent)(message)
