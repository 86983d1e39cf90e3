"""Tables of TOML files, read key by key, so that a mistake names its key."""

from __future__ import annotations

import tomllib
import uuid
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mxgateway.text_files import decode_text

if TYPE_CHECKING:
    from collections.abc import Generator
    from enum import Enum

__all__ = ["Table", "TomlMistake", "parse_toml"]

_TOML_TYPES: dict[type[object], str] = {
    bool: "true or false",
    datetime: "a date and time",
    dict: "a table",
    float: "a number",
    int: "an integer",
    list: "an array",
    str: "a string",
}

_Kind = TypeVar("_Kind")
_Choice = TypeVar("_Choice", bound="Enum")


class TomlMistake(ValueError):
    """A TOML file is invalid. The message names the line or key, and the problem, but not the file."""


def parse_toml(data: bytes) -> dict[str, Any]:
    """Return the content of a TOML file in UTF-8 or UTF-16.

    Raises:
        TomlMistake: the file is not valid TOML. The message names the line.
    """
    try:
        return tomllib.loads(decode_text(data))
    except ValueError as error:
        raise TomlMistake(str(error)) from error


class Table:
    """One table of a file. Each known key is popped once, with its type; keys left over are unknown.

    Written by hand because msgspec names neither the tag nor the permitted values in its errors:
    `Invalid enum value 'number' - at $.objects[...].attributes[...].type`.
    """

    def __init__(self, values: dict[str, Any] | None, path: str = "") -> None:
        self.missing: bool = values is None
        self._values = dict(values or {})
        self._path = path
        self._known_keys: list[str] = []

    def path(self, key: str) -> str:
        """Return the dotted path of a key."""
        return f"{self._path}.{key}" if self._path else key

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys that have not been popped."""
        return tuple(self._values)

    def pop_any(self, key: str) -> Any:
        """Return the value of a key, or None if the key is missing."""
        self._known_keys.append(key)
        return self._values.pop(key, None)

    def pop(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """Return the value of a key, which must be of type `kind`. Return None if the key is missing."""
        value = self.pop_any(key)
        # As in Python, an integer is accepted as a float, but a bool is not accepted as a number.
        valid = isinstance(value, (kind, int) if kind is float else kind)
        if value is not None and (not valid or (isinstance(value, bool) and kind is not bool)):
            raise TomlMistake(f"{self.path(key)} must be {_TOML_TYPES[kind]}, not {value!r}")
        return cast("_Kind | None", value)

    def required(self, key: str, value: _Kind | None) -> _Kind:
        """Return the value of a key. Raise TomlMistake if the key is missing, that is, if the value is None."""
        if value is None:
            raise TomlMistake(f"{self.path(key)} is missing")
        return value

    def pop_choice(self, key: str, choices: type[_Choice], default: _Choice) -> _Choice:
        """Return the enum member that a key names in lower case, or the default if the key is missing."""
        text = self.pop(key, str)
        return default if text is None else self._choice(key, text, choices)

    def pop_choices(self, key: str, choices: type[_Choice]) -> tuple[_Choice, ...]:
        """Return the enum members that a key lists; none if the key is missing."""
        return tuple(self._choice(key, text, choices) for text in self.pop_strings(key))

    def pop_strings(self, key: str) -> tuple[str, ...]:
        """Return an array of strings; empty if the key is missing."""
        texts = cast("list[object]", self.pop(key, list) or [])
        if not all(isinstance(text, str) for text in texts):
            raise TomlMistake(f"{self.path(key)} must be an array of strings, not {texts!r}")
        return tuple(cast("list[str]", texts))

    def pop_time(self, key: str) -> datetime | None:
        """Return a date and time, which must have a time zone. Return None if the key is missing."""
        moment = self.pop(key, datetime)
        if moment is not None and moment.tzinfo is None:
            raise TomlMistake(f"{self.path(key)} must have a time zone, such as {moment.isoformat()}Z")
        return moment

    def pop_guid(self, key: str) -> uuid.UUID | None:
        """Return a GUID. Return None if the key is missing or empty."""
        text = self.pop(key, str)
        try:
            return uuid.UUID(text) if text else None
        except ValueError as error:
            raise TomlMistake(f"{self.path(key)} must be a GUID, not {text!r}") from error

    def pop_table(self, key: str) -> Table:
        """Return the table of a key; an empty one if the key is missing."""
        return Table(cast("dict[str, Any] | None", self.pop(key, dict)), self.path(key))

    def check_no_keys_left(self) -> None:
        """Raise TomlMistake if a key has not been popped."""
        for key in self.keys:
            raise TomlMistake(f"unknown key {self.path(key)}: use {', '.join(self._known_keys)}")

    @contextmanager
    def naming_errors(self) -> Generator[None]:
        """Raise TomlMistake, which names this table, for a TypeError or ValueError within the `with` block."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise TomlMistake(f"{self._path}: {error}") from error

    def _choice(self, key: str, text: str, choices: type[_Choice]) -> _Choice:
        named = {choice.name.lower(): choice for choice in choices}
        if text not in named:
            raise TomlMistake(f"{self.path(key)} must be one of {', '.join(named)}, not {text!r}")
        return named[text]
