"""Alarm messages of any content: every item is delivered, and every problem raises the right error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ActiveAlarm,
    AlarmConditionState,
    AlarmFeedItem,
    AlarmProviderMode,
    AlarmProviderStatus,
    AlarmSnapshotComplete,
    AlarmTransition,
    AlarmTransitionKind,
    GatewayClient,
    MxAccessError,
    MxEventFamily,
    MxGatewayAuthorizationError,
    MxGatewayCommandError,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayNotFoundError,
    MxGatewayProtocolError,
    MxGatewayStreamEndedError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxStatusCategory,
    UnrecognizedAlarmMessage,
)
from mxgateway.contract import unknown_fields
from support.scripted_alarms import ScriptedAlarms, scripted_alarms

API_KEY = "mxgw_0a1b2c3d_marker_secret-with_both-kinds_"
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TIME = Timestamp(seconds=int(WHEN.timestamp()))
NO_TIME_OF_OURS = Timestamp(seconds=10**17)
REFERENCE = "Galaxy!TestArea.TestChildObject.TestInt.HiHi"
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"
FIVE = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=5)


@pytest.fixture
async def alarms() -> AsyncIterator[ScriptedAlarms]:
    async with scripted_alarms() as gateway:
        yield gateway


@pytest.fixture
async def client(alarms: ScriptedAlarms) -> AsyncIterator[GatewayClient]:
    async with GatewayClient.connect(endpoint=alarms.endpoint, api_key=API_KEY, plaintext=True) as client:
        yield client


async def take(client: GatewayClient, count: int) -> list[AlarmFeedItem]:
    """Return the first items of a feed."""
    async with client.stream_alarms() as feed:
        return [await anext(feed) for _ in range(count)]


async def test_active_alarm_has_every_field(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.active = [
        pb.ActiveAlarmSnapshot(
            alarm_full_reference=REFERENCE,
            source_object_reference="TestChildObject",
            alarm_type_name="HiHi",
            current_state=pb.ALARM_CONDITION_STATE_ACTIVE_ACKED,
            severity=900,
            original_raise_timestamp=TIME,
            transition_timestamp=TIME,
            operator_user="bob",
            operator_comment="seen",
            category="Process",
            description="too hot",
            current_value=FIVE,
            limit_value=FIVE,
            degraded=True,
            source_provider=pb.ALARM_PROVIDER_MODE_SUBTAG,
        )
    ]

    (alarm,) = [each async for each in client.query_active_alarms()]

    assert (alarm.alarm_full_reference, alarm.source_object_reference) == (REFERENCE, "TestChildObject")
    assert (alarm.alarm_type_name, alarm.category, alarm.description) == ("HiHi", "Process", "too hot")
    assert (alarm.current_state, alarm.severity) == (AlarmConditionState.ACTIVE_ACKED, 900)
    assert (alarm.original_raise_timestamp, alarm.transition_timestamp) == (WHEN, WHEN)
    assert (alarm.operator_user, alarm.operator_comment) == ("bob", "seen")
    assert (alarm.current_value, alarm.limit_value) == (5, 5)
    assert (alarm.degraded, alarm.source_provider) == (True, AlarmProviderMode.SUBTAG)
    assert repr(alarm) == f"ActiveAlarm('{REFERENCE}', ACTIVE_ACKED)"


async def test_transition_of_the_feed_is_an_event_without_a_session(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.feed = [
        pb.AlarmFeedMessage(
            transition=pb.OnAlarmTransitionEvent(
                alarm_full_reference=REFERENCE,
                transition_kind=pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE,
                transition_timestamp=TIME,
                operator_user="bob",
                current_value=FIVE,
            )
        )
    ]

    (item,) = await take(client, 1)

    match item:
        case AlarmTransition(
            alarm_full_reference=reference, transition_kind=kind, transition_timestamp=when, operator_user=user
        ):
            assert (reference, kind, when, user) == (REFERENCE, AlarmTransitionKind.ACKNOWLEDGE, WHEN, "bob")
        case _:
            pytest.fail(f"not a transition: {item}")
    assert item.family is MxEventFamily.ON_ALARM_TRANSITION
    assert (item.session_id, item.sequence, item.timestamp, item.current_value) == ("", 0, None, 5)
    assert item.original_raise_timestamp is None


async def test_unknown_feed_message_is_delivered_and_the_feed_continues(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    unknown_arm = pb.AlarmFeedMessage()
    unknown_arm.ParseFromString(b"\xba\xa6\x02\x03new")
    alarms.feed = [
        unknown_arm,
        pb.AlarmFeedMessage(snapshot_complete=False),
        pb.AlarmFeedMessage(active_alarm=pb.ActiveAlarmSnapshot(current_state=4711, source_provider=4712)),  # type: ignore[arg-type]  # as a newer gateway
        pb.AlarmFeedMessage(snapshot_complete=True),
    ]

    newer, incomplete, alarm, complete = await take(client, 4)

    assert isinstance(newer, UnrecognizedAlarmMessage)
    assert newer.raw.SerializeToString() == b"\xba\xa6\x02\x03new"
    assert isinstance(incomplete, UnrecognizedAlarmMessage)
    assert isinstance(alarm, ActiveAlarm)
    assert alarm.current_state.name == "UNRECOGNIZED_4711"
    assert alarm.source_provider.name == "UNRECOGNIZED_4712"
    assert complete == AlarmSnapshotComplete()


async def test_invalid_timestamp_fails_only_on_access(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.feed = [
        pb.AlarmFeedMessage(
            active_alarm=pb.ActiveAlarmSnapshot(
                alarm_full_reference=REFERENCE,
                original_raise_timestamp=NO_TIME_OF_OURS,
                current_value=pb.MxValue(timestamp_value=NO_TIME_OF_OURS),
            )
        ),
        pb.AlarmFeedMessage(provider_status=pb.AlarmProviderStatus(reason="lost", since=NO_TIME_OF_OURS)),
        pb.AlarmFeedMessage(
            transition=pb.OnAlarmTransitionEvent(alarm_full_reference=REFERENCE, transition_timestamp=NO_TIME_OF_OURS)
        ),
        pb.AlarmFeedMessage(snapshot_complete=True),
    ]

    alarm, status, transition, complete = await take(client, 4)

    assert isinstance(alarm, ActiveAlarm)
    assert alarm.alarm_full_reference == REFERENCE
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        _ = alarm.original_raise_timestamp
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        _ = alarm.current_value
    assert isinstance(status, AlarmProviderStatus)
    assert status.reason == "lost"
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        _ = status.since
    assert isinstance(transition, AlarmTransition)
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        _ = transition.transition_timestamp
    assert complete == AlarmSnapshotComplete()
    assert repr([alarm, status, transition])


async def test_every_alarm_call_has_its_own_correlation_id(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.feed = [pb.AlarmFeedMessage(snapshot_complete=True)]

    for _ in range(2):
        await take(client, 1)
        assert [alarm async for alarm in client.query_active_alarms()] == []
        await client.acknowledge_alarm(REFERENCE)

    requests = [call.request for call in alarms.received if call.rpc != "Invoke"]
    ids = {getattr(request, "client_correlation_id", "") for request in requests}
    assert len(requests) == len(ids) == 6
    assert all(ids)


async def test_arguments_of_alarm_calls_reach_the_gateway(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.feed = [pb.AlarmFeedMessage(snapshot_complete=True)]

    async with client.stream_alarms("Galaxy!TestArea") as feed:
        await anext(feed)
    assert [alarm async for alarm in client.query_active_alarms("Galaxy!Test")] == []
    await client.acknowledge_alarm(REFERENCE, "seen", "bob", timeout=7)

    stream, query, acknowledgement = (call for call in alarms.received if call.rpc != "Invoke")
    assert isinstance(stream.request, pb.StreamAlarmsRequest)
    assert (stream.request.alarm_filter_prefix, stream.seconds_left) == ("Galaxy!TestArea", None)
    assert isinstance(query.request, pb.QueryActiveAlarmsRequest)
    assert query.request.alarm_filter_prefix == "Galaxy!Test"
    assert query.seconds_left is not None, "a query without a deadline could hang"
    assert isinstance(acknowledgement.request, pb.AcknowledgeAlarmRequest)
    assert acknowledgement.request.alarm_full_reference == REFERENCE
    assert (acknowledgement.request.comment, acknowledgement.request.operator_user) == ("seen", "bob")
    assert 6 < (acknowledgement.seconds_left or 0) < 8


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, MxGatewayAuthorizationError),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, MxGatewayLimitError),
        (grpc.StatusCode.UNAVAILABLE, MxGatewayTransportError),
        (grpc.StatusCode.INVALID_ARGUMENT, MxGatewayCommandError),
        (grpc.StatusCode.NOT_FOUND, MxGatewayNotFoundError),
        (grpc.StatusCode.FAILED_PRECONDITION, MxGatewayCommandError),
        (grpc.StatusCode.OK, MxGatewayStreamEndedError),
    ],
)
async def test_feed_that_the_gateway_ends_raises_after_its_items(
    alarms: ScriptedAlarms, client: GatewayClient, status: grpc.StatusCode, kind: type[MxGatewayError]
) -> None:
    alarms.feed = [pb.AlarmFeedMessage(snapshot_complete=True)]
    alarms.end_of_feed = (status, f"as told to Bearer {API_KEY}")
    feed = client.stream_alarms()

    assert await anext(feed) == AlarmSnapshotComplete()
    for _ in range(2):
        with pytest.raises(MxGatewayError) as caught:
            await anext(feed)

        assert type(caught.value) is kind
        assert (caught.value.method, caught.value.target) == ("StreamAlarms", alarms.endpoint)
        request = alarms.requests("StreamAlarms")[0]
        assert isinstance(request, pb.StreamAlarmsRequest)
        assert caught.value.correlation_id == request.client_correlation_id
        assert "marker" not in f"{caught.value!r} {caught.value} {caught.value.facts}"
    assert not feed.is_open


async def test_query_ends_after_the_last_alarm_and_stays_ended(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.active = [pb.ActiveAlarmSnapshot(alarm_full_reference=f"G!A.{number}") for number in range(10_000)]
    query = client.query_active_alarms()

    assert [alarm.alarm_full_reference async for alarm in query] == [f"G!A.{number}" for number in range(10_000)]

    assert [alarm async for alarm in query] == []
    assert query.delivered == 10_000
    assert not query.is_open


async def test_query_that_ends_early_raises(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.active = [pb.ActiveAlarmSnapshot(alarm_full_reference=REFERENCE)]
    alarms.end_of_active = (grpc.StatusCode.UNAVAILABLE, "going down")
    query = client.query_active_alarms()

    assert (await anext(query)).alarm_full_reference == REFERENCE
    for _ in range(2):
        with pytest.raises(MxGatewayTransportError, match="going down"):
            await anext(query)


async def test_slow_query_raises_a_timeout_with_its_seconds(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.end_of_active = None

    with pytest.raises(MxGatewayTimeoutError, match=r"QueryActiveAlarms on .* \(0\.05 s\)") as caught:
        await anext(client.query_active_alarms(timeout=0.05))

    assert isinstance(caught.value, TimeoutError)


async def test_cancelling_a_wait_for_an_alarm_loses_nothing(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.held = asyncio.Event()
    alarms.feed = [pb.AlarmFeedMessage(snapshot_complete=True)]

    async with client.stream_alarms() as feed:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(feed)
        alarms.held.set()

        assert await anext(feed) == AlarmSnapshotComplete()


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
async def test_invalid_query_timeout_raises(client: GatewayClient, timeout: float) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="timeout"):
        client.query_active_alarms(timeout=timeout)


async def test_refused_acknowledgement_has_the_facts_from_mxaccess(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    def refuse(reply: pb.AcknowledgeAlarmReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        reply.protocol_status.message = f"refused to {API_KEY}"
        reply.hresult = -0x7FFF_BFFB
        reply.diagnostic_message = f"no such alarm for {API_KEY}"
        reply.status.category = pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR

    alarms.edit_acknowledgement = refuse

    with pytest.raises(MxAccessError) as caught:
        await client.acknowledge_alarm(REFERENCE)

    error = caught.value
    assert (error.method, error.target, error.hresult) == ("AcknowledgeAlarm", alarms.endpoint, -0x7FFF_BFFB)
    assert (error.details, error.diagnostic_message) == ("refused to ***", "no such alarm for ***")
    assert [status.category for status in error.statuses] == [MxStatusCategory.OPERATIONAL_ERROR]
    assert "hresult 0x80004005" in str(error)
    (request,) = alarms.requests("AcknowledgeAlarm")
    assert isinstance(request, pb.AcknowledgeAlarmRequest)
    assert error.correlation_id == request.client_correlation_id
    assert "marker" not in f"{error!r} {error} {error.facts} {error.reply}"


@pytest.mark.parametrize(
    ("contradiction", "kind"),
    [
        (pb.AcknowledgeAlarmReply(hresult=-1), MxAccessError),
        (
            pb.AcknowledgeAlarmReply(status=pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR)),
            MxAccessError,
        ),
        (pb.AcknowledgeAlarmReply(correlation_id="somebody else's"), MxGatewayProtocolError),
    ],
    ids=["hresult", "status", "correlation id"],
)
async def test_inconsistent_acknowledgement_raises(
    alarms: ScriptedAlarms,
    client: GatewayClient,
    contradiction: pb.AcknowledgeAlarmReply,
    kind: type[MxGatewayError],
) -> None:
    alarms.edit_acknowledgement = lambda reply: reply.MergeFrom(contradiction)

    with pytest.raises(kind):
        await client.acknowledge_alarm(REFERENCE)


async def test_acknowledgement_with_fields_of_a_newer_gateway_succeeds(
    alarms: ScriptedAlarms, client: GatewayClient
) -> None:
    alarms.edit_acknowledgement = lambda reply: reply.MergeFromString(b"\xba\xa6\x02\x03new")
    seen: list[Message] = []
    client.observe_replies(seen.append)

    await client.acknowledge_alarm(REFERENCE)

    assert [unknown_fields(reply) for reply in seen] == [("AcknowledgeAlarmReply = 4711",)]


async def test_empty_acknowledgement_reply_raises(alarms: ScriptedAlarms, client: GatewayClient) -> None:
    alarms.edit_acknowledgement = lambda reply: reply.Clear()

    with pytest.raises(MxGatewayProtocolError):
        await client.acknowledge_alarm(REFERENCE)


@pytest.mark.parametrize(
    "reference", [GUID, f"{{{GUID}}}", GUID.replace("-", ""), GUID.upper(), REFERENCE, r"\\N\G!A.B"]
)
async def test_guid_and_full_reference_are_sent(alarms: ScriptedAlarms, client: GatewayClient, reference: str) -> None:
    await client.acknowledge_alarm(reference)

    (request,) = alarms.requests("AcknowledgeAlarm")
    assert isinstance(request, pb.AcknowledgeAlarmRequest)
    assert request.alarm_full_reference == reference


@pytest.mark.parametrize(
    "reference", ["", " ", "TestInt.HiHi", "Galaxy!Area", "!Area.Tag", "Galaxy!.Tag", "Galaxy!Area.", GUID[:-1]]
)
async def test_invalid_reference_raises_before_anything_is_sent(
    alarms: ScriptedAlarms, client: GatewayClient, reference: str
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"invalid alarm .*Provider!Group\.Tag"):
        await client.acknowledge_alarm(reference)

    assert alarms.requests("AcknowledgeAlarm") == []
