"""A program that ends with a stream open exits at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway
from support.programs import run_python

CONCURRENT_PROGRAMS = 4

# The stream is never closed: the program ends after asyncio.run, inside it, or with an event loop still open.
PROGRAM = """
import asyncio
import sys
from mxgateway import ClientOptions, GatewayClient

opened = []

async def main(exit_inside_loop):
    client = await GatewayClient.connect(ClientOptions.from_env())
    session = await client.open_session()
    server = await session.register("exit")
    await session.advise(server, await session.add_item(server, "TestChildObject.TestInt"))
    stream = session.stream_events()
    await anext(stream)
    opened.extend([client, session, stream])
    print("open", flush=True)
    if exit_inside_loop:
        sys.exit(0)

if sys.argv[1] == "run":
    asyncio.run(main(exit_inside_loop=False))
elif sys.argv[1] == "exit":
    asyncio.run(main(exit_inside_loop=True))
else:
    asyncio.new_event_loop().run_until_complete(main(exit_inside_loop=False))
"""


@pytest.mark.parametrize("programs", [pytest.param(2, id="short"), pytest.param(20, id="long", marks=pytest.mark.long)])
@pytest.mark.parametrize("way", ["run", "exit", "loop"])
async def test_program_with_open_stream_exits_at_once(tmp_path: Path, way: str, programs: int) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    slots = asyncio.Semaphore(CONCURRENT_PROGRAMS)

    async def run(gateway: SimulatedGateway) -> tuple[str, str]:
        async with slots, asyncio.timeout(20):
            return await run_python(gateway, tmp_path, program, way)

    async with SimulatedGateway(ramp_interval=0.01) as gateway:
        outputs = await asyncio.gather(*(run(gateway) for _ in range(programs)))

        assert outputs == [("open\n", "")] * len(outputs)
        # The gateway notices that each program has ended: no call is running.
        await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])
