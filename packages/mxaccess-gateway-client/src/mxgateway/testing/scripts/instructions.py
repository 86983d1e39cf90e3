"""One instruction of a script: an action with its arguments."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from mxgateway.testing.scripts.actions import ACTIONS
from mxgateway.testing.scripts.parameters import SECONDS, TEXT, Parameter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.actions import Action

__all__ = ["END", "Instruction", "find_action", "make_instruction", "parameters_of", "positional_values"]

END: Final = "end"
"""The name of the instruction that ends a lasting fault."""

_DURATION: Final = Parameter(
    name="duration", kind=SECONDS, meaning="how long the fault lasts; by default until it is ended"
)
_FAULT: Final = Parameter(name="fault", kind=TEXT, meaning="the lasting fault to end", required=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """An action with its arguments, or the end of a lasting fault.

    Attributes:
        action: the action, or the lasting fault that is ended.
        arguments: its converted arguments.
        duration: how many seconds of the gateway's clock a lasting fault lasts; None until it is ended.
        ends: whether the fault is ended.
        text: the instruction as words, for people.
    """

    action: Action
    arguments: Mapping[str, Any]
    duration: float | None = None
    ends: bool = False
    text: str

    @property
    def identity(self) -> tuple[object, ...]:
        """What distinguishes lasting faults that can be active at the same time."""
        return (self.action.name, *(_fold(self.arguments.get(name)) for name in self.action.identity))

    def check(self, plant: Plant) -> None:
        """Check the instruction against a plant.

        Raises:
            ValueError: an argument does not fit the plant. The message begins with the key.
        """
        for parameter in self.action.parameters:
            if parameter.name in self.arguments:
                try:
                    parameter.check(self.arguments[parameter.name], plant)
                except ValueError as error:
                    raise ValueError(f"{parameter.name}: {error}") from error
        if "value" in self.arguments:
            try:
                plant[self.arguments["tag"]].check(self.arguments["value"])
            except (TypeError, ValueError) as error:
                raise ValueError(f"value: {error}") from error

    def __str__(self) -> str:
        return self.text


def find_action(name: object) -> Action:
    """Return the action with this name.

    Raises:
        ValueError: there is none. The message names the near ones, or all.
    """
    action = ACTIONS.get(name) if isinstance(name, str) else None
    if action is None:
        near = difflib.get_close_matches(str(name), ACTIONS, n=2)
        hint = f"did you mean {' or '.join(near)}?" if near else f"use one of {', '.join([*ACTIONS, END])}"
        raise ValueError(f"unknown action {name!r}: {hint}")
    return action


def parameters_of(name: str) -> tuple[Parameter, ...]:
    """Return the parameters of an action, or of `end`. A fault that lasts has a duration.

    Raises:
        ValueError: there is no such action.
    """
    if name == END:
        return (_FAULT,)
    action = find_action(name)
    return (*action.parameters, _DURATION) if action.lasts else action.parameters


def positional_values(name: str, arguments: Sequence[object], values: Mapping[str, object]) -> dict[str, object]:
    """Return the values of the parameters by their names, of which the first are given by their order.

    Raises:
        ValueError: there is no such action, there are too many values, or a parameter has two.
    """
    names = [parameter.name for parameter in parameters_of(name)]
    if len(arguments) > len(names):
        problem = f"at most {len(names)} arguments: {', '.join(names)}" if names else "no arguments"
        raise ValueError(f"{name} takes {problem}")
    by_name = dict(zip(names, arguments, strict=False))
    for key in by_name:
        if key in values:
            raise ValueError(f"{key} is given twice")
    return {**by_name, **values}


def make_instruction(name: str, values: Mapping[str, object]) -> Instruction:
    """Make an instruction from the name of its action and the values of its parameters.

    Raises:
        ValueError: the action or a key is unknown, or a value is missing or invalid. The message names the key.
    """
    text = " ".join([name, *(f"{key}={_word(value)}" for key, value in values.items())])
    if name == END:
        fault = _convert(parameters_of(END), values)[_FAULT.name]
        action = find_action(fault)
        if not action.lasts:
            raise ValueError(f"fault: {fault} does not last, so it cannot be ended")
        return Instruction(action=action, arguments={}, ends=True, text=text)
    action = find_action(name)
    arguments = _convert(parameters_of(name), values)
    if name == "set" and len(arguments) == 1:
        raise ValueError("value is missing: give a value, a quality or a timestamp")
    duration = cast("float | None", arguments.pop(_DURATION.name, None))
    return Instruction(action=action, arguments=arguments, duration=duration, text=text)


def _convert(parameters: tuple[Parameter, ...], values: Mapping[str, object]) -> dict[str, object]:
    by_name = {parameter.name: parameter for parameter in parameters}
    for key in values:
        if key not in by_name:
            raise ValueError(f"unknown key {key}: " + (f"use {', '.join(by_name)}" if by_name else "it takes none"))
    for parameter in parameters:
        if parameter.required and parameter.name not in values:
            raise ValueError(f"{parameter.name} is missing: it is {parameter.meaning}")
    converted: dict[str, object] = {}
    for key, value in values.items():
        try:
            # A null value is a value of a tag, for every kind but that it is invalid.
            converted[key] = None if value is None and key == "value" else by_name[key].convert(value)
        except ValueError as error:
            raise ValueError(f"{key} {error}") from error
    return converted


def _word(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case float():
            return f"{value:g}"
        case str() if not value or " " in value:
            return f'"{value}"'
        case _:
            return str(value)


def _fold(value: object) -> object:
    return value.casefold().removesuffix("[]") if isinstance(value, str) else value
