"""An open stream cannot be used in another event loop or in a forked process."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from mxgateway import EventStream, MxGatewayUsageError, Session
from mxgateway.testing import SimulatedGateway

TAG = "TestChildObject.TestInt"

FORK = """
import asyncio
import gc
import os
import sys
from mxgateway import GatewayClient, MxGatewayUsageError
from mxgateway.testing import SimulatedGateway

async def open_all():
    gateway = SimulatedGateway(ramp_interval=None)
    await gateway.start()
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    session = await client.open_session()
    server = await session.register("fork")
    await session.advise(server, await session.add_item(server, "TestChildObject.TestInt"))
    stream = session.stream_events()
    await anext(stream)
    return gateway, client, session, stream

async def use(stream):
    for misuse in (stream.__anext__, stream.close):
        try:
            await misuse()
        except MxGatewayUsageError as error:
            print(error, flush=True)

async def continue_in_parent(gateway, client, stream):
    gateway.plant["TestChildObject.TestInt"].set(7)
    print((await anext(stream)).value, flush=True)
    await client.close()
    await gateway.stop()

loop = asyncio.new_event_loop()
gateway, client, session, stream = loop.run_until_complete(open_all())
child = os.fork()
if child == 0:
    if sys.argv[1] == "use":
        asyncio.run(use(stream))
    elif sys.argv[1] == "drop":
        del client, session, stream
        gc.collect()
    sys.exit(0)
_, status = os.waitpid(child, 0)
print(status, flush=True)
loop.run_until_complete(continue_in_parent(gateway, client, stream))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="os.fork is missing on this platform")
@pytest.mark.parametrize("action", ["use", "drop", "exit"])
def test_stream_raises_in_a_fork_and_works_in_the_parent(action: str) -> None:
    # gRPC's fork support can terminate a child that is forked while a thread waits inside gRPC.
    environment = {**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0", "GRPC_VERBOSITY": "NONE"}

    process = subprocess.run(
        [sys.executable, "-c", FORK, action], capture_output=True, text=True, timeout=30, check=False, env=environment
    )

    assert process.returncode == 0, process.stderr
    *misuse, child_status, value = process.stdout.splitlines()
    assert (child_status, value) == ("0", "7")
    assert len(misuse) == (2 if action == "use" else 0)
    assert all("cannot be used in its fork" in line and "connect after the fork" in line for line in misuse)


async def advise_tag(session: Session) -> None:
    server = await session.register("test")
    await session.advise(server, await session.add_item(server, TAG))


async def read_first(stream: EventStream) -> None:
    async for _ in stream:
        return


async def close(stream: EventStream) -> None:
    await stream.close()


@pytest.mark.parametrize("use", [read_first, close])
async def test_stream_raises_in_another_loop_and_works_in_its_own(
    gateway: SimulatedGateway, session: Session, use: Callable[[EventStream], Coroutine[Any, Any, None]]
) -> None:
    await advise_tag(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.plant[TAG].set(1)
        gateway.plant[TAG].set(2)
        assert (await anext(stream)).value == 1
        with pytest.raises(MxGatewayUsageError, match="opened in another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(use(stream)))

        assert (await anext(stream)).value == 2
        assert stream.is_open
