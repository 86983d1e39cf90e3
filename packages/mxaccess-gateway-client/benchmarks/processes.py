"""The processes of a benchmark: every server and every contestant has one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeAlias

_CHILD: Final = Path(__file__).with_name("child.py")
# No contestant needs half as long.
_PATIENCE: Final = 180

Figures: TypeAlias = dict[str, float]


class ContestantFailed(Exception):
    """A contestant or a server ended with an error; the text is what it said."""


class Server:
    """A server in a process of its own.

    Attributes:
        address: what its contestants have to know of it, as their arguments.
    """

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process = process
        self._name = name
        self.address: dict[str, Any] = self._line()

    def ask(self) -> dict[str, Any]:
        """Ask what it has seen since it was last asked, where it can tell."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContestantFailed(f"{self._name} has ended with status {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def server(name: str, *, core: int | None = None, **options: object) -> Generator[Server]:
    """A server of servers/, on one core when it is told which."""
    process = _start(f"servers.{name}", "serve", core, options, stdin=subprocess.PIPE)
    with process:
        try:
            yield Server(process, name)
        finally:
            process.kill()


def contestant(module: str, function: str, *, core: int | None = None, **options: object) -> Figures:
    """The figures of one run of a contestant, on one core when it is told which."""
    process = _start(module, function, core, options, stderr=subprocess.PIPE)
    with process:
        try:
            output, errors = process.communicate(timeout=_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ContestantFailed(f"{module}.{function} did not end within {_PATIENCE} s") from None
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ContestantFailed(f"{module}.{function} ended with status {process.returncode}:\n{errors}")
    figures: Figures = json.loads(output)
    return figures


def two_cores() -> tuple[int, int] | None:
    """Two cores to pin processes to, where this platform can do that."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else None


def _start(
    module: str,
    function: str,
    core: int | None,
    options: dict[str, object],
    *,
    stdin: int | None = None,
    stderr: int | None = None,
) -> subprocess.Popen[str]:
    command = [sys.executable, str(_CHILD), module, function, json.dumps(options)]
    process = subprocess.Popen(command, text=True, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr)
    if core is not None:
        # Threads that it starts later stay there, too.
        os.sched_setaffinity(process.pid, {core})
    return process
