"""Start and control a simulated gateway in its own process."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

_PROGRAM: Final = "support.faults.gateway_program"
_TESTS_FOLDER: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """The state of a gateway at one moment.

    Attributes:
        counter: the value of its counter.
        sessions: the last sequence of each open session, by session id.
        calls: the rpcs that are still running.
    """

    counter: int
    sessions: dict[str, int]
    calls: list[str]


class GatewayProcess:
    """Starts the process, sends it the commands of `GatewayProgram`, and stops it.

    Args:
        limits: fields of `mxgateway.testing.Limits` that differ from their defaults.
    """

    def __init__(self, **limits: float) -> None:
        self._limits = limits
        self.endpoint = ""
        self.api_key = ""
        self._process: Process | None = None
        self._command_ids = itertools.count(1)
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._receiving: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that the gateway listens on."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def process_id(self) -> int:
        """The process id."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        # The contract that the tests use may come from PYTHONPATH.
        folders = [str(_TESTS_FOLDER), *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _PROGRAM,
            json.dumps(self._limits),
            stdin=PIPE,
            stdout=PIPE,
            # gRPC's core would log every broken connection.
            env={**os.environ, "GRPC_VERBOSITY": "NONE", "PYTHONPATH": os.pathsep.join(folders)},
        )
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        self.endpoint, self.api_key = first["endpoint"], first["api_key"]
        self._receiving = asyncio.create_task(self._receive_results(process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._receiving is not None
        self._process.stdin.close()
        await self._receiving
        assert await self._process.wait() == 0

    async def run(self, command: str, **arguments: Any) -> Any:
        """Run a command in the gateway's process, and return its result."""
        command_id = next(self._command_ids)
        result = self._results[command_id] = asyncio.get_running_loop().create_future()
        self._send({"id": command_id, "command": command, **arguments})
        return await result

    def count_until(self, value: int) -> None:
        """Let the gateway increase its counter up to a value, without waiting for it."""
        self._send({"command": "count_until", "value": value})

    async def status(self) -> GatewayStatus:
        """Return the current state of the gateway."""
        return GatewayStatus(**await self.run("status"))

    def _send(self, command: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    async def _receive_results(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            message = json.loads(line)
            result = self._results.pop(message["id"])
            if "error" in message:
                result.set_exception(RuntimeError(message["error"]))
            else:
                result.set_result(message["result"])
        for result in self._results.values():
            result.set_exception(RuntimeError("the gateway process has ended"))
