"""A NATS server with JetStream and a file store, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import socket
import sys
import tempfile
from pathlib import Path


async def serve() -> None:
    """Serve until the input ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("nats-server", path=str(Path(sys.executable).parent)) or "nats-server"
    with tempfile.TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            program, "-js", "-sd", folder, "-a", "127.0.0.1", "-p", str(port), stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await _until_it_answers(port)
            print(json.dumps({"url": f"nats://127.0.0.1:{port}"}), flush=True)
            await asyncio.to_thread(sys.stdin.read)
        finally:
            process.kill()
            await process.wait()


async def _until_it_answers(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            return
        await asyncio.sleep(0.01)
