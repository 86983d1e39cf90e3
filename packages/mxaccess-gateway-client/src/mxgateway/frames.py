"""Rows and data frames of readings, changes and bulk results, for pandas and polars.

    frame = to_polars(await tags.read("TestChildObject.TestInt", "TestChildObject.TestDouble"))

pandas and polars are extras of the package, `mxaccess-gateway-client[pandas]` and `mxaccess-gateway-client[polars]`.
They are imported when a frame is made.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from mxgateway.bulk import BulkReadResult, BulkWriteResult, SubscribeResult
from mxgateway.events.views import DataChange
from mxgateway.tags.calls.polling import TagSnapshot
from mxgateway.tags.reading import TagReading
from mxgateway.tags.watches.changes import TagChange
from mxgateway.tags.writes.outcomes import WriteOutcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pandas as pd
    import polars as pl

    from mxgateway.values import MxValueOutput

__all__ = ["FrameItem", "to_pandas", "to_polars", "to_records"]

_TagItem: TypeAlias = TagReading | TagChange | TagSnapshot | WriteOutcome
FrameItem: TypeAlias = _TagItem | BulkReadResult | BulkWriteResult | SubscribeResult | DataChange
"""What has a row in a frame; a TagSnapshot has one for each of its readings."""

Record: TypeAlias = dict[str, Any]

# A double holds every whole number up to this size.
_MAX_EXACT_INTEGER: Final = 2**53
_COLUMNS_WITHOUT_ROWS: Final = ("tag", "value", "quality", "timestamp", "error")
_COLUMN_TYPES: Final = {
    "time": datetime,
    "tag": str,
    "server_handle": int,
    "item_handle": int,
    "quality": int,
    "timestamp": datetime,
    "repeated": bool,
    "state": str,
    "was_successful": bool,
    "hresult": int,
    "error": str,
}


def to_records(items: Iterable[FrameItem]) -> list[Record]:
    """Return one dict per item; items of the same class have the same keys.

    - TagReading and BulkReadResult: `tag`, `value`, `quality` (the OPC DA number), `timestamp` (aware, in UTC) and
      `error`, which is the reason as text if there is no valid value, else None.
    - TagChange: the same and `repeated`. Of a TagSnapshot, each reading: the same and `time`, the time of the beat; a
      missed beat has no row.
    - DataChange: the same, with `server_handle` and `item_handle` in place of `tag`.
    - WriteOutcome: `tag`, `state` (the value of the WriteState) and `error`.
    - SubscribeResult: `tag`, `item_handle`, `was_successful` and `error`. BulkWriteResult: `item_handle`,
      `was_successful`, `hresult` and `error`.

    Raises:
        TypeError: an item is of another class.
    """
    return [record for item in items for record in _records(item)]


def to_pandas(items: Iterable[FrameItem]) -> pd.DataFrame:
    """Return a pandas DataFrame with the rows of `to_records`. It needs the extra `pandas`.

    Times have the dtype `datetime64[us, UTC]`. Values of one type have the dtype boolean, Int64, float64, string or
    `datetime64[us, UTC]`, and a missing value where there is none; integers among floats become floats if nothing is
    lost. Arrays, raw values and values of several types are objects.

    Raises:
        ImportError: pandas is not installed. The text says how to install it.
        TypeError: an item has no row, see `to_records`.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - an extra
    except ImportError:
        raise _missing("to_pandas", "pandas") from None
    dtypes: dict[type, str] = {
        bool: "boolean",
        int: "Int64",
        float: "float64",
        str: "string",
        datetime: "datetime64[us, UTC]",
    }
    return pd.DataFrame(
        {
            name: pd.Series(values, dtype=dtypes.get(_column_type(name, values), "object"))
            for name, values in _columns(to_records(items)).items()
        }
    )


def to_polars(items: Iterable[FrameItem]) -> pl.DataFrame:
    """Return a polars DataFrame with the rows of `to_records`. It needs the extra `polars`.

    Times have the type `Datetime("us", "UTC")`. Values of one type have the type Boolean, Int64, Float64, String,
    Binary or `Datetime("us", "UTC")`, and null where there is none; integers among floats become floats if nothing is
    lost. Arrays of one type are lists. Values of several types have the type Object, which few functions of polars
    accept: make one frame per type instead.

    Raises:
        ImportError: polars is not installed. The text says how to install it.
        TypeError: an item has no row, see `to_records`.
    """
    try:
        import polars as pl  # noqa: PLC0415 - an extra
    except ImportError:
        raise _missing("to_polars", "polars") from None
    dtypes: dict[type, Any] = {
        bool: pl.Boolean(),
        int: pl.Int64(),
        float: pl.Float64(),
        str: pl.String(),
        bytes: pl.Binary(),
        datetime: pl.Datetime("us", "UTC"),
        type(None): pl.Null(),
    }

    def dtype_of(kind: type, values: Sequence[Any]) -> Any:
        if kind is not list:
            return dtypes.get(kind, pl.Object())
        elements = [element for value in values if value is not None for element in value]
        inner = dtype_of(_common_type(elements), elements)
        return inner if inner == pl.Object() else pl.List(inner)

    return pl.DataFrame(
        [
            pl.Series(name, values, dtype=dtype_of(_column_type(name, values), values))
            for name, values in _columns(to_records(items)).items()
        ]
    )


def _records(item: FrameItem) -> Iterator[Record]:
    match item:
        case TagReading():
            yield _reading(item)
        case TagChange():
            yield {"tag": item.tag, **_value(item, item.error), "repeated": item.repeated}
        case TagSnapshot():
            for reading in item.readings:
                yield {"time": item.time, **_reading(reading)}
        case BulkReadResult():
            yield {"tag": item.tag_address, **_value(item, None if item.was_successful else item.error_message)}
        case DataChange():
            failed = [str(status) for status in item.statuses if status.failed]
            handles = {"server_handle": item.server_handle, "item_handle": item.item_handle}
            yield {**handles, **_value(item, ", ".join(failed) or None)}
        case WriteOutcome():
            yield {"tag": item.tag, "state": item.state.value, "error": None if item.error is None else str(item.error)}
        case SubscribeResult():
            result = {"item_handle": item.item_handle, "was_successful": item.was_successful}
            yield {"tag": item.tag_address, **result, "error": item.error_message or None}
        case BulkWriteResult():
            result = {"item_handle": item.item_handle, "was_successful": item.was_successful}
            yield {**result, "hresult": item.hresult, "error": item.error_message or None}
        case _:
            raise TypeError(f"{item!r} has no row: pass readings, changes, snapshots or results of bulk calls")


def _reading(reading: TagReading) -> Record:
    return {"tag": reading.tag, **_value(reading, reading.error)}


def _value(item: TagReading | TagChange | BulkReadResult | DataChange, error: object) -> Record:
    """Return the columns of a value, which is None if there is an error."""
    value: MxValueOutput = None
    timestamp: datetime | None = None
    reason = None if error is None else str(error)
    try:
        timestamp = item.timestamp
        value = item.value if error is None else None
    except ValueError as invalid_time:
        reason = reason or str(invalid_time)
    return {"value": value, "quality": int(item.quality), "timestamp": timestamp, "error": reason}


def _columns(records: Sequence[Record]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for record in records for name in record) or _COLUMNS_WITHOUT_ROWS
    return {name: [record.get(name) for record in records] for name in names}


def _column_type(name: str, values: Sequence[Any]) -> type:
    return _COLUMN_TYPES.get(name) or _common_type(values)


def _common_type(values: Sequence[Any]) -> type:
    """Return the Python type of all values that are not None, NoneType without any, and `object` for several types."""
    types: set[type] = {type(value) for value in values if value is not None}
    if types == {int, float}:
        exact = all(abs(value) <= _MAX_EXACT_INTEGER for value in values if isinstance(value, int))
        return float if exact else object
    return types.pop() if len(types) == 1 else object if types else type(None)


def _missing(function: str, library: str) -> ImportError:
    command = f"pip install 'mxaccess-gateway-client[{library}]'"
    return ImportError(f"{function} needs {library}: {command}", name=library)
