"""Misuse raises an error of this library at once, and never hangs."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayUsageError,
    OpenSessionOptions,
    Session,
    SessionState,
    TagClient,
)
from mxgateway.testing import SimulatedGateway

TAG = "TestChildObject.TestInt"

USES: dict[str, Callable[[GatewayClient, Session], Awaitable[Any]]] = {
    "open_session": lambda client, _: awaited(client.open_session()),
    "command": lambda _, session: session.ping(),
    "stream": lambda _, session: awaited(anext(session.stream_events())),
}


async def awaited(what: Awaitable[Any]) -> Any:
    """Await an awaitable."""
    return await what


async def opened_and_closed(gateway: SimulatedGateway) -> tuple[GatewayClient, Session]:
    """A client and a session that are already closed."""
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client:
        return client, await client.open_session()


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_closed_client_raises_usage_error(
    gateway: SimulatedGateway, use: Callable[[GatewayClient, Session], Awaitable[Any]]
) -> None:
    client, session = await opened_and_closed(gateway)

    with pytest.raises(MxGatewayUsageError, match="the client is closed -> open a new one") as caught:
        await use(client, session)

    assert caught.value.target == gateway.endpoint


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_other_event_loop_raises_usage_error(
    client: GatewayClient, session: Session, use: Callable[[GatewayClient, Session], Awaitable[Any]]
) -> None:
    def elsewhere() -> None:
        asyncio.run(awaited(use(client, session)))

    with pytest.raises(MxGatewayUsageError, match="opened in another event loop -> connect in the loop"):
        await asyncio.to_thread(elsewhere)


async def test_closing_in_other_event_loop_leaves_client_open(client: GatewayClient, session: Session) -> None:
    with pytest.raises(MxGatewayUsageError, match="another event loop"):
        await asyncio.to_thread(lambda: asyncio.run(client.close()))

    assert not client.closed
    assert await session.get_state() is SessionState.READY


TAG_USES: dict[str, Callable[[TagClient], Coroutine[Any, Any, Any]]] = {
    "read": lambda tags: tags.read(TAG),
    "write": lambda tags: tags.write(TAG, 1),
    "watch": lambda tags: awaited(anext(tags.watch(TAG))),
    "close": lambda tags: tags.close(),
}


@pytest.mark.parametrize("use", TAG_USES.values(), ids=TAG_USES)
async def test_tags_in_other_event_loop_raise_and_stay_usable(
    tags: TagClient, use: Callable[[TagClient], Coroutine[Any, Any, Any]]
) -> None:
    with pytest.raises(MxGatewayUsageError, match="the TagClient was opened in another event loop -> open it in"):
        await asyncio.to_thread(lambda: asyncio.run(use(tags)))

    await tags.write(TAG, 7)
    assert [reading.value for reading in await tags.read(TAG)] == [7]


FORK = """
import asyncio, os, sys, warnings
from mxgateway import GatewayClient, MxGatewayUsageError
from mxgateway.testing import SimulatedGateway

warnings.simplefilter("ignore", DeprecationWarning)  # newer Pythons warn of what this script is about

async def open_all():
    gateway = SimulatedGateway()
    await gateway.start()
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    return gateway, client, await client.open_session()

async def use(client, session):
    for misuse in (session.ping, client.open_session, client.close, session.close):
        try:
            await misuse()
        except MxGatewayUsageError as error:
            print(error, flush=True)

loop = asyncio.new_event_loop()
gateway, client, session = loop.run_until_complete(open_all())
child = os.fork()
if child == 0:
    asyncio.run(use(client, session))
    os._exit(0)
os.waitpid(child, 0)
print(loop.run_until_complete(session.get_state()).name, flush=True)
loop.run_until_complete(client.close())
loop.run_until_complete(gateway.stop())
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only where a process can fork")
def test_fork_raises_usage_error_and_parent_continues() -> None:
    process = subprocess.run([sys.executable, "-c", FORK], capture_output=True, text=True, timeout=30, check=False)

    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) == 5, process.stdout + process.stderr
    assert all("cannot be used in its fork" in line and "connect after the fork" in line for line in lines[:4])
    assert lines[4] == "READY"


async def test_session_has_one_stream_at_a_time(gateway: SimulatedGateway, session: Session) -> None:
    async with session.stream_events():
        with pytest.raises(MxGatewayUsageError, match="already has an open event stream"):
            await anext(session.stream_events())
        await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    assert len([call for call in gateway.calls if call.rpc == "StreamEvents"]) == 1


async def test_stream_has_one_reader_at_a_time(session: Session) -> None:
    async with session.stream_events() as stream:
        first = asyncio.create_task(awaited(anext(stream)))
        await asyncio.sleep(0)

        with pytest.raises(MxGatewayUsageError, match="another task already waits"):
            await anext(stream)

        server = await session.register("test")
        await session.advise(server, await session.add_item(server, TAG))
        assert (await first).sequence == 1


async def test_stream_of_other_client_blocks_a_second_one(client: GatewayClient, session: Session) -> None:
    async with GatewayClient.connect(client.options) as other, session.stream_events() as stream:
        server = await session.register("test")
        await session.advise(server, await session.add_item(server, TAG))
        await anext(stream)
        with pytest.raises(Exception, match="already has an event stream"):
            await anext(other.attach_session(session.session_id).stream_events())


async def test_closed_session_refuses_commands(client: GatewayClient) -> None:
    session = await client.open_session()
    await session.close()

    with pytest.raises(Exception, match="CLOSED"):
        await session.register("test")


def test_connect_outside_event_loop_has_no_effect() -> None:
    threads = threading.active_count()

    GatewayClient.connect(endpoint="127.0.0.1:1", plaintext=True)

    assert threading.active_count() == threads


async def test_connect_without_await_has_no_effect(gateway: SimulatedGateway) -> None:
    GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    await asyncio.sleep(0)

    assert not gateway.calls


async def test_options_with_fields_raise_type_error(client: GatewayClient) -> None:
    connect: Any = GatewayClient.connect
    open_session: Any = client.open_session

    with pytest.raises(TypeError, match="not both"):
        connect(ClientOptions(endpoint="g:1"), timeout=5.0)
    with pytest.raises(TypeError, match="not both"):
        open_session(OpenSessionOptions(), client_session_name="x")


async def test_unknown_field_raises_type_error() -> None:
    connect: Any = GatewayClient.connect

    with pytest.raises(TypeError, match="endpont"):
        connect(endpont="g:1")


async def test_two_clients_in_one_process_are_independent(
    gateway: SimulatedGateway, client: GatewayClient, session: Session
) -> None:
    other = await GatewayClient.connect(client.options)
    await other.close()

    assert await session.get_state() is SessionState.READY
    assert len({call.peer for call in gateway.calls}) == 2


async def test_many_tasks_share_one_client(client: GatewayClient) -> None:
    async def work(number: int) -> int:
        async with client.open_session(client_session_name=str(number)) as session:
            server = await session.register("test")
            return await session.add_item(server, TAG)

    assert len(await asyncio.gather(*(work(number) for number in range(20)))) == 20


async def test_each_event_loop_can_have_a_client(client: GatewayClient) -> None:
    async def elsewhere() -> SessionState:
        async with GatewayClient.connect(client.options) as other, other.open_session() as session:
            return await session.get_state()

    assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) is SessionState.READY
