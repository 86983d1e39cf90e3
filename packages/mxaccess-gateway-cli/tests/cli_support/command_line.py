"""Helpers that run command lines, in this process or in a separate one."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Any

from mxgateway_cli.app import run
from mxgateway_cli.exit_status import ExitStatus

PROGRAM = (sys.executable, "-m", "mxgateway_cli")
# protobuf 5.26, the oldest supported version, raises this warning on Python 3.12 and 3.13.
WARNINGS = "error,ignore:Type google._upb._message:DeprecationWarning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The exit status and output of a command."""

    status: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON objects on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    @property
    def record(self) -> dict[str, Any]:
        """The only JSON object on stdout."""
        (record,) = self.records
        return record

    @property
    def error(self) -> str:
        """The only line on stderr."""
        (line,) = self.stderr.splitlines()
        return line

    @property
    def error_record(self) -> dict[str, Any]:
        """The only JSON object on stderr."""
        record: dict[str, Any] = json.loads(self.error)
        return record


async def mxgw_py(*arguments: object) -> Result:
    """Run a command line in a thread of this process and capture stdout and stderr."""
    return await asyncio.to_thread(run_here, *arguments)


async def succeed(*arguments: object) -> Result:
    """Run a command line that must succeed without output on stderr."""
    result = await mxgw_py(*arguments)
    assert (result.status, result.stderr) == (ExitStatus.GOOD, ""), result
    return result


def run_here(*arguments: object) -> Result:
    """Run a command line in this thread and capture stdout and stderr."""
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        status = run([str(argument) for argument in arguments])
    return Result(status=int(status), stdout=_text(stdout), stderr=_text(stderr))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextlib.asynccontextmanager
async def start_process(*arguments: object) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Start a command line in a separate process, and kill the process afterwards if it is still running."""
    process = await asyncio.create_subprocess_exec(
        *PROGRAM,
        *map(str, arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=os.environ | {"PYTHONWARNINGS": WARNINGS},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def wait_for_exit(process: asyncio.subprocess.Process) -> Result:
    """Wait until a process has exited and return its status and its remaining output."""
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Result(status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())


async def read_line(process: asyncio.subprocess.Process) -> str:
    """Return the next line of a process's stdout."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip()
