"""A NATS server with JetStream for tests, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncGenerator
from importlib import import_module
from pathlib import Path
from typing import Any

nats: Any = import_module("nats")


class NatsServer:
    """A NATS server on loopback, which can be killed and started again with what it has stored."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the server, and return once it answers."""
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
        arguments = ("-js", "-sd", str(self._folder), "-a", "127.0.0.1", "-p", str(self.port))
        self._process = await asyncio.create_subprocess_exec(
            program, *arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    async def kill(self) -> None:
        """Kill the server. What it has stored stays."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            self._process = None

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncGenerator[Any]:
        """Connect with nats-py."""
        client = await nats.connect(self.url)
        try:
            yield client
        finally:
            await client.close()

    async def messages(self, stream: str) -> list[Any]:
        """Return all messages of a stream but those that keep a session, oldest first."""
        async with self.client() as client:
            jetstream = client.jetstream()
            state = (await jetstream.stream_info(stream)).state
            messages = [await jetstream.get_msg(stream, seq=seq) for seq in range(state.first_seq, state.last_seq + 1)]
            return [message for message in messages if not message.subject.endswith(".$lane")]
