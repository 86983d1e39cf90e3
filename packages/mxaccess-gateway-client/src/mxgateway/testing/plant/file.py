"""Plant files: plants described in TOML. `default_plant.toml`, in this folder, uses every key."""

from __future__ import annotations

import tomllib
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mxgateway.testing.plant.alarms import Alarm, AlarmCondition
from mxgateway.testing.plant.objects import PlantObject
from mxgateway.testing.plant.programs import Cycle, Program, Ramp, Sine
from mxgateway.testing.plant.tags import GOOD, Tag
from mxgateway.testing.plant.users import SecurityClassification, User
from mxgateway.testing.plant.values import TagType

if TYPE_CHECKING:
    from collections.abc import Generator
    from enum import Enum

__all__ = ["PlantDescription", "PlantFileError", "read_default_plant", "read_plant_file"]

_DEFAULT_PLANT_FILE = Path(__file__).with_name("default_plant.toml")

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


class PlantFileError(ValueError):
    """A plant file is invalid. The message names the file, the line or key, and the problem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantDescription:
    """The content of a plant file."""

    name: str
    last_deploy: datetime | None
    users: tuple[User, ...]
    objects: tuple[PlantObject, ...]
    tags: tuple[Tag, ...]


def read_plant_file(path: str | Path) -> PlantDescription:
    """Read a plant file.

    Raises:
        OSError: the file cannot be read.
        PlantFileError: the file is not valid TOML (the message names the line), or a key is unknown, missing or
            invalid (the message names the key).
    """
    try:
        return _plant(_Table(tomllib.loads(Path(path).read_text(encoding="utf-8"))))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PlantFileError) as error:
        raise PlantFileError(f"{path}: {error}") from error


def read_default_plant() -> PlantDescription:
    """Read `default_plant.toml`, which is parsed once per process: tests start many gateways."""
    return _plant(_Table(_default_document()))


@cache
def _default_document() -> dict[str, Any]:
    return tomllib.loads(_DEFAULT_PLANT_FILE.read_text(encoding="utf-8"))


class _Table:
    """One table of the file. Each known key is popped once, with its type; keys left over are unknown.

    Written by hand because msgspec names neither the tag nor the permitted values in its errors:
    `Invalid enum value 'number' - at $.objects[...].attributes[...].type`.
    """

    def __init__(self, values: dict[str, Any] | None, path: str = "") -> None:
        self.missing = values is None
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
            raise PlantFileError(f"{self.path(key)} must be {_TOML_TYPES[kind]}, not {value!r}")
        return cast("_Kind | None", value)

    def required(self, key: str, value: _Kind | None) -> _Kind:
        """Return the value of a key. Raise PlantFileError if the key is missing, that is, if the value is None."""
        if value is None:
            raise PlantFileError(f"{self.path(key)} is missing")
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
            raise PlantFileError(f"{self.path(key)} must be an array of strings, not {texts!r}")
        return tuple(cast("list[str]", texts))

    def pop_time(self, key: str) -> datetime | None:
        """Return a date and time, which must have a time zone. Return None if the key is missing."""
        moment = self.pop(key, datetime)
        if moment is not None and moment.tzinfo is None:
            raise PlantFileError(f"{self.path(key)} must have a time zone, such as {moment.isoformat()}Z")
        return moment

    def pop_guid(self, key: str) -> uuid.UUID | None:
        """Return a GUID. Return None if the key is missing or empty."""
        text = self.pop(key, str)
        try:
            return uuid.UUID(text) if text else None
        except ValueError as error:
            raise PlantFileError(f"{self.path(key)} must be a GUID, not {text!r}") from error

    def pop_table(self, key: str) -> _Table:
        """Return the table of a key; an empty one if the key is missing."""
        return _Table(cast("dict[str, Any] | None", self.pop(key, dict)), self.path(key))

    def check_no_keys_left(self) -> None:
        """Raise PlantFileError if a key has not been popped."""
        for key in self.keys:
            raise PlantFileError(f"unknown key {self.path(key)}: use {', '.join(self._known_keys)}")

    @contextmanager
    def naming_errors(self) -> Generator[None]:
        """Raise PlantFileError, which names this table, for a TypeError or ValueError within the `with` block."""
        try:
            yield
        except (TypeError, ValueError) as error:
            raise PlantFileError(f"{self._path}: {error}") from error

    def _choice(self, key: str, text: str, choices: type[_Choice]) -> _Choice:
        named = {choice.name.lower(): choice for choice in choices}
        if text not in named:
            raise PlantFileError(f"{self.path(key)} must be one of {', '.join(named)}, not {text!r}")
        return named[text]


def _plant(document: _Table) -> PlantDescription:
    galaxy, users, objects = (document.pop_table(key) for key in ("galaxy", "users", "objects"))
    document.check_no_keys_left()
    name, last_deploy = galaxy.pop("name", str), galaxy.pop_time("last_deploy")
    galaxy.check_no_keys_left()
    tables = {name: objects.pop_table(name) for name in objects.keys}
    attributes = {name: table.pop_table("attributes") for name, table in tables.items()}
    return PlantDescription(
        name=name or "SimulatedGalaxy",
        last_deploy=last_deploy,
        users=tuple(_user(number, name, users.pop_table(name)) for number, name in enumerate(users.keys, 1)),
        objects=tuple(_object(number, name, tables) for number, name in enumerate(tables, 1)),
        tags=tuple(
            _tag(f"{name}.{attribute}", table.pop_table(attribute))
            for name, table in attributes.items()
            for attribute in table.keys
        ),
    )


def _user(number: int, name: str, table: _Table) -> User:
    password = table.required("password", table.pop("password", str))
    guid = table.required("guid", table.pop_guid("guid"))
    may = table.pop_choices("may", SecurityClassification)
    may_verify = table.pop("may_verify", bool)
    table.check_no_keys_left()
    return User(
        user_id=number, name=name, password=password, guid=guid, may=frozenset(may), may_verify=bool(may_verify)
    )


def _object(number: int, name: str, tables: dict[str, _Table]) -> PlantObject:
    table = tables[name]
    parent = table.pop("parent", str) or ""
    if parent and parent not in tables:
        raise PlantFileError(f"{table.path('parent')} must be an object of this file, not {parent!r}")
    plant_object = PlantObject(
        gobject_id=table.pop("gobject_id", int) or number,
        tag_name=name,
        parent=parent,
        contained_name=table.pop("contained_name", str) or "",
        is_area=table.pop("area", bool) or False,
        category=table.pop("category", int) or 0,
        templates=table.pop_strings("templates"),
    )
    table.check_no_keys_left()
    return plant_object


def _tag(name: str, table: _Table) -> Tag:
    tag_type = table.pop_choice("type", TagType, TagType.STRING)
    value = table.pop_any("value")
    quality = table.pop("quality", int)
    security = table.pop_choice("security", SecurityClassification, SecurityClassification.OPERATE)
    settle_time = table.pop("settle_time", float)
    historized = table.pop("historized", bool)
    supervisory = table.pop("supervisory", bool)
    resizable = table.pop("resizable", bool)
    program = _program(table)
    alarm = _alarm(table.pop_table("alarm"))
    table.check_no_keys_left()
    with table.naming_errors():
        return Tag(
            name,
            tag_type,
            value,
            quality=GOOD if quality is None else quality,
            security=security,
            program=program,
            settle_time=settle_time,
            historized=bool(historized),
            alarm=alarm,
            supervisory=bool(supervisory),
            resizable=bool(resizable),
        )


def _alarm(table: _Table) -> Alarm | None:
    if not table.keys:
        return None
    severity = table.pop("severity", int)
    description, category = table.pop("description", str), table.pop("category", str)
    equal, high, low = table.pop_any("equal"), table.pop("high", float), table.pop("low", float)
    table.check_no_keys_left()
    with table.naming_errors():
        return Alarm(
            AlarmCondition(equal=equal, high=high, low=low),
            severity=500 if severity is None else severity,
            description=description or "",
            category=category or "Process",
        )


def _program(table: _Table) -> Program | None:
    programs: list[Program] = [
        _numeric_program(numbers, kind)
        for numbers, kind in ((table.pop_table("ramp"), Ramp), (table.pop_table("sine"), Sine))
        if not numbers.missing
    ]
    values = cast("list[Any] | None", table.pop("cycle", list))
    if values:
        programs.append(Cycle(tuple(values)))
    if len(programs) > 1:
        raise PlantFileError(f"{table.path('ramp')}, sine and cycle exclude each other: use one of them")
    return programs[0] if programs else None


def _numeric_program(table: _Table, kind: type[Ramp | Sine]) -> Program:
    numbers: dict[str, Any] = {field.name: table.pop(field.name, float) for field in fields(kind)}
    table.check_no_keys_left()
    with table.naming_errors():
        return kind(**{key: number for key, number in numbers.items() if number is not None})
