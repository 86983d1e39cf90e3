"""The alarm watch across lost feeds: it opens the feed again and reports what changed in the meantime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import grpc
import pytest

from mxgateway import (
    AlarmChangeKind,
    AlarmConditionState,
    AlarmProviderMode,
    AlarmProviderStatus,
    AlarmWatch,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.testing import SimulatedGateway
from support.alarm_watching import (
    COMPLETE,
    HOT,
    HOT_TAG,
    LOW,
    LOW_TAG,
    OTHER_TAG,
    RESTORED,
    STOPPED,
    STOPPED_TAG,
    begun,
    following,
    following_change,
    lost,
    until_complete,
)

Loss: TypeAlias = Callable[[SimulatedGateway], Awaitable[None]]


def quick(client: GatewayClient) -> AlarmWatch:
    """Return a watch that opens a lost feed again almost at once."""
    return client.watch_alarms(reconnect_delay=0.01, longest_reconnect_delay=0.05)


def ended_with(code: grpc.StatusCode) -> Loss:
    async def end(gateway: SimulatedGateway) -> None:
        gateway.faults.end_alarm_feeds(code)

    return end


LOSSES: dict[str, tuple[Loss, type[MxGatewayError]]] = {
    "unavailable": (ended_with(grpc.StatusCode.UNAVAILABLE), MxGatewayTransportError),
    "ended with OK": (ended_with(grpc.StatusCode.OK), MxGatewayStreamEndedError),
    "read too slowly": (ended_with(grpc.StatusCode.RESOURCE_EXHAUSTED), MxGatewayLimitError),
    "connection lost": (lambda gateway: gateway.faults.drop_connections(), MxGatewayTransportError),
    "gateway restarted": (lambda gateway: gateway.faults.restart(), MxGatewayTransportError),
}


@pytest.mark.parametrize(("lose", "kind"), LOSSES.values(), ids=LOSSES)
async def test_lost_feed_is_reported_and_restored(
    gateway: SimulatedGateway, client: GatewayClient, lose: Loss, kind: type[MxGatewayError]
) -> None:
    async with quick(client) as watch:
        await begun(watch)

        await lose(gateway)

        assert type(await lost(watch)) is kind
        assert await following(watch) == RESTORED
        assert await until_complete(watch) == []
        assert watch.lost is None
        gateway.plant[LOW_TAG].set(1)
        assert (await following_change(watch)).alarm_full_reference == LOW


async def test_changes_in_the_meantime_are_found_by_comparing_snapshots(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    for tag, value in ((STOPPED_TAG, True), (OTHER_TAG, True)):
        gateway.plant[tag].set(value)
    await client.acknowledge_alarm(STOPPED)
    async with quick(client) as watch:
        await begun(watch)
        known = dict(watch.active)

        # The feed ends now, and the watch opens another one later than these lines run.
        gateway.faults.end_alarm_feeds()
        gateway.plant[HOT_TAG].set(0)
        gateway.plant[LOW_TAG].set(1)
        gateway.plant[STOPPED_TAG].set(False)
        gateway.plant[STOPPED_TAG].set(True)
        await lost(watch)
        assert await following(watch) == RESTORED
        cleared, *raised = await until_complete(watch)

    assert (cleared.kind, cleared.alarm_full_reference) == (AlarmChangeKind.CLEARED, HOT)
    assert (cleared.alarm.current_state, cleared.alarm.transition_timestamp) == (AlarmConditionState.INACTIVE, None)
    assert cleared.previous is known[HOT]
    assert {change.alarm_full_reference: change.kind for change in raised} == {
        LOW: AlarmChangeKind.RAISED,
        STOPPED: AlarmChangeKind.RAISED,
    }
    assert {change.from_snapshot for change in (cleared, *raised)} == {True}


async def test_acknowledgement_in_the_meantime_is_found(gateway: SimulatedGateway, client: GatewayClient) -> None:
    alarm = gateway.plant[HOT_TAG].alarm
    assert alarm is not None
    async with quick(client) as watch:
        await begun(watch)
        gateway.faults.end_alarm_feeds()
        alarm.acknowledge("bob", "seen", gateway.clock.now())
        await lost(watch)
        assert await following(watch) == RESTORED
        (acknowledged,) = await until_complete(watch)

        assert (acknowledged.kind, acknowledged.alarm.operator_user) == (AlarmChangeKind.ACKNOWLEDGED, "bob")
        gateway.faults.end_alarm_feeds()
        alarm.retrigger(gateway.clock.now())
        await lost(watch)
        assert await following(watch) == RESTORED
        (again,) = await until_complete(watch)
        assert again.kind is AlarmChangeKind.RAISED


async def test_provider_that_changed_in_the_meantime_is_yielded_once(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    gateway.plant[HOT_TAG].set(0)
    async with quick(client) as watch:
        await begun(watch)
        gateway.faults.end_alarm_feeds()
        gateway.faults.change_alarm_provider(AlarmProviderMode.SUBTAG)
        await lost(watch)
        assert await following(watch) == RESTORED
        assert await begun(watch) == []
        assert isinstance(watch.provider, AlarmProviderStatus)
        assert watch.provider.mode is AlarmProviderMode.SUBTAG

        gateway.faults.end_alarm_feeds()
        await lost(watch)
        assert [await following(watch) for _ in range(2)] == [RESTORED, COMPLETE]
        gateway.plant[LOW_TAG].set(1)
        assert (await following_change(watch)).alarm_full_reference == LOW


async def test_known_alarms_stay_in_the_table_while_the_feed_is_lost(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.watch_alarms(reconnect_delay=30) as watch:
        await begun(watch)
        gateway.faults.end_alarm_feeds()
        error = await lost(watch)

        assert watch.lost is error
        assert watch.complete
        assert set(watch.active) == {HOT}


async def test_watch_that_starts_while_the_gateway_is_away_waits_for_it(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.UNAVAILABLE, "starting", rpc="StreamAlarms")

    async with quick(client) as watch:
        assert not watch.complete
        assert isinstance(watch.lost, MxGatewayTransportError)
        async with asyncio.timeout(10):
            await watch.wait_complete()
        assert set(watch.active) == {HOT}

        assert await lost(watch)
        assert await following(watch) == RESTORED
        assert [change.alarm_full_reference for change in await begun(watch)] == [HOT]


async def test_final_error_ends_the_watch(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with quick(client) as watch:
        await begun(watch)
        gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAUTHENTICATED, rpc="StreamAlarms")
        gateway.faults.end_alarm_feeds()
        await lost(watch)

        for _ in range(2):
            with pytest.raises(MxGatewayAuthenticationError):
                await following(watch)
        with pytest.raises(MxGatewayAuthenticationError):
            await watch.wait_complete()
        assert not watch.complete


async def test_gateway_without_an_alarm_feed_is_refused_at_once(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNIMPLEMENTED, rpc="StreamAlarms")

    with pytest.raises(MxGatewayProtocolError):
        await client.watch_alarms().__aenter__()


async def test_client_closes_at_once_while_a_watch_waits_to_reconnect(gateway: SimulatedGateway) -> None:
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    watch = client.watch_alarms(reconnect_delay=300)
    await begun(watch)
    gateway.faults.end_alarm_feeds()
    await lost(watch)

    async with asyncio.timeout(5):
        await client.close()

    with pytest.raises(MxGatewayUsageError, match="the client is closed"):
        await anext(watch)


async def test_delays_grow_at_random_up_to_the_longest(
    gateway: SimulatedGateway, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name() == "mxgateway alarms":
            delays.append(seconds)
        await sleep(seconds)

    async with client.watch_alarms(reconnect_delay=0.01, longest_reconnect_delay=0.03) as watch:
        await begun(watch)
        monkeypatch.setattr(asyncio, "sleep", record)
        for attempts in (3, 0):
            gateway.faults.refuse_next_calls(attempts, grpc.StatusCode.UNAVAILABLE, rpc="StreamAlarms")
            gateway.faults.end_alarm_feeds()
            await lost(watch)
            assert await following(watch) == RESTORED
            await until_complete(watch)

    assert len(set(delays)) == len(delays) == 5
    for delay, bound in zip(delays, (0.01, 0.02, 0.03, 0.03, 0.01), strict=True):
        assert bound / 2 <= delay <= bound


async def test_loss_and_recovery_are_logged(
    gateway: SimulatedGateway, client: GatewayClient, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, "starting", rpc="StreamAlarms")
    with caplog.at_level(logging.WARNING, "mxgateway.alarms"):
        async with quick(client) as watch:
            await watch.wait_complete()

    lost_line, retry_line, restored_line = (record.getMessage() for record in caplog.records)
    assert lost_line.startswith("alarm feed lost: StreamAlarms on ")
    assert retry_line.startswith("alarm feed is not restored yet, next attempt within ")
    assert restored_line == f"alarm feed restored at {gateway.endpoint}"
