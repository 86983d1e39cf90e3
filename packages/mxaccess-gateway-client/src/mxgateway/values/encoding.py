"""Convert Python values to MxValue messages."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeGuard

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType
from mxgateway.values.libraries import to_plain
from mxgateway.values.scalars import INT, LONG, ScalarForm, form_for_data_type, form_for_value, needs_64_bits, to_number
from mxgateway.values.timestamps import fill_timestamp
from mxgateway.values.types import MAX_DIMENSIONS, SparseArray

if TYPE_CHECKING:
    from mxgateway.values.types import MxValueInput

__all__ = ["fill_mx_value", "to_mx_value"]

# Sequences of only these types need no closer look.
_SCALAR_TYPES: Final = frozenset({bool, int, float, str, bytes, datetime, timedelta})


def to_mx_value(value: MxValueInput, data_type: MxDataType | None = None) -> pb.MxValue:
    """Return a Python value as an MxValue.

    Without `data_type` the Python type decides: bool becomes BOOLEAN; int becomes INTEGER, in 32 bits if it fits, else
    in 64; float becomes DOUBLE; str becomes STRING; bytes, bytearray and a memoryview of bytes become a raw value; an
    aware datetime becomes TIME (sent in UTC, microseconds kept); a timedelta becomes ELAPSED_TIME, in seconds; None
    becomes null. A sequence of one of these types becomes an array with one dimension, and nested sequences of equal
    length become an array with several dimensions, row by row. A SparseArray gives only some elements. An MxValue is
    copied unchanged.

    Scalars and arrays of numpy, and scalars and Series of pandas, become what their dtype says; float16 and float32
    become FLOAT. A datetime64 has no zone and counts as UTC, as numpy documents. A pandas Timestamp without a zone is
    refused like any naive datetime. Other buffers, such as `memoryview(array("d"))`, become arrays.

    With `data_type` the value must fit that type without loss, except for the digits of a float that FLOAT cannot hold.
    The name of a data type, such as "double", is accepted too. A Decimal needs `data_type`; a double must show the same
    digits.

    Raises:
        TypeError: the Python type cannot be converted, or not to `data_type`, or a sequence mixes types.
        ValueError: the value does not fit: a naive datetime, NaT, more digits than microseconds, an int over 64 bits
            (or over the 32 or 64 bits of `data_type`), an empty sequence without a type, rows of different lengths, a
            float too large for FLOAT, a SparseArray without `total_length`.
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
    else:
        plain, natural_type = to_plain(value)
        data_type = natural_type if data_type is None else data_type
        if _is_array(plain):
            _fill_array(message, plain, data_type)
        else:
            form = form_for_value(plain) if data_type is None else form_for_data_type(data_type, plain)
            form.fill(message, plain)


def _is_array(value: object) -> TypeGuard[Sequence[object]]:
    return type(value) not in _SCALAR_TYPES and isinstance(value, Sequence) and not isinstance(value, (str, bytes))


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
    if form is INT and any(map(needs_64_bits, flat)):
        return LONG
    return form


def _flatten(value: Sequence[object], depth: int = 1) -> tuple[list[int], list[object]]:
    """Return the dimensions of nested sequences, and their elements row by row."""
    if depth > MAX_DIMENSIONS:
        raise ValueError(f"the sequences are nested more than {MAX_DIMENSIONS} levels deep, the limit of an array")
    if _SCALAR_TYPES.issuperset(map(type, value)):
        return [len(value)], list(value)
    elements = [to_plain(element)[0] for element in value]
    rows = [_flatten(row, depth + 1) for row in elements if _is_array(row)]
    if not rows:
        return [len(elements)], elements
    if len(rows) != len(elements):
        raise TypeError("a sequence mixes sequences and single values")
    dimensions, _ = rows[0]
    for index, (others, _) in enumerate(rows):
        if others != dimensions:
            raise ValueError(f"row {index} has dimensions {others}, but row 0 has {dimensions}")
    return [len(elements), *dimensions], [element for _, row in rows for element in row]


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
