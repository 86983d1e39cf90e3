"""Generator of REFERENCE.md: `python -m mxgateway_cli.reference` prints it."""

from __future__ import annotations

import inspect
import re
import sys
from typing import TYPE_CHECKING

import click

from mxgateway_cli.app import COMMANDS, app
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.help import COMMAND_SECTION, Command, Option

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["reference"]

_HEAD = """\
# The commands of mxgw-py

Generated from the commands by `python -m mxgateway_cli.reference`. `mxgw-py COMMAND --help` shows the same text.

Every option can also be set by the environment variable next to it. The command line overrides the environment, and the
environment overrides the profile."""
_WRITE_NOTE = """\
The environment never triggers a write and never turns off a check: the tags, `--file`, `--yes` and `--resize` of
`write`, and `smoke --write`, have no variable."""

_FORMER_NOTE = """\
Names of earlier versions, and of the gateway's command lines in other languages. They still work, with their variables,
and are not shown anywhere else."""


def reference() -> str:
    """Return the reference as Markdown."""
    parts = [_HEAD, _WRITE_NOTE]
    shared: dict[str, dict[str, Option]] = {}
    for section, names in COMMANDS.items():
        parts.append(f"## {section}")
        for name in names:
            command = _command(name)
            options = [each for each in command.params if isinstance(each, Option) and not each.hidden]
            parts += _describe(name, command, [each for each in options if each.section == COMMAND_SECTION])
            for each in options:
                if each.section != COMMAND_SECTION:
                    shared.setdefault(each.section, {})[each.opts[0]] = each
    for section, declared in shared.items():
        parts += [f"## {section} options", "\n".join(_table(declared.values()))]
    parts += ["## Former names", _FORMER_NOTE, "\n".join(_former_names())]
    parts += ["## Exit statuses", "\n".join(_statuses())]
    return "\n\n".join(parts) + "\n"


def _command(name: str) -> Command:
    command = app.get_command(click.Context(app), name)
    if not isinstance(command, Command):
        raise TypeError(f"the command {name} has no schema")
    return command


def _describe(name: str, command: Command, own: list[Option]) -> Iterator[str]:
    arguments = [str(each.metavar) for each in command.params if isinstance(each, click.Argument)]
    yield " ".join(["###", name, *arguments])
    yield inspect.cleandoc(command.help or "")
    if own:
        yield "\n".join(_table(own))
    sections = {each.section for each in command.params if isinstance(each, Option)} - {COMMAND_SECTION}
    also = " and ".join(f"[{section} options](#{section.lower()}-options)" for section in sorted(sections))
    if sections:
        schema = f"[{command.schema}](src/mxgateway_cli/schemas/{command.schema}.schema.json)"
        output = f" Schema of the output with `--json`: {schema}." if command.schema else ""
        yield f"Also accepts {also}.{output}"


def _table(options: Iterable[Option]) -> Iterator[str]:
    yield "| option | variable | meaning |"
    yield "|---|---|---|"
    for option in options:
        names = ", ".join(option.opts)
        flag = names if option.is_flag else f"{names} {option.metavar}"
        variables = [option.envvar] if isinstance(option.envvar, str) else option.envvar or []
        variable = f"`{variables[0]}`" if variables else ""
        yield f"| `{flag}` | {variable} | {_meaning(option)} |"


def _former_names() -> Iterator[str]:
    yield "| command | former name | now |"
    yield "|---|---|---|"
    for name in (name for names in COMMANDS.values() for name in names):
        for option in _command(name).params:
            if isinstance(option, Option):
                for former in option.former:
                    yield f"| `{name}` | `{former}` | `{option.opts[0]}` |"
                if option.instead is not None:
                    yield f"| `{name}` | `{option.opts[0]}` | `{option.instead}` |"
    yield "| `stream-alarms` | `--timeout`, as the end of the stream | `--duration` |"


def _meaning(option: Option) -> str:
    text = re.sub(r"\s*\[default( with [^:]*)?: ([^]]*)]", r" Default\1: \2.", option.help or "")
    if option.required:
        return f"{text} Required."
    if isinstance(option.show_default, str):
        return f"{text} Default: {option.show_default}."
    return f"{text} Default: {option.default}." if option.show_default else text


def _statuses() -> Iterator[str]:
    yield "| status | name | meaning |"
    yield "|---|---|---|"
    documented = inspect.getdoc(ExitStatus) or ""
    for status in ExitStatus:
        found = re.search(rf"^ +{status.name}: (.*?)(?=\n +[A-Z_]+: |\Z)", documented, re.MULTILINE | re.DOTALL)
        meaning = " ".join(found.group(1).split()) if found else ""
        yield f"| {int(status)} | {status.name} | {meaning} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
