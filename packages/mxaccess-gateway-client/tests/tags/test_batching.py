"""Concurrent reads and writes: few commands, and each caller gets its own result."""

from __future__ import annotations

import asyncio
import random
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    TagClient,
    TagReading,
    to_mx_value,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.scripted_gateway import ScriptedGateway
from support.tagging import INT, UNKNOWN, add_tags, commands, entries, following_change, outcomes, writes

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


# Few commands


async def test_a_thousand_concurrent_reads_are_one_command(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    readings = await asyncio.gather(*map(tags.read, many))

    assert [(reading.tag, reading.value) for (reading,) in readings] == [(name, n) for n, name in enumerate(many)]
    assert commands(gateway)["READ_BULK"] == 1


async def test_batched_reads_of_several_tags_are_not_split_or_mixed_up(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    dice = random.Random(1)  # noqa: S311 - it plays, it guards nothing
    wanted = [dice.choices(many, k=dice.randrange(6)) for _ in range(300)]
    answers = await asyncio.gather(*(tags.read(*names) for names in wanted))

    assert [[reading.tag for reading in answer] for answer in answers] == wanted
    assert all(reading.value == many.index(reading.tag) for answer in answers for reading in answer)
    assert commands(gateway)["READ_BULK"] <= 2


async def test_an_unreadable_tag_fails_only_for_its_caller(tags: TagClient) -> None:
    (bad,), (good,) = await asyncio.gather(tags.read(UNKNOWN), tags.read(INT))

    assert isinstance(bad.error, MxAccessError)
    assert good.value == 42


async def test_a_thousand_concurrent_writes_are_a_handful_of_commands(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    for turn in (1, 2):
        before = sum(commands(gateway).values())
        await asyncio.gather(*(tags.write(name, -number * turn) for number, name in enumerate(many)))

        assert [gateway.plant[name].value for name in many] == [-number * turn for number in range(1000)]
        assert sum(commands(gateway).values()) - before <= 8
    assert writes(gateway) == 2000


async def test_writes_with_a_timestamp_are_batched_too(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    await asyncio.gather(*(tags.write(name, 5, timestamp=WHEN if n % 2 else None) for n, name in enumerate(many[:100])))

    assert [gateway.plant[name].value for name in many[:100]] == [5] * 100
    assert [gateway.plant[name].timestamp == WHEN for name in many[:100]] == [False, True] * 50
    assert (commands(gateway)["WRITE_BULK"], commands(gateway)["WRITE2_BULK"]) == (1, 1)


async def test_a_single_call_is_sent_alone(gateway: SimulatedGateway, tags: TagClient) -> None:
    for value in range(3):
        await tags.write(INT, value)
        assert (await tags.read(INT))[0].value == value

    assert (commands(gateway)["WRITE"], commands(gateway)["READ_BULK"]) == (3, 3)
    assert not commands(gateway)["WRITE_BULK"]


async def test_calls_made_during_a_command_are_batched(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    with gateway.faults.held_commands(gateway.sessions[0].session_id):
        readings: list[asyncio.Task[tuple[TagReading, ...]]] = []
        for name in many[:200]:
            readings.append(asyncio.create_task(tags.read(name)))
            await asyncio.sleep(0)
        await gateway.wait_for(lambda: commands(gateway)["READ_BULK"])
    assert [(await reading)[0].value for reading in readings] == list(range(200))
    assert commands(gateway)["READ_BULK"] <= 10


async def test_more_writes_than_the_event_queue_holds_do_not_overflow_it(
    gateway: SimulatedGateway, tags: TagClient
) -> None:
    # Two events a write, and the queue holds 10,000. The timeout is for slow machines.
    names = add_tags(gateway, 5_100)
    await asyncio.gather(*(tags.write(name, -1, timeout=55) for name in names))

    assert all(gateway.plant[name].value == -1 for name in names)
    assert len(gateway.calls) < 50


# Each caller gets its own result


async def test_each_refused_write_raises_for_its_own_caller(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    text = to_mx_value("text")
    results = await outcomes(*(tags.write(name, text if n % 3 == 0 else 7) for n, name in enumerate(many[:90])))

    for number, (name, result) in enumerate(zip(many, results, strict=False)):
        if number % 3 == 0:
            assert isinstance(result, MxAccessError)
            assert f"{name} was not written" in str(result)
        else:
            assert result is None
    assert [gateway.plant[name].value for name in many[:4]] == [0, 7, 7, 3]


async def test_an_invalid_write_fails_before_it_is_batched(
    gateway: SimulatedGateway, tags: TagClient, many: list[str]
) -> None:
    wrong: list[tuple[Any, dict[str, Any]]] = [
        (2**64, {}),
        ([1, "two"], {}),
        (1, {"user_id": "operator"}),
        (1, {"user_id": 2**40}),
        (1, {"timestamp": WHEN.replace(tzinfo=None)}),
        (1, {"timeout": -1}),
    ]
    calls = [tags.write(many[n], value, **fields) for n, (value, fields) in enumerate(wrong)]
    results = await outcomes(*calls, *(tags.write(name, 7) for name in many[10:20]))

    assert [isinstance(result, TypeError | ValueError) for result in results] == [True] * len(wrong) + [False] * 10
    assert writes(gateway) == 10


async def test_a_refused_entry_of_a_bulk_write_fails_alone(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        if reply.kind == pb.MX_COMMAND_KIND_ADD_ITEM_BULK:
            for handle in (1, 2, 3, 4):
                reply.add_item_bulk.results.add(item_handle=handle, was_successful=True)
        if reply.kind == pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK:
            for handle in (1, 2, 3, 4):
                reply.advise_item_bulk.results.add(item_handle=handle, was_successful=True)
        if reply.kind == pb.MX_COMMAND_KIND_WRITE_BULK:
            no = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, detail=7, diagnostic_text="locked")
            reply.write_bulk.results.add(hresult=-2147024809, error_message="not in range", statuses=[no])
            reply.write_bulk.results.add(error_message="the key does not reach it")
            reply.write_bulk.results.add(was_successful=True)
            reply.write_bulk.results.add(was_successful=True, statuses=[no])

    scripted.edit_reply = edit
    async with scripted_client.tags("test") as tags:
        refused, unreached, silent, contradicted = await outcomes(
            tags.write("A.B", 1), tags.write("A.C", 2), tags.write("A.D", 3, timeout=0.3), tags.write("A.E", 4)
        )

    assert isinstance(refused, MxAccessError)
    assert (refused.method, refused.hresult, refused.diagnostic_message) == ("Write", -2147024809, "not in range")
    assert [status.detail for status in refused.statuses] == [7]
    assert "A.B was not written" in str(refused)
    assert type(unreached) is MxGatewayCommandError
    assert "A.C was not written" in str(unreached)
    assert "the key does not reach it" in str(unreached)
    assert isinstance(silent, MxGatewayTimeoutError)
    assert "A.D may have been written: no outcome arrived" in str(silent)
    assert isinstance(contradicted, MxAccessError)
    assert "A.E was not written" in str(contradicted)


@pytest.mark.parametrize(
    ("handles", "problem"), [([1], "1 results for 2 entries"), ([2, 1], "not in the order of the entries")]
)
async def test_an_unmatched_bulk_reply_is_an_error_for_each_write(
    scripted: ScriptedGateway, scripted_client: GatewayClient, handles: list[int], problem: str
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        for kind, arm in (
            (pb.MX_COMMAND_KIND_ADD_ITEM_BULK, "add_item_bulk"),
            (pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK, "advise_item_bulk"),
        ):
            if reply.kind == kind:
                for handle in (1, 2):
                    getattr(reply, arm).results.add(item_handle=handle, was_successful=True)
        if reply.kind == pb.MX_COMMAND_KIND_WRITE_BULK:
            for handle in handles:
                reply.write_bulk.results.add(was_successful=True, item_handle=handle)

    scripted.edit_reply = edit
    async with scripted_client.tags("test") as tags:
        results = await outcomes(tags.write("A.B", 1), tags.write("A.C", 2))

    assert [problem in str(result) for result in results] == [True, True]
    assert results[0] is not results[1]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.RESOURCE_EXHAUSTED, MxGatewayLimitError),
        (grpc.StatusCode.INVALID_ARGUMENT, MxGatewayCommandError),
    ],
)
async def test_a_failed_bulk_write_fails_each_write_and_is_not_repeated(
    gateway: SimulatedGateway,
    tags: TagClient,
    many: list[str],
    status: grpc.StatusCode,
    kind: type[MxGatewayError],
) -> None:
    await asyncio.gather(*(tags.write(name, 1) for name in many[:50]))
    before = entries(gateway)
    gateway.faults.refuse_next_calls(1, status, "not now", rpc="Invoke")
    results = await outcomes(*(tags.write(name, 2) for name in many[:50]))

    assert {type(result) for result in results} == {kind}
    assert all(result.method == "Write" and "not now" in str(result) for result in results)
    assert len(set(map(id, results))) == 50
    assert len(entries(gateway)) == len(before) + 1
    await asyncio.gather(*(tags.write(name, 3) for name in many[:50]))
    assert [gateway.plant[name].value for name in many[:50]] == [3] * 50


@pytest.mark.parametrize("moment", ["before the reply", "before the outcome"])
async def test_batched_writes_of_a_lost_session_may_have_happened(
    moment: str,
) -> None:
    async with (
        SimulatedGateway(write_time=10, ramp_interval=None) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        names = add_tags(gateway, 30)
        async with tags.watch(*names) as watch:
            for _ in names:
                await following_change(watch)
            session = gateway.sessions[0].session_id
            with gateway.faults.held_commands(session if moment == "before the reply" else "another"):
                writing = asyncio.gather(*(tags.write(name, 1) for name in names), return_exceptions=True)
                await gateway.wait_for(lambda: writes(gateway) == 30)
                if moment == "before the outcome":
                    await gateway.wait_for(lambda: not gateway.sessions[0].pending_commands)
                gateway.faults.kill_worker(session)
                results = await writing

            assert {type(result) for result in results} == {MxGatewayTransportError}
            assert all(f"{name} may have been written" in str(each) for name, each in zip(names, results, strict=True))
            later = asyncio.gather(*(tags.write(name, 2) for name in names))
            await gateway.wait_for(lambda: writes(gateway) == 60)
            await gateway.wait_for(lambda: not gateway.sessions[0].pending_commands)
            gateway.clock.advance(10)
            await later


async def test_large_values_are_split_and_a_too_large_one_fails_alone(
    gateway: SimulatedGateway,
) -> None:
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=100_000
        ) as client,
        client.tags("test") as tags,
    ):
        names = [gateway.plant.add(Tag(f"Large.Tag{number}", "string", "")).name for number in range(12)]
        await asyncio.gather(*(tags.write(name, "") for name in names))
        results = await outcomes(*(tags.write(name, "x" * (150_000 if name == names[5] else 30_000)) for name in names))

        assert isinstance(results.pop(5), MxGatewayLimitError)
        assert results == [None] * 11
        assert [len(str(gateway.plant[name].value)) for name in names] == [30_000] * 5 + [0] + [30_000] * 6
        answers = await asyncio.gather(*(tags.read(name) for name in names))
        assert [len(str(reading.value)) for (reading,) in answers] == [30_000] * 5 + [0] + [30_000] * 6
