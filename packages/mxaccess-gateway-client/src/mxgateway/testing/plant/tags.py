"""One attribute of the plant: its value, quality and time, who listens to it, and how it moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeAlias, cast, final

from mxgateway.testing.plant.users import SecurityClassification, User
from mxgateway.testing.plant.values import TagType, Value, WrongType, encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.testing.plant.alarms import Alarm
    from mxgateway.testing.plant.programs import Program
    from mxgateway.testing.plant.values import Scalar

__all__ = ["BAD", "GOOD", "UNCERTAIN", "Reading", "Tag", "Written"]

BAD = 0
UNCERTAIN = 64
GOOD = 192

TagValue: TypeAlias = "Scalar | Sequence[Scalar] | Sequence[Sequence[Scalar]]"


@final
class _Keep:
    """Stands for a value that stays as it is."""


_KEEP: Final = _Keep()


@dataclass(frozen=True)
class Reading:
    """What a tag has at one moment.

    Attributes:
        value: None for null; a tuple for an array, row by row when it has several dimensions.
        quality: an OPC DA byte.
        timestamp: when the source had it, UTC.
        type: what sort of value it is.
        dimensions: the shape of an array.
    """

    value: Value
    quality: int
    timestamp: datetime
    type: TagType
    dimensions: tuple[int, ...] = ()

    @cached_property
    def message(self) -> pb.MxValue:
        """The value as the worker sends it, made once however many listen."""
        return encode(self.type, self.value, self.dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that a tag took.

    Attributes:
        value: what it holds since.
        user: who wrote it, as far as MXAccess looked at that.
        verifier: who signed a verified write as well.
    """

    value: Value
    user: User | None = None
    verifier: User | None = None


class Tag:
    """An attribute of an object, named `Object.Attribute`, without the `[]` of an array.

    A value that is a sequence makes an array; a sequence of sequences of one length makes one of two dimensions.
    """

    def __init__(
        self,
        name: str,
        tag_type: TagType | str,
        value: TagValue | None = None,
        *,
        quality: int = GOOD,
        security: SecurityClassification = SecurityClassification.OPERATE,
        program: Program | None = None,
        settle_time: float | None = None,
        historized: bool = False,
        alarm: Alarm | None = None,
    ) -> None:
        self.name: str = name.removesuffix("[]")
        self.type: TagType = TagType(tag_type)
        self.security = security
        self.program = program
        self.settle_time = settle_time
        self.historized = historized
        self.alarm = alarm
        self.last_write: Written | None = None
        self.write_refusal: tuple[pb.MxStatusProxy, ...] = ()
        self.silent = False
        self._listeners: dict[Callable[[], None], None] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.noticed: Callable[[], None] = lambda: None
        self._steps = 0
        if value is None:
            value = program.value_at(0) if program else self.type.default
        self._shape = _shape_of(value)
        self.reading: Reading = self._make_reading(self._checked(value), quality, self.now())
        if alarm is not None:
            try:
                limit = self.type.check(alarm.condition.limit)
            except WrongType as error:
                raise TypeError(f"{self.name}: the alarm's limit: {error}") from error
            alarm.belong_to(self.name, encode(self.type, limit))
            self._follow_alarm()

    @property
    def object_name(self) -> str:
        """The part of the name before the first dot."""
        return self.name.partition(".")[0]

    @property
    def attribute_name(self) -> str:
        """The part of the name after the first dot."""
        return self.name.partition(".")[2]

    @property
    def reference(self) -> str:
        """What to add as an item: the name, and `[]` for an array."""
        return f"{self.name}[]" if self.is_array else self.name

    @property
    def is_array(self) -> bool:
        """Whether it holds an array."""
        return bool(self._shape)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """How many elements the array has in each dimension; empty for a scalar."""
        return self._shape

    @property
    def value(self) -> Value:
        """What it holds: None for null, a tuple for an array."""
        return self.reading.value

    @property
    def quality(self) -> int:
        """An OPC DA byte: 192 and up good, 64 to 191 uncertain, below 64 bad."""
        return self.reading.quality

    @property
    def timestamp(self) -> datetime:
        """When the source had the value, UTC."""
        return self.reading.timestamp

    def set(
        self,
        value: TagValue | _Keep | None = _KEEP,
        *,
        quality: int | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """Change what the plant has, as a controller would, and tell everybody who has advised it.

        Args:
            value: the new value, None for null; left out, it stays as it is.
            quality: an OPC DA byte; good when a value is given, unchanged when not.
            timestamp: when the source had it, aware; the clock's time when left out.

        Raises:
            TypeError: the tag can't hold the value.
            ValueError: the quality is no byte, the timestamp has no time zone, or the shape is another one.
        """
        if isinstance(value, _Keep):
            checked, good = self.value, self.quality
        else:
            checked, good = self._checked(value), GOOD
        quality = good if quality is None else quality
        if not 0 <= quality <= 255:
            raise ValueError(f"{self.name}: a quality is a byte, not {quality}")
        if timestamp is not None and timestamp.tzinfo is None:
            raise ValueError(f"{self.name}: a timestamp needs its time zone: {timestamp!r}")
        self.take(checked, quality, timestamp)

    def take(self, value: Value, quality: int = GOOD, timestamp: datetime | None = None) -> None:
        """Hold what was checked before, and tell everybody who has advised the tag."""
        if isinstance(value, tuple) and len(self._shape) == 1:
            self._shape = (len(value),)
        self.reading = self._make_reading(value, quality, timestamp or self.now())
        for listener in tuple(self._listeners):
            listener()
        self._follow_alarm()
        self.noticed()

    @property
    def listeners(self) -> int:
        """How many items have it advised and not suspended."""
        return len(self._listeners)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call this after every change from now on."""
        self._listeners[listener] = None
        self.noticed()

    def stop_listening(self, listener: Callable[[], None]) -> None:
        """Call it no longer."""
        self._listeners.pop(listener, None)
        self.noticed()

    def step(self) -> None:
        """Move as the program says."""
        if self.program is not None:
            self._steps += 1
            self.set(self.program.value_at(self._steps))

    def element(self, index: int) -> Reading | None:
        """Give one element of an array of one dimension, counted from 1; None when there is none."""
        values = self.value
        if not isinstance(values, tuple) or len(self._shape) != 1 or not 1 <= index <= len(values):
            return None
        value = values[index - 1]
        return Reading(value, self.quality, self.timestamp, self.type)

    def _follow_alarm(self) -> None:
        if self.alarm is not None:
            self.alarm.follow(self.value, self.reading.message, self.timestamp)

    def _make_reading(self, value: Value, quality: int, timestamp: datetime) -> Reading:
        return Reading(value, quality, timestamp, self.type, self._shape)

    def _checked(self, value: TagValue | None) -> Value:
        if value is None:
            return None
        shape = _shape_of(value)
        if bool(shape) != self.is_array:
            raise TypeError(f"{self.name} is {'an array' if self.is_array else 'no array'}: {value!r}")
        try:
            if not shape:
                return self.type.check(value)
            flat = tuple(self.type.check(element) for element in _flat(cast("Sequence[object]", value)))
        except WrongType as error:
            raise TypeError(f"{self.name}: {error}") from error
        if len(self._shape) > 1 and len(flat) != math.prod(self._shape):
            raise ValueError(f"{self.name} has the shape {self._shape}: {shape} does not fit")
        return flat

    def __repr__(self) -> str:
        return f"Tag({self.reference!r}, {self.type.value!r}, {self.value!r}, quality={self.quality})"


def _is_sequence(value: object) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def _shape_of(value: object) -> tuple[int, ...]:
    if not _is_sequence(value):
        return ()
    rows = cast("Sequence[object]", value)
    shapes = {_shape_of(row) for row in rows} or {()}
    if len(shapes) > 1:
        raise ValueError(f"all rows of an array have one length: {value!r}")
    return (len(rows), *shapes.pop())


def _flat(rows: Sequence[object]) -> list[object]:
    values: list[object] = []
    for row in rows:
        values.extend(_flat(cast("Sequence[object]", row)) if _is_sequence(row) else [row])
    return values
