"""An interpreter that ends under an open stream ends at once."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway
from support.programs import run_python

PROGRAMS = 20
AT_ONCE = 4

# A stream nobody closes, busy or quiet, at the end of the program or in the middle of its loop.
PROGRAM = """
import asyncio
import sys
from mxgateway import ClientOptions, GatewayClient

opened = []

async def main(at_once):
    client = await GatewayClient.connect(ClientOptions.from_env())
    session = await client.open_session()
    server = await session.register("exit")
    await session.advise(server, await session.add_item(server, "TestChildObject.TestInt"))
    stream = session.stream_events()
    await anext(stream)
    opened.extend([client, session, stream])
    print("open", flush=True)
    if at_once:
        sys.exit(0)

if sys.argv[1] == "run":
    asyncio.run(main(at_once=False))
elif sys.argv[1] == "exit":
    asyncio.run(main(at_once=True))
else:
    asyncio.new_event_loop().run_until_complete(main(at_once=False))
"""


@pytest.mark.parametrize("end", ["run", "exit", "loop"])
async def test_an_interpreter_ends_at_once_with_a_stream_open(tmp_path: Path, end: str) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    places = asyncio.Semaphore(AT_ONCE)

    async def run(gateway: SimulatedGateway) -> tuple[str, str]:
        async with places, asyncio.timeout(20):
            return await run_python(gateway, tmp_path, program, end)

    async with SimulatedGateway(ramp_interval=0.01) as gateway:
        said = await asyncio.gather(*(run(gateway) for _ in range(PROGRAMS // 3 + 1)))

        assert said == [("open\n", "")] * len(said)
        # The gateway hears of it: nothing streams any more.
        await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])
