"""Defects that a TagClient once had: it hung, gave up, went stale or slowed down."""

from __future__ import annotations

import asyncio
import gc
from typing import NoReturn

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayUsageError,
    Session,
    TagChange,
    TagClient,
    TagRefused,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.tagging import INT, STRING, commands, first_values, following, following_change, lost, outcomes, taken


async def test_close_ends_when_recovery_is_cancelled_and_closing_fails() -> None:
    async with SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway:
        client = await GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=5, close_timeout=0.3
        )
        tags = await client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.02)
        first = gateway.sessions[0].session_id
        gateway.faults.delay_commands(60)
        gateway.faults.kill_worker(first)
        await gateway.wait_for(lambda: any(s.session_id != first and s.pending_commands for s in gateway.sessions))
        with gateway.faults.frozen_network():
            async with asyncio.timeout(20):
                await tags.close()
        gateway.faults.delay_commands(0)
        await client.close()


async def test_cancelling_the_opening_raises_cancelled_error_when_closing_fails() -> None:
    async with SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway:
        client = await GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=5, close_timeout=0.3
        )
        gateway.faults.delay_commands(60)
        opening = asyncio.ensure_future(_open(client))
        await gateway.wait_for(lambda: any(session.pending_commands for session in gateway.sessions))
        with gateway.faults.frozen_network():
            opening.cancel()
            with pytest.raises(asyncio.CancelledError):
                await opening
        gateway.faults.delay_commands(0)
        await client.close()


async def test_the_error_of_opening_is_not_hidden_by_the_error_of_closing(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as limited:
        with pytest.raises(MxGatewayAuthorizationError) as caught:
            await limited.tags("test")
    gateway.faults.kill_worker(gateway.sessions[0].session_id)
    await gateway.stop()

    assert caught.value.method == "Register"


async def test_a_tag_that_is_written_to_during_a_gap_gets_its_present_value(
    slow_gateway: SimulatedGateway, slow_tags: TagClient
) -> None:
    async with slow_tags.watch(INT, STRING) as watch:
        await first_values(watch, 2)
        session = slow_gateway.sessions[0].session_id
        status = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR)
        with slow_gateway.faults.refused_writes(INT, status):
            writing = asyncio.create_task(slow_tags.write(INT, 1))
            await taken(slow_gateway, 1)
            with slow_gateway.faults.held_commands(session):
                await slow_gateway.faults.drop_connections()
                slow_gateway.plant[INT].set(99)
                slow_gateway.plant[STRING].set("missed")
                slow_gateway.faults.age_out_replay(session)
                slow_gateway.clock.advance(10)
            values: dict[str, object] = {}
            while values != {INT: 99, STRING: "missed"}:
                item = await following(watch)
                if isinstance(item, TagChange):
                    values[item.tag] = item.value
            with pytest.raises(MxAccessError):
                await writing


async def test_a_read_that_is_too_large_fails_at_once(gateway: SimulatedGateway) -> None:
    gateway.plant.add(Tag("Large.Text", "string", "x" * 50_000))
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=16 * 1024
        ) as client,
        client.tags("test") as tags,
    ):
        with pytest.raises(MxGatewayLimitError):
            await tags.read("Large.Text")
        (reading,) = await tags.read(INT)

    assert commands(gateway)["READ_BULK"] <= 3
    assert reading.value == 42


async def test_values_that_are_too_large_together_are_read_in_parts(gateway: SimulatedGateway) -> None:
    names = [gateway.plant.add(Tag(f"Large.Text{number}", "string", "x" * 20_000)).name for number in range(8)]
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=32 * 1024
        ) as client,
        client.tags("test") as tags,
    ):
        readings = await tags.read(*names)

    assert [len(str(reading.value)) for reading in readings] == [20_000] * 8


async def test_a_watch_larger_than_a_message_is_subscribed_in_parts(gateway: SimulatedGateway) -> None:
    names = [gateway.plant.add(Tag(f"Long.{'x' * 200}{number}", "integer", number)).name for number in range(300)]
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=16 * 1024
        ) as client,
        client.tags("test") as tags,
        tags.watch(*names) as watch,
    ):
        values = await first_values(watch, len(names))
        assert len(gateway.sessions) == 1

    assert values == {name: number for number, name in enumerate(names)}


async def test_a_tag_whose_name_fits_into_no_message_is_refused_alone(gateway: SimulatedGateway) -> None:
    too_long = f"Long.{'x' * 20_000}"
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, max_message_bytes=16 * 1024
        ) as client,
        client.tags("test") as tags,
        tags.watch(INT, too_long, STRING) as watch,
    ):
        items = [await following(watch) for _ in range(3)]

    (refused,) = [item for item in items if isinstance(item, TagRefused)]
    assert refused.tag == too_long
    assert "max_message_bytes" in refused.error_message
    assert {item.tag: item.value for item in items if isinstance(item, TagChange)} == {INT: 42, STRING: "Hello"}


async def test_cancelled_tasks_of_a_tag_client_are_reported_at_once(tags: TagClient) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        for task in asyncio.all_tasks():
            if task.get_name().startswith("mxgateway tags"):
                task.cancel()

        with pytest.raises(MxGatewayUsageError, match="cancelled from outside"):
            await following(watch)
        for call in (tags.read(INT), tags.write(INT, 5)):
            with pytest.raises(MxGatewayUsageError, match="cancelled from outside"):
                await call


async def test_a_worker_that_hangs_after_a_reconnect_is_replaced(
    gateway: SimulatedGateway, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxgateway.tags.tag_session._RESUME_SECONDS", 0.3)
    async with client.tags("test", reconnect_delay=0.01) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        first = gateway.sessions[0].session_id
        with gateway.faults.held_commands(first):
            await gateway.faults.drop_connections()
            gateway.plant[INT].set(7)
            while not (isinstance(item := await following(watch), TagChange) and item.value == 7):
                pass
            assert gateway.sessions[-1].session_id != first


async def defective(*_: object, **__: object) -> NoReturn:
    """Fail as no method of a session should."""
    raise RuntimeError("a defect")


async def test_a_defect_of_the_library_raises_instead_of_hanging(
    gateway: SimulatedGateway, tags: TagClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        monkeypatch.setattr(Session, "read_bulk", defective)
        errors = await outcomes(tags.read(INT), tags.read(STRING))
        assert [str(error) for error in errors] == ["the TagClient failed: RuntimeError('a defect')"] * 2
        assert errors[0] is not errors[1]

        monkeypatch.setattr(Session, "get_state", defective)
        await gateway.faults.drop_connections()
        await lost(watch)
        with pytest.raises(MxGatewayError, match="the TagClient failed: RuntimeError"):
            await following(watch)


async def test_a_dropped_tag_client_warns_and_closes_its_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    dropped = [await client.tags("test")]
    with pytest.warns(ResourceWarning, match="unclosed TagClient 'test'"):
        dropped.clear()
    await gateway.wait_for(lambda: not gateway.sessions)


async def test_a_watch_keeps_its_tag_client_alive(gateway: SimulatedGateway, client: GatewayClient) -> None:
    watch = (await client.tags("test")).watch(INT)
    gc.collect()
    assert (await following_change(watch)).value == 42

    with pytest.warns(ResourceWarning, match="unclosed TagClient 'test'"):
        del watch
    await gateway.wait_for(lambda: not gateway.sessions)


async def _open(client: GatewayClient) -> TagClient:
    return await client.tags("test")
