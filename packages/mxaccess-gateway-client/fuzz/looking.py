"""Looks at everything that an object of the library shows: nothing but what is documented may come of it."""

from __future__ import annotations

import pickle
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Final, cast

from google.protobuf.message import Message

from mxgateway import MxGatewayError, MxValue, MxValueOutput, SparseArray, from_mx_value, to_mx_value
from mxgateway.errors import ErrorFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["look_at", "look_at_error", "look_at_value"]

_LONGEST_MESSAGE: Final = 50_000


def look_at(thing: object) -> None:
    """Ask for every public property, the repr and the text of a thing, and of what they give in turn.

    A ValueError of a property is documented: a time that no datetime can hold. Anything else is a finding.
    """
    repr(thing)
    str(thing)
    if isinstance(thing, (Message, Enum, datetime, bytes, str)):
        return
    if isinstance(thing, (list, tuple)):
        for each in cast("Sequence[object]", thing):
            look_at(each)
    elif is_dataclass(thing):
        for field in fields(thing):
            look_at(getattr(thing, field.name))
    else:
        _look_at_properties(thing)


def look_at_error(error: MxGatewayError) -> None:
    """An error is one line of bearable length, has its facts, and survives a pickle."""
    text = str(error)
    assert "\n" not in text, text
    assert len(text) < _LONGEST_MESSAGE, len(text)
    for name in ErrorFacts.__dataclass_fields__:
        assert getattr(error, name) == getattr(error.facts, name)
    assert str(pickle.loads(pickle.dumps(error))) == text  # noqa: S301 - our own bytes
    for status in error.statuses:
        look_at(status)


def look_at_value(message: MxValue) -> None:
    """What a value gives in Python can be written back and read again, unless nothing says its type."""
    try:
        value = from_mx_value(message)
    except ValueError:
        return
    try:
        again = to_mx_value(value)
    except (TypeError, ValueError):
        # Nothing says the type of an empty list; a sparse array may name one that its elements are not of.
        assert value == [] or isinstance(value, SparseArray)
        return
    back = from_mx_value(again)
    assert back == value or _shown(back) == _shown(value), (message, again)


def _shown(value: MxValueOutput) -> str:
    """A value as a text, for a NaN is not equal to itself; elements that are named have no order."""
    if isinstance(value, SparseArray):
        return f"{value.element_data_type!r} {value.total_length} {sorted(map(repr, value.elements.items()))}"
    return repr(value)


def _look_at_properties(thing: object) -> None:
    for name in dir(type(thing)):
        if name.startswith("_") or not isinstance(getattr(type(thing), name), property):
            continue
        try:
            value = getattr(thing, name)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - which it is depends on the message
        else:
            look_at(value)
