"""Values of numpy, pandas and similar libraries as Python values, by their protocols: no such library is imported."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from types import NoneType
from typing import Any, Final, TypeAlias

from mxgateway.status import MxDataType

__all__ = ["to_plain"]

# Values of these types need no look at their protocols.
_PLAIN_TYPES: Final = frozenset({bool, int, float, str, bytes, datetime, timedelta, NoneType, list, tuple, range})
_PLAIN_BASES: Final = (str, bytes, int, float, datetime, timedelta, Sequence)

# By numpy's letters for the kind of a dtype, which pandas uses too. "f" depends on the size.
_TYPE_OF_KIND: Final = {
    "b": MxDataType.BOOLEAN,
    "i": MxDataType.INTEGER,
    "u": MxDataType.INTEGER,
    "S": MxDataType.UNKNOWN,
    "U": MxDataType.STRING,
    "T": MxDataType.STRING,
    "M": MxDataType.TIME,
    "m": MxDataType.ELAPSED_TIME,
}
_KINDS: Final = frozenset({*_TYPE_OF_KIND, "f", "O"})
_SINGLE_PRECISION_BYTES: Final = 4
# By the letters of the module `struct`.
_TYPE_OF_FORMAT: Final = {
    "?": MxDataType.BOOLEAN,
    **dict.fromkeys("bBhHiIlLqQnN", MxDataType.INTEGER),
    **dict.fromkeys("ef", MxDataType.FLOAT),
    "d": MxDataType.DOUBLE,
    "c": MxDataType.UNKNOWN,
}
_BYTE_FORMATS: Final = frozenset({"B", "c"})

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
# numpy's "not a time", as the number behind a datetime64 or timedelta64.
_NAT: Final = -(2**63)
_MONTHS: Final = {"Y": 12, "M": 1}
# Microseconds per unit, as numerator and denominator.
_MICROSECONDS: Final = {
    "W": (7 * 86_400_000_000, 1),
    "D": (86_400_000_000, 1),
    "h": (3_600_000_000, 1),
    "m": (60_000_000, 1),
    "s": (1_000_000, 1),
    "ms": (1_000, 1),
    "us": (1, 1),
    "ns": (1, 10**3),
    "ps": (1, 10**6),
    "fs": (1, 10**9),
    "as": (1, 10**12),
}

_Counts: TypeAlias = "int | list[_Counts]"


def to_plain(value: Any) -> tuple[object, MxDataType | None]:
    """Return a value of numpy, pandas or a similar library as Python values, and the data type that its dtype means.

    An array or a Series becomes a list, nested by its dimensions. A datetime64 becomes an aware datetime: numpy
    documents it as UTC. Bytes-like objects become bytes, and other buffers the list of their elements. Any other value
    is returned unchanged, without a data type.

    Raises:
        TypeError: the dtype or the format of the buffer has no Python type.
        ValueError: a value has no exact Python value: NaT, a masked value, or a time with more digits than
            microseconds.
    """
    if type(value) in _PLAIN_TYPES:
        return value, None
    if isinstance(value, bytearray):
        return bytes(value), None
    if type(value) is memoryview:
        return _from_buffer(value)
    if hasattr(value, "__array_interface__"):
        return _from_numpy(value)
    plain: object = value
    if isinstance(plain, _PLAIN_BASES):
        return value, None
    to_list = getattr(value, "tolist", None) or getattr(value, "to_list", None)
    if callable(to_list):
        return to_list(), _type_of(getattr(value, "dtype", None))
    if hasattr(value, "__array__"):
        return _from_numpy(value.__array__())
    try:
        # Every object with a buffer can be viewed; there is no other test before Python 3.12.
        view = memoryview(value)
    except TypeError:
        return value, None
    return _from_buffer(view)


def _type_of(dtype: Any) -> MxDataType | None:
    """Return the data type for a dtype of numpy or pandas; None if its values decide."""
    kind = getattr(dtype, "kind", None)
    if kind == "f":
        return MxDataType.FLOAT if dtype.itemsize <= _SINGLE_PRECISION_BYTES else MxDataType.DOUBLE
    return _TYPE_OF_KIND.get(kind) if isinstance(kind, str) else None


def _from_numpy(value: Any) -> tuple[object, MxDataType | None]:
    dtype = value.dtype
    if dtype.kind not in _KINDS:
        raise TypeError(f"values of dtype {dtype} cannot be converted to an MxValue")
    if dtype.kind in "mM":
        return _from_times(value, dtype), _type_of(dtype)
    plain = value.tolist()
    if plain is None and dtype.kind != "O":
        raise ValueError("a masked value cannot be converted to an MxValue")
    if hasattr(plain, "__array_interface__"):
        # A longdouble, the only number that numpy cannot express as a Python number.
        plain = float(value)
        if plain != value and plain == plain:
            raise ValueError(f"{value!r} cannot be represented exactly as a double")
    return plain, _type_of(dtype)


def _from_buffer(view: memoryview) -> tuple[object, MxDataType | None]:
    form = view.format.removeprefix("@")
    if form in _BYTE_FORMATS and view.ndim == 1:
        return view.tobytes(), MxDataType.UNKNOWN
    try:
        return view.tolist(), _TYPE_OF_FORMAT.get(form)
    except NotImplementedError:
        raise TypeError(f"a buffer of format {view.format!r} cannot be converted to an MxValue") from None


def _from_times(value: Any, dtype: Any) -> object:
    """Return datetime64 or timedelta64 values as aware datetimes or timedeltas, calculated without rounding."""
    unit = re.search(r"\[(\d*)(\D+)\]", dtype.str)
    step, name = (int(unit[1] or 1), unit[2]) if unit is not None else (1, "")

    def convert(count: int) -> datetime | timedelta:
        if count == _NAT:
            raise ValueError("NaT is not a time")
        if dtype.kind == "M":
            return _to_datetime(count * step, name)
        return _to_timedelta(count * step, name)

    return _convert_all(value.astype("int64").tolist(), convert)


def _convert_all(counts: _Counts, convert: Callable[[int], object]) -> object:
    if not isinstance(counts, list):
        return convert(counts)
    converted: list[object] = []
    for index, count in enumerate(counts):
        try:
            converted.append(_convert_all(count, convert))
        except (TypeError, ValueError) as error:
            raise type(error)(f"element {index}: {error}") from None
    return converted


def _to_datetime(count: int, unit: str) -> datetime:
    try:
        if unit in _MONTHS:
            years, months = divmod(count * _MONTHS[unit], 12)
            return datetime(1970 + years, months + 1, 1, tzinfo=UTC)
        return _EPOCH + _to_timedelta(count, unit)
    except OverflowError:
        raise ValueError(f"the datetime64 {count} {unit} since 1970 is outside the years 1 to 9999") from None


def _to_timedelta(count: int, unit: str) -> timedelta:
    if unit not in _MICROSECONDS:
        raise TypeError(f"a timedelta64 in {unit or 'no unit'} has no fixed length: convert it to seconds, for example")
    numerator, denominator = _MICROSECONDS[unit]
    microseconds, rest = divmod(count * numerator, denominator)
    if rest:
        raise ValueError(f"{count} {unit} has more digits than microseconds: round it, for example to the unit 'us'")
    return timedelta(microseconds=microseconds)
