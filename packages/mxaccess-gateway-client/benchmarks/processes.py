"""Start the servers and contestants of a benchmark, each in its own process."""

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
# More than twice as long as any contestant needs.
_TIMEOUT_SECONDS: Final = 180

Figures: TypeAlias = dict[str, float]


class ContestantFailed(Exception):
    """A contestant or a server ended with an error, which is the message."""


class Server:
    """A server in its own process.

    Attributes:
        address: How its contestants reach it, as their arguments.
    """

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process = process
        self._name = name
        self.address: dict[str, Any] = self._read_json()

    def calls_since_last_time(self) -> dict[str, Any]:
        """Return how many calls of each kind a simulated gateway has received since this was last called."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read_json()

    def _read_json(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ContestantFailed(f"{self._name} ended with status {self._process.wait()}")
        message: dict[str, Any] = json.loads(line)
        return message


@contextmanager
def server(name: str, *, core: int | None = None, **options: object) -> Generator[Server]:
    """Run a server from servers/, pinned to a core if one is given."""
    process = _start(f"servers.{name}", "serve", core, options, stdin=subprocess.PIPE)
    with process:
        try:
            yield Server(process, name)
        finally:
            process.kill()


def contestant(module: str, function: str, *, core: int | None = None, **options: object) -> Figures:
    """Run a contestant, pinned to a core if one is given, and return its figures."""
    process = _start(module, function, core, options, stderr=subprocess.PIPE)
    with process:
        try:
            output, errors = process.communicate(timeout=_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise ContestantFailed(f"{module}.{function} did not end within {_TIMEOUT_SECONDS} s") from None
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise ContestantFailed(f"{module}.{function} ended with status {process.returncode}:\n{errors}")
    figures: Figures = json.loads(output)
    return figures


def two_cores() -> tuple[int, int] | None:
    """Return two cores to pin processes to, or None where that is not possible."""
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
        # Threads that the process starts later inherit the core.
        os.sched_setaffinity(process.pid, {core})
    return process
