"""Lengths of arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mxgateway.status import Quality

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["count_elements", "is_array", "known_length"]


def is_array(message: pb.MxValue) -> bool:
    """Whether a value is an array, sparse or not."""
    return not message.is_null and message.WhichOneof("kind") in {"array_value", "sparse_array_value"}


def count_elements(message: pb.MxValue) -> int | None:
    """Return the number of elements of an array, in all dimensions together. Return None if it is unknown.

    It is unknown for a value that is not an array, and for an array without a list of elements and without dimensions.
    """
    if not is_array(message):
        return None
    if message.HasField("sparse_array_value"):
        return message.sparse_array_value.total_length
    array = message.array_value
    values = array.WhichOneof("values")
    if values is not None:
        return len(getattr(array, values).values)
    return math.prod(array.dimensions) if array.dimensions else None


def known_length(message: pb.MxValue, quality: int) -> int | None:
    """Return the number of elements that an array in the plant has, according to a value of it, or None if unknown.

    An empty array of bad quality says nothing: such a value stands in for one that has not arrived yet.
    """
    length = count_elements(message)
    return None if length == 0 and Quality(quality).is_bad else length
