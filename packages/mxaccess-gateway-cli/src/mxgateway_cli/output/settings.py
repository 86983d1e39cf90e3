"""The output options, and how results are printed according to them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click.core import ParameterSource

from mxgateway_cli.help import option

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mxgateway_cli.output.formatting import Zone

__all__ = ["OutputFormat", "OutputSettings", "output_options", "requests_json"]

_SECTION = "Output"
_TRUE_WORDS = frozenset({"1", "true", "t", "yes", "y", "on"})

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


class OutputFormat(StrEnum):
    """How results are printed.

    Attributes:
        TABLE: Tables, trees and live displays.
        LINES: One line per result.
        CSV: Comma-separated values with a header.
        JSONL: One JSON object per line, errors and warnings included.
        VALUE: Values without names and units.
    """

    TABLE = "table"
    LINES = "lines"
    CSV = "csv"
    JSONL = "jsonl"
    VALUE = "value"


_DECLARATIONS: tuple[Callable[[Any], Any], ...] = (
    option(
        "--output",
        "-o",
        section=_SECTION,
        type=click.Choice([each.value for each in OutputFormat]),
        metavar="FORMAT",
        help="Print results as table, lines, csv, jsonl, or as bare value.  "
        "[default: table on a terminal, lines in a pipe]",
    ),
    option(
        "--json",
        "as_json",
        section=_SECTION,
        is_flag=True,
        help="Print one JSON object per line, errors included; the same as --output jsonl.",
    ),
    option("--utc", section=_SECTION, is_flag=True, help="Print times in UTC; the default in a pipe."),
    option(
        "--local",
        section=_SECTION,
        is_flag=True,
        help="Print times in local time with its offset; the default on a terminal. JSON is always in UTC.",
    ),
    option("--no-color", section=_SECTION, is_flag=True, help="Print without colours, as with the variable NO_COLOR."),
    option(
        "--debug", section=_SECTION, is_flag=True, help="Show the log of the client library, and tracebacks of errors."
    ),
)


def output_options(function: FunctionT) -> FunctionT:
    """Declare the options that `Output.from_parameters` reads."""
    for declare in reversed(_DECLARATIONS):
        function = declare(function)
    return function


def requests_json(arguments: Sequence[str]) -> bool:
    """Return whether a command line or the environment requests JSON, without parsing.

    The answer applies to errors of the parser too.
    """
    for index, argument in enumerate(arguments):
        if argument in {"--json", f"--output={OutputFormat.JSONL}", f"-o{OutputFormat.JSONL}"}:
            return True
        if argument in {"--output", "-o"} and arguments[index + 1 : index + 2] == [OutputFormat.JSONL.value]:
            return True
    if any(argument.startswith(("--output", "-o")) for argument in arguments):
        return False
    in_environment = os.environ.get("MXGATEWAY_OUTPUT", "").strip() == OutputFormat.JSONL
    return in_environment or os.environ.get("MXGATEWAY_JSON", "").strip().lower() in _TRUE_WORDS


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputSettings:
    """How results are printed.

    Attributes:
        format: The format, or None for the default of the terminal or pipe.
        utc: Whether times are in UTC; None for the default of the terminal or pipe.
        color: Whether a terminal gets colours.
    """

    format: OutputFormat | None = None
    utc: bool | None = None
    color: bool = True

    @classmethod
    def from_parameters(cls, context: click.Context, parameters: dict[str, Any]) -> OutputSettings:
        """Remove the output options except `--debug` from a command's parameters and create settings from them.

        Raises:
            click.UsageError: Two options contradict each other.
        """
        name, as_json = parameters.pop("output") or None, bool(parameters.pop("as_json"))
        utc, local, no_color = (bool(parameters.pop(each)) for each in ("utc", "local", "no_color"))
        if as_json and name not in {None, OutputFormat.JSONL}:
            as_json = _prefers(context, "as_json", "output", ("--json", f"--output {name}"))
        if utc and local:
            local = _prefers(context, "local", "utc", ("--local", "--utc"))
            utc = not local
        chosen = OutputFormat.JSONL if as_json else None if name is None else OutputFormat(name)
        return cls(format=chosen, utc=True if utc else False if local else None, color=not no_color)

    def zone(self, *, is_terminal: bool) -> Zone:
        """Return the time zone in which times are printed."""
        utc = not is_terminal if self.utc is None else self.utc
        return UTC if utc else None


def _prefers(context: click.Context, first: str, second: str, names: tuple[str, str]) -> bool:
    """Return whether the first of two contradicting options counts: the command line overrides the environment."""
    first_here, second_here = (
        context.get_parameter_source(each) is ParameterSource.COMMANDLINE for each in (first, second)
    )
    if first_here == second_here:
        raise click.UsageError(f"{names[0]} and {names[1]} contradict each other: give only one of them")
    return first_here
