"""The end of a TagClient: final errors reach every caller, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import weakref
from collections.abc import AsyncIterator
from unittest.mock import Mock

import grpc
import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayError,
    MxGatewayUsageError,
    MxGatewayVersionError,
    SessionState,
    TagClient,
)
from mxgateway.testing import SimulatedGateway
from support.tagging import INT, REPLACED, STRING, commands, following, following_change, lost, until_value


@pytest.fixture
async def reader_tags(gateway: SimulatedGateway) -> AsyncIterator[tuple[TagClient, str]]:
    """A TagClient with a key that can be revoked, and that key."""
    key = gateway.add_key("session:open", "session:close", "invoke:read", "invoke:write", "events:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        yield tags, key


async def test_a_revoked_key_ends_everything_with_that_error(
    gateway: SimulatedGateway, reader_tags: tuple[TagClient, str], caplog: pytest.LogCaptureFixture
) -> None:
    tags, key = reader_tags
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.revoke_key(key)
        await gateway.faults.restart()

        await lost(watch)
        for _ in range(2):
            with pytest.raises(MxGatewayAuthenticationError):
                await following(watch)
        with pytest.raises(MxGatewayAuthenticationError):
            await tags.read(INT)
        with pytest.raises(MxGatewayAuthenticationError):
            await tags.write(INT, 1)
        late = tags.watch(STRING)
        for _ in range(2):
            with pytest.raises(MxGatewayAuthenticationError):
                await following(late)
    assert key not in caplog.text
    assert "has ended" in caplog.text


async def test_an_unknown_protocol_version_after_an_update_ends_the_client() -> None:
    async with SimulatedGateway() as old:
        options = ClientOptions(endpoint=old.endpoint, api_key=old.api_key, plaintext=True)
        client = await GatewayClient.connect(options)
        tags = await client.tags("test", reconnect_delay=0.01)
        watch = tags.watch(INT)
        await following_change(watch)
    port = int(options.endpoint.rpartition(":")[2])
    async with SimulatedGateway(port=port, api_key=old.api_key, gateway_protocol_version=4) as new:
        await lost(watch)
        with pytest.raises(MxGatewayVersionError):
            await following(watch)
        with pytest.raises(MxGatewayVersionError):
            await tags.read(INT)
        await tags.close()
        await client.close()
        assert not new.sessions


async def test_a_scope_that_watching_lacks_is_named(
    gateway: SimulatedGateway,
) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.tags("test", reconnect_delay=0.01) as tags,
    ):
        watch = tags.watch(INT)
        with pytest.raises(MxGatewayAuthorizationError, match="events:read"):
            await until_value(watch, 42)


async def test_closing_during_a_loss_ends_at_once(gateway: SimulatedGateway, client: GatewayClient) -> None:
    tags = await client.tags("test", reconnect_delay=60, longest_reconnect_delay=60)
    watch = tags.watch(INT)
    await following_change(watch)
    await gateway.faults.drop_connections()
    await lost(watch)
    reading, writing = asyncio.create_task(tags.read(INT)), asyncio.create_task(tags.write(INT, 1))
    await asyncio.sleep(0)

    async with asyncio.timeout(5):
        await tags.close()

    for task in (asyncio.create_task(following(watch)), reading, writing):
        with pytest.raises(MxGatewayUsageError, match="the TagClient is closed"):
            await task
    assert not gateway.sessions


async def test_closing_while_a_session_is_opened_leaves_no_session(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test", reconnect_delay=0.01)
    with gateway.faults.held_sessions(SessionState.STARTING_WORKER):
        await gateway.faults.restart()
        await gateway.wait_for(lambda: gateway.sessions)
        await tags.close()

    await gateway.wait_for(lambda: not gateway.sessions)


async def test_closing_while_tags_are_subscribed_again_leaves_nothing(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    tags = await client.tags("test", reconnect_delay=0.01)
    watch = tags.watch(INT)
    await following_change(watch)
    gateway.faults.delay_commands(0.01)
    before = commands(gateway)["ADD_ITEM_BULK"]
    await gateway.faults.restart()
    await gateway.wait_for(lambda: commands(gateway)["ADD_ITEM_BULK"] > before)
    await tags.close()

    assert not gateway.sessions


async def test_the_error_of_the_first_session_is_raised_to_the_caller(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("invoke:read")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client:
        with pytest.raises(MxGatewayError, match="session:open"):
            await client.tags("test")


async def test_a_cancelled_opening_leaves_no_session(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async def open_it() -> None:
        await client.tags("test")

    gateway.faults.delay_commands(3600)
    opening = asyncio.create_task(open_it())
    await gateway.wait_for(lambda: gateway.sessions and gateway.sessions[0].pending_commands)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening

    assert not gateway.sessions


async def test_a_defect_in_the_supervision_is_raised_everywhere(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client.tags("test", reconnect_delay=0.01) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        monkeypatch.setattr(random, "uniform", Mock(side_effect=ZeroDivisionError))
        await gateway.faults.drop_connections()

        await lost(watch)
        with pytest.raises(MxGatewayError, match="ZeroDivisionError"):
            await following(watch)
        with pytest.raises(MxGatewayError, match="ZeroDivisionError"):
            await tags.read(INT)
    assert "Traceback" in caplog.text


async def test_a_session_that_cannot_be_closed_is_logged(
    gateway: SimulatedGateway, reader_tags: tuple[TagClient, str], caplog: pytest.LogCaptureFixture
) -> None:
    tags, _ = reader_tags
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.UNAVAILABLE, rpc="CloseSession")
    session = gateway.sessions[0].session_id
    await tags.close()

    (record,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert record.name == "mxgateway.tags"
    assert session in record.getMessage()
    await tags.close()
    assert not gateway.sessions


async def test_loss_retries_and_recovery_are_logged_once_each(
    gateway: SimulatedGateway, tags: TagClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with tags.watch(INT) as watch:
        await following_change(watch)
        gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, "starting", rpc="OpenSession")
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == REPLACED

    texts = [record.getMessage() for record in caplog.records if record.name == "mxgateway.tags"]
    assert len([text for text in texts if " lost: " in text]) == 1
    assert len([text for text in texts if "not restored yet" in text]) >= 2
    assert len([text for text in texts if "restored in a new session" in text]) == 1


async def test_a_closed_and_dropped_client_is_garbage_collected(client: GatewayClient) -> None:
    tags = await client.tags("test")
    watch = tags.watch(INT)
    await following_change(watch)
    await tags.close()
    left = weakref.ref(tags), weakref.ref(watch)
    del tags, watch
    await asyncio.sleep(0)
    gc.collect()

    assert [each() for each in left] == [None, None]
