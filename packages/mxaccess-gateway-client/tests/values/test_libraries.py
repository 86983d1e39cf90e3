"""Values of numpy, pandas and polars become what their dtype says, exactly or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mxgateway import MxDataType, SparseArray, from_mx_value, to_mx_value

# The libraries are imported by the tests that use them: pytest collects this file in every worker.

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
# Makes a value with the library; the error, and words of its text.
Refused: TypeAlias = tuple[Callable[[Any], Any], type[Exception], str]
MOSCOW = timezone(timedelta(hours=3))


@pytest.fixture(scope="module")
def np() -> Any:
    """The module numpy."""
    import numpy as np  # noqa: PLC0415 - see above

    return np


@pytest.fixture(scope="module")
def pd() -> Any:
    """The module pandas."""
    import pandas as pd  # noqa: PLC0415 - see above

    return pd


@pytest.fixture(scope="module")
def pl() -> Any:
    """The module polars."""
    import polars as pl  # noqa: PLC0415 - see above

    return pl


def sent(value: Any, data_type: MxDataType | None = None) -> tuple[MxDataType, object]:
    """Return the data type of a value's message, and the Python value that a reader of it gets."""
    message = to_mx_value(value, data_type)
    return MxDataType(message.data_type), from_mx_value(message)


@pytest.mark.parametrize(
    ("dtype", "value", "data_type"),
    [
        ("bool", True, MxDataType.BOOLEAN),
        ("int8", -128, MxDataType.INTEGER),
        ("int16", -32_768, MxDataType.INTEGER),
        ("int32", -(2**31), MxDataType.INTEGER),
        ("int64", -(2**63), MxDataType.INTEGER),
        ("uint8", 255, MxDataType.INTEGER),
        ("uint16", 65_535, MxDataType.INTEGER),
        ("uint32", 2**32 - 1, MxDataType.INTEGER),
        ("uint64", 2**63 - 1, MxDataType.INTEGER),
        (">i4", 7, MxDataType.INTEGER),
        ("float16", 1.5, MxDataType.FLOAT),
        ("float32", -0.25, MxDataType.FLOAT),
        ("float64", 0.1, MxDataType.DOUBLE),
        ("longdouble", 0.5, MxDataType.DOUBLE),
        ("U8", "Füllung", MxDataType.STRING),
        ("S4", b"\x01\xff", MxDataType.UNKNOWN),
    ],
)
def test_numpy_value_becomes_what_its_dtype_says(np: Any, dtype: str, value: object, data_type: object) -> None:
    array = np.array([value, value], dtype)

    assert sent(array) == (data_type, [value, value])
    assert sent(array[0]) == (data_type, value)
    assert sent(np.array(value, dtype)) == (data_type, value)
    assert sent([array[0], array[1]])[1] == [value, value]
    assert to_mx_value(array[:0]).data_type == data_type


def test_numpy_array_keeps_its_dimensions_in_any_memory_order(np: Any) -> None:
    matrix = np.arange(6).reshape(2, 3)

    assert sent(matrix)[1] == [[0, 1, 2], [3, 4, 5]]
    assert sent(np.asfortranarray(matrix))[1] == [[0, 1, 2], [3, 4, 5]]
    assert sent(matrix[:, ::-2])[1] == [[2, 0], [5, 3]]
    assert list(to_mx_value(matrix).array_value.dimensions) == [2, 3]
    assert sent([matrix[0], matrix[1]])[1] == [[0, 1, 2], [3, 4, 5]]


def test_numpy_integers_follow_data_type_like_others(np: Any) -> None:
    assert sent(np.int64(5), MxDataType.DOUBLE) == (MxDataType.DOUBLE, 5.0)
    assert sent(np.array([1, 2], "uint8"), MxDataType.FLOAT) == (MxDataType.FLOAT, [1.0, 2.0])
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=3, elements={1: np.int16(7)})
    assert sent(sparse)[1] == SparseArray(element_data_type=MxDataType.INTEGER, total_length=3, elements={1: 7})


def test_array_of_objects_is_an_array_of_their_values(np: Any) -> None:
    assert sent(np.array(["a", "b"], dtype=object)) == (MxDataType.STRING, ["a", "b"])
    assert sent(np.array([WHEN], dtype=object)) == (MxDataType.TIME, [WHEN])


@pytest.mark.parametrize(
    ("text", "unit", "expected"),
    [
        ("2026-01-02T03:04:05.678901", "us", WHEN),
        ("2026-01-02T03:04:05.678901000", "ns", WHEN),
        ("1970-01-02T03:04:05.678901", "ps", datetime(1970, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)),
        ("1970-01-01T00:00:01.000001", "as", datetime(1970, 1, 1, 0, 0, 1, 1, tzinfo=UTC)),
        ("2026-01-02T03:04:05.678", "ms", WHEN.replace(microsecond=678_000)),
        ("2026-01-02T03:04:05", "s", WHEN.replace(microsecond=0)),
        ("2026-01-02T03", "h", datetime(2026, 1, 2, 3, tzinfo=UTC)),
        ("2026-01-02", "D", datetime(2026, 1, 2, tzinfo=UTC)),
        ("2026-01-01", "W", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2026-02", "M", datetime(2026, 2, 1, tzinfo=UTC)),
        ("1969", "Y", datetime(1969, 1, 1, tzinfo=UTC)),
        ("1969-12-31T23:59:50", "10s", datetime(1969, 12, 31, 23, 59, 50, tzinfo=UTC)),
        ("0001-01-01", "D", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31", "D", datetime(9999, 12, 31, tzinfo=UTC)),
    ],
)
def test_datetime64_counts_as_utc(np: Any, text: str, unit: str, expected: datetime) -> None:
    time = np.datetime64(text, unit)

    assert sent(time) == (MxDataType.TIME, expected)
    assert sent(np.array([[time], [time]]))[1] == [[expected], [expected]]
    assert sent([time])[1] == [expected]


@given(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999))
def test_every_datetime64_is_the_same_moment(np: Any, microseconds: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert sent(np.datetime64(microseconds, "us")) == (MxDataType.TIME, expected)


def test_timedelta64_is_an_elapsed_time(np: Any) -> None:
    assert sent(np.timedelta64(1500, "ms")) == (MxDataType.ELAPSED_TIME, 1.5)
    assert sent(np.array([1, 2], "m8[h]")) == (MxDataType.ELAPSED_TIME, [3600.0, 7200.0])


NUMPY_REFUSED: list[Refused] = [
    (lambda np: np.uint64(2**63), ValueError, "9223372036854775808 does not fit in 64 bits"),
    (lambda np: np.array([1, 2**63], "uint64"), ValueError, "element 1: .* does not fit in 64 bits"),
    (lambda np: np.datetime64("NaT", "s"), ValueError, "NaT is not a time"),
    (lambda np: np.array(["2026-01-01", "NaT"], "M8[s]"), ValueError, "element 1: NaT is not a time"),
    (lambda np: np.timedelta64("NaT", "s"), ValueError, "NaT is not a time"),
    (lambda np: np.datetime64("2026-01-01T00:00:00.123456789"), ValueError, "more digits than microseconds"),
    (lambda np: np.timedelta64(1, "ns"), ValueError, "1 ns has more digits than microseconds"),
    (lambda np: np.datetime64("10000-01-01", "D"), ValueError, "outside the years 1 to 9999"),
    (lambda np: np.datetime64(-(2**62), "Y"), ValueError, "outside the years 1 to 9999"),
    (lambda np: np.timedelta64(1, "M"), TypeError, "has no fixed length"),
    (lambda np: np.complex64(1j), TypeError, "values of dtype complex64 cannot be converted"),
    (lambda np: np.zeros(2, "i4,f8"), TypeError, "cannot be converted to an MxValue"),
    (lambda np: np.array([1, None]), TypeError, "element 1: None is not an int"),
    (lambda np: np.ma.masked, ValueError, "a masked value"),
    (lambda np: np.ma.array([1, 2], mask=[False, True]), TypeError, "element 1: None is not an int"),
]


@pytest.mark.parametrize(("make", "error", "words"), NUMPY_REFUSED)
def test_numpy_value_that_does_not_fit_exactly_is_refused(
    np: Any, make: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        to_mx_value(make(np))


def test_nan_does_not_fit_an_integer(np: Any, pd: Any) -> None:
    for values in (np.float64("nan"), np.array([1.0, np.nan]), pd.Series([1, None])):
        with pytest.raises(TypeError, match="is not an int"):
            to_mx_value(values, MxDataType.INTEGER)


def test_longdouble_is_refused_if_a_double_cannot_hold_it(np: Any) -> None:
    precise = np.longdouble(1) + np.finfo(np.longdouble).eps
    if precise == float(precise):
        assert sent(precise) == (MxDataType.DOUBLE, float(precise))
    else:
        with pytest.raises(ValueError, match="cannot be represented exactly as a double"):
            to_mx_value([precise])


def test_pandas_series_becomes_what_its_dtype_says(pd: Any) -> None:
    assert sent(pd.Series([1, 2])) == (MxDataType.INTEGER, [1, 2])
    assert sent(pd.Series([1, 2], dtype="Int64")) == (MxDataType.INTEGER, [1, 2])
    assert sent(pd.Series([0.5], dtype="float32")) == (MxDataType.FLOAT, [0.5])
    assert sent(pd.Series([True, False])) == (MxDataType.BOOLEAN, [True, False])
    assert sent(pd.Series(["a", "b"])) == (MxDataType.STRING, ["a", "b"])
    assert sent(pd.Series(["a", "b"], dtype="category")) == (MxDataType.STRING, ["a", "b"])
    assert sent(pd.Series([WHEN])) == (MxDataType.TIME, [WHEN])
    assert sent(pd.Series([timedelta(seconds=2)])) == (MxDataType.ELAPSED_TIME, [2.0])
    assert sent(pd.Index([3, 4])) == (MxDataType.INTEGER, [3, 4])
    assert sent(pd.Series([], dtype="float64")) == (MxDataType.DOUBLE, [])


def test_pandas_scalar_becomes_its_python_value(pd: Any) -> None:
    assert sent(pd.Timestamp(WHEN).tz_convert(MOSCOW)) == (MxDataType.TIME, WHEN)
    assert sent(pd.Timedelta(seconds=1.5)) == (MxDataType.ELAPSED_TIME, 1.5)
    assert sent(pd.Series([7], dtype="int16")[0]) == (MxDataType.INTEGER, 7)


PANDAS_REFUSED: list[Refused] = [
    (lambda pd: pd.NaT, ValueError, "NaT is not a time"),
    (lambda pd: pd.NA, TypeError, "of type NAType cannot be converted"),
    (lambda pd: pd.Timestamp("2026-01-01"), ValueError, "has no time zone"),
    (lambda pd: pd.Series([pd.Timestamp("2026-01-01")]), ValueError, "element 0: .* has no time zone"),
    (lambda pd: pd.Timestamp("2026-01-01T00:00:00.000000001Z"), ValueError, "more digits than microseconds"),
    (lambda pd: pd.Timedelta(1, "ns"), ValueError, "more digits than microseconds"),
    (lambda pd: pd.Series([pd.Timestamp(WHEN), None]), ValueError, "element 1: NaT is not a time"),
    (lambda pd: pd.Series([1, None], dtype="Int64"), TypeError, "element 1: <NA> is not an int"),
    (lambda pd: pd.Series(["a", None]), TypeError, "element 1: .* is not a str"),
    (lambda pd: pd.Series([1, 2**63], dtype="uint64"), ValueError, "element 1: .* does not fit in 64 bits"),
    (lambda pd: pd.Period("2026-01"), TypeError, "of type Period cannot be converted"),
]


@pytest.mark.parametrize(("make", "error", "words"), PANDAS_REFUSED)
def test_pandas_value_that_does_not_fit_exactly_is_refused(
    pd: Any, make: Callable[[Any], Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        to_mx_value(make(pd))


def test_polars_series_becomes_an_array(pl: Any) -> None:
    assert sent(pl.Series([1, 2])) == (MxDataType.INTEGER, [1, 2])
    assert sent(pl.Series([WHEN])) == (MxDataType.TIME, [WHEN])
    assert sent(pl.Series(["a"])) == (MxDataType.STRING, ["a"])
    with pytest.raises(TypeError, match="element 1: None is not an int"):
        to_mx_value(pl.Series([1, None]))
    with pytest.raises(ValueError, match="has no time zone"):
        to_mx_value(pl.Series([datetime(2026, 1, 1)]))  # noqa: DTZ001 - the point


def test_values_do_not_import_numpy() -> None:
    program = """
import sys
from mxgateway import to_mx_value
to_mx_value(bytearray(b"raw"))
unwanted = {"numpy", "pandas", "polars", "decimal"} & set(sys.modules)
assert not unwanted, unwanted
"""
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False)
    assert process.returncode == 0, process.stderr
