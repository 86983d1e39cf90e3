"""ForwarderProcess: a forwarder in a process of its own, which tests can kill and start again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from pathlib import Path

from mxgateway.testing import SimulatedGateway
from support.programs import start_python

_PROGRAM = Path(__file__).with_name("forwarder_program.py")


class ForwarderProcess:
    """A forwarder to a broker.

    Args:
        gateway: The gateway.
        folder: The folder of the spool.
        broker: The address of the broker.
        tags: What is forwarded.
        spool: The name of the file of the spool, or "" for memory.
    """

    def __init__(self, gateway: SimulatedGateway, folder: Path, broker: str, *tags: str, spool: str = "spool") -> None:
        self._gateway = gateway
        self._folder = folder
        # Without the folder of the program on its path, where a module is named as nats-py is.
        self._arguments = ("-P", _PROGRAM, broker, spool, *tags)
        self._process: Process | None = None

    async def start(self) -> None:
        """Start it, and return once it forwards."""
        self._process = await start_python(self._gateway, self._folder, *self._arguments)
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), 20)
        if line != b"forwarding\n":
            _, errors = await self._process.communicate()
            raise AssertionError(errors.decode())

    def send(self, number: signal.Signals) -> None:
        """Send a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    async def end(self, number: signal.Signals) -> str:
        """Send a signal, wait for the end, and return what it wrote to stderr."""
        process, self._process = self._process, None
        if process is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        return errors.decode()
