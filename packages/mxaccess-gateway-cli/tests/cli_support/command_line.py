"""How the tests run a command line: in this process where that shows the same, else in one of its own."""

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
# What protobuf 5.26, the oldest that we claim, says of itself on Python 3.12 and 3.13 is its own concern.
WARNINGS = "error,ignore:Type google._upb._message:DeprecationWarning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a command left behind."""

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
    """Run a command line in a thread of this process, with pipes for stdout and stderr."""
    return await asyncio.to_thread(_run, [str(argument) for argument in arguments])


async def good(*arguments: object) -> Result:
    """Run a command line that has to succeed without a word on stderr."""
    result = await mxgw_py(*arguments)
    assert (result.status, result.stderr) == (ExitStatus.GOOD, ""), result
    return result


def _run(arguments: list[str]) -> Result:
    stdout, stderr = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", newline="\n") for _ in range(2))
    with contextlib.redirect_stdout(stdout), contextlib.redirect_stderr(stderr):
        status = run(arguments)
    return Result(status=int(status), stdout=_text(stdout), stderr=_text(stderr))


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    stream.seek(0)
    return stream.read()


@contextlib.asynccontextmanager
async def started(*arguments: object) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Start a command line in a process of its own, which is gone afterwards."""
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


async def ended(process: asyncio.subprocess.Process) -> Result:
    """Wait until a process has ended, and give what it left behind and nobody has read."""
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Result(status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())


async def first_line(process: asyncio.subprocess.Process) -> str:
    """Wait for the next line on a process's stdout."""
    assert process.stdout is not None
    return (await process.stdout.readline()).decode().rstrip()
