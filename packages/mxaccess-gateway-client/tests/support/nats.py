"""A NATS server with JetStream for tests, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncGenerator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from support.nginx import free_port

nats: Any = import_module("nats")


class NatsServer:
    """A NATS server on loopback, which can be killed and started again with what it has stored.

    Args:
        folder: Its files.
        name: Its name.
        arguments: More arguments of the program.
    """

    def __init__(self, folder: Path, *, name: str = "server", arguments: Sequence[str] = ()) -> None:
        self._folder = folder
        self.name = name
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self.port: int = free_port()

    @property
    def url(self) -> str:
        """The address of the server."""
        return f"nats://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the server, and return once it answers."""
        program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
        arguments = ("-js", "-sd", str(self._folder), "-a", "127.0.0.1", "-p", str(self.port), "-n", self.name)
        self._process = await asyncio.create_subprocess_exec(
            program, *arguments, *self._arguments, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
        )
        async with asyncio.timeout(20):
            while True:
                with contextlib.suppress(OSError):
                    _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                    writer.close()
                    return
                await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """Stop the server. What it has stored stays."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()
            self._process = None

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
            if not state.messages:
                return []
            without_acknowledgements = nats.js.api.ConsumerConfig(ack_policy=nats.js.api.AckPolicy.NONE)
            subscription = await jetstream.pull_subscribe(">", stream=stream, config=without_acknowledgements)
            messages: list[Any] = []
            while len(messages) < state.messages:
                messages += await subscription.fetch(min(1_000, state.messages - len(messages)), timeout=5)
            return [message for message in messages if not message.subject.endswith(".$lane")]

    async def last_message(self, stream: str) -> bytes:
        """Return the last message of a stream, empty if there is none or the server is away."""
        with contextlib.suppress(nats.errors.Error, OSError):
            async with self.client() as client:
                jetstream = client.jetstream()
                state = (await jetstream.stream_info(stream)).state
                data: bytes = (await jetstream.get_msg(stream, seq=state.last_seq)).data if state.messages else b""
                return data
        return b""


class NatsCluster:
    """Three NATS servers that keep streams together."""

    def __init__(self, folder: Path) -> None:
        ports = [free_port() for _ in range(3)]
        routes = ",".join(f"nats://127.0.0.1:{port}" for port in ports)
        self.servers = [
            NatsServer(
                folder / f"server-{number}",
                name=f"server-{number}",
                arguments=("-cluster_name", "plant", "-cluster", f"nats://127.0.0.1:{port}", "-routes", routes),
            )
            for number, port in enumerate(ports)
        ]

    async def __aenter__(self) -> Self:
        """Start the servers, and wait until they keep streams together."""
        await asyncio.gather(*(server.start() for server in self.servers))
        async with asyncio.timeout(30), self.servers[0].client() as client:
            while True:
                with contextlib.suppress(nats.errors.Error, OSError):
                    await client.jetstream(timeout=2).add_stream(name="READY", subjects=["ready"], num_replicas=3)
                    return self
                await asyncio.sleep(0.05)

    async def __aexit__(self, *_: object) -> None:
        """Kill the servers."""
        for server in self.servers:
            await server.kill()

    async def leader(self, stream: str) -> NatsServer:
        """Return the server that leads a stream."""
        async with self.servers[0].client() as client:
            name = (await client.jetstream().stream_info(stream)).cluster.leader
        return next(server for server in self.servers if server.name == name)
