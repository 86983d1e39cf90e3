"""The alarm watch while its feed lasts: the table of active alarms, its changes, and slow readers."""

from __future__ import annotations

import asyncio
import gc

import pytest

from mxgateway import (
    AlarmChange,
    AlarmChangeKind,
    AlarmConditionState,
    AlarmProviderMode,
    AlarmProviderStatus,
    AlarmTransitionKind,
    AlarmWatch,
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayUsageError,
    WatchGap,
)
from mxgateway.testing import SimulatedGateway
from support.alarm_watching import (
    COMPLETE,
    HOT,
    HOT_TAG,
    LOW,
    LOW_TAG,
    STOPPED,
    STOPPED_TAG,
    begun,
    following,
    following_change,
)
from support.waiting import until


async def test_table_is_complete_when_the_watch_is_entered(gateway: SimulatedGateway, client: GatewayClient) -> None:
    gateway.plant[LOW_TAG].set(3)
    watch = client.watch_alarms()
    assert (watch.complete, dict(watch.active)) == (False, {})

    async with watch:
        assert watch.complete
        assert set(watch.active) == {HOT, LOW}
        assert watch.active[HOT].severity == 700
        assert watch.lost is None

    assert not watch.complete


async def test_every_active_alarm_is_reported_as_raised_at_the_start(client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        raised, complete, provider = [await following(watch) for _ in range(3)]

    assert isinstance(raised, AlarmChange)
    assert (raised.kind, raised.from_snapshot, raised.previous) == (AlarmChangeKind.RAISED, True, None)
    assert (raised.alarm_full_reference, raised.alarm.current_state) == (HOT, AlarmConditionState.ACTIVE)
    assert complete == COMPLETE
    assert isinstance(provider, AlarmProviderStatus)
    assert watch.provider is provider


async def test_each_transition_is_a_change_and_updates_the_table(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.watch_alarms() as watch:
        await begun(watch)

        gateway.plant[STOPPED_TAG].set(True)
        raised = await following_change(watch)
        assert watch.active[STOPPED] is raised.alarm
        await client.acknowledge_alarm(STOPPED, "seen", "bob")
        acknowledged = await following_change(watch)
        gateway.faults.retrigger_alarm(STOPPED_TAG)
        again = await following_change(watch)
        assert watch.active[STOPPED] is again.alarm
        gateway.plant[STOPPED_TAG].set(False)
        cleared = await following_change(watch)
        assert STOPPED not in watch.active

    changes = (raised, acknowledged, again, cleared)
    assert [change.kind for change in changes] == [
        AlarmChangeKind.RAISED,
        AlarmChangeKind.ACKNOWLEDGED,
        AlarmChangeKind.RAISED,
        AlarmChangeKind.CLEARED,
    ]
    assert [change.alarm.current_state for change in changes] == [
        AlarmConditionState.ACTIVE,
        AlarmConditionState.ACTIVE_ACKED,
        AlarmConditionState.ACTIVE,
        AlarmConditionState.INACTIVE,
    ]
    assert [change.previous for change in changes] == [None, raised.alarm, acknowledged.alarm, again.alarm]
    assert {change.alarm_full_reference for change in changes} == {STOPPED}
    assert {change.from_snapshot for change in changes} == {False}
    assert again.transition is not None
    assert again.transition.transition_kind is AlarmTransitionKind.RETRIGGER
    assert (acknowledged.alarm.operator_user, acknowledged.alarm.operator_comment) == ("bob", "seen")
    assert cleared.alarm.transition_timestamp is not None
    assert raised.alarm.current_value is True


async def test_table_is_read_only(client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        with pytest.raises(TypeError):
            del watch.active[HOT]  # type: ignore[attr-defined]  # what a program without a type checker may do


@pytest.mark.parametrize("prefix", ["SimulatedGalaxy!TestArea2", "simulatedgalaxy!testarea2."])
async def test_filter_prefix_selects_alarms_ignoring_case(
    gateway: SimulatedGateway, client: GatewayClient, prefix: str
) -> None:
    async with client.watch_alarms(prefix) as watch:
        assert await begun(watch) == []
        gateway.plant[LOW_TAG].set(1)
        gateway.plant[STOPPED_TAG].set(True)

        assert (await following_change(watch)).alarm_full_reference == STOPPED
        assert set(watch.active) == {STOPPED}


async def test_change_of_the_provider_is_yielded(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        await begun(watch)
        gateway.faults.change_alarm_provider(AlarmProviderMode.SUBTAG, "the alarm manager is away")
        changed = await following(watch)

        assert isinstance(changed, AlarmProviderStatus)
        assert (changed.mode, changed.degraded, changed.reason) == (
            AlarmProviderMode.SUBTAG,
            True,
            "the alarm manager is away",
        )
        assert watch.provider is changed


async def test_later_watch_misses_nothing(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.watch_alarms() as first:
        await begun(first)
        gateway.plant[LOW_TAG].set(1)
        await following_change(first)
        async with client.watch_alarms() as second:
            assert {change.alarm_full_reference for change in await begun(second)} == {HOT, LOW}
            gateway.plant[HOT_TAG].set(0)

            for watch in (first, second):
                change = await following_change(watch)
                assert (change.kind, change.alarm_full_reference) == (AlarmChangeKind.CLEARED, HOT)
        assert dict(first.active).keys() == {LOW}


async def test_slow_reader_finds_a_gap_and_an_up_to_date_table(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.watch_alarms(queue_size=3) as slow:
        await begun(slow)
        for _ in range(5):
            gateway.plant[STOPPED_TAG].set(True)
            gateway.plant[STOPPED_TAG].set(False)
        await until(lambda: slow.dropped == 7)

        assert STOPPED not in slow.active
        assert await following(slow) == WatchGap(dropped=7)
        assert [(await following_change(slow)).kind for _ in range(3)] == [
            AlarmChangeKind.CLEARED,
            AlarmChangeKind.RAISED,
            AlarmChangeKind.CLEARED,
        ]
        assert slow.pending == 0


async def test_watch_without_the_scope_raises_however_it_is_used(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client:
        with pytest.raises(MxGatewayAuthorizationError):
            await client.watch_alarms().__aenter__()
        with pytest.raises(MxGatewayAuthorizationError):
            await client.watch_alarms().wait_complete()
        watch = client.watch_alarms()
        for _ in range(2):
            with pytest.raises(MxGatewayAuthorizationError):
                await following(watch)
        assert isinstance(watch.lost, MxGatewayAuthorizationError)
        assert not watch.complete


async def test_cancelling_a_wait_loses_nothing(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        await begun(watch)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(watch)
        gateway.plant[LOW_TAG].set(1)

        assert (await following_change(watch)).alarm_full_reference == LOW


async def test_second_task_that_waits_is_refused(client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        await begun(watch)
        waiting = asyncio.create_task(anext(watch, None))
        await asyncio.sleep(0)
        with pytest.raises(MxGatewayUsageError, match="another task is already waiting"):
            await anext(watch)

    assert await waiting is None


async def test_closed_watch_ends_at_the_gateway_and_yields_nothing(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.watch_alarms() as watch:
        assert watch.pending
    await gateway.wait_for(lambda: not gateway.plant.alarm_listeners)

    assert [item async for item in watch] == []
    await watch.close()
    with pytest.raises(MxGatewayUsageError, match="closed"):
        await watch.wait_complete()


async def test_dropped_watch_ends_at_the_gateway(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async for _ in client.watch_alarms():
        break
    gc.collect()

    await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])


async def test_watch_of_a_client_that_is_closed_raises(gateway: SimulatedGateway) -> None:
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    watch = client.watch_alarms()
    await begun(watch)
    await client.close()

    for late in (watch, client.watch_alarms()):
        with pytest.raises(MxGatewayUsageError, match="closed"):
            await anext(late)


async def test_cancelling_all_tasks_ends_the_watch_with_an_error(client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        await begun(watch)
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "mxgateway alarms"]
        task.cancel()

        with pytest.raises(MxGatewayUsageError, match="cancelled from outside"):
            await following(watch)


@pytest.mark.parametrize("name", ["queue_size", "reconnect_delay", "longest_reconnect_delay"])
async def test_invalid_number_is_refused(client: GatewayClient, name: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=f"{name} 0"):
        client.watch_alarms(**{name: 0})  # type: ignore[arg-type]  # each of them is a number


async def test_watch_needs_no_session(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.watch_alarms() as watch:
        assert isinstance(watch, AlarmWatch)

    assert "OpenSession" not in {call.rpc for call in gateway.calls}
