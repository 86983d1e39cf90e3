"""Events arrive in order and have all the facts from MXAccess."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    AlarmProviderMode,
    AlarmProviderModeChanged,
    AlarmTransition,
    AlarmTransitionKind,
    BufferedDataChange,
    BufferedSample,
    DataChange,
    MxEvent,
    MxEventFamily,
    MxStatusCategory,
    OperationComplete,
    Quality,
    Session,
    WriteComplete,
)
from mxgateway.testing import SimulatedGateway
from support.event_reading import TAG, advised, numbered, take, values
from support.scripted_gateway import ScriptedGateway

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def test_advised_item_delivers_value_quality_and_timestamp(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant[TAG].set(5, quality=216, timestamp=WHEN)
    item = await advised(session)

    async with session.stream_events() as stream:
        event = await anext(stream)

    assert isinstance(event, DataChange)
    assert (event.value, event.quality, event.timestamp) == (5, 216, WHEN)
    assert isinstance(event.quality, Quality)
    assert (event.session_id, event.server_handle, event.item_handle) == (session.session_id, 1, item)
    assert (event.sequence, event.family) == (1, MxEventFamily.ON_DATA_CHANGE)
    assert [status.category for status in event.statuses] == [MxStatusCategory.OK]
    assert event.worker_timestamp is not None
    assert event.gateway_receive_timestamp is not None
    assert event.gateway_receive_timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("TestBool", True),
        ("TestByte", 200),
        ("TestShort", -12),
        ("TestLong", 5_000_000_000),
        ("TestFloat", 1.5),
        ("TestDouble", 3.141592653589793),
        ("TestString", "Hello"),
        ("TestTime", WHEN),
        ("TestBoolArray", [True, False, True]),
        ("TestLongArray", [1, 5_000_000_000]),
        ("TestFloatArray", [0.5, 1.5]),
        ("TestStringArray", ["one", "two", "three"]),
        ("TestStringArray[]", ["one", "two", "three"]),
        ("TestStringArray[2]", "two"),
        ("TestTimeArray", [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]),
        ("TestIntMatrix", [[1, 2, 3], [4, 5, 6]]),
    ],
)
async def test_attribute_of_each_type_becomes_a_python_value(session: Session, attribute: str, value: object) -> None:
    await advised(session, f"TestChildObject.{attribute}")

    async with session.stream_events() as stream:
        event = await anext(stream)

    assert event.value == value
    assert type(event.value) is type(value)


async def test_value_that_the_worker_cannot_convert_is_bytes(session: Session) -> None:
    await advised(session, "TestChildObject.TestUnconvertible")

    async with session.stream_events() as stream:
        event = await anext(stream)

    assert isinstance(event.value, bytes)
    assert event.raw.value.raw_diagnostic


async def test_null_is_none(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant[TAG].set(None)
    await advised(session)

    async with session.stream_events() as stream:
        event = await anext(stream)

    assert event.value is None
    assert event.raw.value.is_null


async def test_changes_arrive_in_order(gateway: SimulatedGateway, session: Session) -> None:
    await advised(session)
    async with session.stream_events() as stream:
        first = await anext(stream)
        for number in range(200):
            gateway.plant[TAG].set(number)
        events = await take(stream, 200)

    assert values(events) == list(range(200))
    assert [event.sequence for event in events] == list(range(first.sequence + 1, first.sequence + 201))


async def test_uncertain_first_value_is_followed_by_a_good_one(session: Session) -> None:
    await advised(session, "TestChildObject.TestSettling")

    async with session.stream_events() as stream:
        events = await take(stream, 2)

    assert [event.quality.is_good for event in events] == [False, True]


async def test_first_data_change_reports_an_invalid_reference(session: Session) -> None:
    await advised(session, "NoSuchObject_999.NoSuchAttr")

    async with session.stream_events() as stream:
        event = await anext(stream)

    assert isinstance(event, DataChange)
    assert event.value is None
    assert event.quality.is_bad
    assert event.statuses[0].detail_text == "invalid reference"


async def test_events_of_two_items_differ_by_handle(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("test")
    items = {tag: await session.add_item(server, f"TestChildObject.{tag}") for tag in ("TestInt", "TestString")}
    for item in items.values():
        await session.advise(server, item)

    async with session.stream_events() as stream:
        await take(stream, 2)
        gateway.plant["TestChildObject.TestString"].set("changed")
        event = await anext(stream)

    assert (event.item_handle, event.value) == (items["TestString"], "changed")


async def test_match_distinguishes_event_families(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session)
    await session.write(1, item, 7)
    seen: list[str] = []
    async with session.stream_events() as stream:
        async for event in stream:
            match event:
                case DataChange(item_handle=handle, value=7, quality=quality) if handle == item and quality.is_good:
                    seen.append("changed")
                    gateway.faults.complete_operation(session.session_id, 1, item)
                case WriteComplete(item_handle=handle, succeeded=True) if handle == item:
                    seen.append("written")
                case OperationComplete(item_handle=handle) if handle == item:
                    break
                case _:
                    pass

    assert sorted(seen) == ["changed", "written"]


async def test_buffered_item_delivers_its_samples(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("test")
    await session.set_buffered_update_interval(server, 10)
    item = await session.add_buffered_item(server, TAG)
    await session.advise(server, item)
    for number in range(5):
        gateway.plant[TAG].set(number, quality=192 + number, timestamp=WHEN)
    samples: list[BufferedSample] = []

    async with session.stream_events() as stream:
        while len(samples) < 6:
            event = await anext(stream)
            assert isinstance(event, BufferedDataChange)
            samples += event.samples

    assert samples[1:] == [
        BufferedSample(value=number, quality=Quality(192 + number), timestamp=WHEN) for number in range(5)
    ]


async def test_suspended_item_sends_nothing_until_activated(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session)
    async with session.stream_events() as stream:
        await anext(stream)
        assert not (await session.suspend(1, item)).failed
        gateway.plant[TAG].set(1)
        gateway.plant[TAG].set(2)
        assert not (await session.activate(1, item)).failed
        event = await anext(stream)

    assert event.value == 2


def alien(message: Message, field: str, number: int) -> None:
    """Set an enum field to a number that is unknown to this version."""
    setattr(message, field, number)


async def test_event_of_an_unknown_family_is_an_mx_event(scripted: ScriptedGateway, scripted_session: Session) -> None:
    (message,) = numbered(1)
    alien(message, "family", 4711)
    scripted.events = [message]

    async with scripted_session.stream_events() as stream:
        event = await anext(stream)

    assert type(event) is MxEvent
    assert event.family == 4711
    assert event.raw == message


async def test_alarm_transition_has_every_field(scripted: ScriptedGateway, scripted_session: Session) -> None:
    five = pb.MxValue(data_type=pb.MX_DATA_TYPE_INTEGER, int32_value=5)
    at = Timestamp(seconds=int(WHEN.timestamp()))
    (message,) = numbered(1)
    message.family = pb.MX_EVENT_FAMILY_ON_ALARM_TRANSITION
    message.on_alarm_transition.CopyFrom(
        pb.OnAlarmTransitionEvent(
            alarm_full_reference="Galaxy!Area.Tag",
            source_object_reference="Tank",
            alarm_type_name="Hi",
            transition_kind=pb.ALARM_TRANSITION_KIND_ACKNOWLEDGE,
            severity=500,
            original_raise_timestamp=at,
            transition_timestamp=at,
            operator_user="bob",
            operator_comment="seen",
            category="Process",
            description="too full",
            current_value=five,
            limit_value=five,
            degraded=True,
            source_provider=pb.ALARM_PROVIDER_MODE_SUBTAG,
        )
    )
    scripted.events = [message]

    async with scripted_session.stream_events() as stream:
        event = await anext(stream)

    assert isinstance(event, AlarmTransition)
    assert event.alarm_full_reference == "Galaxy!Area.Tag"
    assert event.source_object_reference == "Tank"
    assert event.alarm_type_name == "Hi"
    assert event.transition_kind is AlarmTransitionKind.ACKNOWLEDGE
    assert event.severity == 500
    assert event.original_raise_timestamp == WHEN
    assert event.transition_timestamp == WHEN
    assert (event.operator_user, event.operator_comment) == ("bob", "seen")
    assert (event.category, event.description) == ("Process", "too full")
    assert (event.current_value, event.limit_value) == (5, 5)
    assert event.degraded
    assert event.source_provider is AlarmProviderMode.SUBTAG


async def test_change_of_the_alarm_provider_is_an_event(scripted: ScriptedGateway, scripted_session: Session) -> None:
    (message,) = numbered(1)
    message.family = pb.MX_EVENT_FAMILY_ON_ALARM_PROVIDER_MODE_CHANGED
    scripted.events = [message]

    async with scripted_session.stream_events() as stream:
        assert isinstance(await anext(stream), AlarmProviderModeChanged)


async def test_event_with_an_invalid_timestamp_is_delivered_and_raises_on_access(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    first, second = numbered(1, 2)
    first.value.timestamp_value.seconds = 2**50
    scripted.events = [first, second]

    async with scripted_session.stream_events() as stream:
        event = await anext(stream)
        with pytest.raises(ValueError, match="outside the years"):
            _ = event.value
        assert "sequence=1" in repr(event)
        assert (await anext(stream)).sequence == 2


async def test_repr_of_an_event_shows_the_main_fields(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant[TAG].set(5)
    item = await advised(session)
    await session.write(1, item, 5)

    async with session.stream_events() as stream:
        change, outcome = await take(stream, 2)

    assert repr(change) == f"DataChange(sequence=1, item_handle={item}, value=5, quality=Quality(192))"
    assert repr(outcome).startswith(f"WriteComplete(sequence=2, item_handle={item}, succeeded=True, statuses=[ok")


async def test_outcome_of_write_fails_by_its_hresult_and_by_any_status(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    refused = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR)
    accepted = pb.MxStatusProxy(success=-1, category=pb.MX_STATUS_CATEGORY_OK)
    outcomes: list[tuple[int | None, list[pb.MxStatusProxy]]] = [
        (0, []),
        (-1, [accepted]),
        (0, [accepted, refused]),
        (None, [accepted]),
    ]
    scripted.events = [
        pb.MxEvent(
            family=pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE, worker_sequence=number, hresult=hresult, statuses=statuses
        )
        for number, (hresult, statuses) in enumerate(outcomes, 1)
    ]

    async with scripted_session.stream_events() as stream:
        events = await take(stream, len(outcomes))

    assert [isinstance(event, WriteComplete) and event.succeeded for event in events] == [True, False, False, True]
