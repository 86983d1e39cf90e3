"""Completion of tags and objects from the cache of the Galaxy."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from mxgateway_cli.completion.cache import GalaxyCache

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import click

__all__ = ["complete_object", "complete_tag", "complete_tag_of_pair"]

# Up to this number of tags of several objects are listed. If there are more, their objects are.
_MAX_TAGS: Final = 40


def complete_tag(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the tags that start with a text. The `shell_complete` of an argument.

    An object whose tags are not known, or which has tags among many others, is returned as `Object.`.
    """
    tags_of: dict[str, list[str]] = {}
    for name in _names(context, incomplete):
        tags = tags_of.setdefault(name.partition(".")[0], [])
        if "." in name:
            tags.append(name)
    is_short = len(tags_of) == 1 or sum(map(len, tags_of.values())) <= _MAX_TAGS
    found: list[str] = []
    for name, tags in tags_of.items():
        found += tags if is_short and tags else [f"{name}."]
    return found


def complete_tag_of_pair(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """Return the tags that start with a text, if it is the first word of TAG VALUE."""
    words: tuple[str, ...] = context.params.get(parameter.name or "") or ()
    return [] if len(words) % 2 else complete_tag(context, parameter, incomplete)


def complete_object(context: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Return the objects that start with a text. The `shell_complete` of an argument."""
    return list(dict.fromkeys(name.partition(".")[0] for name in _names(context, incomplete)))


def _names(context: click.Context, prefix: str) -> list[str]:
    endpoint = _endpoint(context)
    return GalaxyCache(endpoint).starting_with(prefix) if endpoint else []


def _endpoint(context: click.Context) -> str:
    """Return the endpoint that the incomplete command line is for, the first one if there are several; "" if none."""
    # click has already looked at the option and at its variable.
    given: str = context.params.get("endpoint") or os.environ.get("MXGATEWAY_ENDPOINTS") or ""
    return given.partition(",")[0].strip() or _endpoint_of_profile(context.params.get("profile"))


def _endpoint_of_profile(name: str | None) -> str:
    # Imported late because most completions need no profile.
    from mxgateway.profiles import select_profile  # noqa: PLC0415

    try:
        profile = select_profile(name)
    except ValueError:
        # A completion cannot report an error: the command will.
        return ""
    if profile is None:
        return ""
    several: Sequence[str | Mapping[str, str]] = profile.settings.get("endpoints") or [profile.settings["endpoint"]]
    return several[0] if isinstance(several[0], str) else several[0]["endpoint"]
