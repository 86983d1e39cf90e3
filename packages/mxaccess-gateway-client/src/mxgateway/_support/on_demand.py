"""Names of a package that bring their module when they are first used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["names_on_demand"]


def names_on_demand(package: str, names: Mapping[str, str]) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Give `__getattr__` and `__dir__` for a package.

    `names` says which names are to be found in which of its modules: a text with spaces between them, by the name of
    the module, which is an attribute of the package as well.
    """
    module_of = {name: module for module, listed in names.items() for name in listed.split()}

    def find(name: str) -> object:
        if name in module_of:
            found: object = getattr(import_module(f"{package}.{module_of[name]}"), name)
        elif name in names:
            found = import_module(f"{package}.{name}")
        else:
            raise AttributeError(f"module {package!r} has no attribute {name!r}", name=name, obj=sys.modules[package])
        # From now on it is found without being looked for.
        setattr(sys.modules[package], name, found)
        return found

    def list_names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of, *names})

    return find, list_names
