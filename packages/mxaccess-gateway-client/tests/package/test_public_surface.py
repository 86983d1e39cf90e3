"""The public names of the packages, and an import without side effects."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import subprocess
import sys
import typing
from pathlib import Path
from types import ModuleType

import pytest

import mxgateway
import mxgateway.testing
from mxgateway import ClientOptions, OpenSessionOptions
from mxgateway.options import ClientOptionsFields
from mxgateway.session import OpenSessionOptionsFields

PACKAGES = pytest.mark.parametrize("package", [mxgateway, mxgateway.testing], ids=lambda package: package.__name__)

IMPORT_AND_LOOK = """
import asyncio, logging, os, sys, threading

environment, seen = dict(os.environ), set()
class Environment(dict):
    def __getitem__(self, name):
        seen.add(name)
        return super().__getitem__(name)
    def get(self, name, default=None):
        seen.add(name)
        return super().get(name, default)
os.environ = Environment(environment)

from mxgateway import *

assert not [name for name in seen if str(name).startswith("MXGATEWAY")], seen
assert threading.active_count() == 1, threading.enumerate()
assert not logging.getLogger().handlers
names = [name for name in logging.root.manager.loggerDict if name.split(".")[0] == "mxgateway"]
assert names, "the loggers are named after the modules"
for name in names:
    logger = logging.getLogger(name)
    assert not logger.handlers and logger.propagate and logger.level == logging.NOTSET, name
try:
    asyncio.get_running_loop()
except RuntimeError:
    pass
else:
    raise AssertionError("a loop runs")
unwanted = {"mxgateway.testing", "pytest", "click", "rich", "mxgateway_cli"} & set(sys.modules)
assert not unwanted, unwanted
print("fine")
"""


@PACKAGES
def test_each_name_is_public_in_the_module_that_the_stub_names(package: ModuleType) -> None:
    # The stub is the only list of the public names, for Python and for type checkers.
    stub = ast.parse(Path(str(package.__file__)).with_suffix(".pyi").read_text(encoding="utf-8"))
    module_of = {
        alias.name: node.module for node in stub.body if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    names = {name: module for name, module in module_of.items() if module is not None}

    assert package.__all__ == sorted(names)
    for name, module_name in names.items():
        module = importlib.import_module(f"{package.__name__}.{module_name}")
        assert getattr(package, name) is getattr(module, name), name
        assert name in module.__all__, name


@PACKAGES
def test_public_names_are_listed_by_dir(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))


@PACKAGES
def test_unknown_name_raises_attribute_error(package: ModuleType) -> None:
    with pytest.raises(AttributeError, match=rf"No {package.__name__} attribute Gateway") as caught:
        _ = package.Gateway
    assert (caught.value.name, caught.value.obj) == ("Gateway", package)


def test_every_public_class_has_a_docstring() -> None:
    for name in dir(mxgateway):
        public = getattr(mxgateway, name)
        if isinstance(public, type) and public.__module__.startswith("mxgateway"):
            assert public.__doc__, name


def test_public_dataclasses_are_frozen_slotted_and_keyword_only() -> None:
    classes = [getattr(mxgateway, name) for name in dir(mxgateway)]
    checked = [each for each in classes if isinstance(each, type) and dataclasses.is_dataclass(each)]
    assert len(checked) > 10
    for each in checked:
        parameters: typing.Any = each.__dict__.get("__dataclass_params__")
        assert parameters is None or parameters.frozen, each
        assert "__slots__" in each.__dict__, each
        positional = [name for name, field in each.__dataclass_fields__.items() if field.init and not field.kw_only]
        assert not positional, each


def test_every_module_lists_what_it_exports() -> None:
    for name, module in sys.modules.items():
        if name.startswith("mxgateway.") and not name.startswith("mxgateway.testing"):
            assert getattr(module, "__all__", ()) or hasattr(module, "__path__"), name


def test_import_has_no_side_effect() -> None:
    process = subprocess.run(
        [sys.executable, "-c", IMPORT_AND_LOOK], capture_output=True, text=True, timeout=30, check=False
    )

    assert process.returncode == 0, process.stderr
    assert (process.stdout, process.stderr) == ("fine\n", "")


@pytest.mark.parametrize(
    ("options", "fields"),
    [(ClientOptions, ClientOptionsFields), (OpenSessionOptions, OpenSessionOptionsFields)],
)
def test_keywords_of_a_function_are_the_fields_of_its_options(options: typing.Any, fields: type) -> None:
    assert {field.name: field.type for field in dataclasses.fields(options)} == {
        name: annotation.__forward_arg__ for name, annotation in fields.__annotations__.items()
    }


def test_every_option_is_documented() -> None:
    for options in (ClientOptions, OpenSessionOptions):
        for field in dataclasses.fields(options):
            assert f"\n    {field.name}: " in (inspect.getdoc(options) or ""), field.name
