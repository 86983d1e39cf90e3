"""Suggestions for commands and options that do not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mxgateway_cli.output.settings import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["suggested_options", "unknown_command"]

_CHARACTERS_PER_TYPO: Final = 4
_MAX_SUGGESTIONS: Final = 3
_MAX_CHARACTERS: Final = 60
# Words of other command lines, and the commands that do the same here. Commands that do not exist are left out.
_OTHER_WORDS: Final[Mapping[str, str]] = {
    "ack": "acknowledge-alarm watch-alarms",
    "acknowledge": "acknowledge-alarm watch-alarms",
    "alarm": "watch-alarms query-active-alarms",
    "alarms": "watch-alarms query-active-alarms",
    "attributes": "browse",
    "autocomplete": "completion",
    "bench": "bench-read-bulk bench-events",
    "benchmark": "bench-read-bulk bench-events",
    "cat": "read",
    "check": "doctor smoke",
    "complete": "completion",
    "config": "profile doctor",
    "configure": "profile doctor",
    "connect": "doctor open-session",
    "context": "profile",
    "csv": "record",
    "demo": "simulate",
    "diagnose": "doctor",
    "dir": "browse",
    "discover": "galaxy-discover",
    "echo": "ping doctor",
    "events": "stream-events",
    "export": "record",
    "find": "browse galaxy-discover",
    "follow": "watch",
    "get": "read",
    "info": "version doctor",
    "list": "browse",
    "log": "record",
    "login": "profile doctor",
    "logout": "profile",
    "ls": "browse",
    "monitor": "watch",
    "objects": "browse galaxy-discover",
    "poll": "watch",
    "profiles": "profile",
    "put": "write",
    "recipe": "write",
    "repl": "batch",
    "search": "browse galaxy-discover",
    "server": "simulate",
    "serve": "simulate",
    "set": "write",
    "settings": "profile doctor",
    "shell": "batch",
    "show": "read browse",
    "sim": "simulate",
    "simulator": "simulate",
    "state": "session-state doctor",
    "status": "doctor session-state",
    "stream": "watch stream-events stream-alarms",
    "sub": "watch",
    "subscribe": "watch subscribe-bulk",
    "tags": "browse",
    "tail": "watch",
    "test": "smoke doctor",
    "tree": "browse",
    "value": "read",
    "values": "read watch",
}


def suggested_options(wanted: str, options: Iterable[str]) -> list[str]:
    """Return the options of a command that the user may have meant: up to three, the nearest first.

    Near are options that differ by a few typing errors, or that contain all words of the one that was given. The name
    of a format suggests `--output` with it.
    """
    name = wanted.lstrip("-")
    offered = list(options)
    if "--output" in offered and name in set(OutputFormat):
        return [f"--output {name}"]
    return _near(name, offered)


def unknown_command(wanted: str, commands: Iterable[str]) -> str:
    """Return the error message for a command that does not exist, with up to three that the user may have meant.

    Near are commands that other command lines call so, that differ by a few typing errors, or that contain all words.
    """
    shown = wanted[:_MAX_CHARACTERS]
    offered = list(commands)
    name = wanted.lower().replace("_", "-")
    others = [each for each in _OTHER_WORDS.get(name, "").split() if each in offered]
    suggestions = list(dict.fromkeys([*others, *_near(name, offered)]))[:_MAX_SUGGESTIONS]
    if suggestions:
        return f"unknown command {shown!r}: did you mean {_joined(suggestions)}?"
    if all(wanted.partition(".")) and len(wanted) <= _MAX_CHARACTERS:
        return f"unknown command {shown!r}: to read this tag, give mxgw-py read {wanted}"
    return f"unknown command {shown!r}"


def _joined(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


def _near(name: str, offered: list[str]) -> list[str]:
    if not name or len(name) > _MAX_CHARACTERS:
        return []
    limit = max(1, len(name) // _CHARACTERS_PER_TYPO)
    distances = [(_typing_errors(name, each.lstrip("-")), each) for each in offered]
    typos = [each for distance, each in sorted(distances) if distance <= limit]
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
