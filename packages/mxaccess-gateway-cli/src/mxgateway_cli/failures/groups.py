"""Groups of commands that answer an unknown command with near ones, and no command with their help."""

from __future__ import annotations

from typing import Any

import click

from mxgateway_cli.failures.suggestions import unknown_command

__all__ = ["Group"]


class Group(click.Group):
    """A group of commands. Without a command it prints its help."""

    def __init__(self, *arguments: Any, **attributes: Any) -> None:
        attributes |= {"invoke_without_command": True, "no_args_is_help": False}
        super().__init__(*arguments, **attributes)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that a command line begins with, and the rest of the command line.

        Raises:
            click.UsageError: There is no such command. The message names near ones.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            raise click.UsageError(unknown_command(name, self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, or print the help if there is none."""
        result = super().invoke(ctx)
        if ctx.invoked_subcommand is None:
            click.echo(ctx.get_help())
        return result
