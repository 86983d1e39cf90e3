"""The synchronous classes have what the asynchronous ones have."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

import mxgateway
import mxgateway.recording
import mxgateway.sync

ASYNC: dict[str, type] = {
    name: getattr(mxgateway.recording if name.endswith("Recorder") else mxgateway, name)
    for name in mxgateway.sync.__all__
}
PAIRS = pytest.mark.parametrize(
    ("asynchronous", "synchronous"),
    [(kind, getattr(mxgateway.sync, name)) for name, kind in ASYNC.items()],
    ids=list(ASYNC),
)
# What an iterator has instead of `asyncio.timeout`.
ITERATOR = {"receive", "iterate"}


def public(kind: type) -> dict[str, Any]:
    """The public methods and properties of a class, those it inherits included."""
    return {name: member for name, member in inspect.getmembers(kind) if not name.startswith("_")}


def parameters(member: Any) -> list[tuple[str, object, object]]:
    """The parameters of a method: names, kinds and defaults."""
    return [(each.name, each.kind, each.default) for each in inspect.signature(member).parameters.values()]


def test_every_class_that_is_awaited_or_iterated_has_a_synchronous_one() -> None:
    methods = {"__aenter__", "__anext__"}
    asynchronous = {name for name in dir(mxgateway) for kind in [getattr(mxgateway, name)] if methods & set(dir(kind))}

    assert asynchronous <= set(mxgateway.sync.__all__)


@PAIRS
def test_both_have_the_same_methods_and_parameters(asynchronous: type, synchronous: type) -> None:
    expected, found = public(asynchronous), public(synchronous)
    iterates = hasattr(asynchronous, "__anext__")

    # The attributes of an instance are properties of its wrapper.
    is_recorder = asynchronous.__name__.endswith("Recorder")
    instance = {"options", "statistics"} if is_recorder else set[str]()
    assert found.keys() == expected.keys() | instance | (ITERATOR if iterates else set())
    for name, member in expected.items():
        if callable(member):
            assert parameters(found[name]) == parameters(member), name
        else:
            assert isinstance(found[name], property), name
    assert hasattr(synchronous, "__enter__") == hasattr(asynchronous, "__aenter__")
    assert hasattr(synchronous, "__next__") == iterates


@pytest.mark.parametrize("synchronous", [getattr(mxgateway.sync, name) for name in ASYNC], ids=list(ASYNC))
def test_docstrings_speak_of_synchronous_programs(synchronous: type) -> None:
    for name, member in [("", synchronous), *public(synchronous).items()]:
        text = inspect.getdoc(member)
        assert text, name
        assert not re.search(r"\bawait|\basync\b|asyncio|\btask|[Cc]ancelling", text), (name, text)
