"""A SparseArray without a length, which only a TagClient can complete."""

from __future__ import annotations

import pickle

import pytest

from mxgateway import MxDataType, Session, SparseArray, to_mx_value

UNSIZED = SparseArray(element_data_type=MxDataType.INTEGER, elements={7: 1})


def test_it_is_a_value_like_any_other() -> None:
    assert UNSIZED.total_length is None
    assert pickle.loads(pickle.dumps(UNSIZED)) == UNSIZED  # noqa: S301 - our own bytes
    with pytest.raises(ValueError, match="index -1 is outside the array"):
        SparseArray(element_data_type=MxDataType.INTEGER, elements={-1: 1})


async def test_it_cannot_be_sent_as_it_is(scripted_session: Session) -> None:
    with pytest.raises(ValueError, match="no total_length"):
        to_mx_value(UNSIZED)
    with pytest.raises(ValueError, match="no total_length"):
        await scripted_session.write(1, 2, UNSIZED)
