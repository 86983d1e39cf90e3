"""Programs that end, or fork, with everything left open."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway
from support.programs import run_python
from support.tagging import INT

OPEN = f"""
import os
from mxgateway.sync import GatewayClient

endpoint, key = os.environ["MXGATEWAY_ENDPOINT"], os.environ["MXGATEWAY_API_KEY"]
client = GatewayClient.connect(endpoint, api_key=key, plaintext=True)
tags = client.tags("left open")
watch = tags.watch("{INT}")
print(next(watch).value)
"""
FORK = """
if os.fork() == 0:
    try:
        tags.read_one("x")
    except Exception as error:
        print(type(error).__name__, error)
    os._exit(0)
os.wait()
print(tags.read_one(watch.tags[0]).value)
"""


async def run(gateway: SimulatedGateway, folder: Path, program: str) -> tuple[str, str]:
    """Run a program, and return its stdout and stderr."""
    (folder / "program.py").write_text(program, encoding="utf-8")
    return await run_python(gateway, folder, "program.py")


async def test_a_program_that_ends_with_a_watch_open_closes_everything(
    gateway: SimulatedGateway, tmp_path: Path
) -> None:
    assert await run(gateway, tmp_path, OPEN) == ("42\n", "")
    assert not gateway.sessions


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")
async def test_a_forked_process_is_told_and_the_parent_goes_on(gateway: SimulatedGateway, tmp_path: Path) -> None:
    output, _ = await run(gateway, tmp_path, OPEN + FORK)

    message = "MxGatewayUsageError this object belongs to the parent process: connect again in this process"
    assert output.splitlines() == ["42", message, "42"]
