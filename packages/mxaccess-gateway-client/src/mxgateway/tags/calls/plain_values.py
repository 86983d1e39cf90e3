"""Read the plain values of tags, without their qualities and times."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway.errors import ErrorFacts, MxAccessError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mxgateway.tags.reading import TagReading
    from mxgateway.values import MxValueOutput

__all__ = ["plain_values"]

_MAX_NAMES_IN_MESSAGE: Final = 10


def plain_values(readings: Iterable[TagReading]) -> dict[str, MxValueOutput]:
    """Return the value of each reading by its tag.

    Raises:
        ExceptionGroup: some readings have no value, a value of bad quality, or an invalid time; one error each.
    """
    values: dict[str, MxValueOutput] = {}
    errors: dict[str, Exception] = {}
    for reading in readings:
        try:
            values[reading.tag] = _usable_value(reading)
        except (MxAccessError, ValueError) as error:
            errors[reading.tag] = error
    if errors:
        names = ", ".join(list(errors)[:_MAX_NAMES_IN_MESSAGE])
        more = f" and {len(errors) - _MAX_NAMES_IN_MESSAGE} more" if len(errors) > _MAX_NAMES_IN_MESSAGE else ""
        total = len(values) + len(errors)
        raise ExceptionGroup(f"{len(errors)} of {total} tags have no usable value: {names}{more}", [*errors.values()])
    return values


def _usable_value(reading: TagReading) -> MxValueOutput:
    """Return the value of a reading.

    Raises:
        MxAccessError: there is no value, or its quality is bad.
        ValueError: it is a timestamp outside the years 1 to 9999.
    """
    try:
        value = reading.value
    except ValueError as error:
        raise ValueError(f"{reading.tag}: {error}") from error
    if reading.quality.is_bad:
        facts = ErrorFacts(method="ReadBulk", statuses=reading.statuses)
        raise MxAccessError(f"the value of {reading.tag} has quality {reading.quality}", facts)
    return value
