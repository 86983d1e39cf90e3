"""Commands, options and arguments: their help by section, their former names, and an example of each command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
from click.core import ParameterSource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from click.shell_completion import CompletionItem

__all__ = ["COMMAND_SECTION", "Argument", "Command", "Option", "argument", "former_option", "option"]

COMMAND_SECTION = "Options"
_ENVIRONMENT_PREFIX = "MXGATEWAY_"
_FILE_METAVAR: Final = "FILE"
# Prefix of the keys in a click context's `meta` for the values of former options.
_FORMER_KEY: Final = "mxgateway_cli.former"

FunctionT = TypeVar("FunctionT", bound="Callable[..., Any]")


class Option(click.Option):
    """An option that belongs to a section of the help.

    Attributes:
        section: The section.
        former: Other names that are accepted, but not shown.
        example: A value for examples, or None if examples do not need the option.
        instead: What to give instead of this hidden option; None for any other option.
    """

    def __init__(
        self,
        param_decls: Sequence[str],
        *,
        section: str,
        former: Sequence[str] = (),
        example: str | None = None,
        instead: str | None = None,
        **attributes: Any,
    ) -> None:
        super().__init__(param_decls, **attributes)
        self.section = section
        self.former = tuple(former)
        self.example = example
        self.instead = instead

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Add the option to a parser, with its former names."""
        shown, self.opts = self.opts, [*self.opts, *self.former]
        try:
            super().add_to_parser(parser, ctx)
        finally:
            self.opts = shown

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the value and where it comes from."""
        return _or_former(self, ctx, super().consume_value(ctx, opts))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Return the completions of the option's value."""
        if self.metavar == _FILE_METAVAR:
            from click.shell_completion import CompletionItem  # noqa: PLC0415 - only for shell completion

            return [CompletionItem(incomplete, type="file")]
        return super().shell_complete(ctx, incomplete)


class FormerOption(Option):
    """A hidden option, kept for scripts, whose value is used for another parameter if that is not given."""

    def __init__(
        self,
        param_decls: Sequence[str],
        *,
        target: str,
        parse: Callable[[click.Context, click.Parameter, Any], Any] | None = None,
        **attributes: Any,
    ) -> None:
        # Eager, so that the value is known when the other parameter is processed.
        super().__init__(
            param_decls,
            section=COMMAND_SECTION,
            hidden=True,
            is_eager=True,
            expose_value=False,
            callback=self._keep,
            **attributes,
        )
        self._target = target
        self._parse = parse

    def _keep(self, context: click.Context, parameter: click.Parameter, value: Any) -> None:
        if value is None:
            return
        source = context.get_parameter_source(self.name or "")
        parsed = value if self._parse is None else self._parse(context, parameter, value)
        context.meta[_former_key(self._target)] = _Former(value=parsed, source=source, flag=self.opts[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Former:
    """The value of a former option.

    Attributes:
        value: The value.
        source: Where it comes from.
        flag: The name of the option.
    """

    value: Any
    source: Any
    flag: str


class Argument(click.Argument):
    """An argument.

    Attributes:
        example: A value for examples, or None if examples do not need the argument.
    """

    def __init__(self, param_decls: Sequence[str], *, example: str | None = None, **attributes: Any) -> None:
        super().__init__(param_decls, **attributes)
        self.example = example

    def consume_value(self, ctx: click.Context, opts: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return the value and where it comes from."""
        return _or_former(self, ctx, super().consume_value(ctx, opts))


class Command(click.Command):
    """A command whose help lists its options by section.

    Attributes:
        schema: The name of the JSON Schema that each line on stdout follows with `--json`, or None if the command
            prints text only.
    """

    def __init__(self, *arguments: Any, schema: str | None, **attributes: Any) -> None:
        super().__init__(*arguments, **attributes)
        self.schema = schema

    @property
    def example(self) -> str:
        """A command line with the least that the command needs, without options of the connection and the output."""
        words = ["mxgw-py", self.name or ""]
        for parameter in self.params:
            if isinstance(parameter, Argument) and parameter.example is not None:
                words.append(parameter.example)
            elif isinstance(parameter, Option) and parameter.example is not None:
                words += [parameter.opts[0], parameter.example]
        return " ".join(words)

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
    flag: str,
    *declarations: str,
    section: str = COMMAND_SECTION,
    environment: bool = True,
    former: Sequence[str] = (),
    example: str | None = None,
    **attributes: Any,
) -> Callable[[FunctionT], FunctionT]:
    """Declare an option.

    Unless `environment` is False, it can also be set by an environment variable: `--session-id` by
    MXGATEWAY_SESSION_ID.

    Args:
        flag: The name of the option.
        declarations: Its short name, and the name of the parameter if it differs.
        section: The section of the help.
        environment: Whether there are environment variables.
        former: Other names that are accepted, but not shown. They have environment variables, too.
        example: A value for examples, given if the command cannot do without the option.
        attributes: Further arguments of click.Option.
    """
    variables = [_variable(name) for name in (flag, *former)] if environment else []
    return click.option(
        flag,
        *declarations,
        cls=Option,
        section=section,
        former=former,
        example=example,
        envvar=variables[0] if len(variables) == 1 else variables or None,
        **attributes,
    )


def former_option(
    flag: str,
    *,
    target: str,
    instead: str,
    parse: Callable[[click.Context, click.Parameter, Any], Any] | None = None,
    **attributes: Any,
) -> Callable[[FunctionT], FunctionT]:
    """Declare a hidden option whose value is used for another parameter if that is not given.

    Args:
        flag: The name of the option, which has an environment variable too.
        target: The name of the other parameter.
        instead: What to give now, for the reference.
        parse: A callback that turns the text into the value of the other parameter.
        attributes: Further arguments of click.Option.
    """
    return click.option(
        flag, cls=FormerOption, target=target, instead=instead, parse=parse, envvar=_variable(flag), **attributes
    )


def argument(name: str, *, example: str | None = None, **attributes: Any) -> Callable[[FunctionT], FunctionT]:
    """Declare an argument.

    Args:
        name: The name of the parameter.
        example: A value for examples, given if the command cannot do without the argument.
        attributes: Further arguments of click.Argument.
    """
    return click.argument(name, cls=Argument, example=example, **attributes)


def _or_former(
    parameter: click.Parameter, context: click.Context, found: tuple[Any, ParameterSource]
) -> tuple[Any, ParameterSource]:
    """Return what was found for a parameter, or in its absence the value of its former option.

    Raises:
        click.UsageError: Both are on the command line.
    """
    former: _Former | None = context.meta.get(_former_key(parameter.name or ""))
    if former is None:
        return found
    value, source = found
    is_given = source is not ParameterSource.DEFAULT and value is not None and value != ()
    if not is_given:
        return former.value, former.source
    if source is former.source is ParameterSource.COMMANDLINE:
        name = parameter.opts[0] if isinstance(parameter, click.Option) else parameter.metavar
        raise click.UsageError(f"{name} and {former.flag} contradict each other: give only one of them", context)
    if source is ParameterSource.ENVIRONMENT and former.source is ParameterSource.COMMANDLINE:
        return former.value, former.source
    return found


def _former_key(name: str) -> str:
    return f"{_FORMER_KEY}.{name}"


def _variable(flag: str) -> str:
    return _ENVIRONMENT_PREFIX + flag.removeprefix("--").replace("-", "_").upper()
