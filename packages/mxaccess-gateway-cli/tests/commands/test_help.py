"""The first screen is short, everything is found from there, and examples of commands are complete."""

from __future__ import annotations

import shlex

import click
import pytest

from cli_support.command_line import mxgw_py, succeed
from mxgateway_cli.app import COMMANDS, FIRST_COMMANDS, app
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.help import Command

NAMES = [name for names in COMMANDS.values() for name in names]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
async def test_first_screen_fits_on_small_terminal(monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]) -> None:
    monkeypatch.setenv("COLUMNS", "80")

    lines = (await succeed(*arguments)).stdout.splitlines()

    assert len(lines) < 24
    assert max(map(len, lines)) <= 80
    shown = [line.split()[0] for line in lines if line.startswith("  ")]
    assert shown[1:9] == list(FIRST_COMMANDS)
    assert "  help COMMAND" in "\n".join(lines)


async def test_help_lists_all_commands_by_subject() -> None:
    lines = (await succeed("help")).stdout.splitlines()

    assert [line.removesuffix(":") for line in lines if line.endswith(":") and line[0] != " "] == list(COMMANDS)
    listed = {line.strip().partition("  ")[0] for line in lines if line.startswith("  ")}
    assert listed >= set(NAMES)


@pytest.mark.parametrize("name", ["read", "help", "write-secured2-bulk"])
async def test_help_of_command_is_the_same_as_its_option(name: str) -> None:
    assert (await succeed("help", name)).stdout == (await succeed(name, "--help")).stdout


@pytest.mark.parametrize(
    ("subject", "commands"),
    [("alarms", [*COMMANDS["Alarms"]]), ("servers and items", ["register", "add-item"]), ("benchmarks", ["batch"])],
)
async def test_help_of_subject_lists_its_commands(subject: str, commands: list[str]) -> None:
    text = (await succeed("help", *subject.split())).stdout

    assert {line.split()[0] for line in text.splitlines() if line.startswith("  ")} >= set(commands)
    assert "open-session" not in text


async def test_help_of_unknown_word_suggests_commands() -> None:
    result = await mxgw_py("help", "raed")

    assert result.status == ExitStatus.USAGE
    assert "unknown command 'raed': did you mean read?" in result.error


@pytest.mark.parametrize("name", NAMES)
def test_example_of_command_has_all_that_it_needs(name: str) -> None:
    command = app.get_command(click.Context(app), name)
    assert isinstance(command, Command)
    prefix = f"mxgw-py {name}"

    assert command.example.startswith(prefix)
    # Reports a missing or invalid option or argument. A password would be read from a terminal.
    if name != "authenticate-user":
        command.make_context(name, shlex.split(command.example.removeprefix(prefix)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("ping",),
            "missing option --session-id (or set MXGATEWAY_SESSION_ID), for example: mxgw-py ping --session-id",
        ),
        (
            ("acknowledge-alarm",),
            "missing argument ALARM, for example: mxgw-py acknowledge-alarm 'Galaxy!Area.Object.Alarm'",
        ),
        (("read",), "no tags: give TAG..., for example TestChildObject.TestInt"),
        (("record", "A.B"), "for example: mxgw-py record TestChildObject.TestInt --to values.csv"),
    ],
    ids=["option", "argument", "tags", "second option"],
)
async def test_missing_option_or_argument_is_answered_with_example(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.setenv("MXGATEWAY_ENDPOINT", "localhost:5000")
    monkeypatch.setenv("MXGATEWAY_API_KEY", "mxgw_1_secret")

    result = await mxgw_py(*arguments)

    assert result.status == ExitStatus.USAGE
    assert message in result.error
