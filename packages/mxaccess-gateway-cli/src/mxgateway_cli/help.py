"""Commands and options that say which section of the help they stand in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["COMMAND_SECTION", "Command", "Option", "option"]

COMMAND_SECTION = "Options"
_ENVIRONMENT_PREFIX = "MXGATEWAY_"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


class Option(click.Option):
    """An option with the section of the help that it stands in."""

    def __init__(self, param_decls: Sequence[str], *, section: str, **attributes: Any) -> None:
        super().__init__(param_decls, **attributes)
        self.section = section


class Command(click.Command):
    """A command whose help shows its options by section.

    Attributes:
        schema: the name of the JSON Schema that every line on stdout fits with `--json`.
    """

    def __init__(self, *arguments: Any, schema: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.schema = schema

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, the command's own first."""
        sections: dict[str, list[tuple[str, str]]] = {COMMAND_SECTION: []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record is not None:
                section = parameter.section if isinstance(parameter, Option) else "Help"
                sections.setdefault(section, []).append(record)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


def option(
    flag: str, *declarations: str, section: str = COMMAND_SECTION, environment: bool = True, **attributes: Any
) -> Callable[[FunctionT], FunctionT]:
    """Declare an option that also comes from the environment: `--session-id` from MXGATEWAY_SESSION_ID."""
    name = _ENVIRONMENT_PREFIX + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(
        flag, *declarations, cls=Option, section=section, envvar=name if environment else None, **attributes
    )
