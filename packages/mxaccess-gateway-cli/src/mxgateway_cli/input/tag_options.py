"""Options of the commands that take tags: names, a file of names, and patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from mxgateway_cli.help import option
from mxgateway_cli.input.lists import parse_references
from mxgateway_cli.input.tag_lists import read_tag_list
from mxgateway_cli.input.text_source import STDIN

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["items_or_tag_list", "optional_items", "tags"]

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

_REFERENCES_HELP: Final = "The items' references, separated by commas; the name of an array ends in []."


def _read_stdin(context: click.Context, _: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Replace `-` by the tags on stdin. The callback of an argument."""
    if STDIN not in names or context.resilient_parsing:
        return names
    position = names.index(STDIN)
    return (*names[:position], *read_tag_list(STDIN), *names[position + 1 :])


def _read_file(context: click.Context, _: click.Parameter, path: str | None) -> tuple[str, ...]:
    """Return the tags of a file. The callback of an option."""
    # During completion nothing may be read, least of all stdin.
    return () if not path or context.resilient_parsing else read_tag_list(path)


_tags_file = option(
    "--tags-file",
    metavar="FILE",
    callback=_read_file,
    help="Also the tags in this file, or on stdin if it is -: a tag per line, CSV with a column tag, or a JSON array.",
)
_match = option(
    "--match",
    is_flag=True,
    help="Look up names with * and ? in the Galaxy, for example 'TestMachine_*.TestSine'.",
)


def tags(function: FunctionT) -> FunctionT:
    """Declare the argument TAG..., `--tags-file` and `--match`, the keywords of `find_tags`."""
    argument = click.argument("tags", metavar="TAG...", nargs=-1, callback=_read_stdin)
    return argument(_tags_file(_match(function)))


def items_or_tag_list(function: FunctionT) -> FunctionT:
    """Declare `--items`, `--tags-file` and `--match`, the keywords of `find_tags`."""
    return optional_items(_REFERENCES_HELP)(function)


def optional_items(text: str) -> Callable[[FunctionT], FunctionT]:
    """Declare the same options with another help text of `--items`."""
    items = option("--items", "tags", callback=parse_references, metavar="LIST", help=text)

    def declare(function: FunctionT) -> FunctionT:
        return items(_tags_file(_match(function)))

    return declare
