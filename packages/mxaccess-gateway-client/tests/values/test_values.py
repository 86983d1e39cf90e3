"""Python values survive the round trip through MxValue, and unsupported values raise an error that names them."""

from __future__ import annotations

import ctypes
import math
from array import array
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxDataType, MxScalar, MxValueInput, SparseArray, from_mx_value, to_mx_value

WHEN = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)

# At the first and last year the offset of a time zone could leave the valid range.
moments = st.datetimes(
    min_value=datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    max_value=datetime(9998, 12, 31),  # noqa: DTZ001 - hypothesis adds the zone
    timezones=st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone),
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
columns: list[st.SearchStrategy[Any]] = [
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    texts,
    st.binary(),
    moments,
]
scalars = st.one_of(columns)


REFUSED: list[tuple[Any, MxDataType | None, type[Exception], str]] = [
    (datetime(2026, 1, 2), None, ValueError, "no time zone"),  # noqa: DTZ001 - the point
    (2**63, None, ValueError, "9223372036854775808 does not fit in 64 bits"),
    (-(2**63) - 1, None, ValueError, "does not fit in 64 bits"),
    ("\ud800", None, ValueError, "lone surrogate"),
    ([], None, ValueError, "empty sequence"),
    ([[], []], None, ValueError, "empty sequence"),
    ([1, "two"], None, TypeError, "element 1: 'two' is not an int"),
    ([1, True], None, TypeError, "element 1: True is not an int"),
    ([True, 1], None, TypeError, "element 1: 1 is not a bool"),
    ([1, None], None, TypeError, "element 1: None is not an int"),
    (["one", b"two"], None, TypeError, "element 1: b'two' is not a str"),
    ([1, 2**63], None, ValueError, "element 1: 9223372036854775808 does not fit in 64 bits"),
    ([WHEN, datetime(2026, 1, 2)], None, ValueError, "element 1: .* no time zone"),  # noqa: DTZ001 - the point
    ([[1, 2], [3]], None, ValueError, "row 1 has dimensions"),
    ([[1, 2], 3], None, TypeError, "mixes sequences and single values"),
    ({"a": 1}, None, TypeError, "of type dict cannot be converted to an MxValue"),
    ({1, 2}, None, TypeError, "of type set cannot be converted to an MxValue"),
    (object(), None, TypeError, "of type object cannot be converted to an MxValue"),
    (Decimal("1.5"), None, TypeError, "may become a number of several types: pass data_type"),
    ([Decimal("1.5")], None, TypeError, "pass data_type"),
    (Decimal("1.5"), MxDataType.INTEGER, ValueError, "1.5 is not a whole number"),
    (Decimal("NaN"), MxDataType.INTEGER, ValueError, "NaN is not a whole number"),
    (Decimal("1E+999999999"), MxDataType.INTEGER, ValueError, "is not a whole number of up to 64 bits"),
    (Decimal(2**63), MxDataType.INTEGER, ValueError, "does not fit in 64 bits"),
    (Decimal("0.1234567890123456789"), MxDataType.DOUBLE, ValueError, "more digits than a double can hold"),
    (Decimal("sNaN"), MxDataType.DOUBLE, ValueError, "is not a number"),
    (Decimal(1), MxDataType.STRING, TypeError, "is not a str"),
    (Decimal(1), MxDataType.BOOLEAN, TypeError, "is not a bool"),
    (date(2026, 1, 2), None, TypeError, "of type date cannot be converted to an MxValue"),
    (timedelta.max, None, ValueError, "cannot be represented exactly as seconds in a double"),
    (timedelta(seconds=1), MxDataType.DOUBLE, TypeError, "is not a float"),
    (1j, None, TypeError, "of type complex cannot be converted to an MxValue"),
    ([bytearray(b"one"), "two"], None, TypeError, "element 1: 'two' is not bytes"),
    ((ctypes.c_double * 2)(1, 2), None, TypeError, "a buffer of format '<d' cannot be converted"),
    (1.5, MxDataType.INTEGER, TypeError, "1.5 is not an int"),
    (math.nan, MxDataType.INTEGER, TypeError, "nan is not an int"),
    (True, MxDataType.INTEGER, TypeError, "True is not an int"),
    (2**63, MxDataType.INTEGER, ValueError, "does not fit in 64 bits"),
    (2**31, MxDataType.QUALIFIED_ENUM, ValueError, "2147483648 does not fit in 32 bits"),
    (1, MxDataType.BOOLEAN, TypeError, "1 is not a bool"),
    (1, MxDataType.STRING, TypeError, "1 is not a str"),
    ("1", MxDataType.DOUBLE, TypeError, "'1' is not a float"),
    (2**53 + 1, MxDataType.DOUBLE, ValueError, "cannot be represented exactly as a double"),
    (10**400, MxDataType.DOUBLE, ValueError, "cannot be represented exactly as a double"),
    (1e39, MxDataType.FLOAT, ValueError, "too large for a 32-bit float"),
    (2**24 + 1, MxDataType.FLOAT, ValueError, "cannot be represented exactly as a 32-bit float"),
    ("now", MxDataType.TIME, TypeError, "'now' is not a datetime"),
    ("text", MxDataType.UNKNOWN, TypeError, "'text' is not bytes"),
    (1, MxDataType.ELAPSED_TIME, TypeError, "1 is not a timedelta"),
    (1, MxDataType.NO_DATA, TypeError, "NO_DATA: pass an MxValue"),
    (1, MxDataType(999), TypeError, "UNRECOGNIZED_999: pass an MxValue"),
    (pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=1), MxDataType.DOUBLE, TypeError, "has data type"),
]


class Mode(str, Enum):  # noqa: UP042 - many a program has such enums
    AUTOMATIC = "automatic"


class Level(IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "data_type", "kind"),
    [
        (True, MxDataType.BOOLEAN, "bool_value"),
        (False, MxDataType.BOOLEAN, "bool_value"),
        (0, MxDataType.INTEGER, "int32_value"),
        (2**31 - 1, MxDataType.INTEGER, "int32_value"),
        (-(2**31), MxDataType.INTEGER, "int32_value"),
        (2**31, MxDataType.INTEGER, "int64_value"),
        (-(2**63), MxDataType.INTEGER, "int64_value"),
        (1.5, MxDataType.DOUBLE, "double_value"),
        (math.inf, MxDataType.DOUBLE, "double_value"),
        ("", MxDataType.STRING, "string_value"),
        ("Füllstand 🛢", MxDataType.STRING, "string_value"),
        (b"\x00\xff", MxDataType.UNKNOWN, "raw_value"),
        (WHEN, MxDataType.TIME, "timestamp_value"),
    ],
)
def test_python_type_decides_the_data_type(value: MxScalar, data_type: MxDataType, kind: str) -> None:
    message = to_mx_value(value)

    assert MxDataType(message.data_type) == data_type
    assert message.WhichOneof("kind") == kind
    assert not message.is_null
    assert from_mx_value(message) == value
    assert type(from_mx_value(message)) is type(value)


@given(scalars)
def test_every_scalar_survives_a_round_trip(value: MxScalar) -> None:
    assert from_mx_value(pb.MxValue.FromString(to_mx_value(value).SerializeToString())) == value


@given(st.one_of([st.lists(column, min_size=1) for column in columns]))
def test_every_array_survives_a_round_trip(values: list[MxScalar]) -> None:
    message = to_mx_value(values)

    assert from_mx_value(message) == values
    assert list(message.array_value.dimensions) == [len(values)]
    assert message.data_type == message.array_value.element_data_type


@given(st.data(), st.lists(st.integers(1, 4), min_size=2, max_size=4), st.sampled_from(columns))
def test_every_array_of_several_dimensions_survives_a_round_trip(
    data: st.DataObject, dimensions: list[int], column: st.SearchStrategy[Any]
) -> None:
    strategy = column
    for size in reversed(dimensions):
        strategy = st.lists(strategy, min_size=size, max_size=size)
    values = data.draw(strategy)

    message = to_mx_value(values)

    assert list(message.array_value.dimensions) == dimensions
    assert from_mx_value(message) == values


@given(st.dictionaries(st.integers(0, 99), st.integers(-(2**31), 2**31 - 1)))
def test_every_sparse_array_survives_a_round_trip(elements: dict[int, int]) -> None:
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=100, elements=elements)

    assert from_mx_value(to_mx_value(sparse)) == sparse


def test_nan_stays_nan() -> None:
    value = from_mx_value(to_mx_value(math.nan))

    assert isinstance(value, float)
    assert math.isnan(value)


def test_none_is_null_in_both_directions() -> None:
    message = to_mx_value(None)

    assert message.is_null
    assert MxDataType(message.data_type) == MxDataType.NO_DATA
    assert from_mx_value(message) is None


def test_null_may_have_a_data_type() -> None:
    message = to_mx_value(None, MxDataType.DOUBLE)

    assert message.is_null
    assert MxDataType(message.data_type) == MxDataType.DOUBLE


def test_value_marked_as_null_is_none() -> None:
    assert from_mx_value(pb.MxValue(is_null=True, int32_value=5)) is None


def test_value_without_a_kind_is_none() -> None:
    assert from_mx_value(pb.MxValue()) is None


def test_time_of_another_zone_is_read_as_the_same_moment_in_utc() -> None:
    value = from_mx_value(to_mx_value(datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2)))))

    assert value == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert isinstance(value, datetime)
    assert value.tzinfo is UTC


def test_time_before_1970_keeps_its_microseconds() -> None:
    message = to_mx_value(datetime(1969, 12, 31, 23, 59, 59, 250000, tzinfo=UTC))

    assert (message.timestamp_value.seconds, message.timestamp_value.nanos) == (-1, 250_000_000)


def test_nanoseconds_are_truncated_to_microseconds() -> None:
    assert from_mx_value(pb.MxValue(timestamp_value=Timestamp(seconds=1, nanos=123456789))) == datetime(
        1970, 1, 1, 0, 0, 1, 123456, tzinfo=UTC
    )


@pytest.mark.parametrize("seconds", [-(2**62), 2**62, 253402300800])
def test_received_time_outside_years_1_to_9999_raises(seconds: int) -> None:
    with pytest.raises(ValueError, match=rf"{seconds} seconds since 1970 is outside the years 1 to 9999"):
        from_mx_value(pb.MxValue(timestamp_value=Timestamp(seconds=seconds)))


@pytest.mark.parametrize("raw", [bytearray(b"raw"), memoryview(b"raw"), memoryview(b"-r-a-w")[1::2]])
def test_bytes_like_object_is_a_raw_value(raw: bytearray | memoryview) -> None:
    assert to_mx_value(raw) == to_mx_value(b"raw")
    assert to_mx_value([raw]) == to_mx_value([b"raw"])
    assert to_mx_value(raw, MxDataType.UNKNOWN) == to_mx_value(b"raw")


@pytest.mark.parametrize(
    ("buffer", "values", "data_type"),
    [
        (memoryview(array("d", [1.5, -2.0])), [1.5, -2.0], MxDataType.DOUBLE),
        (memoryview(array("f", [1.5])), [1.5], MxDataType.FLOAT),
        (memoryview(array("h", [-7, 7])), [-7, 7], MxDataType.INTEGER),
        (memoryview(array("q", [2**40])), [2**40], MxDataType.INTEGER),
        (memoryview(array("h")), [], MxDataType.INTEGER),
        (memoryview(bytes(range(6))).cast("B", (2, 3)), [[0, 1, 2], [3, 4, 5]], MxDataType.INTEGER),
        (memoryview(b"\x01\x00").cast("?"), [True, False], MxDataType.BOOLEAN),
        (array("i", [1, 2]), [1, 2], MxDataType.INTEGER),
    ],
)
def test_other_buffer_is_an_array_of_its_elements(buffer: Any, values: list[object], data_type: MxDataType) -> None:
    message = to_mx_value(buffer)

    assert from_mx_value(message) == values
    assert MxDataType(message.data_type) == data_type


def test_timedelta_is_an_elapsed_time_in_seconds() -> None:
    message = to_mx_value(timedelta(days=1, microseconds=250_000))

    assert MxDataType(message.data_type) == MxDataType.ELAPSED_TIME
    assert message.double_value == 86_400.25
    assert from_mx_value(to_mx_value([timedelta(seconds=-1), timedelta(0)])) == [-1.0, 0.0]


@given(st.timedeltas(timedelta(days=-36_500), timedelta(days=36_500)))
def test_every_elapsed_time_of_a_century_is_exact(elapsed: timedelta) -> None:
    assert timedelta(seconds=to_mx_value(elapsed).double_value) == elapsed


@pytest.mark.parametrize(
    ("number", "data_type", "value"),
    [
        (Decimal("5.00"), MxDataType.INTEGER, 5),
        (Decimal(2**40), MxDataType.INTEGER, 2**40),
        (Decimal("0.1"), MxDataType.DOUBLE, 0.1),
        (Decimal("1.50"), MxDataType.FLOAT, 1.5),
        (Decimal("-Infinity"), MxDataType.DOUBLE, -math.inf),
    ],
)
def test_decimal_becomes_the_number_that_data_type_asks_for(
    number: Decimal, data_type: MxDataType, value: float
) -> None:
    assert from_mx_value(to_mx_value(number, data_type)) == value
    assert from_mx_value(to_mx_value([number], data_type)) == [value]


@given(st.floats(allow_nan=False))
def test_every_double_written_as_a_decimal_is_that_double(number: float) -> None:
    assert to_mx_value(Decimal(repr(number)), MxDataType.DOUBLE).double_value == number


def test_mx_value_is_copied_unchanged() -> None:
    original = pb.MxValue(data_type=pb.MX_DATA_TYPE_ELAPSED_TIME, int64_value=5, variant_type="VT_I8")

    message = to_mx_value(original)
    original.int64_value = 6

    assert message == pb.MxValue(data_type=pb.MX_DATA_TYPE_ELAPSED_TIME, int64_value=5, variant_type="VT_I8")


def test_enum_members_are_sent_as_their_values() -> None:
    assert to_mx_value(Mode.AUTOMATIC).string_value == "automatic"
    assert to_mx_value(Level.HIGH).int32_value == 3


def test_array_uses_64_bits_if_one_integer_needs_them() -> None:
    message = to_mx_value([1, 2**40])

    assert list(message.array_value.int64_values.values) == [1, 2**40]


@pytest.mark.parametrize("values", [(1, 2, 3), range(1, 4)])
def test_any_sequence_becomes_an_array(values: MxValueInput) -> None:
    assert from_mx_value(to_mx_value(values)) == [1, 2, 3]


def test_what_was_read_can_be_written_back() -> None:
    array = pb.MxArray(dimensions=[1, 2, 2], double_values=pb.DoubleArray(values=[1, 2, 3, 4]))

    value = from_mx_value(pb.MxValue(array_value=array))

    assert value == [[[1.0, 2.0], [3.0, 4.0]]]
    assert from_mx_value(to_mx_value(value)) == value


def test_empty_sequence_gets_its_type_from_data_type() -> None:
    message = to_mx_value([], MxDataType.STRING)

    assert message.array_value.WhichOneof("values") == "string_values"
    assert MxDataType(message.array_value.element_data_type) == MxDataType.STRING
    assert list(message.array_value.dimensions) == [0]
    assert from_mx_value(message) == []


@pytest.mark.parametrize(
    ("value", "data_type", "kind"),
    [
        (1, MxDataType.DOUBLE, "double_value"),
        (1, MxDataType.FLOAT, "float_value"),
        (0.5, MxDataType.FLOAT, "float_value"),
        (1, MxDataType.INTEGER, "int32_value"),
        (2**40, MxDataType.INTEGER, "int64_value"),
        ("A.B", MxDataType.REFERENCE_TYPE, "string_value"),
        ("long", MxDataType.BIG_STRING, "string_value"),
        ("word", MxDataType.INTERNATIONALIZED_STRING, "string_value"),
        ("Open", MxDataType.QUALIFIED_ENUM, "string_value"),
        (2, MxDataType.QUALIFIED_ENUM, "int32_value"),
        (192, MxDataType.DATA_QUALITY_TYPE, "int32_value"),
        (b"raw", MxDataType.UNKNOWN, "raw_value"),
    ],
)
def test_data_type_forces_a_type(value: MxScalar, data_type: MxDataType, kind: str) -> None:
    message = to_mx_value(value, data_type)

    assert MxDataType(message.data_type) == data_type
    assert message.WhichOneof("kind") == kind
    assert from_mx_value(message) == value


def test_data_type_forces_the_type_of_every_element() -> None:
    message = to_mx_value([1, 2.5], MxDataType.DOUBLE)

    assert list(message.array_value.double_values.values) == [1.0, 2.5]
    assert MxDataType(message.array_value.element_data_type) == MxDataType.DOUBLE


@pytest.mark.parametrize(("value", "data_type", "error", "words"), REFUSED)
def test_unsupported_value_raises_and_is_named(
    value: Any, data_type: MxDataType | None, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words) as caught:
        to_mx_value(value, data_type)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
def test_time_outside_years_1_to_9999_in_utc_raises(text: str) -> None:
    with pytest.raises(ValueError, match="outside the years 1 to 9999 in UTC"):
        to_mx_value(datetime.fromisoformat(text))


def test_nesting_deeper_than_an_array_raises() -> None:
    deep: list[Any] = []
    deep.append(deep)

    with pytest.raises(ValueError, match="nested more than 60 levels deep"):
        to_mx_value(deep)


def test_error_of_an_element_has_no_context() -> None:
    with pytest.raises(TypeError, match="element 1") as caught:
        to_mx_value([1, "two"])

    assert caught.value.__suppress_context__


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (pb.MxArray(bool_values=pb.BoolArray(values=[True, False])), [True, False]),
        (pb.MxArray(int32_values=pb.Int32Array(values=[1, -2])), [1, -2]),
        (pb.MxArray(int64_values=pb.Int64Array(values=[2**40])), [2**40]),
        (pb.MxArray(float_values=pb.FloatArray(values=[0.5])), [0.5]),
        (pb.MxArray(double_values=pb.DoubleArray(values=[0.1])), [0.1]),
        (pb.MxArray(string_values=pb.StringArray(values=["a", ""])), ["a", ""]),
        (
            pb.MxArray(timestamp_values=pb.TimestampArray(values=[Timestamp(seconds=1)])),
            [datetime.fromtimestamp(1, UTC)],
        ),
        (pb.MxArray(raw_values=pb.RawArray(values=[b"x"])), [b"x"]),
        (pb.MxArray(), []),
        (pb.MxArray(dimensions=[0], string_values=pb.StringArray()), []),
    ],
)
def test_received_array_is_a_list(array: pb.MxArray, expected: list[MxScalar]) -> None:
    assert from_mx_value(pb.MxValue(array_value=array)) == expected


def test_array_with_dimensions_is_a_list_of_rows() -> None:
    array = pb.MxArray(dimensions=[2, 3], int32_values=pb.Int32Array(values=[1, 2, 3, 4, 5, 6]))

    assert from_mx_value(pb.MxValue(array_value=array)) == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("dimensions", [[2, 2], [6, 0], [0, 6], [2**32 - 1, 2**32 - 1], [1] * 1000, [7]])
def test_array_with_inconsistent_dimensions_is_a_flat_list(dimensions: list[int]) -> None:
    array = pb.MxArray(dimensions=dimensions, int32_values=pb.Int32Array(values=[1, 2, 3, 4, 5, 6]))

    assert from_mx_value(pb.MxValue(array_value=array)) == [1, 2, 3, 4, 5, 6]


def test_raw_value_is_bytes() -> None:
    message = pb.MxValue(raw_value=b"\x01\x02", raw_diagnostic="VT_UNKNOWN", raw_data_type=13)

    assert from_mx_value(message) == b"\x01\x02"


@pytest.mark.parametrize("name", ["double", "DOUBLE", "Double"])
def test_the_name_of_a_data_type_is_that_data_type(name: str) -> None:
    assert to_mx_value(5, name) == to_mx_value(5, MxDataType.DOUBLE)  # type: ignore[arg-type]  # without a type checker
    sparse = SparseArray(element_data_type=name, total_length=2, elements={0: 1.0})  # type: ignore[arg-type]  # as above
    assert sparse.element_data_type is MxDataType.DOUBLE


@pytest.mark.parametrize("given", ["doubles", 2, None.__class__])
def test_anything_else_is_refused_as_a_data_type(given: object) -> None:
    with pytest.raises(TypeError, match="is not MxDataType: use a member"):
        to_mx_value(5, given)  # type: ignore[arg-type]  # the mistake under test
    with pytest.raises(TypeError, match="is not MxDataType: use a member"):
        SparseArray(element_data_type=given, total_length=1, elements={})  # type: ignore[arg-type]  # as above
