"""Programs that users run, each in a process of its own, against a simulated gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from mxgateway.testing import SimulatedGateway


async def run_python(gateway: SimulatedGateway, folder: Path, *arguments: str | Path) -> tuple[str, str]:
    """Run Python in a folder, warnings as errors, with the gateway in its environment.

    It must succeed. Gives what it printed to stdout and to stderr.
    """
    environment = {
        **os.environ,
        "MXGATEWAY_ENDPOINT": gateway.endpoint,
        "MXGATEWAY_API_KEY": gateway.api_key,
        "MXGATEWAY_PLAINTEXT": "1",
        "PYTHONIOENCODING": "utf-8",
        # gRPC's core tells of its own accord when a gateway goes away.
        "GRPC_VERBOSITY": "NONE",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", *map(str, arguments), stdout=PIPE, stderr=PIPE, env=environment, cwd=folder
    )
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode == 0, output.decode() + errors.decode()
    return output.decode(), errors.decode()
