"""The command `help`, which lists all commands and explains one of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mxgateway_cli.app import COMMANDS, app
from mxgateway_cli.connecting.gateway_command import build_command
from mxgateway_cli.failures.suggestions import unknown_command
from mxgateway_cli.help import argument

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem

__all__ = ["help"]


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    return app.complete_commands(incomplete)


@click.pass_context
def _help(context: click.Context, /, words: tuple[str, ...]) -> None:
    """List all commands by subject, or explain a command, or list the commands of a subject such as alarms or bulk."""
    name = " ".join(words)
    root = context.find_root()
    command = app.get_command(root, name)
    if command is not None:
        click.echo(command.get_help(click.Context(command, info_name=name, parent=root)))
        return
    sections = _find(name.lower())
    if not sections:
        raise click.UsageError(unknown_command(name, app.list_commands(context)), root)
    formatter = context.make_formatter()
    for section, summaries in sections.items():
        with formatter.section(section):
            formatter.write_dl(list(summaries.items()))
    click.echo(formatter.getvalue().strip("\n"))


def _find(word: str) -> Mapping[str, Mapping[str, str]]:
    """Return the sections whose title contains a word, or else the commands that contain it, with their summaries."""
    sections = {
        section: {name: summary for name, (_, summary) in commands.items()} for section, commands in COMMANDS.items()
    }
    titled = {section: summaries for section, summaries in sections.items() if word in section.lower()}
    if titled:
        return titled
    found = {
        section: {name: summary for name, summary in summaries.items() if word in f"{name} {summary}".lower()}
        for section, summaries in sections.items()
    }
    return {section: summaries for section, summaries in found.items() if summaries}


help = build_command(  # noqa: A001 - the name of the command
    "help",
    argument("words", metavar="[COMMAND | SUBJECT]", nargs=-1, shell_complete=_complete),
    schema=None,
)(_help)
