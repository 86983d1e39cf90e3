"""Bulk commands: one call, results in input order, entries that fail independently."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import Scope
from support.wire import connected, int32

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mxgateway.testing import SimulatedGateway
    from support.wire import WireSession

E_INVALIDARG = 0x80070057 - (1 << 32)
NOT_EXPECTED = "Value does not fall within the expected range."

INT = "TestChildObject.TestInt"
STRING = "TestChildObject.TestString"
ARRAY = "TestChildObject.TestIntArray"
UNKNOWN = "NoSuchObject_999.NoSuchAttr"


async def subscribe(session: WireSession, server: int, *tags: str) -> Sequence[pb.SubscribeResult]:
    reply = await session.execute(pb.MX_COMMAND_KIND_SUBSCRIBE_BULK, server_handle=server, tag_addresses=tags)
    return reply.subscribe_bulk.results


async def read(session: WireSession, server: int, *tags: str, timeout_ms: int = 0) -> Sequence[pb.BulkReadResult]:
    reply = await session.execute(
        pb.MX_COMMAND_KIND_READ_BULK, server_handle=server, tag_addresses=tags, timeout_ms=timeout_ms
    )
    return reply.read_bulk.results


def successes(
    results: Sequence[pb.SubscribeResult] | Sequence[pb.BulkWriteResult] | Sequence[pb.BulkReadResult],
) -> list[bool]:
    return [result.was_successful for result in results]


async def test_subscribe_bulk_adds_and_advises_in_input_order(session: WireSession) -> None:
    server = await session.register()
    tags = [INT, UNKNOWN, STRING]
    async with session.events() as events:
        results = await subscribe(session, server, *tags)
        changes = await events.receive(3)
    assert successes(results) == [True, True, True]
    assert [result.tag_address for result in results] == tags
    assert [result.item_handle for result in results] == [1, 2, 3]
    assert {result.server_handle for result in results} == {server}
    assert [(change.item_handle, change.quality) for change in changes] == [(1, 192), (2, 0), (3, 192)]


async def test_add_item_bulk_appends_brackets_and_subscribe_bulk_does_not(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    server = await session.register()
    async with session.events() as events:
        await subscribe(session, server, ARRAY)
        assert list((await events.next()).value.array_value.int32_values.values) == [1, 2, 3, 4, 5]
    reply = await session.execute(pb.MX_COMMAND_KIND_ADD_ITEM_BULK, server_handle=server, tag_addresses=[ARRAY, INT])
    assert [result.tag_address for result in reply.add_item_bulk.results] == [ARRAY, INT]
    assert [item.definition for item in gateway.sessions[0].items] == [ARRAY, f"{ARRAY}[]", INT]


async def test_advise_un_advise_and_remove_item_bulk_take_handles(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    server = await session.register()
    handles = [await session.add_item(server, tag) for tag in (INT, STRING)]
    mixed: dict[str, Any] = {"server_handle": server, "item_handles": [handles[0], 99, handles[1]]}
    advised = (await session.execute(pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK, **mixed)).advise_item_bulk.results
    assert successes(advised) == [True, False, True]
    assert [result.item_handle for result in advised] == [handles[0], 99, handles[1]]
    assert advised[1].error_message == NOT_EXPECTED
    assert [item.advised for item in gateway.sessions[0].items] == [True, True]
    un_advised = (await session.execute(pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK, **mixed)).un_advise_item_bulk.results
    assert successes(un_advised) == [True, False, True]
    again = (await session.execute(pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK, **mixed)).un_advise_item_bulk.results
    assert successes(again) == [False, False, False]
    removed = (await session.execute(pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK, **mixed)).remove_item_bulk.results
    assert successes(removed) == [True, False, True]
    assert not gateway.sessions[0].items


async def test_unsubscribe_bulk_un_advises_and_removes(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    results = await subscribe(session, server, INT, STRING)
    reply = await session.execute(
        pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK,
        server_handle=server,
        item_handles=[result.item_handle for result in results] + [99],
    )
    assert successes(reply.unsubscribe_bulk.results) == [True, True, False]
    assert not gateway.sessions[0].items


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        (pb.MX_COMMAND_KIND_ADD_ITEM_BULK, {"tag_addresses": [INT, STRING]}),
        (pb.MX_COMMAND_KIND_SUBSCRIBE_BULK, {"tag_addresses": [INT, STRING]}),
        (pb.MX_COMMAND_KIND_READ_BULK, {"tag_addresses": [INT, STRING]}),
        (pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK, {"item_handles": [1, 2]}),
        (pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK, {"item_handles": [1, 2]}),
        (pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK, {"item_handles": [1, 2]}),
        (pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK, {"item_handles": [1, 2]}),
        (pb.MX_COMMAND_KIND_WRITE_BULK, {"entries": [{"item_handle": 1}, {"item_handle": 2}]}),
        (pb.MX_COMMAND_KIND_WRITE2_BULK, {"entries": [{"item_handle": 1}, {"item_handle": 2}]}),
        (pb.MX_COMMAND_KIND_WRITE_SECURED_BULK, {"entries": [{"item_handle": 1}, {"item_handle": 2}]}),
        (pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK, {"entries": [{"item_handle": 1}, {"item_handle": 2}]}),
    ],
    ids=str,
)
async def test_unknown_server_handle_fails_every_entry(
    session: WireSession, kind: pb.MxCommandKind.ValueType, entries: dict[str, Any]
) -> None:
    reply = await session.execute(kind, server_handle=77, **entries)
    results = getattr(reply, reply.WhichOneof("payload") or "").results
    assert successes(results) == [False, False]
    assert {result.error_message for result in results} == {NOT_EXPECTED}


async def test_no_entries_return_an_empty_payload(session: WireSession) -> None:
    server = await session.register()
    for kind in (
        pb.MX_COMMAND_KIND_ADD_ITEM_BULK,
        pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK,
        pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK,
        pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK,
        pb.MX_COMMAND_KIND_SUBSCRIBE_BULK,
        pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK,
        pb.MX_COMMAND_KIND_WRITE_BULK,
        pb.MX_COMMAND_KIND_WRITE2_BULK,
        pb.MX_COMMAND_KIND_WRITE_SECURED_BULK,
        pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK,
        pb.MX_COMMAND_KIND_READ_BULK,
    ):
        reply = await session.execute(kind, server_handle=server)
        assert reply.WhichOneof("payload")


async def test_write_bulk_accepts_entry_by_entry(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    advised = [result.item_handle for result in await subscribe(session, server, INT, STRING)]
    idle = await session.add_item(server, "TestChildObject.TestLong")
    twice = pb.MxSparseArray(total_length=1, elements=[pb.MxSparseElement(index=1)])
    entries = [
        pb.WriteBulkEntry(item_handle=advised[0], value=int32(1)),
        pb.WriteBulkEntry(item_handle=idle, value=int32(1)),
        pb.WriteBulkEntry(item_handle=advised[1], value=pb.MxValue(sparse_array_value=twice)),
        pb.WriteBulkEntry(item_handle=advised[1], value=pb.MxValue(string_value="x")),
    ]
    reply = await session.execute(pb.MX_COMMAND_KIND_WRITE_BULK, server_handle=server, entries=entries)
    results = reply.write_bulk.results
    assert successes(results) == [True, False, False, True]
    assert [result.item_handle for result in results] == [advised[0], idle, advised[1], advised[1]]
    assert (results[0].hresult, results[1].hresult) == (0, E_INVALIDARG)
    assert results[1].error_message == NOT_EXPECTED
    assert not results[2].HasField("hresult")
    assert "sparse" in results[2].error_message
    await gateway.wait_for(lambda: gateway.plant[STRING].value == "x")
    assert gateway.plant[INT].value == 1


async def test_outcomes_of_write_bulk_are_events(session: WireSession) -> None:
    server = await session.register()
    async with session.events() as events:
        results = await subscribe(session, server, INT, STRING)
        await events.receive(2)
        entries = [pb.WriteBulkEntry(item_handle=result.item_handle, value=int32(1)) for result in results]
        await session.execute(pb.MX_COMMAND_KIND_WRITE_BULK, server_handle=server, entries=entries)
        outcomes = [event for event in await events.receive(3) if event.family == pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE]
    assert [outcome.item_handle for outcome in outcomes] == [result.item_handle for result in results]
    assert [outcome.statuses[0].category for outcome in outcomes] == [
        pb.MX_STATUS_CATEGORY_OK,
        pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR,
    ]


async def test_write2_write_secured_and_write_secured2_bulk(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    user = await session.authenticate(server, "operator", "operator-secret")
    plain, secured = (
        result.item_handle for result in await subscribe(session, server, INT, "TestChildObject.TestSecured")
    )
    when = pb.MxValue()
    when.timestamp_value.FromSeconds(1_600_000_000)
    await session.execute(
        pb.MX_COMMAND_KIND_WRITE2_BULK,
        server_handle=server,
        entries=[pb.Write2BulkEntry(item_handle=plain, value=int32(2), timestamp_value=when)],
    )
    await gateway.wait_for(lambda: gateway.plant[INT].value == 2)
    assert gateway.plant[INT].timestamp.timestamp() == 1_600_000_000
    tag = gateway.plant["TestChildObject.TestSecured"]
    await session.execute(
        pb.MX_COMMAND_KIND_WRITE_SECURED_BULK,
        server_handle=server,
        entries=[pb.WriteSecuredBulkEntry(item_handle=secured, value=int32(3), current_user_id=user)],
    )
    await gateway.wait_for(lambda: tag.value == 3)
    await session.execute(
        pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK,
        server_handle=server,
        entries=[
            pb.WriteSecured2BulkEntry(item_handle=secured, value=int32(4), current_user_id=user, timestamp_value=when)
        ],
    )
    await gateway.wait_for(lambda: tag.value == 4)
    assert tag.timestamp.timestamp() == 1_600_000_000


async def test_read_bulk_returns_last_value_of_advised_tags(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    (subscribed,) = await subscribe(session, server, INT)
    gateway.plant[INT].set(7, quality=64)
    (result,) = await read(session, server, "testchildobject.testint")
    assert result.was_successful
    assert result.was_cached
    assert result.item_handle == subscribed.item_handle
    assert result.tag_address == "testchildobject.testint"
    assert (result.value.int32_value, result.quality) == (7, 64)
    assert result.source_timestamp.seconds > 0
    assert result.statuses[0].category == pb.MX_STATUS_CATEGORY_OK


async def test_read_bulk_finds_the_advised_item_among_several_with_one_name(session: WireSession) -> None:
    server = await session.register()
    (first, second) = await subscribe(session, server, INT, INT)
    buffered = await session.execute(
        pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM, server_handle=server, item_definition=INT, item_context=""
    )
    await session.execute(
        pb.MX_COMMAND_KIND_ADVISE, server_handle=server, item_handle=buffered.add_buffered_item.item_handle
    )
    spelled, again = await read(session, server, INT, INT.upper())
    assert (spelled.tag_address, again.tag_address) == (INT, INT.upper())
    assert {spelled.item_handle, again.item_handle} == {first.item_handle}
    await session.execute(pb.MX_COMMAND_KIND_REMOVE_ITEM, server_handle=server, item_handle=first.item_handle)
    (left,) = await read(session, server, INT)
    assert (left.was_cached, left.item_handle) == (True, second.item_handle)


async def test_read_bulk_of_unadvised_tags_leaves_no_items(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    await session.add_item(server, INT)
    results = await read(session, server, INT, f"{ARRAY}[]", ARRAY, INT)
    assert successes(results) == [True] * 4
    assert [result.was_cached for result in results] == [False] * 4
    assert [result.item_handle for result in results] == [0] * 4
    assert results[1].value.array_value.int32_values.values == [1, 2, 3, 4, 5]
    assert (results[2].tag_address, results[2].value) == (ARRAY, results[1].value)
    assert len(gateway.sessions[0].items) == 1
    assert gateway.sessions[0].last_sequence == 0
    assert not gateway.plant[INT].listeners


async def test_read_bulk_fails_entry_by_entry(session: WireSession) -> None:
    results = await read(session, await session.register(), UNKNOWN, INT)
    assert successes(results) == [False, True]
    assert [result.statuses[0].detail for result in results] == [6, 0]
    assert UNKNOWN in results[0].error_message
    assert results[0].value.is_null


async def test_read_bulk_waits_for_its_timeout(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    with gateway.faults.silent_tag(INT):
        results = await read(session, server, INT, STRING, timeout_ms=10)
        assert successes(results) == [False, True]
        assert "0.01 s" in results[0].error_message
        call = session.call(pb.MX_COMMAND_KIND_READ_BULK, server_handle=server, tag_addresses=[INT], timeout_ms=20_000)
        await gateway.wait_for(lambda: gateway.plant[INT].listeners)
    gateway.plant[INT].set(8)
    assert (await call).read_bulk.results[0].value.int32_value == 8


async def test_tag_without_access_fails_at_its_own_index(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    mine, foreign = (result.item_handle for result in await subscribe(session, server, INT, STRING))
    async with connected(gateway, gateway.add_key(*Scope, galaxy=(INT,))) as wire:
        limited = wire.session(session.session_id)
        assert successes(await subscribe(limited, server, STRING, INT, UNKNOWN)) == [False, True, False]
        assert successes(await read(limited, server, STRING, INT)) == [False, True]
        by_handle: dict[str, Any] = {"server_handle": server, "item_handles": [foreign, mine]}
        reply = await limited.execute(pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK, **by_handle)
        assert successes(reply.unsubscribe_bulk.results) == [False, True]
        entries = [pb.WriteBulkEntry(item_handle=foreign, value=pb.MxValue(string_value="mine"))]
        written = await limited.execute(pb.MX_COMMAND_KIND_WRITE_BULK, server_handle=server, entries=entries)
        assert successes(written.write_bulk.results) == [False]
        assert STRING in written.write_bulk.results[0].error_message
        added = await limited.execute(
            pb.MX_COMMAND_KIND_ADD_ITEM_BULK, server_handle=server, tag_addresses=[STRING, INT]
        )
        assert successes(added.add_item_bulk.results) == [False, True]


async def test_thousand_tags_are_read_in_one_call(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    names = [tag.reference for tag in gateway.plant] * 25
    results = await read(session, server, *names)
    assert len(results) >= 1000
    assert all(successes(results))
