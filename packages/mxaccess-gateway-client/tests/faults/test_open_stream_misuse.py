"""A stream that is open stays its own loop's and its own process's."""

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

async def go_on(gateway, client, stream):
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
loop.run_until_complete(go_on(gateway, client, stream))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where a process can fork")
@pytest.mark.parametrize("what", ["use", "drop", "leave"])
def test_a_fork_is_told_that_a_stream_is_not_its_own_and_the_parent_goes_on(what: str) -> None:
    # With its own fork support gRPC may end a child that is forked while any thread waits in it.
    environment = {**os.environ, "GRPC_ENABLE_FORK_SUPPORT": "0", "GRPC_VERBOSITY": "NONE"}

    process = subprocess.run(
        [sys.executable, "-c", FORK, what], capture_output=True, text=True, timeout=30, check=False, env=environment
    )

    assert process.returncode == 0, process.stderr
    *misuse, child_status, value = process.stdout.splitlines()
    assert (child_status, value) == ("0", "7")
    assert len(misuse) == (2 if what == "use" else 0)
    assert all("can't be used in its fork" in line and "connect after the fork" in line for line in misuse)


async def advised(session: Session) -> None:
    """Advise the tag."""
    server = await session.register("test")
    await session.advise(server, await session.add_item(server, TAG))


async def first(stream: EventStream) -> None:
    """Begin to iterate."""
    async for _ in stream:
        return


async def close(stream: EventStream) -> None:
    """Close it."""
    await stream.close()


@pytest.mark.parametrize("use", [first, close])
async def test_an_open_stream_gives_another_loop_nothing_and_goes_on_in_its_own(
    gateway: SimulatedGateway, session: Session, use: Callable[[EventStream], Coroutine[Any, Any, None]]
) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.plant[TAG].set(1)
        gateway.plant[TAG].set(2)
        assert (await anext(stream)).value == 1
        with pytest.raises(MxGatewayUsageError, match="opened in another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(use(stream)))

        assert (await anext(stream)).value == 2
        assert stream.is_open
