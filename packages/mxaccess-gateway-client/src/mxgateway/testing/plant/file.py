"""Plant files: plants described in TOML. `default_plant.toml`, in this folder, uses every key."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from mxgateway.testing.plant.alarms import Alarm, AlarmCondition
from mxgateway.testing.plant.objects import PlantObject
from mxgateway.testing.plant.programs import Cycle, Program, Ramp, Sine
from mxgateway.testing.plant.tags import GOOD, Tag
from mxgateway.testing.plant.users import SecurityClassification, User
from mxgateway.testing.plant.values import TagType
from mxgateway.testing.state.toml_table import Table, TomlMistake, parse_toml

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["PlantDescription", "PlantFileError", "read_default_plant", "read_plant_file"]

_DEFAULT_PLANT_FILE = Path(__file__).with_name("default_plant.toml")


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
    data = Path(path).read_bytes()
    try:
        return _plant(Table(parse_toml(data)))
    except TomlMistake as error:
        raise PlantFileError(f"{path}: {error}") from error


def read_default_plant() -> PlantDescription:
    """Read `default_plant.toml`, which is parsed once per process: tests start many gateways."""
    return _plant(Table(_default_document()))


@cache
def _default_document() -> dict[str, Any]:
    return tomllib.loads(_DEFAULT_PLANT_FILE.read_text(encoding="utf-8"))


def _plant(document: Table) -> PlantDescription:
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


def _user(number: int, name: str, table: Table) -> User:
    password, guid = table.pop("password", str), table.pop_guid("guid")
    may = table.pop_choices("may", SecurityClassification)
    may_verify = table.pop("may_verify", bool)
    table.check_no_keys_left()
    password, guid = table.required("password", password), table.required("guid", guid)
    return User(
        user_id=number, name=name, password=password, guid=guid, may=frozenset(may), may_verify=bool(may_verify)
    )


def _object(number: int, name: str, tables: dict[str, Table]) -> PlantObject:
    table = tables[name]
    parent = table.pop("parent", str) or ""
    if parent and parent not in tables:
        raise TomlMistake(f"{table.path('parent')} must be an object of this file, not {parent!r}")
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


def _tag(name: str, table: Table) -> Tag:
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


def _alarm(table: Table) -> Alarm | None:
    if table.missing:
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


def _program(table: Table) -> Program | None:
    programs: list[Program] = [
        _numeric_program(numbers, kind)
        for numbers, kind in ((table.pop_table("ramp"), Ramp), (table.pop_table("sine"), Sine))
        if not numbers.missing
    ]
    values = cast("list[Any] | None", table.pop("cycle", list))
    if values:
        programs.append(Cycle(tuple(values)))
    if len(programs) > 1:
        raise TomlMistake(f"{table.path('ramp')}, sine and cycle exclude each other: use one of them")
    return programs[0] if programs else None


def _numeric_program(table: Table, kind: type[Ramp | Sine]) -> Program:
    numbers: dict[str, Any] = {field.name: table.pop(field.name, float) for field in fields(kind)}
    table.check_no_keys_left()
    with table.naming_errors():
        return kind(**{key: number for key, number in numbers.items() if number is not None})
