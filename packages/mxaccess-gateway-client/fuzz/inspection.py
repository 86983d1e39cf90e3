"""Access everything that the library's objects show, and assert that only documented errors are raised."""

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

__all__ = ["check_error", "check_object", "check_value"]

_MAX_MESSAGE_CHARACTERS: Final = 50_000


def check_object(value: object) -> None:
    """Access every public property, the repr and the text of an object, and of the objects that they return.

    A property may raise ValueError, which is documented for times that no datetime can hold. Every other exception is
    a finding.
    """
    repr(value)
    str(value)
    if isinstance(value, (Message, Enum, datetime, bytes, str)):
        return
    if isinstance(value, (list, tuple)):
        for element in cast("Sequence[object]", value):
            check_object(element)
    elif is_dataclass(value):
        for field in fields(value):
            check_object(getattr(value, field.name))
    else:
        _check_properties(value)


def check_error(error: MxGatewayError) -> None:
    """Assert that an error has a one-line message of limited length and its facts, and that it can be pickled."""
    text = str(error)
    assert "\n" not in text, text
    assert len(text) < _MAX_MESSAGE_CHARACTERS, len(text)
    for name in ErrorFacts.__dataclass_fields__:
        assert getattr(error, name) == getattr(error.facts, name)
    assert str(pickle.loads(pickle.dumps(error))) == text  # noqa: S301 - trusted: pickled one call earlier
    for status in error.statuses:
        check_object(status)


def check_value(message: MxValue) -> None:
    """Assert that a decoded value can be encoded and decoded again, unless its type is unknown."""
    try:
        value = from_mx_value(message)
    except ValueError:
        return
    try:
        again = to_mx_value(value)
    except (TypeError, ValueError):
        # An empty list has no known type, and the type of a sparse array may not match its elements.
        assert value == [] or isinstance(value, SparseArray)
        return
    decoded_again = from_mx_value(again)
    assert decoded_again == value or _comparable(decoded_again) == _comparable(value), (message, again)


def _comparable(value: MxValueOutput) -> str:
    """Return a value as text, because NaN is not equal to itself and the elements of a sparse array are unordered."""
    if isinstance(value, SparseArray):
        return f"{value.element_data_type!r} {value.total_length} {sorted(map(repr, value.elements.items()))}"
    return repr(value)


def _check_properties(value: object) -> None:
    for name in dir(type(value)):
        if name.startswith("_") or not isinstance(getattr(type(value), name), property):
            continue
        try:
            shown = getattr(value, name)
        except ValueError as error:
            assert str(error)  # noqa: PT017 - the message depends on the value
        else:
            check_object(shown)
