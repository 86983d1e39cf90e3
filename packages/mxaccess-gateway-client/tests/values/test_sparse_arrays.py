"""Sparse arrays: some elements of an array, in both directions."""

from __future__ import annotations

import pickle

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxDataType, MxScalar, SparseArray, from_mx_value, to_mx_value


def test_sparse_array_sends_its_elements_in_order() -> None:
    sparse = SparseArray(element_data_type=MxDataType.DOUBLE, total_length=5, elements={4: 1.5, 0: 2})

    message = to_mx_value(sparse)

    assert MxDataType(message.data_type) == MxDataType.DOUBLE
    assert message.sparse_array_value.total_length == 5
    assert [(element.index, element.value.double_value) for element in message.sparse_array_value.elements] == [
        (0, 2.0),
        (4, 1.5),
    ]


def test_sparse_array_may_contain_null() -> None:
    sparse = SparseArray(element_data_type=MxDataType.STRING, total_length=2, elements={1: None})

    assert from_mx_value(to_mx_value(sparse)) == sparse


def test_sparse_array_does_not_change_with_its_source() -> None:
    elements: dict[int, MxScalar | None] = {0: 1}
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=2, elements=elements)

    elements[1] = 2

    assert dict(sparse.elements) == {0: 1}


def test_sparse_array_can_be_pickled() -> None:
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=2, elements={0: 1})

    assert pickle.loads(pickle.dumps(sparse)) == sparse  # noqa: S301 - our own bytes


@pytest.mark.parametrize(
    ("total_length", "elements", "words"),
    [
        (2, {2: 1}, "index 2 is outside the array of 2 elements"),
        (2, {-1: 1}, "index -1 is outside the array"),
        (0, {0: 1}, "index 0 is outside the array"),
        (-1, {}, "total_length -1"),
        (2**32, {}, "total_length 4294967296"),
    ],
)
def test_inconsistent_sparse_array_raises(total_length: int, elements: dict[int, MxScalar | None], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SparseArray(element_data_type=MxDataType.INTEGER, total_length=total_length, elements=elements)


@pytest.mark.parametrize(
    ("element", "error", "words"),
    [("one", TypeError, "'one' is not an int"), (2**63, ValueError, "does not fit in 64 bits")],
)
def test_element_of_a_sparse_array_must_fit_its_type(element: MxScalar, error: type[Exception], words: str) -> None:
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=3, elements={1: element})

    with pytest.raises(error, match=words):
        to_mx_value(sparse)


def test_sparse_array_with_another_data_type_raises() -> None:
    sparse = SparseArray(element_data_type=MxDataType.INTEGER, total_length=3, elements={1: 1})

    with pytest.raises(TypeError, match="has element type INTEGER, not DOUBLE"):
        to_mx_value(sparse, MxDataType.DOUBLE)


def test_received_inconsistent_sparse_array_raises() -> None:
    message = pb.MxValue()
    message.sparse_array_value.total_length = 1
    message.sparse_array_value.elements.add(index=7).value.int32_value = 1

    with pytest.raises(ValueError, match="index 7 is outside the array of 1 elements"):
        from_mx_value(message)
