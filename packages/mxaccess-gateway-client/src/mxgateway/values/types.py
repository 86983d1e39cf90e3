"""The Python types that stand for an MxValue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import MxDataType

if TYPE_CHECKING:
    from datetime import timedelta
    from decimal import Decimal

__all__ = ["MAX_DIMENSIONS", "MxLists", "MxScalar", "MxValue", "MxValueInput", "MxValueOutput", "SparseArray"]

MxValue: TypeAlias = pb.MxValue
"""The generated message, for values that Python types cannot express, such as an int64 that would fit in 32 bits."""

# The limit of a COM SAFEARRAY. It also bounds the nesting that a hostile peer can cause.
MAX_DIMENSIONS: Final = 60
# The largest length that the message can hold.
_MAX_LENGTH: Final = 2**32 - 1

MxScalar: TypeAlias = bool | int | float | str | bytes | datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SparseArray:
    """An array of which only some elements are given (`MxSparseArray`).

    Writing it replaces the whole array of the attribute: the gateway fills the other elements with defaults (false, 0,
    an empty string, the epoch).

    Attributes:
        element_data_type: data type of the elements.
        total_length: number of elements of the whole array. None is the length of the tag, which only a TagClient can
            find out.
        elements: the given elements by index. Indices start at 0, although `[N]` in a tag name starts at 1.

    Raises:
        TypeError: `element_data_type` is neither a data type nor the name of one.
        ValueError: an index is negative, or outside `total_length`.
    """

    element_data_type: MxDataType
    total_length: int | None = None
    elements: Mapping[int, MxScalar | None]

    def __post_init__(self) -> None:
        # The class is frozen, and a program without a type checker may have passed a name.
        object.__setattr__(self, "element_data_type", MxDataType.parse(self.element_data_type))
        length = _MAX_LENGTH if self.total_length is None else self.total_length
        if not 0 <= length <= _MAX_LENGTH:
            raise ValueError(f"total_length {length} is not between 0 and {_MAX_LENGTH}")
        for index in self.elements:
            if not 0 <= index < length:
                raise ValueError(f"index {index} is outside the array of {length} elements (indices from 0)")
        object.__setattr__(self, "elements", MappingProxyType(dict(self.elements)))

    def __reduce__(self) -> tuple[Callable[..., SparseArray], tuple[object, ...]]:
        return _sparse_array, (self.element_data_type, self.total_length, dict(self.elements))


def _sparse_array(
    element_data_type: MxDataType, total_length: int | None, elements: dict[int, MxScalar | None]
) -> SparseArray:
    return SparseArray(element_data_type=element_data_type, total_length=total_length, elements=elements)


# Nested as deep as an array has dimensions. Every output is a valid input: a value that was read can be written.
MxLists: TypeAlias = list["MxScalar | MxLists"]
MxValueOutput: TypeAlias = MxScalar | MxLists | SparseArray | None


class _ArrayLike(Protocol):
    """A scalar or an array of numpy, or a Series of pandas."""

    @property
    def dtype(self) -> Any: ...

    def tolist(self) -> Any: ...


class _SeriesLike(Protocol):
    """A Series of polars."""

    @property
    def dtype(self) -> Any: ...

    def to_list(self) -> Any: ...


_InputScalar: TypeAlias = "MxScalar | timedelta | Decimal | bytearray | memoryview | _ArrayLike | _SeriesLike"
_InputSequence: TypeAlias = Sequence["_InputScalar | _InputSequence"]
# Text, because `decimal` is not imported only for this.
MxValueInput: TypeAlias = "_InputScalar | _InputSequence | SparseArray | pb.MxValue | None"
