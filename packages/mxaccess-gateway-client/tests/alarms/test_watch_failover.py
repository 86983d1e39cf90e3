"""Failover of the alarm watch: it goes to the next gateway when its own stays away, and says what differs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest

from mxgateway import (
    AlarmChangeKind,
    AlarmProviderStatus,
    AlarmWatch,
    GatewayClient,
    GatewayEndpoint,
    MxGatewayAuthenticationError,
    MxGatewayConfigurationError,
    MxGatewayTransportError,
    WatchRestored,
)
from support.alarm_watching import HOT, HOT_TAG, LOW, LOW_TAG, begun, following, lost, until_complete
from support.pairs import GatewayPair


@pytest.fixture
async def pair() -> AsyncIterator[GatewayPair]:
    """A redundant pair of gateways."""
    async with GatewayPair() as pair:
        yield pair


@asynccontextmanager
async def alarm_watch(
    pair: GatewayPair, failover_after: float, *endpoints: GatewayEndpoint
) -> AsyncGenerator[AlarmWatch]:
    """Watch the alarms of a pair."""
    async with (
        GatewayClient.connect(pair.options(endpoints=endpoints or pair.endpoints)) as client,
        client.watch_alarms(reconnect_delay=0.01, longest_reconnect_delay=0.05, failover_after=failover_after) as watch,
    ):
        yield watch


async def restored(watch: AlarmWatch) -> WatchRestored:
    """Return the next item of a watch, which must be a WatchRestored."""
    item = await following(watch)
    assert isinstance(item, WatchRestored), item
    return item


async def test_next_gateway_is_used_and_differences_are_reported(pair: GatewayPair) -> None:
    before = datetime.now(UTC)
    async with alarm_watch(pair, 0.2) as watch:
        await begun(watch)
        assert watch.endpoint == pair.first.endpoint
        after = datetime.now(UTC)
        await pair.first.stop()
        pair.set(HOT_TAG, 0)
        pair.set(LOW_TAG, 1)

        await lost(watch)
        item = await restored(watch)
        assert (item.resumed, item.endpoint) == (False, pair.second.endpoint)
        assert item.missed_since is not None
        assert before <= item.missed_since <= after
        changes = {change.alarm_full_reference: change for change in await until_complete(watch)}
        assert {reference: change.kind for reference, change in changes.items()} == {
            HOT: AlarmChangeKind.CLEARED,
            LOW: AlarmChangeKind.RAISED,
        }
        assert all(change.from_snapshot for change in changes.values())
        assert set(watch.active) == {LOW}
        assert watch.endpoint == pair.second.endpoint


async def test_preferred_gateway_is_used_again_only_on_request(pair: GatewayPair) -> None:
    async with alarm_watch(pair, 0.05) as watch:
        await begun(watch)
        await pair.first.stop()
        await lost(watch)
        await restored(watch)
        await until_complete(watch)
        with pytest.raises(MxGatewayTransportError):
            await watch.return_to_preferred()
        await pair.first.start()
        await asyncio.sleep(0.2)
        while watch.pending:
            assert isinstance(await following(watch), AlarmProviderStatus)

        await return_when_possible(watch)

        assert f"left for {pair.first.endpoint} as asked" in str(await lost(watch))
        assert (await restored(watch)).endpoint == watch.endpoint == pair.first.endpoint
        await until_complete(watch)
        pair.first.plant[LOW_TAG].set(1)
        while LOW not in watch.active:
            await following(watch)


async def return_when_possible(watch: AlarmWatch) -> None:
    """Return to the preferred gateway. gRPC waits up to some seconds before it connects to a lost server again."""
    async with asyncio.timeout(15):
        while True:
            try:
                return await watch.return_to_preferred()
            except MxGatewayTransportError:
                await asyncio.sleep(0.1)


async def test_final_error_of_own_gateway_is_no_reason_to_wait(pair: GatewayPair) -> None:
    keys = [gateway.add_key("events:read") for gateway in (pair.first, pair.second)]
    endpoints = [
        GatewayEndpoint(endpoint=address, api_key=key) for address, key in zip(pair.endpoints, keys, strict=True)
    ]
    async with alarm_watch(pair, 60, *endpoints) as watch:
        await begun(watch)
        pair.first.revoke_key(keys[0])
        pair.first.faults.end_alarm_feeds()
        await lost(watch)
        assert (await restored(watch)).endpoint == pair.second.endpoint
        await until_complete(watch)

        pair.second.revoke_key(keys[1])
        pair.second.faults.end_alarm_feeds()
        with pytest.raises(MxGatewayAuthenticationError, match="none of the 2 gateways can be used"):
            while True:
                await following(watch)


async def test_feed_that_the_first_gateway_refuses_is_read_at_the_next(pair: GatewayPair) -> None:
    without_events = GatewayEndpoint(endpoint=pair.first.endpoint, api_key=pair.first.add_key("invoke:read"))
    async with alarm_watch(pair, 60, without_events, GatewayEndpoint(endpoint=pair.second.endpoint)) as watch:
        await watch.wait_complete()
        assert watch.endpoint == pair.second.endpoint
        assert HOT in watch.active


async def test_failover_after_must_be_positive_seconds(pair: GatewayPair) -> None:
    async with GatewayClient.connect(pair.options()) as client:
        with pytest.raises(MxGatewayConfigurationError, match=r"^failover_after"):
            client.watch_alarms(failover_after=0)
