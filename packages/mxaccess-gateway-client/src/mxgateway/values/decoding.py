"""Convert MxValue messages to Python values."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from mxgateway.status import MxDataType
from mxgateway.values.timestamps import to_datetime
from mxgateway.values.types import MAX_DIMENSIONS, MxLists, MxScalar, MxValueOutput, SparseArray

if TYPE_CHECKING:
    from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

__all__ = ["from_mx_value", "show_mx_value"]


def from_mx_value(message: pb.MxValue) -> MxValueOutput:
    """Return an MxValue as a Python value.

    Null, and a value without a kind, become None. A timestamp becomes an aware UTC datetime, truncated to microseconds.
    An array becomes a list. An array with several dimensions becomes a list of lists, row by row; if the dimensions do
    not match the number of values, it becomes a flat list. A raw value, which the worker could not convert, becomes
    bytes; `raw_diagnostic` of the message says why.

    Raises:
        ValueError: a timestamp is outside the years 1 to 9999, or a sparse array is inconsistent.
    """
    kind = None if message.is_null else message.WhichOneof("kind")
    if kind is None:
        return None
    if kind == "timestamp_value":
        return to_datetime(message.timestamp_value)
    if kind == "array_value":
        return _from_array(message.array_value)
    if kind == "sparse_array_value":
        return _from_sparse_array(message.sparse_array_value)
    plain: MxValueOutput = getattr(message, kind)
    return plain


def show_mx_value(message: pb.MxValue) -> str:
    """Return the repr of a value. It never raises, so that a repr can use it."""
    try:
        return repr(from_mx_value(message))
    except ValueError as error:
        return f"<{error}>"


def _from_sparse_array(sparse: pb.MxSparseArray) -> SparseArray:
    elements: dict[int, MxScalar | None] = {}
    for element in sparse.elements:
        value = from_mx_value(element.value)
        if isinstance(value, (list, SparseArray)):
            raise ValueError(f"element {element.index} of the sparse array is an array")
        elements[element.index] = value
    return SparseArray(
        element_data_type=MxDataType(sparse.element_data_type), total_length=sparse.total_length, elements=elements
    )


def _from_array(array: pb.MxArray) -> MxLists:
    kind = array.WhichOneof("values")
    if kind is None:
        return []
    values = getattr(array, kind).values
    flat: MxLists = [to_datetime(value) for value in values] if kind == "timestamp_values" else list(values)
    dimensions = array.dimensions
    if not (flat and 2 <= len(dimensions) <= MAX_DIMENSIONS and math.prod(dimensions) == len(flat)):
        return flat
    nested: MxLists = flat
    for size in reversed(dimensions[1:]):
        nested = [nested[start : start + size] for start in range(0, len(nested), size)]
    return nested
