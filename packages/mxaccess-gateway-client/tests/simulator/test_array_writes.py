"""Writes to arrays: whole, through the `[]` name, and at their length, or the plant does not do what was meant."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from support.wire import int32, outcome, sparse, written

if TYPE_CHECKING:
    from mxgateway.testing import SimulatedGateway
    from support.wire import Wire, WireSession

ARRAY = "TestChildObject.TestIntArray"
RESIZABLE = "TestChildObject.TestResizableArray"
OK = pb.MX_STATUS_CATEGORY_OK
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def integers(*values: int) -> pb.MxValue:
    """Return an array of integers."""
    return pb.MxValue(array_value=pb.MxArray(int32_values=pb.Int32Array(values=values)))


async def test_write_replaces_a_whole_array(gateway: SimulatedGateway, session: WireSession) -> None:
    assert await written(session, ARRAY, integers(9, 8, 7, 6, 5)) == OK
    assert gateway.plant[ARRAY].value == (9, 8, 7, 6, 5)


@pytest.mark.parametrize(
    ("attribute", "value", "held"),
    [
        ("TestBoolArray", pb.MxValue(bool_value=True), (False, True, False)),
        ("TestIntArray", int32(9), (0, 9, 0, 0, 0)),
        ("TestDoubleArray", pb.MxValue(double_value=0.5), (0.0, 0.5, 0.0)),
        ("TestStringArray", pb.MxValue(string_value="z"), ("", "z", "")),
        (
            "TestTimeArray",
            pb.MxValue(timestamp_value=Timestamp(seconds=60)),
            (EPOCH, datetime(1970, 1, 1, 0, 1, tzinfo=UTC)),
        ),
    ],
)
async def test_sparse_array_is_filled_with_defaults(
    gateway: SimulatedGateway, session: WireSession, attribute: str, value: pb.MxValue, held: tuple[object, ...]
) -> None:
    assert await written(session, f"TestChildObject.{attribute}", sparse(len(held), _1=value)) == OK
    assert gateway.plant[f"TestChildObject.{attribute}"].value == held


@pytest.mark.parametrize(
    "value",
    [
        sparse(2, _2=int32(1)),
        sparse(2_000_000, _0=int32(1)),
        sparse(2, _0=int32(1), _00=int32(2)),
    ],
    ids=["outside", "too long", "twice"],
)
async def test_invalid_sparse_array_is_an_invalid_request(session: WireSession, value: pb.MxValue) -> None:
    handles = await session.advised(ARRAY)
    reply = await session.write(handles, value)
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST
    assert "sparse" in reply.protocol_status.message


async def test_writes_to_elements_of_one_array_keep_each_other(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, first = await session.advised(f"{ARRAY}[1]")
        _, second = await session.advised(f"{ARRAY}[2]", server)
        await session.write((server, first), int32(11))
        await session.write((server, second), int32(22))
        await outcome(events)
        await outcome(events)
    assert gateway.plant[ARRAY].value == (11, 22, 3, 4, 5)


async def test_array_under_its_bare_name_can_be_read_and_ignores_writes(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    server = await session.register()
    async with session.events() as events:
        reply = await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_BULK, server_handle=server, tag_addresses=[ARRAY])
        (subscribed,) = reply.subscribe_bulk.results
        assert list((await events.next()).value.array_value.int32_values.values) == [1, 2, 3, 4, 5]
        for value in (integers(9, 8, 7, 6, 5), integers(9)):
            accepted = await session.write((server, subscribed.item_handle), value)
            assert accepted.protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
            assert (await outcome(events)).statuses[0].category == OK
    assert gateway.plant[ARRAY].value == (1, 2, 3, 4, 5)
    assert gateway.plant[ARRAY].last_write is None


async def test_brackets_are_appended_only_when_the_galaxy_knows_the_array(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    server = await session.register()
    with gateway.faults.galaxy_down(snapshot=False):
        await session.add_item(server, ARRAY)
    await session.add_item(server, ARRAY)
    assert [item.definition for item in gateway.sessions[0].items] == [ARRAY, f"{ARRAY}[]"]


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        (ARRAY, integers(1, 2, 3, 4)),
        (ARRAY, sparse(4, _0=int32(1))),
        ("TestChildObject.TestIntMatrix", integers(1, 2, 3)),
    ],
    ids=["short", "short sparse", "short matrix"],
)
async def test_short_write_hangs_the_worker_until_it_is_killed(
    gateway: SimulatedGateway, wire: Wire, definition: str, value: pb.MxValue
) -> None:
    session = await wire.open_session(command_timeout={"seconds": 10})
    handles = await session.advised(definition)
    writing = session.call(pb.MX_COMMAND_KIND_WRITE, server_handle=handles[0], item_handle=handles[1], value=value)
    await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
    gateway.clock.advance(10)
    assert (await writing).protocol_status.code == pb.PROTOCOL_STATUS_CODE_TIMEOUT

    # The worker is still in that call, so that nothing else runs.
    queued = session.call(pb.MX_COMMAND_KIND_PING)
    await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 2)
    gateway.clock.advance(10)
    assert (await queued).protocol_status.code == pb.PROTOCOL_STATUS_CODE_TIMEOUT

    last = session.call(pb.MX_COMMAND_KIND_PING)
    await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 3)
    gateway.faults.kill_worker(session.session_id)
    assert (await last).protocol_status.code == pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
    assert gateway.plant[definition].last_write is None


async def test_short_entry_of_a_bulk_write_hangs_the_whole_command(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    server, array = await session.advised(ARRAY)
    _, number = await session.advised("TestChildObject.TestInt", server)
    entries: Any = [
        pb.WriteBulkEntry(item_handle=array, value=integers(1)),
        pb.WriteBulkEntry(item_handle=number, value=int32(5)),
    ]
    writing = session.call(pb.MX_COMMAND_KIND_WRITE_BULK, server_handle=server, entries=entries)
    await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
    await session.close()
    assert (await writing).protocol_status.code == pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE
    assert gateway.plant["TestChildObject.TestInt"].value == 42


async def test_longer_value_is_refused_by_an_array_of_fixed_size(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    assert await written(session, ARRAY, integers(1, 2, 3, 4, 5, 6)) == pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR
    assert gateway.plant[ARRAY].value == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("values", [(1, 2, 3, 4), (1,), ()])
async def test_resizable_array_takes_the_length_of_the_value(
    gateway: SimulatedGateway, session: WireSession, values: tuple[int, ...]
) -> None:
    assert await written(session, RESIZABLE, integers(*values)) == OK
    assert gateway.plant[RESIZABLE].value == values
    assert gateway.plant[RESIZABLE].dimensions == (len(values),)
