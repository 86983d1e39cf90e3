"""Suggestions of options for one that a command does not have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway_cli.output.settings import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["suggested_options"]

_CHARACTERS_PER_TYPO: Final = 4
_MAX_SUGGESTIONS: Final = 3
_MAX_CHARACTERS: Final = 60


def suggested_options(wanted: str, options: Iterable[str]) -> list[str]:
    """Return the options of a command that the user may have meant: up to three, the nearest first.

    Near are options that differ by a few typing errors, or that contain all words of the one that was given. The name
    of a format suggests `--output` with it.
    """
    name = wanted.lstrip("-")
    if len(name) > _MAX_CHARACTERS:
        return []
    offered = list(options)
    if "--output" in offered and name in set(OutputFormat):
        return [f"--output {name}"]
    limit = max(1, len(name) // _CHARACTERS_PER_TYPO)
    near = [(_typing_errors(name, each.lstrip("-")), each) for each in offered]
    typos = [each for distance, each in sorted(near) if distance <= limit]
    words = set(name.split("-"))
    containing = [each for each in offered if words <= set(each.lstrip("-").split("-")) and each not in typos]
    return [*typos, *sorted(containing, key=len)][:_MAX_SUGGESTIONS]


def _typing_errors(first: str, second: str) -> int:
    """Return how many characters were added, left out, replaced or swapped with their neighbour."""
    before: list[int] = []
    row = list(range(len(second) + 1))
    for index, character in enumerate(first, 1):
        previous, before, row = before, row, [index]
        for place, other in enumerate(second, 1):
            cost = min(before[place] + 1, row[place - 1] + 1, before[place - 1] + (character != other))
            if index > 1 and place > 1 and character == second[place - 2] and first[index - 2] == other:
                cost = min(cost, previous[place - 2] + 1)
            row.append(cost)
    return row[-1]
