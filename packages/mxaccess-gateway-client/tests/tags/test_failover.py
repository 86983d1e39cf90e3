"""Failover: a TagClient goes to the next gateway when its own stays away, and says so."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    GatewayEndpoint,
    MxGatewayAuthenticationError,
    MxGatewayConfigurationError,
    MxGatewayTransportError,
    TagChange,
    TagClient,
    TagOptions,
    WatchLost,
    WatchRestored,
)
from support.pairs import GatewayPair
from support.tagging import (
    INT,
    RESUMED,
    STRING,
    advised,
    first_values,
    following,
    following_change,
    lost,
    restored,
    sent,
    until_value,
    writes,
)

SCOPES = ("session:open", "session:close", "invoke:read", "invoke:write", "events:read")
LONG_SECONDS = 60.0


@pytest.fixture
async def pair() -> AsyncIterator[GatewayPair]:
    """A redundant pair of gateways."""
    async with GatewayPair() as pair:
        yield pair


@asynccontextmanager
async def tag_client(
    pair: GatewayPair, failover_after: float, *endpoints: str | GatewayEndpoint
) -> AsyncGenerator[TagClient]:
    """Open a TagClient for both gateways, or for other endpoints."""
    options = pair.options(endpoints=endpoints or pair.endpoints)
    async with (
        GatewayClient.connect(options) as client,
        client.tags("test", reconnect_delay=0.01, longest_reconnect_delay=0.05, failover_after=failover_after) as tags,
    ):
        yield tags


async def test_next_gateway_is_used_when_own_stays_away(pair: GatewayPair, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with GatewayClient.connect(pair.options()) as client:
        async with (
            client.tags("test", reconnect_delay=0.01, failover_after=0.2) as tags,
            tags.watch(INT, STRING) as watch,
        ):
            await first_values(watch, 2)
            before = datetime.now(UTC)
            pair.set(INT, 43)
            assert (await following_change(watch)).value == 43
            after = datetime.now(UTC)
            assert pair.first.endpoint in repr(tags)
            began = time.monotonic()
            await pair.first.stop()
            pair.set(INT, 44)

            await lost(watch)
            item = await restored(watch)
            assert time.monotonic() - began >= 0.2
            assert (item.resumed, item.endpoint) == (False, pair.second.endpoint)
            assert item.missed_since is not None
            assert before <= item.missed_since <= after
            again = [await following_change(watch) for _ in range(2)]
            assert {change.tag: (change.value, change.repeated) for change in again} == {
                INT: (44, True),
                STRING: ("Hello", True),
            }

            pair.set(INT, 45)
            change = await following_change(watch)
            assert (change.value, change.repeated) == (45, False)
            await tags.write(INT, 5)
            (reading,) = await tags.read(INT)
            assert reading.value == pair.second.plant[INT].value == 5
            assert pair.second.endpoint in repr(tags)
            # The client's own calls follow.
            assert client.endpoint == pair.second.endpoint
            assert await client.galaxy.test_connection()
        assert not pair.second.sessions
    assert f"event stream of 'test' restored in a new session at {pair.second.endpoint}" in caplog.messages


async def test_own_gateway_is_resumed_if_it_is_back_in_time(pair: GatewayPair) -> None:
    async with tag_client(pair, LONG_SECONDS) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await pair.first.faults.drop_connections()
        pair.set(INT, 43)

        await lost(watch)
        assert await following(watch) == RESUMED
        assert (await following_change(watch)).value == 43
        assert tags.endpoint == pair.first.endpoint
    assert not pair.second.calls


async def test_own_gateway_is_used_if_it_is_back_before_the_other(pair: GatewayPair) -> None:
    async with tag_client(pair, 0.1) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await pair.second.stop()
        await pair.first.stop()
        await lost(watch)
        await asyncio.sleep(0.3)
        await pair.first.start()

        item = await restored(watch)
        assert (item.resumed, item.endpoint) == (False, pair.first.endpoint)
        assert (await following_change(watch)).repeated


async def test_preferred_gateway_is_used_again_only_on_request(pair: GatewayPair) -> None:
    async with tag_client(pair, 0.05) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        await pair.first.stop()
        assert [type(item) for item in await until_value(watch, 42)] == [WatchLost, WatchRestored, TagChange]
        with pytest.raises(MxGatewayTransportError, match="nothing listens on port"):
            await tags.return_to_preferred()
        await pair.first.start()
        await asyncio.sleep(0.2)
        assert not watch.pending
        assert not pair.first.sessions

        await return_when_possible(tags)

        error = await lost(watch)
        assert f"left for {pair.first.endpoint} as asked" in str(error)
        assert (await restored(watch)).endpoint == tags.endpoint == pair.first.endpoint
        assert (await following_change(watch)).repeated
        assert advised(pair.first) == [INT]
        # The session that was left is closed: it costs a worker process, and one of 64 places.
        await pair.second.wait_for(lambda: not pair.second.sessions)
        await tags.return_to_preferred()
        assert not watch.pending


async def return_when_possible(tags: TagClient) -> None:
    """Return to the preferred gateway. gRPC waits up to some seconds before it connects to a lost server again."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await tags.return_to_preferred()
            except MxGatewayTransportError:
                await asyncio.sleep(0.1)


async def test_failed_return_leaves_tag_client_at_its_gateway(pair: GatewayPair) -> None:
    # The second gateway is the preferred one here, and has no place for another session.
    async with tag_client(pair, 0.05, *reversed(pair.endpoints)) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        pair.second.faults.refuse_next_calls(100, grpc.StatusCode.RESOURCE_EXHAUSTED, "full", rpc="OpenSession")
        pair.second.faults.kill_worker(pair.second.sessions[0].session_id)
        await lost(watch)
        assert (await restored(watch)).endpoint == pair.first.endpoint

        with pytest.raises(MxGatewayTransportError, match="the preferred gateway cannot be used") as caught:
            await tags.return_to_preferred()
        assert caught.value.target == pair.second.endpoint
        assert tags.endpoint == pair.first.endpoint
        (reading,) = await tags.read(INT)
        assert reading.value == 42


async def test_final_error_of_own_gateway_is_no_reason_to_wait(pair: GatewayPair) -> None:
    keys = [gateway.add_key(*SCOPES) for gateway in (pair.first, pair.second)]
    endpoints = [
        GatewayEndpoint(endpoint=address, api_key=key) for address, key in zip(pair.endpoints, keys, strict=True)
    ]
    async with tag_client(pair, LONG_SECONDS, *endpoints) as tags, tags.watch(INT) as watch:
        await following_change(watch)
        pair.first.revoke_key(keys[0])
        await pair.first.faults.restart()
        await lost(watch)
        assert (await restored(watch)).endpoint == pair.second.endpoint
        await following_change(watch)

        # Only when the error of every gateway is final, the TagClient ends.
        pair.second.revoke_key(keys[1])
        await pair.second.faults.restart()
        await lost(watch)
        with pytest.raises(MxGatewayAuthenticationError, match="none of the 2 gateways can be used") as caught:
            await following(watch)
        assert all(address in str(caught.value) for address in pair.endpoints)
        with pytest.raises(MxGatewayAuthenticationError):
            await tags.read(INT)


async def test_gateway_that_cannot_be_connected_to_is_passed_over(pair: GatewayPair) -> None:
    unusable = [
        GatewayEndpoint(endpoint="127.0.0.1:1", plaintext=False, ca_file="/nowhere/ca.pem"),
        GatewayEndpoint(endpoint="127.0.0.1:2"),
    ]
    async with (
        tag_client(pair, 0.05, pair.first.endpoint, *unusable, pair.second.endpoint) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        await pair.first.stop()
        await lost(watch)
        assert (await restored(watch)).endpoint == pair.second.endpoint


async def test_gateway_that_does_not_answer_gets_no_more_time_than_it_has() -> None:
    async with (
        GatewayPair(breakable_network=True) as pair,
        GatewayClient.connect(pair.options(keepalive_time=0.5, keepalive_timeout=0.2, close_timeout=0.2)) as client,
        client.tags("test", reconnect_delay=0.01, failover_after=0.3) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        began = time.monotonic()
        with pair.first.faults.frozen_network():
            await lost(watch)
            assert (await restored(watch)).endpoint == pair.second.endpoint
        # Resuming the session alone would take ten seconds.
        assert time.monotonic() - began < 8


async def test_write_in_progress_is_repeated_at_no_gateway() -> None:
    async with GatewayPair(write_time=10) as pair, tag_client(pair, 0.05) as tags, tags.watch(STRING) as watch:
        await following_change(watch)
        writing = await sent(pair.first, tags.write(INT, 5))
        await pair.first.stop()

        with pytest.raises(MxGatewayTransportError, match="may"):
            await writing
        await lost(watch)
        await restored(watch)
        assert writes(pair.second) == 0
        assert pair.second.plant[INT].value == 42

        later = await sent(pair.second, tags.write(INT, 6))
        pair.second.clock.advance(10)
        await later
        assert pair.second.plant[INT].value == 6


async def test_tag_client_is_opened_at_gateway_that_has_room(pair: GatewayPair) -> None:
    pair.first.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "64 sessions", rpc="OpenSession")

    async with tag_client(pair, LONG_SECONDS) as tags:
        assert tags.endpoint == pair.second.endpoint
        assert len(pair.second.sessions) == 1


async def test_each_tag_client_has_its_own_gateway(pair: GatewayPair) -> None:
    async with (
        GatewayClient.connect(pair.options()) as client,
        client.tags("test", reconnect_delay=0.01, failover_after=0.05) as tags,
        client.tags("other", reconnect_delay=0.01, failover_after=LONG_SECONDS) as other,
        tags.watch(INT) as watch,
        other.watch(INT) as other_watch,
    ):
        await following_change(watch)
        await following_change(other_watch)
        await pair.first.stop()
        await lost(watch)
        await restored(watch)
        await lost(other_watch)
        await pair.first.start()

        assert (await restored(other_watch)).endpoint == other.endpoint == pair.first.endpoint
        assert tags.endpoint == pair.second.endpoint


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_failover_after_must_be_positive_seconds(seconds: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"^failover_after"):
        TagOptions(client_name="test", failover_after=seconds)
