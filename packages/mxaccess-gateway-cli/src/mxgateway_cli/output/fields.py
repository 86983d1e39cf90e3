"""The fields of a JSON record as labels and texts, and as columns of CSV."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, cast

from mxgateway_cli.output.formatting import format_any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from mxgateway_cli.output.formatting import Zone

__all__ = ["JsonText", "flat_fields", "labelled_fields", "snake_case"]


class JsonText(str):
    """A text of a JSON record that is shown differently to people: the name of an enum value, or a time.

    Attributes:
        shown: What people see: a word, or a datetime.
    """

    __slots__ = ("shown",)

    shown: object

    def __new__(cls, text: str, shown: object) -> Self:
        """Create the text of the JSON record."""
        created = super().__new__(cls, text)
        created.shown = shown
        return created


def labelled_fields(record: Mapping[Any, Any], zone: Zone) -> Iterator[tuple[str, str]]:
    """Yield the label and the text of each field, such as "server handle" and "1" for `serverHandle`."""
    for key, value in record.items():
        yield _label(key), _field_text(value, zone)


def flat_fields(record: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, object]]:
    """Yield the name in snake case and the value of each field; the fields of an object have its name as prefix."""
    for key, value in record.items():
        name = f"{prefix}{snake_case(_key_text(key))}"
        if isinstance(value, dict):
            yield from flat_fields(cast("dict[object, object]", value), f"{name}_")
        elif isinstance(value, list):
            yield name, json.dumps(value)
        else:
            yield name, value.shown if isinstance(value, JsonText) else value


def snake_case(name: str) -> str:
    """Return `server_handle` for `serverHandle` and for "server handle"."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).replace(" ", "_").lower()


def _field_text(value: object, zone: Zone) -> str:
    match value:
        case JsonText():
            return format_any(value.shown, zone)
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(_field_text(each, zone) for each in cast("list[object]", value))
        case dict():
            fields = cast("dict[object, object]", value)
            return ", ".join(f"{_label(key)} {_field_text(each, zone)}" for key, each in fields.items())
        case _:
            return format_any(value, zone)


def _label(key: object) -> str:
    if isinstance(key, JsonText):
        return str(key.shown)
    return re.sub(r"(?<=[a-z])([A-Z])", lambda letter: " " + letter.group().lower(), _key_text(key))


def _key_text(key: object) -> str:
    return str(key.shown if isinstance(key, JsonText) else key)
