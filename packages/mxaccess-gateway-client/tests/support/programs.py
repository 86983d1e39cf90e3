"""Run Python programs in processes of their own, against a simulated gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from pathlib import Path
from typing import Final

from mxgateway.testing import SimulatedGateway

# protobuf 5.26, the oldest supported version, raises this warning on Python 3.12 and 3.13.
_WARNINGS: Final = ("-W", "error", "-W", "ignore:Type google._upb._message:DeprecationWarning")


async def start_python(gateway: SimulatedGateway, folder: Path, *arguments: str | Path) -> Process:
    """Start Python in a folder, with warnings as errors and the options for the gateway in the environment."""
    environment = {
        **os.environ,
        "MXGATEWAY_ENDPOINT": gateway.endpoint,
        "MXGATEWAY_API_KEY": gateway.api_key,
        "MXGATEWAY_PLAINTEXT": "1",
        "PYTHONIOENCODING": "utf-8",
        "PYTHONUNBUFFERED": "1",
        # gRPC's core logs to stderr when a gateway stops.
        "GRPC_VERBOSITY": "NONE",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, *_WARNINGS, *map(str, arguments), stdout=PIPE, stderr=PIPE, env=environment, cwd=folder
    )


async def run_python(gateway: SimulatedGateway, folder: Path, *arguments: str | Path) -> tuple[str, str]:
    """Run Python to its end, check that it succeeded, and return its stdout and stderr."""
    process = await start_python(gateway, folder, *arguments)
    async with asyncio.timeout(30):
        output, errors = await process.communicate()
    assert process.returncode == 0, output.decode() + errors.decode()
    return output.decode(), errors.decode()
