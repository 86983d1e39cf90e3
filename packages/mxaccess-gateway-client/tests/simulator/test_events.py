"""The events of advised items: their fields, their timing, and their receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import SimulatedGateway
from support.wire import Wire, connected, int32

if TYPE_CHECKING:
    from support.wire import Stream, WireSession


def tag_changes(gateway: SimulatedGateway, *values: int) -> None:
    for value in values:
        gateway.plant["TestChildObject.TestInt"].set(value)


async def values_of(events: Stream[pb.MxEvent], count: int) -> list[int]:
    return [event.value.int32_value for event in await events.receive(count)]


async def test_data_change_has_all_fields(gateway: SimulatedGateway, session: WireSession) -> None:
    when = Timestamp(seconds=1_700_000_000, nanos=123_000_000)
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        await events.next()
        gateway.plant["TestChildObject.TestInt"].set(
            5, quality=216, timestamp=when.ToDatetime(gateway.clock.now().tzinfo)
        )
        event = await events.next()
    assert event.family == pb.MX_EVENT_FAMILY_ON_DATA_CHANGE
    assert event.WhichOneof("body") == "on_data_change"
    assert (event.session_id, event.server_handle, event.item_handle) == (session.session_id, server, item)
    assert event.value == pb.MxValue(
        data_type=pb.MX_DATA_TYPE_INTEGER, variant_type="VT_I4", raw_data_type=2, int32_value=5
    )
    assert event.quality == 216
    assert event.source_timestamp == when
    assert event.worker_timestamp.seconds > when.seconds
    assert event.gateway_receive_timestamp.seconds > when.seconds
    (status,) = event.statuses
    assert (status.success, status.category) == (-1, pb.MX_STATUS_CATEGORY_OK)
    assert (status.raw_category, status.raw_detected_by) == (0, 5)


async def test_advise_raises_a_first_data_change(session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestInt")
        event = await events.next()
    assert (event.value.int32_value, event.quality) == (42, 192)


async def test_first_quality_can_be_uncertain_before_good(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestSettling")
        assert (await events.next()).quality == 64
        gateway.plant["TestChildObject.TestSettling"].set(10)
        gateway.clock.advance(1)
        settled = await events.next()
    assert (settled.value.int32_value, settled.quality) == (10, 192)


async def test_settle_time_applies_to_all_tags() -> None:
    async with SimulatedGateway(settle_time=3, ramp_interval=None) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        async with session.events() as events:
            server, item = await session.advised("TestChildObject.TestInt")
            assert (await events.next()).quality == 64
            gateway.clock.advance(3)
            assert (await events.next()).quality == 192
            await session.advised("TestChildObject.TestInt", server)
            assert (await events.next()).item_handle == item + 1
            await session.execute(pb.MX_COMMAND_KIND_UN_ADVISE, server_handle=server, item_handle=item + 1)
            gateway.clock.advance(3)
            tag_changes(gateway, 7)
            assert (await events.next()).item_handle == item


async def test_unknown_tag_has_a_handle_and_a_bad_first_value(session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("NoSuchObject_999.NoSuchAttr")
        event = await events.next()
    assert event.quality == 0
    assert event.value.is_null
    assert event.value.variant_type == "VT_EMPTY"
    (status,) = event.statuses
    assert (status.category, status.detail) == (pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR, 6)
    assert (status.raw_category, status.detected_by) == (4, pb.MX_STATUS_SOURCE_REQUESTING_LMX)


@pytest.mark.parametrize(
    "definition", ["TestChildObject.TestInt[]", "TestChildObject.TestIntArray[6]", "A.B[", "", "[]"]
)
async def test_malformed_definition_is_an_invalid_reference(session: WireSession, definition: str) -> None:
    async with session.events() as events:
        await session.advised(definition)
        (status,) = (await events.next()).statuses
    assert status.detail == 6


NATIVE_DATA_TYPES = {
    pb.MX_DATA_TYPE_UNKNOWN: -1,
    pb.MX_DATA_TYPE_BOOLEAN: 1,
    pb.MX_DATA_TYPE_INTEGER: 2,
    pb.MX_DATA_TYPE_FLOAT: 3,
    pb.MX_DATA_TYPE_DOUBLE: 4,
    pb.MX_DATA_TYPE_STRING: 5,
    pb.MX_DATA_TYPE_TIME: 6,
}


@pytest.mark.parametrize(
    ("attribute", "data_type", "variant_type", "arm"),
    [
        ("TestBool", pb.MX_DATA_TYPE_BOOLEAN, "VT_BOOL", "bool_value"),
        ("TestByte", pb.MX_DATA_TYPE_INTEGER, "VT_UI1", "int32_value"),
        ("TestShort", pb.MX_DATA_TYPE_INTEGER, "VT_I2", "int32_value"),
        ("TestInt", pb.MX_DATA_TYPE_INTEGER, "VT_I4", "int32_value"),
        ("TestLong", pb.MX_DATA_TYPE_INTEGER, "VT_I8", "int64_value"),
        ("TestFloat", pb.MX_DATA_TYPE_FLOAT, "VT_R4", "float_value"),
        ("TestDouble", pb.MX_DATA_TYPE_DOUBLE, "VT_R8", "double_value"),
        ("TestString", pb.MX_DATA_TYPE_STRING, "VT_BSTR", "string_value"),
        ("TestTime", pb.MX_DATA_TYPE_TIME, "VT_DATE", "timestamp_value"),
        ("TestUnconvertible", pb.MX_DATA_TYPE_UNKNOWN, "VT_UNKNOWN", "raw_value"),
        ("TestIntArray", pb.MX_DATA_TYPE_INTEGER, "VT_ARRAY|VT_I4", "array_value"),
        ("TestIntArray[2]", pb.MX_DATA_TYPE_INTEGER, "VT_I4", "int32_value"),
    ],
)
async def test_value_is_in_the_field_of_its_type(
    session: WireSession, attribute: str, data_type: pb.MxDataType.ValueType, variant_type: str, arm: str
) -> None:
    async with session.events() as events:
        await session.advised(f"TestChildObject.{attribute}")
        value = (await events.next()).value
    assert value.WhichOneof("kind") == arm
    assert (value.data_type, value.variant_type) == (data_type, variant_type)
    assert value.raw_data_type == NATIVE_DATA_TYPES[data_type]
    assert bool(value.raw_diagnostic) == (arm == "raw_value")


async def test_arrays_have_their_dimensions(session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestStringArray")
        row = (await events.next()).value.array_value
        await session.advised("TestChildObject.TestIntMatrix", 1)
        matrix = (await events.next()).value.array_value
    assert (list(row.string_values.values), list(row.dimensions)) == (["one", "two", "three"], [3])
    assert row.element_data_type == pb.MX_DATA_TYPE_STRING
    assert (list(matrix.int32_values.values), list(matrix.dimensions)) == ([1, 2, 3, 4, 5, 6], [2, 3])


async def test_array_elements_count_from_one(session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestIntArray[1]")
        assert (await events.next()).value.int32_value == 1
        await session.advised("TestChildObject.TestIntArray[0]", 1)
        assert (await events.next()).statuses[0].detail == 6


async def test_removed_array_element_is_an_invalid_reference(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestIntArray[5]")
        await events.next()
        gateway.plant["TestChildObject.TestIntArray"].set([1, 2])
        gone = await events.next()
        gateway.plant["TestChildObject.TestIntArray"].set([1, 2, 3, 4, 55])
        back = await events.next()
    assert (gone.quality, gone.statuses[0].detail) == (0, 6)
    assert (back.quality, back.value.int32_value) == (192, 55)


async def test_null_and_bad_values_are_raised_unchanged(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        await session.advised("TestChildObject.TestInt")
        await events.next()
        gateway.plant["TestChildObject.TestInt"].set(None)
        null = await events.next()
        gateway.plant["TestChildObject.TestInt"].set(3)
        gateway.plant["TestChildObject.TestInt"].set(quality=8)
        assert (await events.next()).quality == 192
        not_connected = await events.next()
    assert null.value.is_null
    assert null.value.WhichOneof("kind") is None
    assert (not_connected.quality, not_connected.value.int32_value) == (8, 3)


async def test_all_advised_items_get_the_changes_of_a_tag(gateway: SimulatedGateway, wire: Wire) -> None:
    first, second = await wire.open_session(), await wire.open_session()
    async with first.events() as one, second.events() as other:
        await first.advised("TestChildObject.TestInt")
        await first.advised("TestChildObject.TestInt", 1)
        await second.advised("TestChildObject.TestInt")
        tag_changes(gateway, 7)
        assert await values_of(one, 4) == [42, 42, 7, 7]
        assert await values_of(other, 2) == [42, 7]


async def test_unadvised_item_raises_no_data_changes(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        await session.add_item(server, "TestChildObject.TestInt")
        await session.execute(pb.MX_COMMAND_KIND_UN_ADVISE, server_handle=server, item_handle=item)
        tag_changes(gateway, 1, 2)
        await session.execute(pb.MX_COMMAND_KIND_ADVISE, server_handle=server, item_handle=item)
        assert await values_of(events, 2) == [42, 2]


async def test_second_advise_changes_only_plain_to_supervisory(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        for kind in (pb.MX_COMMAND_KIND_ADVISE, pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY, pb.MX_COMMAND_KIND_ADVISE):
            await session.execute(kind, server_handle=server, item_handle=item)
        assert gateway.sessions[0].items[0].supervisory
        tag_changes(gateway, 1)
        assert await values_of(events, 2) == [42, 1]


async def test_suspended_item_is_silent_until_activated(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        await session.execute(pb.MX_COMMAND_KIND_SUSPEND, server_handle=server, item_handle=item)
        tag_changes(gateway, 1, 2)
        await session.execute(pb.MX_COMMAND_KIND_ACTIVATE, server_handle=server, item_handle=item)
        tag_changes(gateway, 3)
        assert await values_of(events, 3) == [42, 2, 3]


async def test_drain_events_returns_the_backlog(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.advised("TestChildObject.TestInt")
    tag_changes(gateway, 1, 2)
    some = (await session.execute(pb.MX_COMMAND_KIND_DRAIN_EVENTS, max_events=1)).drain_events
    rest = (await session.execute(pb.MX_COMMAND_KIND_DRAIN_EVENTS)).drain_events
    nothing = await session.execute(pb.MX_COMMAND_KIND_DRAIN_EVENTS)
    assert [event.worker_sequence for event in (*some.events, *rest.events)] == [1, 2, 3]
    assert nothing.HasField("drain_events")
    assert not nothing.drain_events.events


async def test_operation_complete_is_raised_only_on_request(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        await session.write((server, item), int32(1))
        families = [event.family for event in await events.receive(3)]
        gateway.faults.complete_operation(session.session_id, server, item)
        last = await events.next()
    assert pb.MX_EVENT_FAMILY_OPERATION_COMPLETE not in families
    assert last.family == pb.MX_EVENT_FAMILY_OPERATION_COMPLETE
    assert last.WhichOneof("body") == "operation_complete"


async def buffered_item(session: WireSession, definition: str) -> tuple[int, int]:
    server = await session.register()
    await session.execute(
        pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL, server_handle=server, update_interval_milliseconds=500
    )
    reply = await session.execute(
        pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM, server_handle=server, item_definition=definition
    )
    item = reply.add_buffered_item.item_handle
    await session.execute(pb.MX_COMMAND_KIND_ADVISE, server_handle=server, item_handle=item)
    return server, item


async def test_buffered_item_delivers_samples_together(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        handles = await buffered_item(session, "TestChildObject.TestInt")
        tag_changes(gateway, 1, 2)
        gateway.plant["TestChildObject.TestInt"].set(3, quality=64)
        gateway.clock.advance(0.5)
        event = await events.next()
        tag_changes(gateway, 4)
        gateway.clock.advance(0.5)
        assert list((await events.next()).value.array_value.int32_values.values) == [4]
    assert event.family == pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE
    assert (event.server_handle, event.item_handle) == handles
    assert list(event.value.array_value.int32_values.values) == [42, 1, 2, 3]
    body = event.on_buffered_data_change
    assert body.data_type == pb.MX_DATA_TYPE_INTEGER
    assert list(body.quality_values.int32_values.values) == [192, 192, 192, 64]
    assert len(body.timestamp_values.timestamp_values.values) == 4
    assert list(event.statuses) == [pb.MxStatusProxy()]


async def test_unknown_buffered_item_raises_a_bad_change(session: WireSession) -> None:
    async with session.events() as events:
        for definition in ("NoSuchObject_999.NoSuchAttr", "TestChildObject.TestIntArray"):
            await buffered_item(session, definition)
            event = await events.next()
            assert event.family == pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE
            assert (event.quality, event.statuses[0].detail) == (0, 6)


async def test_un_advised_buffered_item_delivers_no_samples(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await buffered_item(session, "TestChildObject.TestInt")
        await session.execute(pb.MX_COMMAND_KIND_UN_ADVISE, server_handle=server, item_handle=item)
        gateway.clock.advance(1)
        await session.advised("TestChildObject.TestString", server)
        assert (await events.next()).family == pb.MX_EVENT_FAMILY_ON_DATA_CHANGE


async def test_programs_run_at_ramp_interval() -> None:
    async with SimulatedGateway(ramp_interval=0.01) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        async with session.events() as events:
            await session.advised("TestMachine_002.TestChangingInt")
            values = await values_of(events, 4)
    assert values == list(range(values[0], values[0] + 4))
    assert values[0] >= 1000
