"""A plant described in TOML. `default_plant.toml`, beside this file, is the default plant and uses every key."""

from __future__ import annotations

import tomllib
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mxgateway.testing.plant.alarms import Alarm, AlarmCondition
from mxgateway.testing.plant.objects import PlantObject
from mxgateway.testing.plant.programs import Cycle, Program, Ramp, Sine
from mxgateway.testing.plant.tags import GOOD, Tag
from mxgateway.testing.plant.users import SecurityClassification, User
from mxgateway.testing.plant.values import TagType

if TYPE_CHECKING:
    from enum import Enum

__all__ = ["DEFAULT_PLANT_FILE", "PlantDescription", "PlantFileError", "read_plant_file"]

DEFAULT_PLANT_FILE = Path(__file__).with_name("default_plant.toml")

_Kind = TypeVar("_Kind")
_Choice = TypeVar("_Choice", bound="Enum")


class PlantFileError(ValueError):
    """A plant file says something that makes no plant; the text names the file, the line or key, and what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantDescription:
    """What a plant file says."""

    name: str
    last_deploy: datetime | None
    users: tuple[User, ...]
    objects: tuple[PlantObject, ...]
    tags: tuple[Tag, ...]


def read_plant_file(path: str | Path) -> PlantDescription:
    """Read a plant file.

    Raises:
        OSError: it can't be read.
        PlantFileError: it is no TOML (the text names the line), or a key is unknown, missing or wrong (the text names
            the key).
    """
    try:
        return _plant(_Table(tomllib.loads(Path(path).read_text(encoding="utf-8"))))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, PlantFileError) as error:
        raise PlantFileError(f"{path}: {error}") from error


class _Table:
    """One table of the file. It knows where it stands, and which of its keys nobody asked for."""

    def __init__(self, values: dict[str, Any], where: str = "") -> None:
        self._values = dict(values)
        self._where = where

    def path(self, key: str) -> str:
        """The key as the file's author would look for it."""
        return f"{self._where}.{key}" if self._where else key

    @property
    def rest(self) -> tuple[str, ...]:
        """The keys that nobody asked for yet."""
        return tuple(self._values)

    def take_any(self, key: str) -> Any:
        """Give what the key has, None when it isn't there."""
        return self._values.pop(key, None)

    def take(self, key: str, kind: type[_Kind]) -> _Kind | None:
        """Give what the key has, which is of this type, or None when it isn't there."""
        value = self.take_any(key)
        # As in Python a whole number may stand for a float; but true is no number.
        fits = isinstance(value, (kind, int) if kind is float else kind)
        if value is not None and (not fits or (isinstance(value, bool) and kind is not bool)):
            raise PlantFileError(f"{self.path(key)} must be of type {kind.__name__}, not {value!r}")
        return cast("_Kind | None", value)

    def take_needed(self, key: str, kind: type[_Kind]) -> _Kind:
        """Give what the key has, which must be there."""
        value = self.take(key, kind)
        if value is None:
            raise PlantFileError(f"{self.path(key)} is missing")
        return value

    def take_choice(self, key: str, choices: type[_Choice], otherwise: _Choice) -> _Choice:
        """Give the member of an enum that the key names in lower case."""
        text = self.take(key, str)
        return otherwise if text is None else self._choice(key, text, choices)

    def take_choices(self, key: str, choices: type[_Choice]) -> tuple[_Choice, ...] | None:
        """Give the members of an enum that the key lists."""
        texts = self.take_texts(key)
        return None if texts is None else tuple(self._choice(key, text, choices) for text in texts)

    def take_texts(self, key: str) -> tuple[str, ...] | None:
        """Give a list of texts."""
        texts = cast("list[object] | None", self.take(key, list))
        if texts is None:
            return None
        if not all(isinstance(text, str) for text in texts):
            raise PlantFileError(f"{self.path(key)} must be a list of texts, not {texts!r}")
        return tuple(cast("list[str]", texts))

    def take_time(self, key: str) -> datetime | None:
        """Give a moment, which must have its time zone."""
        moment = self.take(key, datetime)
        if moment is not None and moment.tzinfo is None:
            raise PlantFileError(f"{self.path(key)} needs a time zone, as in {moment.isoformat()}Z")
        return moment

    def table(self, key: str) -> _Table:
        """Give the table under the key, an empty one when it isn't there."""
        return _Table(cast("dict[str, Any]", self.take(key, dict) or {}), self.path(key))

    def refuse_the_rest(self) -> None:
        """Complain about keys that nobody asked for."""
        for key in self.rest:
            raise PlantFileError(f"{self.path(key)} is unknown")

    def error(self, error: Exception) -> PlantFileError:
        """Blame this table for something that can't be made from it."""
        return PlantFileError(f"{self._where}: {error}")

    def _choice(self, key: str, text: str, choices: type[_Choice]) -> _Choice:
        named = {choice.name.lower(): choice for choice in choices}
        if text not in named:
            raise PlantFileError(f"{self.path(key)} is {text!r}; it can be {', '.join(named)}")
        return named[text]


def _plant(document: _Table) -> PlantDescription:
    galaxy, users, objects = document.table("galaxy"), document.table("users"), document.table("objects")
    document.refuse_the_rest()
    name, last_deploy = galaxy.take("name", str), galaxy.take_time("last_deploy")
    galaxy.refuse_the_rest()
    tables = {name: objects.table(name) for name in objects.rest}
    attributes = {name: table.table("attributes") for name, table in tables.items()}
    return PlantDescription(
        name=name or "SimulatedGalaxy",
        last_deploy=last_deploy,
        users=tuple(_user(number, name, users.table(name)) for number, name in enumerate(users.rest, 1)),
        objects=tuple(_object(number, name, tables) for number, name in enumerate(tables, 1)),
        tags=tuple(
            _tag(f"{name}.{attribute}", table.table(attribute))
            for name, table in attributes.items()
            for attribute in table.rest
        ),
    )


def _user(number: int, name: str, table: _Table) -> User:
    password = table.take_needed("password", str)
    guid = table.take_needed("guid", str)
    may = table.take_choices("may", SecurityClassification)
    may_verify = table.take("may_verify", bool)
    table.refuse_the_rest()
    try:
        parsed = uuid.UUID(guid)
    except ValueError as error:
        raise table.error(error) from error
    return User(
        user_id=number,
        name=name,
        password=password,
        guid=parsed,
        may=frozenset(may or ()),
        may_verify=bool(may_verify),
    )


def _object(number: int, name: str, tables: dict[str, _Table]) -> PlantObject:
    table = tables[name]
    parent = table.take("parent", str) or ""
    if parent and parent not in tables:
        raise PlantFileError(f"{table.path('parent')} is {parent!r}, which is no object of this file")
    made = PlantObject(
        gobject_id=table.take("gobject_id", int) or number,
        tag_name=name,
        parent=parent,
        contained_name=table.take("contained_name", str) or "",
        is_area=table.take("area", bool) or False,
        category=table.take("category", int) or 0,
        templates=table.take_texts("templates") or (),
    )
    table.refuse_the_rest()
    return made


def _tag(name: str, table: _Table) -> Tag:
    tag_type = table.take_choice("type", TagType, TagType.STRING)
    value = table.take_any("value")
    quality = table.take("quality", int)
    security = table.take_choice("security", SecurityClassification, SecurityClassification.OPERATE)
    settle_time = table.take("settle_time", float)
    historized = table.take("historized", bool)
    program = _program(table)
    alarm = _alarm(table.table("alarm"))
    table.refuse_the_rest()
    try:
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
        )
    except (TypeError, ValueError) as error:
        raise table.error(error) from error


def _alarm(table: _Table) -> Alarm | None:
    if not table.rest:
        return None
    severity, guid = table.take("severity", int), table.take("guid", str)
    description, category = table.take("description", str), table.take("category", str)
    equal, high, low = table.take_any("equal"), table.take("high", float), table.take("low", float)
    table.refuse_the_rest()
    try:
        return Alarm(
            AlarmCondition(equal=equal, high=high, low=low),
            severity=500 if severity is None else severity,
            description=description or "",
            category=category or "Process",
            guid=uuid.UUID(guid) if guid else None,
        )
    except ValueError as error:
        raise table.error(error) from error


def _program(table: _Table) -> Program | None:
    made: list[Program] = []
    for key, kind in (("ramp", Ramp), ("sine", Sine)):
        numbers = cast("dict[str, Any] | None", table.take(key, dict))
        if numbers is not None:
            try:
                made.append(kind(**numbers))
            except (TypeError, ValueError) as error:
                raise PlantFileError(f"{table.path(key)}: {error}") from error
    values = cast("list[Any] | None", table.take("cycle", list))
    if values:
        made.append(Cycle(tuple(values)))
    if len(made) > 1:
        raise PlantFileError(f"{table.path('ramp')}, sine and cycle exclude each other")
    return made[0] if made else None
