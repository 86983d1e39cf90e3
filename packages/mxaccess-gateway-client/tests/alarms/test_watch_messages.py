"""The alarm watch with messages of any content: unexpected order, unknown kinds, repetitions, endless snapshots."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    AlarmChangeKind,
    AlarmConditionState,
    GatewayClient,
    MxGatewayCommandError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
    UnrecognizedAlarmMessage,
)
from mxgateway.alarms import table
from support.alarm_watching import COMPLETE, RESTORED, following, following_change, lost, until_complete
from support.hostile_http2 import Answer, after_connecting, framed, hostile_http2
from support.scripted_alarms import ScriptedAlarms, scripted_alarms

ONE, TWO = "Galaxy!Area.One", "Galaxy!Area.Two"
SNAPSHOT_COMPLETE = pb.AlarmFeedMessage(snapshot_complete=True)


@pytest.fixture
async def alarms() -> AsyncIterator[ScriptedAlarms]:
    async with scripted_alarms() as gateway:
        yield gateway


@pytest.fixture
async def client(alarms: ScriptedAlarms) -> AsyncIterator[GatewayClient]:
    async with GatewayClient.connect(endpoint=alarms.endpoint, plaintext=True) as client:
        yield client


def active(
    reference: str,
    state: pb.AlarmConditionState.ValueType = pb.ALARM_CONDITION_STATE_ACTIVE,
    severity: int = 500,
    value: float = 5.0,
) -> pb.AlarmFeedMessage:
    """Return a message about an active alarm."""
    snapshot = pb.ActiveAlarmSnapshot(
        alarm_full_reference=reference,
        current_state=state,
        severity=severity,
        current_value=pb.MxValue(data_type=pb.MX_DATA_TYPE_DOUBLE, double_value=value),
    )
    return pb.AlarmFeedMessage(active_alarm=snapshot)


def transition(reference: str, kind: pb.AlarmTransitionKind.ValueType, severity: int = 500) -> pb.AlarmFeedMessage:
    """Return a message about a transition."""
    return pb.AlarmFeedMessage(
        transition=pb.OnAlarmTransitionEvent(alarm_full_reference=reference, transition_kind=kind, severity=severity)
    )


async def test_transitions_before_the_end_of_the_snapshot_are_applied_after_it(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.feed = [
        transition(ONE, pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE),
        active(ONE),
        transition(TWO, pb.ALARM_TRANSITION_KIND_RAISE),
        SNAPSHOT_COMPLETE,
    ]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        (raised,) = await until_complete(watch)
        later = [await following_change(watch) for _ in range(2)]

    assert (raised.alarm_full_reference, raised.alarm.current_state) == (ONE, AlarmConditionState.ACTIVE)
    assert [(change.alarm_full_reference, change.kind) for change in later] == [
        (ONE, AlarmChangeKind.ACKNOWLEDGED),
        (TWO, AlarmChangeKind.RAISED),
    ]


async def test_transition_that_repeats_what_is_known_is_not_yielded(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    raised = transition(ONE, pb.ALARM_TRANSITION_KIND_RAISE)
    other = transition(TWO, pb.ALARM_TRANSITION_KIND_RAISE)
    alarms.feed = [SNAPSHOT_COMPLETE, raised, raised, SNAPSHOT_COMPLETE, other]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        await until_complete(watch)
        assert [(await following_change(watch)).alarm_full_reference for _ in range(2)] == [ONE, TWO]


async def test_transitions_of_an_alarm_that_is_not_active_leave_the_table_as_it_is(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    kinds = (pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE, pb.ALARM_TRANSITION_KIND_CLEAR, 4711)
    alarms.feed = [
        active(ONE, pb.ALARM_CONDITION_STATE_INACTIVE),
        SNAPSHOT_COMPLETE,
        *(transition(ONE, kind) for kind in kinds),  # type: ignore[arg-type]  # 4711 is as from a newer gateway
    ]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        assert await until_complete(watch) == []
        changes = [await following_change(watch) for _ in kinds]
        assert dict(watch.active) == {}

    assert [change.kind for change in changes] == [
        AlarmChangeKind.ACKNOWLEDGED,
        AlarmChangeKind.CLEARED,
        AlarmChangeKind.CHANGED,
    ]
    assert [change.alarm.current_state for change in changes[:2]] == [AlarmConditionState.INACTIVE] * 2


async def test_transition_of_an_unknown_kind_changes_an_active_alarm_but_not_its_state(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.feed = [
        active(ONE, pb.ALARM_CONDITION_STATE_ACTIVE_ACKED),
        SNAPSHOT_COMPLETE,
        transition(ONE, 4711, severity=900),  # type: ignore[arg-type]  # as from a newer gateway
    ]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        await until_complete(watch)
        change = await following_change(watch)

        assert (change.kind, change.alarm.severity) == (AlarmChangeKind.CHANGED, 900)
        assert watch.active[ONE].current_state is AlarmConditionState.ACTIVE_ACKED


async def test_difference_that_is_no_state_is_a_change_and_nan_is_none(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.feed = [active(ONE), active(TWO, value=math.nan), SNAPSHOT_COMPLETE]
    alarms.end_of_feed = (grpc.StatusCode.UNAVAILABLE, "going down")
    async with client.watch_alarms(reconnect_delay=0.1) as watch:
        await until_complete(watch)
        alarms.feed = [active(ONE, severity=900), active(TWO, value=math.nan), SNAPSHOT_COMPLETE]
        alarms.end_of_feed = None
        await lost(watch)
        assert await following(watch) == RESTORED
        changes = await until_complete(watch)

    assert [(change.kind, change.alarm_full_reference) for change in changes] == [(AlarmChangeKind.CHANGED, ONE)]
    assert changes[0].previous is not None
    assert (changes[0].previous.severity, changes[0].alarm.severity) == (500, 900)


async def test_active_alarm_after_the_snapshot_is_compared_too(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.feed = [active(ONE), SNAPSHOT_COMPLETE, active(ONE), active(ONE, pb.ALARM_CONDITION_STATE_ACTIVE_ACKED)]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        await until_complete(watch)
        change = await following_change(watch)

    assert (change.kind, change.from_snapshot) == (AlarmChangeKind.ACKNOWLEDGED, True)


async def test_unknown_message_is_yielded(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    newer = pb.AlarmFeedMessage()
    newer.ParseFromString(b"\xfa\x01\x03new")
    alarms.feed = [newer, SNAPSHOT_COMPLETE]
    alarms.end_of_feed = None

    async with client.watch_alarms() as watch:
        assert await following(watch) == COMPLETE
        assert isinstance(await following(watch), UnrecognizedAlarmMessage)


async def test_snapshot_that_is_never_complete_times_out_and_is_retried(alarms: ScriptedAlarms) -> None:
    alarms.feed = [active(ONE)]
    alarms.end_of_feed = None
    async with (
        GatewayClient.connect(endpoint=alarms.endpoint, plaintext=True, timeout=0.1) as client,
        client.watch_alarms(reconnect_delay=0.01) as watch,
    ):
        error = await lost(watch)
        alarms.feed = [active(ONE), SNAPSHOT_COMPLETE]

        assert isinstance(error, MxGatewayTimeoutError)
        assert "not complete within 0.1 s" in str(error)
        assert await following(watch) == RESTORED
        assert watch.complete


async def test_gateway_that_refuses_the_feed_as_invalid_ends_the_watch(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.end_of_feed = (grpc.StatusCode.INVALID_ARGUMENT, "no such filter")

    with pytest.raises(MxGatewayCommandError, match="no such filter"):
        await client.watch_alarms("nonsense").__aenter__()


async def test_endless_snapshot_ends_in_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    # The real limit takes seconds to reach.
    monkeypatch.setattr(table, "MAX_ALARMS", 1_000)
    endless = Answer(body=framed(active(ONE)) * 1000, endless=True)
    async with (
        hostile_http2(after_connecting(endless)) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        with pytest.raises(MxGatewayProtocolError, match="more than 1000 active alarms"):
            await client.watch_alarms().__aenter__()
