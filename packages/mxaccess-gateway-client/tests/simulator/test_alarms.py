"""Alarms: the feed, acknowledgements, and the alarm commands of a session."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.status import AlarmProviderMode
from mxgateway.testing import Alarm, AlarmCondition, Limits, Plant, Scope, SimulatedGateway, Tag
from support.wire import connected, refused, streaming

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from support.wire import Stream, Wire, WireSession

HOT = "SimulatedGalaxy!TestArea.TestChildObject.TestAlarmed"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1b01"
HOT_TAG = "TestChildObject.TestAlarmed"
STOPPED = "SimulatedGalaxy!TestArea2.TestMachine_001.TestAlarm"
STOPPED_TAG = "TestMachine_001.TestAlarm"
E_NOTIMPL = 0x80004001 - (1 << 32)
E_INVALIDARG = 0x80070057 - (1 << 32)


@asynccontextmanager
async def feed(wire: Wire, prefix: str = "") -> AsyncGenerator[Stream[pb.AlarmFeedMessage]]:
    request = pb.StreamAlarmsRequest(alarm_filter_prefix=prefix)
    async with streaming(wire.stub.StreamAlarms(request, metadata=wire.metadata)) as stream:
        yield stream


async def active(wire: Wire, prefix: str = "") -> list[pb.ActiveAlarmSnapshot]:
    request = pb.QueryActiveAlarmsRequest(session_id="session-ignored", alarm_filter_prefix=prefix)
    return [alarm async for alarm in wire.stub.QueryActiveAlarms(request, metadata=wire.metadata)]


async def acknowledge(wire: Wire, reference: str) -> pb.AcknowledgeAlarmReply:
    request = pb.AcknowledgeAlarmRequest(
        client_correlation_id="ack-1", alarm_full_reference=reference, comment="seen", operator_user="me"
    )
    return await wire.stub.AcknowledgeAlarm(request, metadata=wire.metadata)


async def transition(stream: Stream[pb.AlarmFeedMessage]) -> pb.OnAlarmTransitionEvent:
    """Return the next transition."""
    while True:
        message = await stream.next()
        if message.WhichOneof("payload") == "transition":
            return message.transition


async def test_feed_starts_with_active_alarms_then_complete_then_provider(wire: Wire) -> None:
    async with feed(wire) as stream:
        alarm, complete, provider = await stream.receive(3)
    assert alarm.active_alarm.alarm_full_reference == HOT
    assert complete.snapshot_complete
    assert provider.provider_status.mode == pb.ALARM_PROVIDER_MODE_ALARMMGR
    assert not provider.provider_status.degraded
    assert provider.provider_status.since.seconds > 0


async def test_active_alarm_has_all_fields(gateway: SimulatedGateway, wire: Wire) -> None:
    (alarm,) = await active(wire)
    assert alarm.source_object_reference == "TestChildObject"
    assert alarm.alarm_type_name == "High"
    assert alarm.current_state == pb.ALARM_CONDITION_STATE_ACTIVE
    assert (alarm.severity, alarm.category, alarm.description) == (700, "Process", "Too hot")
    assert (alarm.current_value.double_value, alarm.limit_value.double_value) == (95.0, 90.0)
    assert alarm.original_raise_timestamp.ToDatetime(gateway.clock.now().tzinfo) <= gateway.clock.now()
    assert alarm.source_provider == pb.ALARM_PROVIDER_MODE_ALARMMGR


async def test_raise_and_clear_are_transitions(gateway: SimulatedGateway, wire: Wire) -> None:
    tag = gateway.plant[STOPPED_TAG]
    async with feed(wire) as stream:
        await stream.receive(3)
        tag.set(True)
        raised = await transition(stream)
        tag.set(True)
        tag.set(False)
        cleared = await transition(stream)
    assert raised.alarm_full_reference == STOPPED
    assert raised.transition_kind == pb.ALARM_TRANSITION_KIND_RAISE
    assert raised.alarm_type_name == "Discrete"
    assert raised.current_value.bool_value
    assert raised.original_raise_timestamp == raised.transition_timestamp
    assert cleared.transition_kind == pb.ALARM_TRANSITION_KIND_CLEAR
    assert cleared.original_raise_timestamp == raised.original_raise_timestamp
    assert [alarm.alarm_full_reference for alarm in await active(wire)] == [HOT]


@pytest.mark.parametrize(("value", "is_active"), [(11, False), (10, True), (9, True)])
async def test_low_alarm_is_raised_at_and_below_its_limit(
    gateway: SimulatedGateway, wire: Wire, value: int, is_active: bool
) -> None:
    gateway.plant["TestChildObject.TestLowAlarm"].set(value)
    assert (len(await active(wire)) == 2) is is_active


async def test_alarm_is_acknowledged_by_reference_ignoring_case(gateway: SimulatedGateway, wire: Wire) -> None:
    for reference in (HOT, HOT.upper()):
        gateway.plant[HOT_TAG].set(0)
        gateway.plant[HOT_TAG].set(100)
        reply = await acknowledge(wire, reference)
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
        assert reply.correlation_id == "ack-1"
        assert (reply.HasField("hresult"), reply.hresult, reply.HasField("status")) == (True, 0, False)
        (alarm,) = await active(wire)
        assert alarm.current_state == pb.ALARM_CONDITION_STATE_ACTIVE_ACKED
        assert (alarm.operator_user, alarm.operator_comment) == ("me", "seen")


async def test_acknowledgement_is_one_transition(gateway: SimulatedGateway, wire: Wire) -> None:
    async with feed(wire) as stream:
        await stream.receive(3)
        await acknowledge(wire, HOT)
        await acknowledge(wire, HOT)
        gateway.plant[HOT_TAG].set(0)
        acknowledged, cleared = await transition(stream), await transition(stream)
    assert acknowledged.transition_kind == pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE
    assert (acknowledged.operator_user, acknowledged.operator_comment) == ("me", "seen")
    assert cleared.transition_kind == pb.ALARM_TRANSITION_KIND_CLEAR


async def test_retriggered_alarm_must_be_acknowledged_again(gateway: SimulatedGateway, wire: Wire) -> None:
    async with feed(wire) as stream:
        await stream.receive(3)
        await acknowledge(wire, HOT)
        gateway.faults.retrigger_alarm(HOT_TAG)
        await transition(stream)
        assert (await transition(stream)).transition_kind == pb.ALARM_TRANSITION_KIND_RETRIGGER
    (alarm,) = await active(wire)
    assert (alarm.current_state, alarm.operator_user) == (pb.ALARM_CONDITION_STATE_ACTIVE, "")
    with pytest.raises(ValueError, match="no active alarm"):
        gateway.faults.retrigger_alarm(STOPPED_TAG)


@pytest.mark.parametrize("reference", ["", "TestAlarm", "Galaxy!", "!Area.Tag", "Galaxy!Area", GUID + "0"])
async def test_invalid_alarm_reference_is_an_invalid_argument(wire: Wire, reference: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "GUID"):
        await acknowledge(wire, reference)


@pytest.mark.parametrize("reference", ["Galaxy!Area.Object.Attribute", STOPPED])
async def test_unknown_or_inactive_alarm_is_an_mxaccess_failure(wire: Wire, reference: str) -> None:
    reply = await acknowledge(wire, reference)
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
    assert reply.hresult == E_INVALIDARG
    assert reference in reply.diagnostic_message
    assert not reply.HasField("status")


@pytest.mark.parametrize("guid", [GUID, f"{{{GUID}}}"])
async def test_acknowledging_by_guid_is_not_implemented(wire: Wire, guid: str) -> None:
    reply = await acknowledge(wire, guid)
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
    assert reply.hresult == E_NOTIMPL
    assert "Provider!Group.Tag" in reply.diagnostic_message
    (alarm,) = await active(wire)
    assert alarm.current_state == pb.ALARM_CONDITION_STATE_ACTIVE


async def test_filter_prefix_ignores_case(gateway: SimulatedGateway, wire: Wire) -> None:
    gateway.plant[STOPPED_TAG].set(True)
    assert [alarm.alarm_full_reference for alarm in await active(wire, "simulatedgalaxy!TESTAREA2.")] == [STOPPED]
    assert await active(wire, "TestArea2") == []
    async with feed(wire, "simulatedgalaxy!testarea2") as stream:
        assert (await stream.next()).active_alarm.alarm_full_reference == STOPPED
        await stream.receive(2)
        gateway.plant[HOT_TAG].set(0)
        gateway.plant[STOPPED_TAG].set(False)
        assert (await transition(stream)).alarm_full_reference == STOPPED


async def test_change_of_provider_is_in_the_feed(gateway: SimulatedGateway, wire: Wire) -> None:
    async with feed(wire) as stream:
        await stream.receive(3)
        gateway.faults.change_alarm_provider(AlarmProviderMode.SUBTAG, "the alarm manager is away")
        status = (await stream.next()).provider_status
        gateway.plant[STOPPED_TAG].set(True)
        raised = await transition(stream)
    assert (status.mode, status.degraded) == (pb.ALARM_PROVIDER_MODE_SUBTAG, True)
    assert status.reason == "the alarm manager is away"
    assert (raised.degraded, raised.source_provider) == (True, pb.ALARM_PROVIDER_MODE_SUBTAG)
    assert all(alarm.degraded for alarm in await active(wire))


async def test_several_clients_can_stream_alarms(gateway: SimulatedGateway, wire: Wire) -> None:
    async with feed(wire) as one, feed(wire) as other:
        await one.receive(3)
        await other.receive(3)
        gateway.plant[STOPPED_TAG].set(True)
        assert await transition(one) == await transition(other)
    await gateway.wait_for(lambda: not gateway.plant.alarm_listeners)


async def test_slow_alarm_subscriber_gets_an_overflow() -> None:
    limits = Limits(queued_events=10)
    async with (
        SimulatedGateway(ramp_interval=None, limits=limits) as gateway,
        connected(gateway) as wire,
        feed(wire) as stream,
    ):
        await stream.receive(3)
        for _ in range(10):
            gateway.plant[STOPPED_TAG].set(True)
            gateway.plant[STOPPED_TAG].set(False)
        assert await stream.end() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("scope", [Scope.EVENTS_READ, Scope.INVOKE_WRITE])
async def test_alarm_rpcs_require_their_scopes(gateway: SimulatedGateway, scope: Scope) -> None:
    async with connected(gateway, gateway.add_key(*set(Scope) - {scope})) as wire:
        if scope is Scope.INVOKE_WRITE:
            with refused(grpc.StatusCode.PERMISSION_DENIED, str(scope)):
                await acknowledge(wire, HOT)
        else:
            with refused(grpc.StatusCode.PERMISSION_DENIED, str(scope)):
                await active(wire)
            async with feed(wire) as stream:
                assert await stream.end() is grpc.StatusCode.PERMISSION_DENIED


async def test_limited_key_sees_only_alarms_of_its_tags(gateway: SimulatedGateway) -> None:
    gateway.plant[STOPPED_TAG].set(True)
    async with connected(gateway, gateway.add_key(*Scope, galaxy=("TestMachine_*",))) as wire:
        assert [alarm.alarm_full_reference for alarm in await active(wire)] == [STOPPED]
        with refused(grpc.StatusCode.PERMISSION_DENIED, HOT_TAG):
            await acknowledge(wire, HOT)


def test_alarm_needs_one_condition_of_the_type_of_its_tag() -> None:
    for wrong in ({}, {"high": 1.0, "low": 0.0}, {"equal": 1, "high": 1.0}):
        with pytest.raises(ValueError, match="one condition"):
            AlarmCondition(**wrong)
    with pytest.raises(TypeError, match=r"A\.B: the alarm's limit"):
        Tag("A.B", "boolean", alarm=Alarm(AlarmCondition(high=3.0)))


def test_alarm_group_without_an_area_is_the_object() -> None:
    plant = Plant(name="G", tags=[Tag("Lonely.Alarm", "boolean", alarm=Alarm(AlarmCondition(equal=True)))])
    assert [alarm.full_reference for alarm in plant.alarms] == ["G!Lonely.Lonely.Alarm"]


async def test_subscribed_session_gets_transitions_as_events(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        expression = r"\\machine\SimulatedGalaxy!TestArea2"
        await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS, subscription_expression=expression)
        gateway.plant[HOT_TAG].set(0)
        gateway.plant[STOPPED_TAG].set(True)
        raised = await events.next()
        gateway.faults.change_alarm_provider(AlarmProviderMode.SUBTAG)
        provider = await events.next()
        await session.execute(pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS)
        gateway.plant[STOPPED_TAG].set(False)
        await session.advised("TestChildObject.TestInt")
        after = await events.next()
    assert raised.family == pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION
    assert raised.on_alarm_transition.alarm_full_reference == STOPPED
    assert provider.family == pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED
    assert provider.WhichOneof("body") == "on_alarm_provider_mode_changed"
    assert after.family == pb.MX_EVENT_FAMILY_ON_DATA_CHANGE
    assert [raised.worker_sequence, provider.worker_sequence, after.worker_sequence] == [1, 2, 3]


async def test_closed_session_no_longer_listens_to_alarms(gateway: SimulatedGateway, wire: Wire) -> None:
    closed, faulted = await wire.open_session(), await wire.open_session()
    for session in (closed, faulted):
        await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)
    assert len(gateway.plant.alarm_listeners) == 2
    await closed.close()
    gateway.faults.kill_worker(faulted.session_id)
    assert not gateway.plant.alarm_listeners


async def test_session_acknowledges_alarms_by_name(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.plant[STOPPED_TAG].set(True)
    provider, _, rest = STOPPED.partition("!")
    group, _, name = rest.partition(".")
    by_name: dict[str, Any] = {"alarm_name": name, "provider_name": provider, "group_name": group}
    reply = await session.execute(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME, **by_name)
    assert reply.HasField("acknowledge_alarm")
    snapshots = (await session.execute(pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS)).query_active_alarms.snapshots
    assert [(alarm.alarm_full_reference, alarm.current_state) for alarm in snapshots] == [
        (HOT, pb.ALARM_CONDITION_STATE_ACTIVE),
        (STOPPED, pb.ALARM_CONDITION_STATE_ACTIVE_ACKED),
    ]
    filtered = await session.execute(pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS, alarm_filter_prefix="nothing")
    assert filtered.HasField("query_active_alarms")
    assert not filtered.query_active_alarms.snapshots


async def test_unknown_alarm_is_an_mxaccess_failure_in_a_session(session: WireSession) -> None:
    reply = await session.reply(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME, alarm_name="a", group_name="b")
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
    assert reply.hresult == E_INVALIDARG


async def test_session_cannot_acknowledge_by_guid(session: WireSession) -> None:
    by_guid = await session.reply(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM, alarm_guid=GUID)
    invalid = await session.reply(pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM, alarm_guid="no guid")
    assert by_guid.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
    assert by_guid.hresult == E_NOTIMPL
    assert invalid.protocol_status.code == pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST


async def test_second_subscription_to_alarms_is_refused(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)
    second = await session.reply(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)
    assert second.protocol_status.code == pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST
    for _ in range(2):
        await session.execute(pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS)
    assert not gateway.plant.alarm_listeners
    await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.OK])
async def test_feeds_end_on_request(gateway: SimulatedGateway, wire: Wire, code: grpc.StatusCode) -> None:
    async with feed(wire) as one, feed(wire) as other:
        await one.receive(3)
        await other.receive(3)
        gateway.faults.end_alarm_feeds(code)
        assert await one.end() is code
        assert await other.end() is code
    async with feed(wire) as again:
        assert len(await again.receive(3)) == 3
