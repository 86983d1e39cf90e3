"""Output of results to a terminal, to a pipe, and to a pipe whose reader has gone away."""

from __future__ import annotations

import io
import os
import sys
from contextlib import redirect_stdout

import pytest

from cli_support.command_line import PROGRAM
from cli_support.terminal import Terminal, without_escape_sequences
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.output.console import Diagnostics, Output
from mxgateway_cli.output.settings import OutputFormat, OutputSettings
from mxgateway_cli.output.texts import printable


def _output(*, as_json: bool = False) -> Output:
    settings = OutputSettings(format=OutputFormat.JSONL if as_json else None)
    return Output(diagnostics=Diagnostics(as_json=as_json, debug=False), settings=settings)


def test_terminal_gets_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    with redirect_stdout(Terminal()) as terminal:
        _output().result({"serverHandle": 1, "capabilities": ["a", "b"]}, "1")

    lines = [line.split() for line in without_escape_sequences(terminal).splitlines()]
    assert lines == [["server", "handle", "1"], ["capabilities", "a,", "b"]]


def test_pipe_gets_plain_line() -> None:
    with redirect_stdout(io.StringIO()) as pipe:
        _output().result({"serverHandle": 1}, "1")

    assert pipe.getvalue() == "1\n"


def test_json_is_plain_on_terminal() -> None:
    with redirect_stdout(Terminal()) as terminal:
        _output(as_json=True).result({"text": "ä"}, "x")

    assert terminal.getvalue() == '{"text": "\\u00e4"}\n'


def test_terminal_gets_styled_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    with redirect_stdout(Terminal()) as terminal:
        _output().line("good", "green")

    assert terminal.getvalue() != without_escape_sequences(terminal) == "good\n"


@pytest.mark.parametrize(
    ("text", "shown"), [("plain ä", "plain ä"), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("a\nb\x07\u202e", r"a\nb\x07\u202e")]
)
def test_control_characters_are_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


@pytest.mark.skipif(sys.platform == "win32", reason="pipes end otherwise there")
def test_closed_reader_is_not_an_error() -> None:
    read, write = os.pipe()
    os.close(read)
    pid = os.posix_spawn(
        sys.executable,
        [*PROGRAM, "smoke", "--simulate"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, write, 1)],
    )
    os.close(write)

    _, status = os.waitpid(pid, 0)

    assert os.waitstatus_to_exitcode(status) == ExitStatus.GOOD
