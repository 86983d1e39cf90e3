"""The types of values on the command line, their other names, and the option type that accepts them."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Final

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

    TextType = click.ParamType[str]
else:
    # Generic only in recent releases of click.
    TextType = click.ParamType

__all__ = ["ARRAY_SUFFIX", "SCALAR_TYPES", "TYPES_HELP", "VALUE_TYPES", "ValueType", "concrete_types", "find_type"]

ARRAY_SUFFIX: Final = "[]"
"""Suffix of a value type that makes it an array."""

SCALAR_TYPES: Final = ("bool", "int32", "int64", "float", "double", "string", "timestamp")
VALUE_TYPES: Final = (*SCALAR_TYPES, *(f"{name}{ARRAY_SUFFIX}" for name in SCALAR_TYPES))
"""The types that a value on the command line can have."""

TYPES_HELP: Final = f"{', '.join(SCALAR_TYPES[:-1])} or {SCALAR_TYPES[-1]}, with [] for an array"
"""The names of the types, for help texts and errors."""

# Types of which the value decides: the first one that can hold it.
_CHOICES: Final[Mapping[str, tuple[str, ...]]] = {
    "int": ("int32", "int64"),
    "number": ("int32", "int64", "double"),
}
_OTHER_NAMES: Final[Mapping[str, str]] = {
    "boolean": "bool",
    "integer": "int",
    "str": "string",
    "text": "string",
    "time": "timestamp",
    "datetime": "timestamp",
}


class ValueType(TextType):
    """The type of a value, as an option: one of `VALUE_TYPES`, or `int`, `number` and other usual names."""

    name = "type"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name that `concrete_types` and `parse_value` know."""
        found = find_type(value)
        if found is None:
            near = get_close_matches(value.lower(), [*VALUE_TYPES, *_CHOICES, *_OTHER_NAMES], 1)
            suggestion = f"; did you mean {near[0]}?" if near else ""
            self.fail(f"unknown type {value[:20]!r}: use {TYPES_HELP}{suggestion}", param, ctx)
        return found

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's own signature
        param: click.Parameter,  # noqa: ARG002 - click's own signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Complete the names of types."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for shell completion

        return [CompletionItem(name) for name in VALUE_TYPES if name.startswith(incomplete)]


def find_type(name: str) -> str | None:
    """Return a type's name as the other functions know it, or None if there is no such type."""
    name = name.strip().lower()
    base = name.removesuffix(ARRAY_SUFFIX)
    base = _OTHER_NAMES.get(base, base)
    if base not in SCALAR_TYPES and base not in _CHOICES:
        return None
    return f"{base}{ARRAY_SUFFIX}" if name.endswith(ARRAY_SUFFIX) else base


def concrete_types(name: str) -> tuple[str, ...]:
    """Return the types to try for a type, in this order: several for `int` and `number`, which the value decides."""
    suffix = ARRAY_SUFFIX if name.endswith(ARRAY_SUFFIX) else ""
    base = name.removesuffix(ARRAY_SUFFIX)
    return tuple(f"{each}{suffix}" for each in _CHOICES.get(base, (base,)))
