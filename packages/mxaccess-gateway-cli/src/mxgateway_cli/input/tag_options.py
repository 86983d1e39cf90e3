"""Options of the commands that take tags: names, a file of names, and patterns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from mxgateway_cli.completion.names import complete_tag
from mxgateway_cli.help import argument, former_option, option
from mxgateway_cli.input.lists import parse_references
from mxgateway_cli.input.tag_lists import read_tag_list
from mxgateway_cli.input.text_source import STDIN

if TYPE_CHECKING:
    from collections.abc import Callable

    import click

__all__ = ["EXAMPLE_TAG", "optional_tags", "tag", "tags"]

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")

EXAMPLE_TAG: Final = "TestChildObject.TestInt"


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
    return _declare_tags(function, metavar="TAG...")


def optional_tags(function: FunctionT) -> FunctionT:
    """Declare the same for a command that has tags of its own if it is given none."""
    return _declare_tags(function, metavar="[TAG]...")


def tag(*, metavar: str = "TAG", required: bool = True) -> Callable[[FunctionT], FunctionT]:
    """Declare the argument TAG of a command that takes a single tag, the keyword `tag`."""

    def declare(function: FunctionT) -> FunctionT:
        former = former_option("--item", target="tag", instead="TAG")
        return argument("tag", metavar=metavar, required=required, example=EXAMPLE_TAG, shell_complete=complete_tag)(
            former(function)
        )

    return declare


def _declare_tags(function: FunctionT, *, metavar: str) -> FunctionT:
    names = argument(
        "tags",
        metavar=metavar,
        nargs=-1,
        example=None if metavar.startswith("[") else EXAMPLE_TAG,
        callback=_read_stdin,
        shell_complete=complete_tag,
    )
    former = former_option("--items", target="tags", instead="TAG...", parse=parse_references)
    return names(former(_tags_file(_match(function))))
