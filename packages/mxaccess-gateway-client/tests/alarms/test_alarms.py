"""Alarms without a session: the feed, the active alarms, and acknowledging."""

from __future__ import annotations

import asyncio
import gc
from datetime import timedelta

import grpc
import pytest

from mxgateway import (
    ActiveAlarm,
    AlarmConditionState,
    AlarmFeed,
    AlarmProviderMode,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmTransition,
    AlarmTransitionKind,
    GatewayClient,
    MxAccessError,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayLimitError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.testing import SimulatedGateway

HOT_TAG = "TestChildObject.TestAlarmed"
HOT = f"SimulatedGalaxy!TestArea.{HOT_TAG}"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1b01"
LOW_TAG = "TestChildObject.TestLowAlarm"
LOW = f"SimulatedGalaxy!TestArea.{LOW_TAG}"
STOPPED_TAG = "TestMachine_001.TestAlarm"
STOPPED = f"SimulatedGalaxy!TestArea2.{STOPPED_TAG}"


async def transition(feed: AlarmFeed) -> AlarmTransition:
    """Return the next transition of a feed."""
    async for item in feed:
        if isinstance(item, AlarmTransition):
            return item
    raise AssertionError("the feed has ended")


async def begun(feed: AlarmFeed) -> list[ActiveAlarm]:
    """Return the active alarms at the start of a feed."""
    active: list[ActiveAlarm] = []
    async for item in feed:
        match item:
            case ActiveAlarm():
                active.append(item)
            case AlarmProviderStatus():
                break
            case _:
                assert item == AlarmSnapshotComplete()
    return active


async def test_feed_delivers_active_alarms_then_provider_then_transitions(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.stream_alarms() as feed:
        active, complete, provider = [await anext(feed) for _ in range(3)]
        gateway.plant[STOPPED_TAG].set(True)
        raised = await transition(feed)
        await client.acknowledge_alarm(STOPPED, "seen", "bob")
        acknowledged = await transition(feed)
        gateway.plant[STOPPED_TAG].set(False)
        cleared = await transition(feed)

    assert isinstance(active, ActiveAlarm)
    assert (active.alarm_full_reference, active.current_state) == (HOT, AlarmConditionState.ACTIVE)
    assert (active.current_value, active.limit_value, active.severity) == (95.0, 90.0, 700)
    assert complete == AlarmSnapshotComplete()
    assert isinstance(provider, AlarmProviderStatus)
    assert (provider.mode, provider.degraded) == (AlarmProviderMode.ALARMMGR, False)
    assert provider.since is not None
    assert provider.since.utcoffset() == timedelta(0)
    transitions = (raised, acknowledged, cleared)
    assert {each.alarm_full_reference for each in transitions} == {STOPPED}
    assert [each.transition_kind for each in transitions] == [
        AlarmTransitionKind.RAISE,
        AlarmTransitionKind.ACKNOWLEDGE,
        AlarmTransitionKind.CLEAR,
    ]
    assert raised.current_value is True
    assert raised.original_raise_timestamp == raised.transition_timestamp == cleared.original_raise_timestamp
    assert (acknowledged.operator_user, acknowledged.operator_comment) == ("bob", "seen")
    assert feed.delivered == 6


async def test_feed_delivers_retriggered_alarms_and_provider_changes(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async with client.stream_alarms() as feed:
        await begun(feed)
        gateway.faults.retrigger_alarm(HOT_TAG)
        again = await transition(feed)
        gateway.faults.change_alarm_provider(AlarmProviderMode.SUBTAG, "the alarm manager is away")
        changed = await anext(feed)
        gateway.faults.retrigger_alarm(HOT_TAG)
        degraded = await transition(feed)

    assert again.transition_kind is AlarmTransitionKind.RETRIGGER
    assert (again.degraded, again.source_provider) == (False, AlarmProviderMode.ALARMMGR)
    assert isinstance(changed, AlarmProviderStatus)
    assert (changed.mode, changed.degraded) == (AlarmProviderMode.SUBTAG, True)
    assert changed.reason == "the alarm manager is away"
    assert (degraded.degraded, degraded.source_provider) == (True, AlarmProviderMode.SUBTAG)


@pytest.mark.parametrize("prefix", ["SimulatedGalaxy!TestArea2", "simulatedgalaxy!testarea2."])
async def test_filter_prefix_selects_alarms_ignoring_case(
    gateway: SimulatedGateway, client: GatewayClient, prefix: str
) -> None:
    gateway.plant[STOPPED_TAG].set(True)

    assert [alarm.alarm_full_reference async for alarm in client.query_active_alarms(prefix)] == [STOPPED]
    async with client.stream_alarms(prefix) as feed:
        assert [alarm.alarm_full_reference for alarm in await begun(feed)] == [STOPPED]
        gateway.plant[LOW_TAG].set(1)
        gateway.plant[STOPPED_TAG].set(False)
        assert (await transition(feed)).alarm_full_reference == STOPPED


async def test_active_alarms_include_acknowledged_ones(gateway: SimulatedGateway, client: GatewayClient) -> None:
    gateway.plant[LOW_TAG].set(3)
    await client.acknowledge_alarm(LOW, "on my way", "bob")

    states = {alarm.alarm_full_reference: alarm async for alarm in client.query_active_alarms()}

    assert set(states) == {HOT, LOW}
    assert states[HOT].current_state is AlarmConditionState.ACTIVE
    assert states[LOW].current_state is AlarmConditionState.ACTIVE_ACKED
    assert (states[LOW].operator_user, states[LOW].operator_comment) == ("bob", "on my way")
    gateway.plant[LOW_TAG].set(50)
    assert [alarm.alarm_full_reference async for alarm in client.query_active_alarms()] == [HOT]


async def test_alarm_is_acknowledged_by_full_reference(client: GatewayClient) -> None:
    await client.acknowledge_alarm(HOT)

    (alarm,) = [alarm async for alarm in client.query_active_alarms(HOT)]
    assert alarm.current_state is AlarmConditionState.ACTIVE_ACKED


async def test_acknowledging_an_unknown_alarm_raises_mx_access_error(client: GatewayClient) -> None:
    with pytest.raises(MxAccessError) as caught:
        await client.acknowledge_alarm("SimulatedGalaxy!TestArea.NoSuchObject_999.NoSuchAttr")

    error = caught.value
    assert error.hresult is not None
    assert error.hresult < 0
    assert "NoSuchObject_999.NoSuchAttr" in (error.diagnostic_message or "")
    assert str(error).startswith("AcknowledgeAlarm on ")


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), f"{{{GUID}}}"])
async def test_acknowledging_by_guid_is_refused_with_a_hint(client: GatewayClient, guid: str) -> None:
    with pytest.raises(MxAccessError, match=r"hresult 0x80004001 .*use the alarm_full_reference, Provider!Group\.Tag"):
        await client.acknowledge_alarm(guid)

    (alarm,) = [alarm async for alarm in client.query_active_alarms(HOT)]
    assert alarm.current_state is AlarmConditionState.ACTIVE


async def test_reference_that_the_gateway_refuses_raises_command_error(client: GatewayClient) -> None:
    with pytest.raises(MxGatewayCommandError) as caught:
        await client.acknowledge_alarm("Two!Of!Area.Tag")

    assert caught.value.grpc_status is grpc.StatusCode.INVALID_ARGUMENT


async def test_each_alarm_call_needs_its_scope(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client:
        with pytest.raises(MxGatewayAuthorizationError):
            await anext(client.stream_alarms())
        with pytest.raises(MxGatewayAuthorizationError):
            await anext(client.query_active_alarms())
        with pytest.raises(MxGatewayAuthorizationError):
            await client.acknowledge_alarm(HOT)


async def test_no_session_is_needed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    assert [alarm.alarm_full_reference async for alarm in client.query_active_alarms()] == [HOT]
    await client.acknowledge_alarm(HOT)
    async with client.stream_alarms() as feed:
        await begun(feed)

    assert "OpenSession" not in {call.rpc for call in gateway.calls}


async def test_new_feed_after_a_lost_connection_begins_with_active_alarms(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    feed = client.stream_alarms()
    await begun(feed)

    await gateway.faults.drop_connections()
    gateway.plant[LOW_TAG].set(1)
    with pytest.raises(MxGatewayTransportError):
        await anext(feed)

    async with client.stream_alarms() as again:
        assert {alarm.alarm_full_reference for alarm in await begun(again)} == {HOT, LOW}


async def test_feed_ended_for_a_slow_reader_raises_with_a_hint(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED, "the queue overflowed", rpc="StreamAlarms")

    with pytest.raises(MxGatewayLimitError, match="open a new feed"):
        await anext(client.stream_alarms())


async def test_feed_ends_normally_only_when_closed(gateway: SimulatedGateway, client: GatewayClient) -> None:
    feed = client.stream_alarms()
    await begun(feed)
    waiting = asyncio.create_task(anext(feed, None))
    await gateway.wait_for(lambda: [call for call in gateway.calls if call.rpc == "StreamAlarms" and call.running])

    await feed.close()

    assert await waiting is None
    assert [item async for item in feed] == []
    await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])


async def test_garbage_collected_feed_and_query_end_at_the_gateway(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    async for _ in client.stream_alarms():
        break
    async for _ in client.query_active_alarms():
        break
    gc.collect()

    await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])


async def test_several_feeds_receive_the_same_items(gateway: SimulatedGateway, client: GatewayClient) -> None:
    async with client.stream_alarms() as first, client.stream_alarms() as second:
        await begun(first)
        await begun(second)
        gateway.plant[LOW_TAG].set(1)

        assert (await transition(first)).alarm_full_reference == LOW
        assert (await transition(second)).alarm_full_reference == LOW


async def test_alarm_calls_of_a_closed_client_raise(gateway: SimulatedGateway) -> None:
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    feed = client.stream_alarms()
    await begun(feed)
    await client.close()

    with pytest.raises(MxGatewayUsageError):
        await anext(feed)
    with pytest.raises(MxGatewayUsageError):
        await anext(client.query_active_alarms())
    with pytest.raises(MxGatewayUsageError):
        await client.acknowledge_alarm(HOT)
