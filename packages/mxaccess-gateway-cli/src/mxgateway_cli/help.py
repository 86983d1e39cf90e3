"""Commands and options whose help is divided into sections."""

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
    """An option that belongs to a section of the help."""

    def __init__(self, param_decls: Sequence[str], *, section: str, **attributes: Any) -> None:
        super().__init__(param_decls, **attributes)
        self.section = section


class Command(click.Command):
    """A command whose help lists its options by section.

    Attributes:
        schema: The name of the JSON Schema that each line on stdout follows with `--json`.
    """

    def __init__(self, *arguments: Any, schema: str, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.schema = schema

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by section, starting with the command's own."""
        sections: dict[str, list[tuple[str, str]]] = {COMMAND_SECTION: []}
        for parameter in self.get_params(ctx):
            # Arguments are explained in the command's description.
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
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
    """Declare an option.

    Unless `environment` is False, it can also be set by an environment variable: `--session-id` by
    MXGATEWAY_SESSION_ID.
    """
    name = _ENVIRONMENT_PREFIX + flag.removeprefix("--").replace("-", "_").upper()
    return click.option(
        flag, *declarations, cls=Option, section=section, envvar=name if environment else None, **attributes
    )
