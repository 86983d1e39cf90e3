"""The tags that a command was given, with patterns looked up in the Galaxy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.input.tag_lists import unique_tags
from mxgateway_cli.input.tag_options import EXAMPLE_TAG

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from mxgateway import Galaxy
    from mxgateway_cli.connecting.client import Gateway
    from mxgateway_cli.output.console import Output

__all__ = ["find_tags", "glob_expression", "match_tags"]

_WILDCARDS: Final = {"*": ".*", "?": "."}
_EXAMPLE_PATTERN: Final = "'TestMachine_*.TestSine'"


async def find_tags(
    gateway: Gateway, output: Output, *, tags: Sequence[str], tags_file: Sequence[str], match: bool
) -> tuple[str, ...]:
    """Return the tags of a command, each once, in the given order. The keywords are the options of `tag_options`.

    The number of tags that match a pattern is printed as a note. Nothing is sent unless there is a pattern.

    Raises:
        click.UsageError: There is no tag, a tag contains a comma, or a pattern is not to be looked up or has no
            attribute.
        CommandFailure: No tag of the Galaxy matches a pattern.
        MxGatewayError: The Galaxy cannot be read.
    """
    names = [*tags, *tags_file]
    if not names:
        raise click.UsageError(f"no tags: give TAG..., for example {EXAMPLE_TAG}, or --tags-file FILE")
    for name in names:
        if "," in name:
            raise click.UsageError(f"{name!r} contains a comma: separate tags by spaces")
    patterns = [name for name in names if _is_pattern(name)]
    if not match:
        if patterns:
            raise click.UsageError(f"{patterns[0]!r} is a pattern: give --match to look it up in the Galaxy")
        return unique_tags(names)
    for pattern in patterns:
        if not all(pattern.partition(".")):
            raise click.UsageError(f"the pattern {pattern!r} names no attribute: use for example {_EXAMPLE_PATTERN}")
    found: list[str] = []
    for name in names:
        found += await _look_up(gateway, output, name) if _is_pattern(name) else [name]
    return unique_tags(found)


async def match_tags(galaxy: Galaxy, pattern: str) -> list[str]:
    """Return the references of the Galaxy's attributes that match a pattern `Object.Attribute` with * and ?.

    Case is ignored. The part before the first dot must match the whole name of the object, and the rest the whole name
    of the attribute, with or without the `[]` of an array.

    Raises:
        MxGatewayError: The Galaxy cannot be read.
    """
    object_glob, _, attribute_glob = pattern.partition(".")
    is_match = re.compile(glob_expression(attribute_glob), re.IGNORECASE | re.DOTALL).fullmatch
    found: list[str] = []
    async for each in galaxy.discover(tag_name_glob=object_glob, include_attributes=True):
        for attribute in each.attributes:
            reference = attribute.full_tag_reference
            if is_match(attribute.attribute_name) or is_match(reference.partition(".")[2]):
                found.append(reference)
    return found


async def _look_up(gateway: Gateway, output: Output, pattern: str) -> Iterable[str]:
    found = await match_tags((await gateway.client()).galaxy, pattern)
    if not found:
        raise CommandFailure(f"no tag of the Galaxy matches {pattern!r}", ExitStatus.FAILED)
    gateway.galaxy_cache.add(found)
    output.diagnostics.note(f"{len(found)} {'tag matches' if len(found) == 1 else 'tags match'} {pattern!r}")
    return found


def _is_pattern(name: str) -> bool:
    return any(wildcard in name for wildcard in _WILDCARDS)


def glob_expression(glob: str) -> str:
    """Return a pattern with * and ? as a regular expression."""
    return "".join(_WILDCARDS.get(character) or re.escape(character) for character in glob)
