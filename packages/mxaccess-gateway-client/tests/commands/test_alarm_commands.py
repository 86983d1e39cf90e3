"""Alarm commands of a session: transitions as events, active alarms, acknowledging by name."""

from __future__ import annotations

import pytest

from mxgateway import (
    AlarmConditionState,
    AlarmProviderMode,
    AlarmTransition,
    AlarmTransitionKind,
    DataChange,
    EventStream,
    GatewayClient,
    MxAccessError,
    MxEventFamily,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    Session,
)
from mxgateway.testing import SimulatedGateway

HOT_TAG = "TestChildObject.TestAlarmed"
HOT = f"SimulatedGalaxy!TestArea.{HOT_TAG}"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1b01"
LOW_TAG = "TestChildObject.TestLowAlarm"
LOW = f"SimulatedGalaxy!TestArea.{LOW_TAG}"
STOPPED_TAG = "TestMachine_001.TestAlarm"


async def transition(events: EventStream) -> AlarmTransition:
    """Return the next alarm transition of an event stream."""
    async for event in events:
        if isinstance(event, AlarmTransition):
            return event
    raise AssertionError("the stream has ended")


async def test_subscribed_alarms_arrive_as_events_of_the_session(gateway: SimulatedGateway, session: Session) -> None:
    async with session.stream_events() as events:
        await session.subscribe_alarms(r"\\SomeNode\SimulatedGalaxy!TestArea", AlarmProviderMode.ALARMMGR)
        server = await session.register("alarms")
        item = await session.add_item(server, LOW_TAG)
        gateway.plant[LOW_TAG].set(3)
        raised = await transition(events)
        await session.advise(server, item)
        change = await anext(events)
        gateway.plant[LOW_TAG].set(50)
        cleared = await transition(events)

    assert (raised.alarm_full_reference, raised.transition_kind) == (LOW, AlarmTransitionKind.RAISE)
    assert (raised.family, raised.session_id) == (MxEventFamily.ON_ALARM_TRANSITION, session.session_id)
    assert (raised.current_value, raised.limit_value, raised.severity) == (3, 10, 300)
    assert isinstance(change, DataChange)
    assert cleared.transition_kind is AlarmTransitionKind.CLEAR
    assert raised.sequence < change.sequence < cleared.sequence


async def test_no_alarm_arrives_after_unsubscribing(gateway: SimulatedGateway, session: Session) -> None:
    async with session.stream_events() as events:
        await session.subscribe_alarms("SimulatedGalaxy!")
        gateway.plant[LOW_TAG].set(3)
        assert (await transition(events)).alarm_full_reference == LOW

        await session.unsubscribe_alarms()
        gateway.plant[LOW_TAG].set(50)
        server = await session.register("alarms")
        await session.advise(server, await session.add_item(server, LOW_TAG))

        assert isinstance(await anext(events), DataChange)


async def test_active_alarms_of_a_session_are_those_of_the_gateway(
    gateway: SimulatedGateway, client: GatewayClient, session: Session
) -> None:
    gateway.plant[STOPPED_TAG].set(True)

    alarms = await session.query_active_alarms()

    assert {alarm.alarm_full_reference async for alarm in client.query_active_alarms()} == {
        alarm.alarm_full_reference for alarm in alarms
    }
    assert len(alarms) == 2
    assert await session.query_active_alarms("NoSuchGalaxy!") == ()


async def test_alarm_is_acknowledged_by_name(session: Session) -> None:
    operator = ("bob", "node", "domain", "Bob B.")
    assert await session.acknowledge_alarm_by_name(HOT_TAG, "SimulatedGalaxy", "TestArea", "seen", *operator) == 0

    (alarm,) = await session.query_active_alarms(HOT)
    assert alarm.current_state is AlarmConditionState.ACTIVE_ACKED
    assert (alarm.operator_user, alarm.operator_comment) == ("bob", "seen")


async def test_acknowledging_by_guid_is_refused_as_not_implemented(session: Session) -> None:
    with pytest.raises(MxAccessError, match="hresult 0x80004001") as caught:
        await session.acknowledge_alarm(GUID, "seen")

    assert caught.value.method == "AcknowledgeAlarm"
    (alarm,) = await session.query_active_alarms(HOT)
    assert alarm.current_state is AlarmConditionState.ACTIVE


async def test_acknowledging_an_inactive_alarm_raises_mx_access_error(session: Session) -> None:
    with pytest.raises(MxAccessError) as caught:
        await session.acknowledge_alarm_by_name(LOW_TAG, "SimulatedGalaxy", "TestArea")

    assert caught.value.method == "AcknowledgeAlarmByName"
    assert LOW_TAG in (caught.value.diagnostic_message or "")


async def test_second_subscription_to_alarms_is_refused_until_the_first_ends(session: Session) -> None:
    await session.subscribe_alarms("SimulatedGalaxy!")

    with pytest.raises(MxGatewayCommandError, match="already subscribed"):
        await session.subscribe_alarms("SimulatedGalaxy!")

    await session.unsubscribe_alarms()
    await session.unsubscribe_alarms()
    await session.subscribe_alarms("SimulatedGalaxy!")


@pytest.mark.parametrize("guid", ["", "TestInt", HOT, GUID[:-1]])
async def test_invalid_guid_raises_before_anything_is_sent(
    gateway: SimulatedGateway, session: Session, guid: str
) -> None:
    calls = len(gateway.calls)

    with pytest.raises(MxGatewayConfigurationError, match="acknowledge_alarm_by_name"):
        await session.acknowledge_alarm(guid)

    assert len(gateway.calls) == calls


async def test_alarm_commands_need_their_scopes(
    gateway: SimulatedGateway,
) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await session.subscribe_alarms("SimulatedGalaxy!")
        for refused in (
            session.acknowledge_alarm(GUID),
            session.acknowledge_alarm_by_name(HOT_TAG, "SimulatedGalaxy", "TestArea"),
            session.query_active_alarms(),
        ):
            with pytest.raises(MxGatewayAuthorizationError):
                await refused
