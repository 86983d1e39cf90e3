"""Event classes: views of the messages, one class per event family."""

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
    """An event of a session: a view of its message that converts a field on access.

    There is a subclass for each event family. An event of an unknown family is an MxEvent itself.

    Attributes:
        raw: the received message.
    """

    __slots__ = ("raw",)

    def __init__(self, raw: pb.MxEvent) -> None:
        self.raw: pb.MxEvent = raw

    @property
    def family(self) -> MxEventFamily:
        """Family of the event."""
        return MxEventFamily(self.raw.family)

    @property
    def session_id(self) -> str:
        """Id of the session that the event belongs to."""
        return self.raw.session_id

    @property
    def server_handle(self) -> int:
        """Server handle, as `register` returned it."""
        return self.raw.server_handle

    @property
    def item_handle(self) -> int:
        """Item handle, as `add_item` returned it."""
        return self.raw.item_handle

    @property
    def value(self) -> MxValueOutput:
        """The value, as `from_mx_value` returns it.

        Raises:
            ValueError: the value is a timestamp outside the years 1 to 9999.
        """
        return from_mx_value(self.raw.value)

    @property
    def quality(self) -> Quality:
        """OPC DA quality of the value."""
        return Quality(self.raw.quality)

    @property
    def timestamp(self) -> datetime | None:
        """Source timestamp of the value in UTC, or None if there is none."""
        return datetime_field(self.raw, "source_timestamp")

    @property
    def worker_timestamp(self) -> datetime | None:
        """Time when the worker received the event from MXAccess, in UTC."""
        return datetime_field(self.raw, "worker_timestamp")

    @property
    def gateway_receive_timestamp(self) -> datetime | None:
        """Time when the gateway received the event from the worker, in UTC."""
        return datetime_field(self.raw, "gateway_receive_timestamp")

    @property
    def statuses(self) -> tuple[MxStatus, ...]:
        """Statuses of the event."""
        return tuple(MxStatus.from_message(status) for status in self.raw.statuses)

    @property
    def sequence(self) -> int:
        """Number of the event (`worker_sequence`). It rises by one from event to event of a session."""
        return self.raw.worker_sequence

    @property
    def hresult(self) -> int | None:
        """COM result as a signed 32-bit number, or None if the event has none."""
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
    """The outcome of a write (`OnWriteComplete`). If not `succeeded`, see `statuses` and `hresult`."""

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
    """An operation other than a write has ended (`OperationComplete`). MXAccess does not always raise it."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferedSample:
    """One sample of a buffered item.

    Attributes:
        value: value of the sample.
        quality: OPC DA quality, or None if the gateway did not send one for this sample.
        timestamp: time in UTC, or None if the gateway did not send one for this sample.
    """

    value: MxValueOutput
    quality: Quality | None
    timestamp: datetime | None


class BufferedDataChange(MxEvent):
    """The samples of a buffered item since the last event (`OnBufferedDataChange`). `value` is the list of values."""

    __slots__ = ()

    @property
    def samples(self) -> tuple[BufferedSample, ...]:
        """Samples in the order in which the gateway sent them, usually the oldest first.

        Raises:
            ValueError: a timestamp is outside the years 1 to 9999.
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

    The alarm feed delivers such events too. They do not belong to a session: only the fields of the alarm are set.
    """

    __slots__ = ()

    @property
    def _alarm(self) -> pb.OnAlarmTransitionEvent:
        return self.raw.on_alarm_transition

    @property
    def transition_kind(self) -> AlarmTransitionKind:
        """Kind of change."""
        return AlarmTransitionKind(self.raw.on_alarm_transition.transition_kind)

    def __repr__(self) -> str:
        return f"AlarmTransition({self.alarm_full_reference!r}, {self.transition_kind.name})"


class AlarmProviderModeChanged(MxEvent):
    """The gateway has changed its alarm provider (`OnAlarmProviderModeChanged`)."""

    __slots__ = ()


class ReplayGap(MxEvent):
    """Events were lost between two streams: known values may be outdated, so read the items again.

    It is the first event of a stream that resumes after a sequence that the gateway no longer retains.
    """

    __slots__ = ()

    @property
    def requested_after_sequence(self) -> int:
        """Sequence after which the stream was to resume."""
        return self.raw.replay_gap.requested_after_sequence

    @property
    def oldest_available_sequence(self) -> int:
        """Oldest sequence that the gateway still retains."""
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
    """Return the view of a message: a ReplayGap for the gap sentinel, else the class of its family."""
    if message.HasField("replay_gap"):
        return ReplayGap(message)
    return FAMILIES.get(message.family, MxEvent)(message)
