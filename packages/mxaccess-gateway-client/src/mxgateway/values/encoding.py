"""Convert Python values to MxValue messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final, TypeGuard

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType
from mxgateway.values.scalars import INT, LONG, ScalarForm, fits, form_for_data_type, form_for_value, to_number
from mxgateway.values.timestamps import fill_timestamp
from mxgateway.values.types import MAX_DIMENSIONS, SparseArray

if TYPE_CHECKING:
    from mxgateway.values.types import MxValueInput

__all__ = ["fill_mx_value", "to_mx_value"]

# Checked first, because isinstance with Sequence is slow.
_SCALAR_TYPES: Final = (int, float, str, datetime)


def to_mx_value(value: MxValueInput, data_type: MxDataType | None = None) -> pb.MxValue:
    """Return a Python value as an MxValue.

    Without `data_type` the Python type decides: bool becomes BOOLEAN; int becomes INTEGER, in 32 bits if it fits, else
    in 64; float becomes DOUBLE; str becomes STRING; bytes becomes a raw value; an aware datetime becomes TIME (sent in
    UTC, microseconds kept); None becomes null. A sequence of one of these types becomes an array with one dimension,
    and nested sequences of equal length become an array with several dimensions, row by row. A SparseArray gives only
    some elements. An MxValue is copied unchanged.

    With `data_type` the value must fit that type without loss, except for the digits of a float that FLOAT cannot hold.
    The name of a data type, such as "double", is accepted too.

    Raises:
        TypeError: the Python type cannot be converted, or not to `data_type`, or a sequence mixes types.
        ValueError: the value does not fit: a naive datetime, an int over 64 bits (or over the 32 or 64 bits of
            `data_type`), an empty sequence without `data_type`, rows of different lengths, a float too large for FLOAT,
            a SparseArray without `total_length`.
    """
    message = pb.MxValue()
    fill_mx_value(message, value, data_type)
    return message


def fill_mx_value(message: pb.MxValue, value: MxValueInput, data_type: MxDataType | None = None) -> None:
    """Fill an empty MxValue in place, as `to_mx_value` does."""
    if data_type is not None:
        data_type = MxDataType.parse(data_type)
    if value is None:
        message.is_null = True
        message.data_type = pb.MX_DATA_TYPE_NO_DATA if data_type is None else to_number(data_type)
    elif isinstance(value, pb.MxValue):
        if data_type is not None and value.data_type != int(data_type):
            raise TypeError(f"the MxValue has data type {MxDataType(value.data_type).name}, not {data_type.name}")
        message.CopyFrom(value)
    elif isinstance(value, SparseArray):
        _fill_sparse_array(message, value, data_type)
    elif isinstance(value, _SCALAR_TYPES) or not _is_array(value):
        form = form_for_value(value) if data_type is None else form_for_data_type(data_type, value)
        form.fill(message, value)
    else:
        _fill_array(message, value, data_type)


def _is_array(value: object) -> TypeGuard[Sequence[object]]:
    # bytearray and memoryview are sequences too, and would become arrays of integers.
    return isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview))


def _fill_array(message: pb.MxValue, value: Sequence[object], data_type: MxDataType | None) -> None:
    dimensions, flat = _flatten(value)
    if not flat and data_type is None:
        raise ValueError("an empty sequence has no element type: pass data_type")
    form = _form_for_array(flat, data_type)
    message.data_type = form.data_type
    array = message.array_value
    array.element_data_type = form.data_type
    array.dimensions.extend(dimensions)
    target = getattr(array, form.array)
    target.SetInParent()
    for index, element in enumerate(flat):
        try:
            checked = form.check(element)
        except (TypeError, ValueError) as error:
            raise type(error)(f"element {index}: {error}") from None
        if isinstance(checked, datetime):
            fill_timestamp(target.values.add(), checked)
        else:
            target.values.append(checked)


def _form_for_array(flat: Sequence[object], data_type: MxDataType | None) -> ScalarForm:
    first = flat[0] if flat else 0
    form = form_for_value(first) if data_type is None else form_for_data_type(data_type, first)
    if form is INT and any(isinstance(element, int) and not fits(element, 32) for element in flat):
        return LONG
    return form


def _flatten(value: Sequence[object], depth: int = 1) -> tuple[list[int], list[object]]:
    """Return the dimensions of nested sequences, and their elements row by row."""
    if depth > MAX_DIMENSIONS:
        raise ValueError(f"the sequences are nested more than {MAX_DIMENSIONS} levels deep, the limit of an array")
    rows = [_flatten(row, depth + 1) for row in value if _is_array(row)]
    if not rows:
        return [len(value)], list(value)
    if len(rows) != len(value):
        raise TypeError("a sequence mixes sequences and single values")
    dimensions, _ = rows[0]
    for index, (others, _) in enumerate(rows):
        if others != dimensions:
            raise ValueError(f"row {index} has dimensions {others}, but row 0 has {dimensions}")
    return [len(value), *dimensions], [element for _, row in rows for element in row]


def _fill_sparse_array(message: pb.MxValue, value: SparseArray, data_type: MxDataType | None) -> None:
    if data_type is not None and data_type != value.element_data_type:
        raise TypeError(f"the sparse array has element type {value.element_data_type.name}, not {data_type.name}")
    if value.total_length is None:
        raise ValueError("the sparse array has no total_length: pass it, because only a TagClient gets it from the tag")
    message.data_type = to_number(value.element_data_type)
    sparse = message.sparse_array_value
    sparse.element_data_type = message.data_type
    sparse.total_length = value.total_length
    for index in sorted(value.elements):
        element = sparse.elements.add()
        element.index = index
        fill_mx_value(element.value, value.elements[index], value.element_data_type)
