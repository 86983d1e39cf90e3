"""The order of batched calls, and the effect of cancelling and closing."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from functools import partial

import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
    TagChange,
    TagClient,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway
from support.random_writes import RandomWriters
from support.tagging import (
    DOUBLE,
    INT,
    STRING,
    add_tags,
    commands,
    entries,
    first_values,
    following_change,
    outcomes,
    until_value,
    writes,
)

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LAST = 1_000_000


# Order


@pytest.mark.parametrize("seed", range(6))
async def test_random_writes_have_true_outcomes_and_keep_their_order(
    gateway: SimulatedGateway, tags: TagClient, seed: int
) -> None:
    names = add_tags(gateway, 12)
    writers = RandomWriters(tags, seed)
    happened: dict[str, list[int]] = {name: [] for name in names}
    found: dict[str, list[int]] = {name: [] for name in names}
    async with tags.watch(*names, queue_size=100_000) as watch:
        assert len(await first_values(watch, len(names))) == len(names)
        for _ in range(25):
            await writers.write_concurrently(names)
        await asyncio.gather(*(tags.write(name, LAST) for name in names))
        while any(LAST not in {*happened[name][-1:], *found[name][-1:]} for name in names):
            item = await following_change(watch)
            (found if item.repeated else happened)[item.tag].append(int(str(item.value)))

    for name, values in happened.items():
        order = [*writers.submitted.get(name, []), LAST]
        assert values == [value for value in order if value in set(values)]
        assert not writers.refused & set(values)
        # Changes during the renewal of a handle, after a write with an unknown outcome, are covered by the value that
        # was found then.
        renewed = max((order.index(value) for value in found[name] if value in order), default=-1)
        assert {value for value in writers.confirmed & set(order) if order.index(value) > renewed} <= set(values)


async def cause_fault(gateway: SimulatedGateway, fault: str) -> None:
    """Cause a random fault in every session."""
    if fault in {"drop_connections", "restart"}:
        await getattr(gateway.faults, fault)()
    else:
        for session in gateway.sessions:
            getattr(gateway.faults, fault)(session.session_id)


@pytest.mark.parametrize("seed", range(4))
async def test_random_writes_through_losses_are_never_repeated(
    gateway: SimulatedGateway, tags: TagClient, seed: int
) -> None:
    names = add_tags(gateway, 8)
    writers = RandomWriters(tags, seed)
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    happened: dict[str, list[object]] = {name: [] for name in names}

    def note(name: str) -> None:
        happened[name].append(gateway.plant[name].value)

    for name in names:
        gateway.plant[name].listen(partial(note, name))
    for _ in range(12):
        async with asyncio.TaskGroup() as group:
            group.create_task(writers.write_concurrently(names))
            await asyncio.sleep(chance.choice([0, 0.001, 0.003, 0.01]))
            await cause_fault(gateway, chance.choice(["drop_connections", "restart", "kill_worker", "fault_session"]))
    # A session whose CloseSession was lost with a connection would stay until its lease ends.
    await cause_fault(gateway, "restart")
    assert len(await tags.read(*names)) == len(names)

    for name, values in happened.items():
        submitted = writers.submitted.get(name, [])
        assert values == [value for value in submitted if value in set(values)]
        assert writers.confirmed & set(submitted) <= set(values)
        assert not writers.refused & set(values)


async def test_a_read_after_a_write_returns_the_written_value(tags: TagClient, many: list[str]) -> None:
    async def write_and_read(name: str) -> None:
        for value in range(20):
            await tags.write(name, value)
            assert (await tags.read(name))[0].value == value

    await asyncio.gather(*map(write_and_read, many[:20]))


# Cancelling


async def test_a_cancelled_read_does_not_affect_the_others(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        readings = [asyncio.create_task(tags.read(name)) for name in many[:100]]
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"])
        for reading in readings[::2]:
            reading.cancel()
        short = asyncio.create_task(tags.read(INT, timeout=0.05))
        with pytest.raises(MxGatewayTimeoutError):
            await short
    assert [(await reading)[0].value for reading in readings[1::2]] == list(range(1, 100, 2))
    assert all(reading.cancelled() for reading in readings[::2])


async def test_a_call_without_waiting_callers_is_cancelled(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        readings = [asyncio.create_task(tags.read(name)) for name in many[:10]]
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"])
        for reading in readings:
            reading.cancel()
        await gateway.wait_for(lambda: [call for call in gateway.calls if call.rpc == "Invoke" and call.cancelled])
    assert (await tags.read(INT))[0].value == 42


async def test_a_write_cancelled_before_its_turn_is_never_sent(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    await tags.write(INT, 0)
    writing = [asyncio.create_task(tags.write(name, -1)) for name in many[:100]]
    await asyncio.sleep(0)
    for task in writing[::2]:
        task.cancel()
    await asyncio.gather(*writing, return_exceptions=True)

    assert [gateway.plant[name].value for name in many[:4]] == [0, -1, 2, -1]
    assert writes(gateway) == 51


async def test_a_write_cancelled_after_the_send_leaves_the_others_alone() -> None:
    async with (
        SimulatedGateway(write_time=10, ramp_interval=None) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        names = add_tags(gateway, 20)
        writing = [asyncio.create_task(tags.write(name, -1)) for name in names]
        await gateway.wait_for(lambda: writes(gateway) == 20)
        for task in writing[::2]:
            task.cancel()
        short = await outcomes(tags.write(names[1], 5, timeout=0.05))
        assert "was not written" in str(short[0])
        gateway.clock.advance(10)
        results = await asyncio.gather(*writing, return_exceptions=True)

        assert [isinstance(result, asyncio.CancelledError) for result in results] == [True, False] * 10
        assert results[1::2] == [None] * 10
        assert [gateway.plant[name].value for name in names] == [-1] * 20


async def test_a_timeout_of_one_write_does_not_affect_the_others() -> None:
    async with (
        SimulatedGateway(write_time=10, ramp_interval=None) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        session = gateway.sessions[0].session_id
        hasty = asyncio.create_task(tags.write(INT, 1, timeout=0.3))
        patient = asyncio.create_task(tags.write(STRING, "a"))
        with pytest.raises(MxGatewayTimeoutError, match=f"{INT} may have been written"):
            await hasty
        gateway.clock.advance(10)
        await patient

        assert [each.session_id for each in gateway.sessions] == [session]
        assert entries(gateway) == [2]


# Without confirmation


async def test_an_unconfirmed_write_returns_when_accepted_and_keeps_its_order(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with (
        SimulatedGateway(write_time=10, ramp_interval=None) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test") as tags,
    ):
        text = to_mx_value("text")
        await asyncio.gather(tags.write(INT, text, confirm=False), tags.write(STRING, "a", confirm=False))
        assert (gateway.plant[INT].value, gateway.plant[STRING].value) == (42, "Hello")
        second = asyncio.create_task(tags.write(INT, 2))
        gateway.clock.advance(10)
        await gateway.wait_for(lambda: writes(gateway) == 3)
        await gateway.wait_for(lambda: not gateway.sessions[0].pending_commands)
        gateway.clock.advance(10)
        await second
        await tags.write(DOUBLE, 1.5, confirm=False)

        assert (gateway.plant[INT].value, gateway.plant[STRING].value) == (2, "a")
    (record,) = [each for each in caplog.records if each.name == "mxgateway.tags"]
    assert f"{INT} was not written" in record.getMessage()


# Closing


async def test_closing_fails_every_waiting_call(
    gateway: SimulatedGateway, client: GatewayClient, many: list[str]
) -> None:
    tags = await client.tags("test")
    await asyncio.gather(*(tags.write(name, 1) for name in many[:30]))
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        calls = asyncio.gather(
            *(tags.write(name, 2) for name in many[:30]),
            *(tags.write(name, 3) for name in many[:30]),
            *(tags.write(name, 3) for name in many[100:130]),
            *(tags.read(name) for name in many[:30]),
            return_exceptions=True,
        )
        await gateway.wait_for(lambda: writes(gateway) == 60 and commands(gateway)["READ_BULK"])
        await tags.close()
        results = await calls

    assert {type(result) for result in results[:30]} == {MxGatewayTransportError}
    assert all("may have been written" in str(result) for result in results[:30])
    assert {type(result) for result in results[30:]} == {MxGatewayUsageError}
    assert all("the TagClient is closed" in str(result) for result in results)
    for late in (tags.read(INT), tags.write(INT, 1)):
        with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
            await late
    assert not gateway.sessions


async def test_a_watch_during_many_writes_misses_nothing(tags: TagClient, many: list[str]) -> None:
    async with tags.watch(many[0], queue_size=10_000) as watch:
        await following_change(watch)
        await asyncio.gather(*(tags.write(name, -1) for name in many), *(tags.write(many[0], v) for v in range(5, 10)))
        items = await until_value(watch, 9)

    assert [item.value for item in items if isinstance(item, TagChange)] == [-1, 5, 6, 7, 8, 9]
