"""Cancellation is neither swallowed nor invented, loses no event, and reaches the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from mxgateway import (
    DataChange,
    EventStream,
    GatewayClient,
    MxGatewayTransportError,
    MxGatewayUsageError,
    Session,
    SessionState,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway
from support.waiting import until

TAG = "TestChildObject.TestInt"


async def advised(session: Session) -> None:
    """Advise the tag."""
    server = await session.register("test")
    await session.advise(server, await session.add_item(server, TAG))


async def consume(stream: EventStream, seen: list[object]) -> None:
    """Append the values of a stream to a list."""
    async for event in stream:
        seen += [event.value]


async def together(*tasks: Coroutine[Any, Any, object]) -> None:
    """Run coroutines in a task group."""
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(task)


async def test_cancelled_reader_leaves_stream_and_session_open(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        reader = asyncio.create_task(consume(stream, []))
        await asyncio.sleep(0)

        reader.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reader

        gateway.plant[TAG].set(5)
        assert (await anext(stream)).value == 5


async def test_timeout_around_anext_loses_no_event(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    seen: list[object] = []
    timeouts = 0
    async with session.stream_events() as stream:
        await anext(stream)
        feeding = asyncio.create_task(feed(gateway, 300))
        while len(seen) < 300:
            try:
                async with asyncio.timeout(0.0005):
                    while True:
                        seen.append((await anext(stream)).value)
            except TimeoutError:
                timeouts += 1
        await feeding

    assert seen == list(range(300))
    assert timeouts > 1


async def feed(gateway: SimulatedGateway, count: int) -> None:
    """Change the tag this many times, with short pauses."""
    for number in range(count):
        gateway.plant[TAG].set(number)
        if number % 10 == 0:
            await asyncio.sleep(0.001)


async def test_expired_timeout_loses_no_event(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        gateway.plant[TAG].set(7)
        await until(lambda: stream.pending)
        value: object = None
        try:
            async with asyncio.timeout(-1):
                value = (await anext(stream)).value
        except TimeoutError:
            value = value or (await anext(stream)).value

    assert value == 7


async def test_cancellation_ends_the_stream_and_leaves_the_session_open(
    gateway: SimulatedGateway, session: Session
) -> None:
    await advised(session)

    async def read() -> None:
        async with session.stream_events() as stream:
            await consume(stream, [])

    reader = asyncio.create_task(read())
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)

    reader.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reader

    await gateway.wait_for(lambda: [call for call in gateway.calls if call.rpc == "StreamEvents" and call.cancelled])
    assert gateway.sessions[0].streams == 0
    assert await session.get_state() is SessionState.READY


async def test_timeout_around_command_cancels_the_call_at_the_gateway(
    gateway: SimulatedGateway, session: Session
) -> None:
    with gateway.faults.held_commands(session.session_id):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await session.ping()
        await gateway.wait_for(lambda: gateway.calls[-1].cancelled)

    assert await session.get_state() is SessionState.READY


async def test_cancelled_command_raises_cancelled_error(gateway: SimulatedGateway, session: Session) -> None:
    with gateway.faults.held_commands(session.session_id):
        command = asyncio.create_task(session.ping())
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)

        command.cancel()

        with pytest.raises(asyncio.CancelledError):
            await command


async def test_task_group_cancels_its_reader_after_an_error(session: Session) -> None:
    await advised(session)
    seen: list[object] = []

    async def fail() -> None:
        await until(lambda: seen)
        raise ValueError("mine")

    async with session.stream_events() as stream:
        with pytest.raises(ExceptionGroup) as caught:
            await together(consume(stream, seen), fail())

    assert [str(error) for error in caught.value.exceptions] == ["mine"]


async def test_lost_connection_ends_task_group_with_an_error(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    seen: list[object] = []
    async with session.stream_events() as stream:
        reading = asyncio.create_task(together(consume(stream, seen)))
        await until(lambda: seen)
        await gateway.faults.drop_connections()
        with pytest.raises(ExceptionGroup) as caught:
            await reading

    assert [type(error) for error in caught.value.exceptions] == [MxGatewayTransportError]


async def test_closing_client_fails_reader_of_attached_session(client: GatewayClient, session: Session) -> None:
    await advised(session)
    seen: list[object] = []
    other = await GatewayClient.connect(client.options)

    async def close() -> None:
        await until(lambda: seen)
        await other.close()

    with pytest.raises(ExceptionGroup) as caught:
        await together(consume(other.attach_session(session.session_id).stream_events(), seen), close())

    assert [type(error) for error in caught.value.exceptions] == [MxGatewayUsageError]


async def test_closing_client_fails_running_command(
    gateway: SimulatedGateway, client: GatewayClient, session: Session
) -> None:
    other = await GatewayClient.connect(client.options)

    async def close() -> None:
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
        await other.close()

    with gateway.faults.held_commands(session.session_id), pytest.raises(ExceptionGroup) as caught:
        await together(other.attach_session(session.session_id).ping(), close())

    (error,) = caught.value.exceptions
    assert isinstance(error, MxGatewayUsageError)
    assert "its outcome is unknown" in str(error)


async def test_session_is_not_left_open_if_opening_is_cancelled(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        opening = asyncio.create_task(open_session(client))
        await gateway.wait_for(lambda: gateway.sessions)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening

    await gateway.wait_for(lambda: not gateway.sessions)


async def test_session_is_not_left_open_if_opening_times_out(gateway: SimulatedGateway, client: GatewayClient) -> None:
    with gateway.faults.held_sessions(SessionState.HANDSHAKING), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05), client.open_session():
            raise AssertionError("there must be no session")

    await gateway.wait_for(lambda: not gateway.sessions)


async def open_session(client: GatewayClient) -> Session:
    """Open a session in a task."""
    return await client.open_session()


async def test_cancelled_body_closes_its_session_and_stays_cancelled(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async def work() -> None:
        async with client.open_session() as session:
            await advised(session)
            async for _ in session.stream_events():
                pass

    task = asyncio.create_task(work())
    await gateway.wait_for(lambda: gateway.sessions and gateway.sessions[0].streams)

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert not gateway.sessions


async def test_cancelled_connect_leaves_nothing_behind(scripted: ScriptedGateway) -> None:
    async def connect() -> None:
        await GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True)

    task = asyncio.create_task(connect())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


async def test_reader_cancelled_while_stream_closes_is_cancelled(session: Session) -> None:
    await advised(session)
    stream = session.stream_events()
    assert isinstance(await anext(stream), DataChange)
    reader = asyncio.create_task(consume(stream, []))
    await asyncio.sleep(0)

    reader.cancel()
    await stream.close()

    with pytest.raises(asyncio.CancelledError):
        await reader
