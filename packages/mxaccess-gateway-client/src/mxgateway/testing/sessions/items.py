"""Items of an MXAccess object, and the data changes that they raise."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING, TypedDict, Unpack, cast

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing.plant.native_numbers import native_data_type
from mxgateway.testing.plant.statuses import good
from mxgateway.testing.plant.tags import BAD, UNCERTAIN, Reading
from mxgateway.testing.plant.values import NO_VALUE, TagType, encode, timestamp

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.testing.plant.plant import Target
    from mxgateway.testing.plant.tags import Tag
    from mxgateway.testing.plant.values import Scalar
    from mxgateway.testing.state.clock import Clock, Timer

__all__ = ["Advise", "BufferedItem", "Item", "ItemOptions", "LastChange"]


class Advise(Enum):
    """The kind of an advise."""

    PLAIN = "plain"
    SUPERVISORY = "supervisory"


class LastChange:
    """The last data change of a tag, as ReadBulk returns it.

    `was_cached` tells whether it comes from an advised item.
    """

    def __init__(self, event: pb.MxEvent, *, was_cached: bool) -> None:
        self._event = event
        self._was_cached = was_cached
        self._result: pb.BulkReadResult | None = None

    def result(self, tag: str) -> pb.BulkReadResult:
        """Return the result of ReadBulk for this tag name. It is built once for repeated reads with the same name."""
        if self._result is None or self._result.tag_address != tag:
            self._result = self._build_result(tag)
        return self._result

    def _build_result(self, tag: str) -> pb.BulkReadResult:
        event = self._event
        failures = [status.diagnostic_text for status in event.statuses if status.category != pb.MX_STATUS_CATEGORY_OK]
        return pb.BulkReadResult(
            server_handle=event.server_handle,
            tag_address=tag,
            item_handle=event.item_handle if self._was_cached else 0,
            was_successful=not failures,
            was_cached=self._was_cached,
            value=event.value,
            quality=event.quality,
            source_timestamp=event.source_timestamp,
            statuses=event.statuses,
            error_message="; ".join(failures),
        )


class ItemOptions(TypedDict):
    """The constructor arguments that all kinds of items share."""

    server_handle: int
    item_handle: int
    definition: str
    target: Target
    clock: Clock
    raise_event: Callable[[pb.MxEvent], None]
    settle_time: float


class Item:
    """An item, which has one item handle."""

    def __init__(self, **options: Unpack[ItemOptions]) -> None:
        self.server_handle: int = options["server_handle"]
        self.item_handle: int = options["item_handle"]
        self.definition: str = options["definition"]
        self.target: Target = options["target"]
        self.advised: Advise | None = None
        self.suspended: bool = False
        self.last_change: LastChange | None = None
        self._clock = options["clock"]
        self._raise_event = options["raise_event"]
        self._settle_time = options["settle_time"]
        self._settling: Timer | None = None

    @property
    def delivers(self) -> bool:
        """Whether the item raises data changes."""
        return self.advised is not None and not self.suspended

    def advise(self, how: Advise) -> None:
        """Start raising data changes, beginning with the present value.

        If the item is already advised, a supervisory advise replaces a plain one, and nothing else changes.
        """
        first = self.advised is None
        if first or how is Advise.SUPERVISORY:
            self.advised = how
        if first:
            self._start()

    def un_advise(self) -> None:
        """Stop raising data changes."""
        self.advised = None
        self.suspended = False
        self._stop()

    def suspend(self) -> None:
        """Stop raising data changes, but keep the advise."""
        self.suspended = True
        self._stop()

    def activate(self) -> None:
        """Resume raising data changes, beginning with the present value."""
        if self.suspended:
            self.suspended = False
            self._start()

    def deliver(self, reading: Reading | None, status: pb.MxStatusProxy) -> None:
        """Raise a data change with this reading, or a bad one without a value if there is none."""
        event = pb.MxEvent(
            family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE,
            server_handle=self.server_handle,
            item_handle=self.item_handle,
            value=NO_VALUE if reading is None else reading.message,
            quality=BAD if reading is None else reading.quality,
            source_timestamp=timestamp(self._clock.now() if reading is None else reading.timestamp),
            statuses=[status],
            on_data_change=pb.OnDataChangeEvent(),
        )
        self.last_change = LastChange(event, was_cached=True)
        self._raise_event(event)

    def _start(self) -> None:
        tag, reading = self.target.tag, self.target.read()
        if tag is None:
            self.deliver(None, self.target.problem)
            return
        settle_time = self._settle_time if tag.settle_time is None else tag.settle_time
        if settle_time > 0 and reading is not None and not tag.silent:
            self._settling = self._clock.call_later(settle_time, lambda: self._listen(tag))
            self.deliver(replace(reading, quality=UNCERTAIN), good())
        else:
            self._listen(tag)

    def _listen(self, tag: Tag) -> None:
        self._settling = None
        tag.listen(self._on_change)
        self._on_change()

    def _stop(self) -> None:
        if self._settling is not None:
            self._settling.cancel()
            self._settling = None
        if self.target.tag is not None:
            self.target.tag.stop_listening(self._on_change)

    def _on_change(self) -> None:
        if self.target.tag is not None and not self.target.tag.silent:
            reading = self.target.read()
            self.deliver(reading, good() if reading else self.target.problem)


class BufferedItem(Item):
    """A buffered item, which collects samples and delivers them together."""

    def __init__(self, *, max_samples: int, deliver_later: Callable[[], None], **common: Unpack[ItemOptions]) -> None:
        super().__init__(**common)
        self._samples: deque[Reading] = deque(maxlen=max_samples)
        self._deliver_later = deliver_later

    def deliver(self, reading: Reading | None, status: pb.MxStatusProxy) -> None:
        """Collect a sample. If there is no reading, raise a bad data change at once."""
        if reading is None:
            self._raise_samples(TagType.STRING, [], status)
        else:
            self._samples.append(reading)
            self._deliver_later()

    def flush(self) -> None:
        """Deliver the collected samples in one event."""
        if self._samples and self.delivers:
            # A status without any fields does not report a failure.
            self._raise_samples(self._samples[0].type, list(self._samples), pb.MxStatusProxy())
        self._samples.clear()

    def _raise_samples(self, tag_type: TagType, samples: list[Reading], status: pb.MxStatusProxy) -> None:
        data_type = tag_type.traits.data_type if samples else pb.MX_DATA_TYPE_NO_DATA
        values = tuple(tag_type.default if each.value is None else cast("Scalar", each.value) for each in samples)
        self._raise_event(
            pb.MxEvent(
                family=pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE,
                server_handle=self.server_handle,
                item_handle=self.item_handle,
                value=encode(tag_type, values) if samples else NO_VALUE,
                quality=samples[-1].quality if samples else BAD,
                source_timestamp=timestamp(samples[-1].timestamp if samples else self._clock.now()),
                statuses=[status],
                on_buffered_data_change=pb.OnBufferedDataChangeEvent(
                    data_type=data_type,
                    raw_data_type=native_data_type(data_type),
                    quality_values=encode(TagType.INTEGER, tuple(each.quality for each in samples)).array_value,
                    timestamp_values=encode(TagType.TIME, tuple(each.timestamp for each in samples)).array_value,
                ),
            )
        )
