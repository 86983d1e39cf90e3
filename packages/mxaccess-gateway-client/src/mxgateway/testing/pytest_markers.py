"""The pytest markers `mx_plant`, `mx_fault` and `mx_script`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn, TypeVar

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.script import Script
    from mxgateway.testing.scripts.steps import Step

__all__ = ["MARKERS", "add_fixture", "check_use", "fail", "marked_plant", "marked_script"]

# Modules of the gateway are imported in the functions: every pytest run imports this one, and most do not use it.

MARKERS: Final = {
    "mx_plant(path)": "the plant behind mx_gateway is described by this TOML file; the path is relative to the test",
    "mx_fault(name, *arguments, at=0, duration=None, **keys)": "cause a fault of mx_gateway when the test begins, or "
    "`at` seconds later; a fault that lasts ends with the test at the latest",
    "mx_script(path)": "run this script on mx_gateway during the test; the path is relative to the test",
}
"""The markers and their descriptions."""

_PLANT, _FAULT, _SCRIPT = "mx_plant", "mx_fault", "mx_script"
_GATEWAY: Final = "mx_gateway"

_Result = TypeVar("_Result")


def add_fixture(item: pytest.Item, fixture: str) -> None:
    """Add a fixture to a test that has faults or scripts, behind all its other fixtures."""
    is_marked = any(item.get_closest_marker(name) is not None for name in (_FAULT, _SCRIPT))
    # Items that are not Python functions, such as doctests, have no fixtures. Parametrized tests share the list.
    names = item.fixturenames if isinstance(item, pytest.Function) else []
    if is_marked and _GATEWAY in names and fixture not in names:
        names.append(fixture)


def check_use(item: pytest.Item) -> None:
    """Fail a test that is itself marked, but does not use the gateway. A module may contain other tests, too."""
    for mark in item.own_markers:
        if mark.name in {_PLANT, _FAULT, _SCRIPT} and _GATEWAY not in getattr(item, "fixturenames", ()):
            fail(item, f"{mark.name} has no effect: the test must use mx_gateway, or a fixture that uses it")


def fail(item: pytest.Item, problem: object) -> NoReturn:
    """Fail a test with one line that names it."""
    pytest.fail(f"{item.nodeid}: {problem}", pytrace=False)


def marked_plant(item: pytest.Item) -> Plant | None:
    """Return a new plant from the file of the closest marker. Return None without a marker."""
    mark = item.get_closest_marker(_PLANT)
    if mark is None:
        return None
    from mxgateway.testing.plant.plant import Plant  # noqa: PLC0415 - see above

    return _read(item, mark, Plant.from_toml)


def marked_script(item: pytest.Item) -> Script | None:
    """Return the faults and scripts of all markers, those of the module and the class first.

    Return None without markers.
    """
    faults, scripts = ([*item.iter_markers(name)][::-1] for name in (_FAULT, _SCRIPT))
    if not faults and not scripts:
        return None
    from mxgateway.testing.scripts.script import Script  # noqa: PLC0415 - see above

    steps: list[Step] = [_fault_step(item, mark) for mark in faults]
    for mark in scripts:
        steps += _read(item, mark, Script.from_file).steps
    return Script(steps)


def _fault_step(item: pytest.Item, mark: pytest.Mark) -> Step:
    from mxgateway.testing.scripts.steps import make_step  # noqa: PLC0415 - see above

    if not mark.args or not isinstance(mark.args[0], str):
        fail(item, f'{_FAULT}: name the fault first: @pytest.mark.{_FAULT}("silent_tag", "Object.Attribute")')
    name, *arguments = mark.args
    try:
        return make_step(name, arguments, {"at": 0, **mark.kwargs}, place=_FAULT)
    except ValueError as error:
        fail(item, error)


def _read(item: pytest.Item, mark: pytest.Mark, read: Callable[[Path], _Result]) -> _Result:
    if len(mark.args) != 1 or mark.kwargs or not isinstance(mark.args[0], str | Path):
        fail(item, f'{mark.name}: give the path of one file: @pytest.mark.{mark.name}("file.toml")')
    path = item.path.parent / mark.args[0]
    try:
        return read(path)
    except OSError as error:
        fail(item, f"{mark.name}: cannot read {path}: {error.strerror or error}")
    except ValueError as error:
        fail(item, f"{mark.name}: {error}")
