"""One tag of the plant: its value, quality and timestamp, its listeners, and its program."""

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
    """The type of the default of `Tag.set`, which keeps the value."""


_KEEP: Final = _Keep()


@dataclass(frozen=True)
class Reading:
    """The value, quality and timestamp of a tag at one moment.

    Attributes:
        value: the value; None for null; a tuple for an array, row by row if it has several dimensions.
        quality: the quality, an OPC DA byte.
        timestamp: the source timestamp, UTC.
        type: the type of the value.
        dimensions: the shape of an array; empty for a scalar.
    """

    value: Value
    quality: int
    timestamp: datetime
    type: TagType
    dimensions: tuple[int, ...] = ()

    @cached_property
    def message(self) -> pb.MxValue:
        """The value as a message, encoded once and shared by all listeners."""
        return encode(self.type, self.value, self.dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """The last successful write to a tag.

    Attributes:
        value: the value of the tag after the write.
        user: the user who signed the write; None if MXAccess did not check a user.
        verifier: the authenticated user who signed the write as its verifier; None if there is none.
    """

    value: Value
    user: User | None = None
    verifier: User | None = None


class Tag:
    """An attribute of an object, named `Object.Attribute`.

    Args:
        name: the name; the `[]` of an array is optional.
        tag_type: the type of the value, or of each element.
        value: the first value. A sequence makes the tag an array, a sequence of sequences of equal length an array of
            two dimensions. None for the first value of the program, or else for the default of the type.
        quality: the first quality, an OPC DA byte.
        security: what the tag requires of a user who writes it.
        program: changes the value at every step of the plant.
        settle_time: how many seconds after an advise the first good value follows an uncertain one; None for the
            default of the gateway.
        historized: whether the Galaxy reports the attribute as historized.
        alarm: the alarm of the tag.
        supervisory: whether the tag accepts plain writes only under a supervisory advise.
        resizable: whether an array takes the length of each written value. For other arrays a longer value is refused,
            and a shorter one blocks the worker.

    Raises:
        TypeError: the type cannot hold the value or the limit of the alarm.
        ValueError: the type is unknown, the rows of an array differ in length, or a resizable tag is not an array with
            one dimension.
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
        supervisory: bool = False,
        resizable: bool = False,
    ) -> None:
        self.name: str = name.removesuffix("[]")
        self.type: TagType = TagType(tag_type)
        self.security = security
        self.program = program
        self.settle_time = settle_time
        self.historized = historized
        self.alarm = alarm
        self.supervisory = supervisory
        self.resizable = resizable
        self.last_write: Written | None = None
        self.write_refusal: tuple[pb.MxStatusProxy, ...] = ()
        self.silent = False
        self._listeners: dict[Callable[[], None], None] = {}
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.on_change: Callable[[], None] = lambda: None
        self._steps = 0
        if value is None:
            value = program.value_at(0) if program else self.type.default
        self._shape = _shape_of(value)
        if resizable and len(self._shape) != 1:
            raise ValueError(f"{self.name} cannot be resizable: it is not an array of one dimension")
        self.reading: Reading = self._make_reading(self.check(value), quality, self.now())
        if alarm is not None:
            try:
                limit = self.type.check(alarm.condition.limit)
            except WrongType as error:
                raise TypeError(f"{self.name}: the alarm's limit: {error}") from error
            alarm.attach_to_tag(self.name, encode(self.type, limit))
            self._update_alarm()

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
        """The item definition of the tag: its name, with `[]` for an array."""
        return f"{self.name}[]" if self.is_array else self.name

    @property
    def is_array(self) -> bool:
        """Whether the tag is an array."""
        return bool(self._shape)

    @property
    def dimensions(self) -> tuple[int, ...]:
        """The number of elements in each dimension of an array; empty for a scalar."""
        return self._shape

    @property
    def value(self) -> Value:
        """The present value: None for null, a tuple for an array."""
        return self.reading.value

    @property
    def quality(self) -> int:
        """The present quality, an OPC DA byte: below 64 bad, 64 to 191 uncertain, from 192 good."""
        return self.reading.quality

    @property
    def timestamp(self) -> datetime:
        """The source timestamp of the value, UTC."""
        return self.reading.timestamp

    def set(
        self,
        value: TagValue | _Keep | None = _KEEP,
        *,
        quality: int | None = None,
        timestamp: datetime | None = None,
    ) -> None:
        """Change the tag, as a controller would, and raise a data change for every advised item.

        Args:
            value: the new value, None for null; by default the value is kept.
            quality: the new quality, an OPC DA byte; by default good if a value is given, otherwise unchanged.
            timestamp: the source timestamp, an aware datetime; by default the time of the gateway's clock.

        Raises:
            TypeError: the tag cannot hold the value.
            ValueError: the quality is not a byte, the timestamp has no time zone, or an array of several dimensions
                gets another shape.
        """
        if isinstance(value, _Keep):
            checked, good = self.value, self.quality
        else:
            checked, good = self.check(value), GOOD
        quality = good if quality is None else quality
        if not 0 <= quality <= 255:
            raise ValueError(f"{self.name}: the quality must be from 0 to 255, not {quality}")
        if timestamp is not None and timestamp.tzinfo is None:
            raise ValueError(f"{self.name}: the timestamp must have a time zone: {timestamp!r}")
        self.store(checked, quality, timestamp)

    def raise_alarm(self, value: TagValue | None = None) -> None:
        """Set the tag to a value that raises its alarm: to `value`, or else to the limit of the alarm.

        Raises:
            TypeError: the tag cannot hold the value.
            ValueError: the tag has no alarm, or the value does not raise it.
        """
        self.set(self._value_for_alarm(value, active=True))

    def clear_alarm(self, value: TagValue | None = None) -> None:
        """Set the tag to a value that clears its alarm: to `value`, or else to one next to the limit of the alarm.

        Raises:
            TypeError: the tag cannot hold the value.
            ValueError: the tag has no alarm, the value does not clear it, or no such value is found.
        """
        self.set(self._value_for_alarm(value, active=False))

    def check(self, value: TagValue | None) -> Value:
        """Return a value as the tag stores it, without changing the tag.

        Raises:
            TypeError: the tag cannot hold the value.
            ValueError: an array of several dimensions has another shape.
        """
        if value is None:
            return None
        shape = _shape_of(value)
        if bool(shape) != self.is_array:
            raise TypeError(f"{self.name} must be {'an array' if self.is_array else 'a scalar'}, not {value!r}")
        try:
            if not shape:
                return self.type.check(value)
            flat = tuple(self.type.check(element) for element in _flatten(cast("Sequence[object]", value)))
        except WrongType as error:
            raise TypeError(f"{self.name}: {error}") from error
        if len(self._shape) > 1 and len(flat) != math.prod(self._shape):
            raise ValueError(f"{self.name} must have the shape {self._shape}, not {shape}")
        return flat

    def store(self, value: Value, quality: int = GOOD, timestamp: datetime | None = None) -> None:
        """Store a value that has been checked, and call all listeners."""
        if isinstance(value, tuple) and len(self._shape) == 1:
            self._shape = (len(value),)
        self.reading = self._make_reading(value, quality, timestamp or self.now())
        for listener in tuple(self._listeners):
            listener()
        self._update_alarm()
        self.on_change()

    @property
    def listeners(self) -> int:
        """The number of items that are advised and not suspended."""
        return len(self._listeners)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change from now on."""
        self._listeners[listener] = None
        self.on_change()

    def stop_listening(self, listener: Callable[[], None]) -> None:
        """Stop calling `listener`."""
        self._listeners.pop(listener, None)
        self.on_change()

    def step(self) -> None:
        """Advance the program, if there is one, by one step."""
        if self.program is not None:
            self._steps += 1
            self.set(self.program.value_at(self._steps))

    def element(self, index: int) -> Reading | None:
        """Return one element of an array of one dimension, counted from 1. Return None if it does not exist."""
        values = self.value
        if not isinstance(values, tuple) or len(self._shape) != 1 or not 1 <= index <= len(values):
            return None
        value = values[index - 1]
        return Reading(value, self.quality, self.timestamp, self.type)

    def _value_for_alarm(self, value: TagValue | None, *, active: bool) -> TagValue:
        word = "raise" if active else "clear"
        if self.alarm is None:
            raise ValueError(f"{self.name} has no alarm")
        condition = self.alarm.condition
        if value is not None:
            if condition.holds(self.check(value)) is not active:
                raise ValueError(f"the value {value!r} does not {word} the alarm of {self.name}")
            return value
        for example in condition.examples(active=active):
            try:
                checked = self.check(example)
            except TypeError:
                continue
            if condition.holds(checked) is active:
                return example
        raise ValueError(f"give a value that {word}s the alarm of {self.name}")

    def _update_alarm(self) -> None:
        if self.alarm is not None:
            self.alarm.update(self.value, self.reading.message, self.timestamp)

    def _make_reading(self, value: Value, quality: int, timestamp: datetime) -> Reading:
        return Reading(value, quality, timestamp, self.type, self._shape)

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
        raise ValueError(f"all rows of an array must have the same length: {value!r}")
    return (len(rows), *shapes.pop())


def _flatten(rows: Sequence[object]) -> list[object]:
    values: list[object] = []
    for row in rows:
        values.extend(_flatten(cast("Sequence[object]", row)) if _is_sequence(row) else [row])
    return values
