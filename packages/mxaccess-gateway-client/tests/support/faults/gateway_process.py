"""The handle of a simulated gateway that runs in a process of its own."""

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
_TESTS: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStatus:
    """What a gateway has at one moment.

    Attributes:
        counter: the value of its counter.
        sessions: the last sequence of each session that is open there.
        calls: the rpcs that it still serves.
    """

    counter: int
    sessions: dict[str, int]
    calls: list[str]


class GatewayProcess:
    """Starts the process, gives it orders, and ends it; every order of `GatewayProgram` can be given.

    Args:
        limits: fields of `mxgateway.testing.Limits` that shall not be the default.
    """

    def __init__(self, **limits: float) -> None:
        self._limits = limits
        self.endpoint = ""
        self.api_key = ""
        self._process: Process | None = None
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self._listening: asyncio.Task[None] | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.endpoint.rpartition(":")[2])

    @property
    def process_id(self) -> int:
        """The number of the process."""
        assert self._process is not None
        return self._process.pid

    async def __aenter__(self) -> Self:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            _PROGRAM,
            json.dumps(self._limits),
            stdin=PIPE,
            stdout=PIPE,
            # gRPC's core tells of its own accord when connections break.
            env={**os.environ, "GRPC_VERBOSITY": "NONE", "PYTHONPATH": str(_TESTS)},
        )
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        self.endpoint, self.api_key = first["endpoint"], first["api_key"]
        self._listening = asyncio.create_task(self._listen(process.stdout))
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        assert self._listening is not None
        self._process.stdin.close()
        await self._listening
        assert await self._process.wait() == 0

    async def do(self, action: str, **arguments: Any) -> Any:
        """Give an order and wait until it is carried out; gives its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._order({"id": number, "do": action, **arguments})
        return await answer

    def count_until(self, value: int) -> None:
        """Let the counter go on up to a value, and wait for nothing."""
        self._order({"do": "count_until", "value": value})

    async def status(self) -> GatewayStatus:
        """Ask what there is now."""
        return GatewayStatus(**await self.do("status"))

    def _order(self, order: dict[str, Any]) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while line := await output.readline():
            message = json.loads(line)
            answer = self._answers.pop(message["id"])
            if "error" in message:
                answer.set_exception(RuntimeError(message["error"]))
            else:
                answer.set_result(message["result"])
        for answer in self._answers.values():
            answer.set_exception(RuntimeError("the gateway's process has ended"))
