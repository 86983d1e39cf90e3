"""The commands of the prompt of a simulated gateway: one line each, with an answer of one line."""

from __future__ import annotations

import shlex
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import click

from mxgateway import Quality, from_mx_value
from mxgateway.testing import TagType
from mxgateway.testing.scripts.actions import ACTIONS
from mxgateway.testing.scripts.instructions import (
    END,
    make_instruction,
    parameters_of,
    positional_values,
)
from mxgateway_cli.input.values import parse_value
from mxgateway_cli.output.formatting import format_any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.testing import Tag
    from mxgateway.testing.scripts.control import Control
    from mxgateway.testing.scripts.parameters import Parameter

__all__ = ["Lines", "QuitRequest"]

_ALARM: Final = "alarm"
_ALARM_ACTIONS: Final = {
    "raise": "raise_alarm",
    "clear": "clear_alarm",
    "acknowledge": "acknowledge_alarm",
    "retrigger": "retrigger_alarm",
}
_DROP: Final = {"drop": "drop_connections"}
_QUIT: Final = frozenset({"quit", "exit"})
# The commands of the prompt that are not actions, with their usage and meaning.
_COMMANDS: Final = {
    "get": ("get TAG", "prints a tag"),
    "sessions": ("sessions", "prints the open sessions"),
    "faults": ("faults", "prints the faults that are active"),
    _ALARM: ("alarm raise|clear|acknowledge|retrigger TAG", "changes the alarm of a tag"),
    "drop": ("drop", "breaks all connections; sessions stay open"),
    END: (f"{END} FAULT", "ends a fault that lasts"),
    "wait": ("wait SECONDS", "waits before the next line"),
    "help": ("help [COMMAND]", "prints the commands, or what one of them does"),
    "quit": ("quit", "stops the gateway"),
}
_VALUE_TYPES: Final = {
    TagType.BOOLEAN: "bool",
    TagType.BYTE: "int32",
    TagType.SHORT: "int32",
    TagType.INTEGER: "int32",
    TagType.LONG: "int64",
    TagType.FLOAT: "float",
    TagType.DOUBLE: "double",
    TagType.STRING: "string",
    TagType.TIME: "timestamp",
}


class QuitRequest(Exception):
    """The user wants to stop the gateway."""


class Lines:
    """Answers the lines that are typed at the prompt of a simulated gateway."""

    def __init__(self, control: Control) -> None:
        self._control = control

    async def answer(self, line: str) -> str | None:
        """Return the answer to a line, or None if the line is blank or a comment.

        Raises:
            QuitRequest: The line is `quit`.
            ValueError: The line is invalid, or its command failed. The message is for the user.
        """
        words = _words(line)
        if not words:
            return None
        name, *arguments = words
        if name in _QUIT:
            raise QuitRequest
        match name, arguments:
            case ("get", [tag]):
                return self._describe(tag)
            case ("sessions", []):
                return self._sessions()
            case ("faults", []):
                return "; ".join(map(str, self._control.lasting)) or "no fault is active"
            case ("wait", [seconds]):
                await self._control.gateway.clock.sleep(_seconds(seconds))
                return "done"
            case ("help", []):
                return f"commands: {', '.join([*_COMMANDS, *ACTIONS])}; help COMMAND explains one"
            case ("help", [command]):
                return _help(command)
            case (("get" | "sessions" | "faults" | "wait" | "help") as command, _):
                raise ValueError(f"usage: {_COMMANDS[command][0]}")
            case _:
                return await self._perform(*_action(name, arguments))

    def complete(self, before: str, word: str) -> list[str]:
        """Return the words that can follow the text `before` and begin with `word`. A space ends the only one."""
        try:
            words = _words(before)
            possible = self._possible_words(words, word)
        except ValueError:
            # The line has an open quotation, or its command is unknown.
            return []
        found = [each for each in possible if each.lower().startswith(word.lower())]
        return [f"{each} " for each in found] if len(found) == 1 and not found[0].endswith("=") else found

    def _possible_words(self, words: Sequence[str], word: str) -> list[str]:
        commands, tags = [*_COMMANDS, *ACTIONS], [tag.name for tag in self._control.gateway.plant]
        match words:
            case [] | ["help"]:
                return commands
            case ["alarm"]:
                return list(_ALARM_ACTIONS)
            case ["get"]:
                return tags
            case ["end"]:
                return [action.name for action in ACTIONS.values() if action.lasts]
            case [name, *arguments]:
                action, rest = _action(name, arguments)
                return _completions(action, len(rest), word, tags) if action in ACTIONS else []
            case _:
                return []

    async def _perform(self, name: str, arguments: Sequence[str]) -> str:
        parameters = {each.name: each for each in parameters_of(name)}
        positional: list[str] = []
        named: dict[str, str] = {}
        for word in arguments:
            key, separator, text = word.partition("=")
            if separator and key in parameters:
                named[key] = text
            else:
                positional.append(word)
        texts = positional_values(name, positional, named)
        values = {key: self._parse(parameters[key], str(text), texts) for key, text in texts.items()}
        instruction = make_instruction(name, values)
        await self._control.perform(instruction)
        if instruction.ends:
            return "ended"
        if instruction.action.lasts:
            return "active" if instruction.duration is None else f"active for {instruction.duration:g} s"
        tag = instruction.arguments.get("tag")
        return "done" if tag is None else self._describe(tag)

    def _parse(self, parameter: Parameter, text: str, texts: dict[str, Any]) -> object:
        if parameter.name != "value":
            try:
                return parameter.parse(text)
            except ValueError as error:
                raise ValueError(f"{parameter.name} {error}") from error
        name = str(texts.get("tag", ""))
        # A tag that is unknown is reported later, together with the other mistakes.
        return _parse_value(self._control.gateway.plant[name], text) if name in self._control.gateway.plant else text

    def _describe(self, name: str) -> str:
        plant = self._control.gateway.plant
        if name not in plant:
            # The same message as for an action.
            make_instruction("silent_tag", {"tag": name}).check(plant)
        tag = plant[name]
        value: Any = list(tag.value) if isinstance(tag.value, tuple) else tag.value
        alarm = "" if tag.alarm is None else f", alarm {tag.alarm.state.words}"
        return f"{tag.reference} {Quality(tag.quality)} {format_any(value)}{alarm}"

    def _sessions(self) -> str:
        sessions = self._control.gateway.sessions
        described = [f"{each.client_session_name or '-'} {each.session_id} {each.state.words}" for each in sessions]
        return "; ".join(described) or "no session is open"


def _words(line: str) -> list[str]:
    if line.lstrip("\ufeff \t").startswith("#"):
        return []
    try:
        return shlex.split(line.lstrip("\ufeff"))
    except ValueError as error:
        raise ValueError(f"cannot split the line into words: {str(error).lower()}") from error


def _action(name: str, arguments: Sequence[str]) -> tuple[str, Sequence[str]]:
    """Return an action and its arguments for the short forms of the prompt.

    Raises:
        ValueError: There is no such command.
    """
    if name != _ALARM:
        action = _DROP.get(name, name)
        _check_command(action)
        return action, arguments
    if not arguments or arguments[0] not in _ALARM_ACTIONS:
        raise ValueError(f"usage: {_COMMANDS[_ALARM][0]}")
    return _ALARM_ACTIONS[arguments[0]], arguments[1:]


def _check_command(name: str) -> None:
    if name not in ACTIONS and name not in _COMMANDS:
        near = get_close_matches(name, [*_COMMANDS, *ACTIONS], n=1)
        hint = f"did you mean {near[0]}?" if near else "type help for the commands"
        raise ValueError(f"unknown command {name!r}: {hint}")


def _help(command: str) -> str:
    if command in _COMMANDS:
        usage, meaning = _COMMANDS[command]
        return f"{usage}: {meaning}"
    _check_command(command)
    action = ACTIONS[command]
    parameters = [each.name.upper() if each.required else f"[{each.name.upper()}]" for each in parameters_of(command)]
    keys = "; ".join(f"{each.name}: {each.meaning}" for each in parameters_of(command))
    return f"{' '.join([command, *parameters])}: {action.meaning}" + (f" ({keys})" if keys else "")


def _completions(name: str, position: int, word: str, tags: list[str]) -> list[str]:
    parameters = parameters_of(name)
    key, separator, _ = word.partition("=")
    named = [each for each in parameters if each.name == key]
    chosen = named if separator else parameters[position : position + 1]
    prefix = f"{key}=" if separator else ""
    values = [f"{prefix}{text}" for each in chosen for text in (tags if each.kind.names_tag else each.kind.words)]
    return values if separator else [*values, *(f"{each.name}=" for each in parameters)]


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    if not 0 <= seconds < float("inf"):
        raise ValueError(f"seconds must be a number from 0, not {text!r}")
    return seconds


def _parse_value(tag: Tag, text: str) -> object:
    value_type = _VALUE_TYPES.get(tag.type)
    if value_type is None or (text == "null" and tag.type is not TagType.STRING):
        return None
    try:
        return from_mx_value(parse_value(f"{value_type}[]" if tag.is_array else value_type, text))
    except click.UsageError as error:
        raise ValueError(error.message) from error
