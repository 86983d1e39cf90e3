"""Run the shell snippets of the documentation: in this process if they only call mxgw-py, otherwise with bash."""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest.mock import patch

from cli_support.command_line import WARNINGS, run_here

# One command of a snippet that this module runs itself, with the parts of a shell's line around it.
_COMMAND: Final = re.compile(
    r"(?:(?:export )?(?P<variable>\w+)=\$\()?"
    r"mxgw-py (?P<arguments>(?:'[^'\n]*'|\"[^\"\n`]*\"|[^'\"|;&`<>()])*)"
    r"(?P<close>\))?"
    r"(?: <<'(?P<mark>\w+)')?(?: > (?P<file>[\w.]+))?"
)
_TRAP: Final = re.compile(r"trap '(?P<command>[^']+)' EXIT")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A command, its stdin, and the variable or file that gets its stdout."""

    arguments: str
    stdin: str = ""
    variable: str | None = None
    file: str | None = None
    at_exit: bool = False


def run_shell(snippet: str) -> str:
    """Run a snippet, check that it succeeds, and return what it prints."""
    lines = _parse(snippet)
    return _run_in_bash(snippet) if lines is None else _run_here(lines)


def _parse(snippet: str) -> list[_Line] | None:
    """Return the commands of a snippet; None if it needs a real shell."""
    rest = iter(snippet.replace("\\\n", " ").splitlines())
    lines: list[_Line] = []
    for line in rest:
        if not line.strip() or line.startswith("#"):
            continue
        trap = _TRAP.fullmatch(line)
        match = _COMMAND.fullmatch(trap["command"] if trap else line)
        if match is None or bool(match["variable"]) != bool(match["close"]):
            return None
        stdin = "".join(_until(rest, match["mark"])) if match["mark"] else ""
        lines.append(
            _Line(
                arguments=match["arguments"],
                stdin=stdin,
                variable=match["variable"],
                file=match["file"],
                at_exit=trap is not None,
            )
        )
    return sorted(lines, key=lambda line: line.at_exit)


def _until(lines: Iterator[str], mark: str) -> Iterator[str]:
    for line in lines:
        if line == mark:
            return
        yield f"{line}\n"


def _run_here(lines: list[_Line]) -> str:
    printed: list[str] = []
    with patch.dict(os.environ):
        for line in lines:
            # A shell expands nothing between single quotes; the snippets have no variable there.
            arguments = shlex.split(os.path.expandvars(line.arguments), comments=True)
            with patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(line.stdin.encode()), encoding="utf-8")):
                result = run_here(*arguments)
            assert result.status == 0, f"mxgw-py {line.arguments}\n{result.stdout}{result.stderr}"
            if line.variable:
                os.environ[line.variable] = result.stdout.strip()
            if line.file:
                Path(line.file).write_text(result.stdout, encoding="utf-8")
            printed.append(result.stdout + result.stderr)
    return "".join(printed)


def _run_in_bash(snippet: str) -> str:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", snippet],
        env=os.environ | {"PATH": path, "PYTHONWARNINGS": WARNINGS},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{snippet}\n{done.stdout}{done.stderr}"
    return done.stdout + done.stderr
