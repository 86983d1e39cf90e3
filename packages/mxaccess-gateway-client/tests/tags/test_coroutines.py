"""What TagClient's read and write give is a coroutine to whoever uses it, in every way that asyncio knows."""

from __future__ import annotations

import asyncio
import unittest.mock
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from mxgateway import MxGatewayCommandError, TagClient, TagReading
from mxgateway.testing import SimulatedGateway
from support.tagging import DOUBLE, INT, STRING, UNKNOWN, commands, entries, writes


async def in_a_task(call: Coroutine[Any, Any, Any]) -> Any:
    return await asyncio.create_task(call)


async def in_a_task_group(call: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(call)
    return task.result()


async def in_a_timeout(call: Coroutine[Any, Any, Any]) -> Any:
    async with asyncio.timeout(20):
        return await call


async def gathered(call: Coroutine[Any, Any, Any]) -> Any:
    (result,) = await asyncio.gather(call)
    return result


async def as_completed(call: Coroutine[Any, Any, Any]) -> Any:
    (first,) = asyncio.as_completed([call])
    return await first


async def from_a_thread(call: Coroutine[Any, Any, Any]) -> Any:
    loop = asyncio.get_running_loop()
    return await asyncio.to_thread(lambda: asyncio.run_coroutine_threadsafe(call, loop).result())


async def step_by_step(call: Coroutine[Any, Any, Any]) -> Any:
    async def outer() -> Any:
        return await call

    return await asyncio.ensure_future(outer())


WAYS: dict[str, Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]] = {
    "await": step_by_step,
    "create_task": in_a_task,
    "TaskGroup": in_a_task_group,
    "timeout": in_a_timeout,
    "wait_for": lambda call: asyncio.wait_for(call, 20),
    "shield": asyncio.shield,
    "gather": gathered,
    "as_completed": as_completed,
    "run_coroutine_threadsafe": from_a_thread,
}

CALLS: dict[str, Callable[[TagClient], object]] = {
    "TagClient.read": lambda tags: tags.read(INT),
    "TagClient.write": lambda tags: tags.write(INT, 7),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_reads_and_writes_work_in_every_way_and_happen_once(
    gateway: SimulatedGateway, tags: TagClient, way: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
) -> None:
    assert await way(tags.write(INT, 7)) is None
    readings: tuple[TagReading, ...] = await way(tags.read(INT, STRING))

    assert [reading.tag for reading in readings] == [INT, STRING]
    assert readings[0].value == 7
    assert (writes(gateway), commands(gateway)["READ_BULK"]) == (1, 1)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_what_goes_wrong_is_raised_in_every_way(
    tags: TagClient, way: Callable[[Coroutine[Any, Any, Any]], Awaitable[Any]]
) -> None:
    with pytest.raises((MxGatewayCommandError, ExceptionGroup)) as caught:
        await way(tags.write(UNKNOWN, 7))

    error = caught.value
    assert isinstance(error.exceptions[0] if isinstance(error, ExceptionGroup) else error, MxGatewayCommandError)


async def test_nothing_is_asked_before_somebody_waits_for_it(gateway: SimulatedGateway, tags: TagClient) -> None:
    read, write = tags.read(INT), tags.write(INT, 7)
    await tags.read(STRING)

    assert (writes(gateway), commands(gateway)["READ_BULK"]) == (0, 1)
    read.close()
    write.close()


async def test_what_is_begun_and_left_to_itself_happens(gateway: SimulatedGateway, tags: TagClient) -> None:
    write = asyncio.ensure_future(tags.write(INT, 7))

    await gateway.wait_for(lambda: gateway.plant[INT].value == 7)
    await write


async def test_a_throttle_that_takes_coroutines_throttles(gateway: SimulatedGateway, tags: TagClient) -> None:
    one_at_a_time = asyncio.Semaphore(1)

    async def throttled(call: Coroutine[Any, Any, None]) -> None:
        async with one_at_a_time:
            await call

    await asyncio.gather(*(throttled(tags.write(tag, 7)) for tag in (INT, DOUBLE)))

    assert entries(gateway) == [1, 1]


@pytest.mark.parametrize(("name", "call"), CALLS.items())
async def test_what_nobody_awaits_is_named_in_a_warning_and_does_not_happen(
    gateway: SimulatedGateway, tags: TagClient, name: str, call: Callable[[TagClient], object]
) -> None:
    with pytest.warns(RuntimeWarning, match=f"coroutine '{name}' was never awaited"):
        call(tags)

    await tags.read(STRING)
    assert (writes(gateway), commands(gateway)["READ_BULK"]) == (0, 1)


@pytest.mark.parametrize("begin", [asyncio.create_task, asyncio.ensure_future])
async def test_what_is_cancelled_before_its_first_step_asks_nothing(
    gateway: SimulatedGateway,
    tags: TagClient,
    begin: Callable[[Coroutine[Any, Any, None]], asyncio.Future[None]],
) -> None:
    write = begin(tags.write(INT, 7))
    write.cancel()
    with pytest.raises(asyncio.CancelledError):
        await write

    assert writes(gateway) == 0


async def test_a_task_that_is_cancelled_over_what_was_begun_already_gives_it_up(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    await tags.write(INT, 1)
    call = tags.write(INT, 2)
    begun = asyncio.ensure_future(call)
    task = asyncio.create_task(call)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert begun.cancelled()
    assert writes(gateway) == 1


async def test_cancelling_what_is_gathered_ends_each_and_what_comes_next_goes_on(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    await tags.write(INT, 1)
    (session,) = gateway.sessions
    with gateway.faults.held_commands(session.session_id):
        waiting = asyncio.gather(*(tags.read(INT) for _ in range(3)), tags.write(INT, 2))
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"] and writes(gateway) == 2)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    await tags.write(INT, 3)
    assert [reading.value for reading in await tags.read(INT)] == [3]


async def test_one_that_fails_among_gathered_ones_disturbs_no_other(tags: TagClient) -> None:
    good = tags.write(INT, 7)

    with pytest.raises(MxGatewayCommandError, match=UNKNOWN):
        await asyncio.gather(tags.write(UNKNOWN, 1), good, tags.write(f"{UNKNOWN}2", 1))

    await good
    assert [reading.value for reading in await tags.read(INT)] == [7]


async def test_a_task_shows_what_it_waits_for(tags: TagClient) -> None:
    task = asyncio.create_task(tags.read(INT))

    assert "coro=<TagClient.read()" in repr(task)
    await task


async def test_a_mock_of_a_tag_client_can_be_awaited() -> None:
    mock = unittest.mock.create_autospec(TagClient, instance=True)

    await mock.write(INT, 7)
    await mock.read(INT)

    mock.write.assert_awaited_once_with(INT, 7)
    mock.read.assert_awaited_once_with(INT)
