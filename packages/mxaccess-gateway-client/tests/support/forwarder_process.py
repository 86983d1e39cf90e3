"""ForwarderProcess: a forwarder in a process of its own, which tests can kill and start again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from asyncio.subprocess import Process
from collections.abc import Generator
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
        spool_limit: The most bytes that wait in it.
        batch: Records in a message.
    """

    def __init__(
        self,
        gateway: SimulatedGateway,
        folder: Path,
        broker: str,
        *tags: str,
        spool: str = "spool",
        spool_limit: int = 1_000_000_000,
        batch: int = 1,
    ) -> None:
        self._gateway = gateway
        self._folder = folder
        # Without the folder of the program on its path, where a module is named as nats-py is.
        self._arguments: tuple[str | Path, ...] = ("-P", _PROGRAM, broker, spool, str(spool_limit), str(batch), *tags)
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

    @contextlib.contextmanager
    def full_disk(self) -> Generator[None]:
        """Let its writes to files fail during the block, as on a full disk."""
        import resource  # noqa: PLC0415 - Windows has none

        assert self._process is not None
        limit, (_, hard) = resource.RLIMIT_FSIZE, resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.prlimit(self._process.pid, limit, (1, hard))
        try:
            yield
        finally:
            resource.prlimit(self._process.pid, limit, (hard, hard))

    async def end(self, number: signal.Signals) -> str:
        """Send a signal, wait for the end, and return what it wrote to stderr."""
        process, self._process = self._process, None
        if process is None:
            return ""
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        _, errors = await asyncio.wait_for(process.communicate(), 20)
        return errors.decode()
