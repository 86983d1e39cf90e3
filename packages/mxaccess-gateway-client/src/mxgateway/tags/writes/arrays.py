"""Check arrays against those in the plant before they are written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mxgateway.errors import ErrorFacts, MxAccessError, MxGatewayArrayLengthError, MxGatewayError
from mxgateway.tags.writes.sending import BRACKETS, ArrayCheck
from mxgateway.values import SparseArray
from mxgateway.values.arrays import count_elements, is_array, known_length
from mxgateway.values.encoding import fill_mx_value

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

    from mxgateway.status import MxDataType
    from mxgateway.tags.reading import TagReading
    from mxgateway.tags.reads import TagReads
    from mxgateway.tags.writes.sending import TagWrite
    from mxgateway.values import MxValueInput

__all__ = ["array_check", "check_arrays", "fill_value"]


def fill_value(message: pb.MxValue, value: MxValueInput, data_type: MxDataType | None) -> None:
    """Fill an empty MxValue as `to_mx_value` does. A sparse array without a length gets the least one it can have."""
    if isinstance(value, SparseArray) and value.total_length is None:
        value = replace(value, total_length=max(value.elements, default=-1) + 1)
    fill_mx_value(message, value, data_type)


def array_check(write: TagWrite, value: MxValueInput) -> ArrayCheck | None:
    """Return what must be done before a value is written, or None if it can be sent as it is."""
    if isinstance(value, SparseArray) and value.total_length is None:
        return ArrayCheck.COMPLETE
    if write.options.resize or not is_array(write.entry.value) or not write.reference.endswith(BRACKETS):
        return None
    return ArrayCheck.COMPARE


async def check_arrays(
    reads: TagReads, writes: Sequence[TagWrite], seconds: float, *, target: str
) -> list[tuple[TagWrite, MxGatewayError | None]]:
    """Do the checks of writes. Return each write with None if it can be sent now, or with the reason why it cannot.

    The length of an array in the plant is that of its last change. If there is none, the array is read.
    """
    lengths = await _find_lengths(reads, writes, seconds, target)
    return [
        (write, length if isinstance(length, MxGatewayError) else _apply_length(write, length, target))
        for write, length in zip(writes, lengths, strict=True)
    ]


async def _find_lengths(
    reads: TagReads, writes: Sequence[TagWrite], seconds: float, target: str
) -> list[int | MxGatewayError]:
    known = [write.subscription.array_length for write in writes]
    unknown = tuple(
        dict.fromkeys(write.reference for write, length in zip(writes, known, strict=True) if length is None)
    )
    readings: dict[str, TagReading | MxGatewayError] = {}
    if unknown:
        try:
            readings.update((reading.tag, reading) for reading in await reads.read(unknown, seconds))
        except MxGatewayError as error:
            readings.update(dict.fromkeys(unknown, error))
    return [
        _length_of(write, readings[write.reference], target) if length is None else length
        for write, length in zip(writes, known, strict=True)
    ]


def _apply_length(write: TagWrite, length: int, target: str) -> MxGatewayArrayLengthError | None:
    """Make a write ready for an array of this length. Return an error if it does not fit."""
    message = write.entry.value
    needed = count_elements(message) or 0
    if write.check is ArrayCheck.COMPLETE:
        if needed <= length:
            message.sparse_array_value.total_length = length
            write.check = None
            return None
        problem = f"index {needed - 1} is outside the array of length {length} (indices start at 0)"
        hint = None
    else:
        if needed == length:
            write.check = None
            return None
        problem = f"the value has length {needed}, but the array has length {length}"
        hint = "write the whole array; resize=True writes it anyway, which can block the worker if the size is fixed"
    facts = ErrorFacts(method="Write", target=target, array_length=length, value_length=needed, hint=hint)
    return MxGatewayArrayLengthError(f"{write.tag} was not written: {problem}", facts)


def _length_of(write: TagWrite, reading: TagReading | MxGatewayError, target: str) -> int | MxGatewayError:
    """Return the length of an array that was read for a write, or the error with which the write ends."""
    if isinstance(reading, MxGatewayError):
        summary = f"{write.tag} was not written, the length of {write.reference} could not be read: {reading.summary}"
        return type(reading)(summary, reading.facts)
    if reading.error is not None:
        facts = replace(reading.error.facts, target=target)
        return MxAccessError(f"{write.tag} was not written: {write.reference} could not be read as an array", facts)
    length = known_length(reading.result.raw.value, reading.quality)
    if length is not None:
        return length
    completing = write.check is ArrayCheck.COMPLETE
    facts = ErrorFacts(
        method="Write",
        target=target,
        value_length=count_elements(write.entry.value),
        hint="pass total_length" if completing else "resize=True writes it anyway",
    )
    problem = f"the length of the array is unknown, {write.reference} has no value that is an array ({reading.quality})"
    return MxGatewayArrayLengthError(f"{write.tag} was not written: {problem}", facts)
