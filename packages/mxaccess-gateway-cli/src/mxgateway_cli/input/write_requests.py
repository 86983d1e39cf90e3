"""What a write command was asked to write: tags and texts of values, from arguments or from a recipe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.input.tables import Table
from mxgateway_cli.input.tag_lists import TAG_COLUMN, invalid_tag
from mxgateway_cli.input.text_source import TextSource
from mxgateway_cli.input.value_types import TYPES_HELP, find_type

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway_cli.input.tables import TableRow

__all__ = ["WriteRequest", "pair_up", "read_recipe"]

_VALUE_COLUMN: Final = "value"
_TYPE_COLUMN: Final = "type"


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """A value to be written to a tag.

    Attributes:
        tag: The name of the tag.
        text: The value as text.
        value_type: The type of the value, or None if the tag decides.
        place: Where the request comes from, for messages: "recipe.csv, line 3: "; empty for an argument.
    """

    tag: str
    text: str
    value_type: str | None = None
    place: str = ""


def pair_up(words: Sequence[str], value_type: str | None) -> tuple[WriteRequest, ...]:
    """Return the requests of `TAG VALUE [TAG VALUE ...]`.

    Raises:
        click.UsageError: A tag has no value, is empty, or occurs twice.
    """
    tags, texts = words[::2], words[1::2]
    if len(tags) > len(texts):
        hint = "; put a space instead of the =" if "=" in tags[-1] else ", for example TestChildObject.TestInt 5"
        raise click.UsageError(f"{tags[-1]} has no value: give TAG VALUE{hint}")
    first: dict[str, str] = {}
    for tag in tags:
        if not tag.strip():
            raise click.UsageError("a tag is empty: give TAG VALUE, for example TestChildObject.TestInt 5")
        if tag.casefold() in first:
            raise click.UsageError(f"{tag} is given twice: give one value per tag")
        first[tag.casefold()] = tag
    return tuple(WriteRequest(tag=tag, text=text, value_type=value_type) for tag, text in zip(tags, texts, strict=True))


def read_recipe(path: str) -> tuple[WriteRequest, ...]:
    """Return the requests of a CSV file with the columns `tag`, `value` and optionally `type`; `-` is stdin.

    Other columns are ignored. An empty type means that the tag decides.

    Raises:
        click.UsageError: The file cannot be read, is not such a table, or names a tag twice.
    """
    source = TextSource(path=path, content="recipe")
    table = Table.find(source, source.read(), TAG_COLUMN)
    if table is None or _VALUE_COLUMN not in table.columns:
        raise source.error("its first row must name the columns tag and value, and may name the column type")
    requests: list[WriteRequest] = []
    lines: dict[str, int] = {}
    for row in table:
        request = _request(source, row)
        earlier = lines.setdefault(request.tag.casefold(), row.line)
        if earlier != row.line:
            raise source.error(f"names {request.tag} again, which line {earlier} names already", row.line)
        requests.append(request)
    if not requests:
        raise source.error("it names no tag")
    return tuple(requests)


def _request(source: TextSource, row: TableRow) -> WriteRequest:
    tag = row.cells.get(TAG_COLUMN, "").strip()
    problem = invalid_tag(tag)
    if problem is not None:
        raise source.error(problem, row.line)
    if _VALUE_COLUMN not in row.cells:
        raise source.error(f"has no value for {tag}", row.line)
    type_name = row.cells.get(_TYPE_COLUMN, "").strip()
    value_type = find_type(type_name) if type_name else None
    if type_name and value_type is None:
        raise source.error(f"has the unknown type {type_name[:20]!r}: use {TYPES_HELP}", row.line)
    return WriteRequest(
        tag=tag,
        text=row.cells[_VALUE_COLUMN],
        value_type=value_type,
        place=f"{source.name}, line {row.line}: ",
    )
