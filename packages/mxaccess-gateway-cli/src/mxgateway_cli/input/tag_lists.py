"""Lists of tags in files: a tag per line, CSV with a column `tag`, or a JSON array."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

from mxgateway_cli.input.tables import Table
from mxgateway_cli.input.text_source import TextSource, lines_with_content
from mxgateway_cli.input.values import quote

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TAG_COLUMN", "invalid_tag", "read_tag_list", "unique_tags"]

TAG_COLUMN: Final = "tag"
"""The column of a table that holds the tags."""

# No tag has one of these characters. They are signs of a list in another format.
_INVALID: Final = re.compile(r"[\s,;\"']")
# A comment behind a tag. `#` itself may be part of a tag.
_COMMENT: Final = re.compile(r"\s#")


def read_tag_list(path: str) -> tuple[str, ...]:
    """Return the tags of a file, or of stdin if the path is `-`, in the order of the file.

    Blank lines and lines that start with `#` are skipped.

    Raises:
        click.UsageError: The file cannot be read, names no tag, or has a line that does not name one.
    """
    source = TextSource(path=path, content="tag list")
    text = source.read()
    lines = list(lines_with_content(text))
    if not lines:
        raise source.error("it names no tag")
    if lines[0].text.lstrip().startswith(("[", "{")):
        return _from_json(source, text)
    table = Table.find(source, text, TAG_COLUMN)
    if table is not None:
        names = [(row.line, row.cells.get(TAG_COLUMN, "").strip()) for row in table]
    else:
        names = [(line.number, _COMMENT.split(line.text, maxsplit=1)[0].strip()) for line in lines]
    for line, name in names:
        problem = invalid_tag(name)
        if problem is not None:
            raise source.error(problem, line)
    return tuple(name for _, name in names)


def invalid_tag(name: str) -> str | None:
    """Return why a text of a file is not the name of a tag, as the end of a sentence, or None."""
    if not name:
        return "has no tag name"
    if _INVALID.search(name):
        return f"is not the name of a tag: {quote(name)}"
    return None


def unique_tags(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names without those that occur earlier. The Galaxy ignores case."""
    first: dict[str, str] = {}
    for name in names:
        first.setdefault(name.casefold(), name)
    return tuple(first.values())


def _from_json(source: TextSource, text: str) -> tuple[str, ...]:
    problem, line = "it is not valid JSON", None
    try:
        elements: object = json.loads(text)
    except json.JSONDecodeError as error:
        problem, line = f"is not valid JSON: {error.msg}", error.lineno
    except (RecursionError, ValueError):
        pass
    else:
        if not isinstance(elements, list):
            raise source.error("it is JSON, but not an array of tags")
        for number, element in enumerate(cast("list[object]", elements), 1):
            if isinstance(element, str):
                invalid = invalid_tag(element)
            else:
                invalid = f"is not a string: {quote(json.dumps(element))}"
            if invalid is not None:
                raise source.error(f"element {number} {invalid}")
        return tuple(cast("list[str]", elements))
    raise source.error(problem, line)
