"""Bulk commands: one round trip and one typed result per entry; a failed entry does not fail the call."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    BulkReadResult,
    BulkWriteResult,
    DataChange,
    GatewayClient,
    MxDataType,
    MxGatewayConfigurationError,
    MxGatewayProtocolError,
    MxStatusCategory,
    Session,
    SubscribeResult,
    Write2BulkEntry,
    WriteBulkEntry,
    WriteComplete,
    WriteSecured2BulkEntry,
    WriteSecuredBulkEntry,
)
from mxgateway.testing import SimulatedGateway, Tag
from support.scripted_gateway import ScriptedGateway
from support.tagging import ARRAY, DOUBLE, INT, STRING, UNKNOWN, commands

WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
E_INVALIDARG = 0x80070057 - (1 << 32)
NOT_EXPECTED = "Value does not fall within the expected range."
SECURED = "TestChildObject.TestSecured"
VERIFIED = "TestChildObject.TestVerified"


def handles(results: Sequence[SubscribeResult]) -> list[int]:
    """Return the handles of items that were all added."""
    assert all(result.was_successful for result in results), results
    return [result.item_handle for result in results]


async def subscribed(session: Session, *tags: str) -> tuple[int, list[int]]:
    """Register a client and subscribe tags; return the server handle and the item handles."""
    server = await session.register("test")
    return server, handles(await session.subscribe_bulk(server, tags))


async def outcomes(session: Session, count: int) -> list[WriteComplete]:
    """Return the next outcomes of writes."""
    found: list[WriteComplete] = []
    async with asyncio.timeout(5), session.stream_events() as events:
        async for event in events:
            if isinstance(event, WriteComplete):
                found.append(event)
            if len(found) == count:
                break
    return found


# Adding, advising, removing


async def test_add_item_bulk_returns_a_handle_per_tag_in_order(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("test")
    results = await session.add_item_bulk(server, [INT, ARRAY, UNKNOWN])

    assert [result.tag_address for result in results] == [INT, ARRAY, UNKNOWN]
    assert len(set(handles(results))) == 3
    assert {result.server_handle for result in results} == {server}
    assert [item.definition for item in gateway.sessions[0].items] == [INT, f"{ARRAY}[]", UNKNOWN]
    assert not any(item.advised for item in gateway.sessions[0].items)
    assert commands(gateway) == {"REGISTER": 1, "ADD_ITEM_BULK": 1}


async def test_item_bulks_fail_only_for_the_invalid_handle(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("test")
    first, second = handles(await session.add_item_bulk(server, [INT, STRING]))
    for command, left in (
        (session.advise_item_bulk, [True, True]),
        (session.un_advise_item_bulk, [False, False]),
        (session.remove_item_bulk, []),
    ):
        results = await command(server, [first, 99, second])

        assert [result.was_successful for result in results] == [True, False, True]
        assert [result.item_handle for result in results] == [first, 99, second]
        assert [result.error_message for result in results] == ["", NOT_EXPECTED, ""]
        assert [item.advised for item in gateway.sessions[0].items] == left


async def test_subscribe_bulk_adds_and_advises_and_unsubscribe_bulk_undoes_both(
    gateway: SimulatedGateway, session: Session
) -> None:
    server, items = await subscribed(session, STRING, INT)
    async with session.stream_events() as events:
        changes = [await anext(events) for _ in items]
        assert [(change.item_handle, change.value) for change in changes if isinstance(change, DataChange)] == [
            (items[0], "Hello"),
            (items[1], 42),
        ]
    results = await session.unsubscribe_bulk(server, [*items, 99])

    assert [result.was_successful for result in results] == [True, True, False]
    assert not gateway.sessions[0].items


async def test_thousand_tags_take_one_round_trip(gateway: SimulatedGateway, session: Session) -> None:
    names = [gateway.plant.add(Tag(f"Many.Tag{number}", "integer", number)).name for number in range(1000)]
    server, items = await subscribed(session, *names)
    readings = await session.read_bulk(server, names)

    assert len(set(items)) == 1000
    assert [reading.value for reading in readings] == list(range(1000))
    assert commands(gateway) == {"REGISTER": 1, "SUBSCRIBE_BULK": 1, "READ_BULK": 1}


async def test_unknown_server_handle_fails_every_entry_but_not_the_call(session: Session) -> None:
    results: list[SubscribeResult | BulkReadResult | BulkWriteResult] = [
        *await session.add_item_bulk(99, [INT, STRING]),
        *await session.subscribe_bulk(99, [INT, STRING]),
        *await session.read_bulk(99, [INT, STRING]),
        *await session.write_bulk(99, [WriteBulkEntry(item_handle=handle, value=1) for handle in (1, 2)]),
    ]
    assert [(result.was_successful, bool(result.error_message)) for result in results] == [(False, True)] * 8


@pytest.mark.parametrize("command", ["add_item_bulk", "subscribe_bulk", "read_bulk"])
async def test_restricted_key_fails_only_the_tags_outside_its_scope(gateway: SimulatedGateway, command: str) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read", galaxy=(INT,))
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.open_session() as session,
    ):
        server = await session.register("test")
        refused, good = await getattr(session, command)(server, [STRING, INT])

    assert (refused.was_successful, good.was_successful) == (False, True)
    assert refused.tag_address == STRING
    assert refused.error_message
    assert not good.error_message


async def test_restricted_key_fails_only_the_writes_outside_its_scope(
    gateway: SimulatedGateway, session: Session
) -> None:
    server, items = await subscribed(session, STRING, INT)
    key = gateway.add_key("invoke:write", "invoke:read", galaxy=(INT,))
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as limited:
        writer = limited.attach_session(session.session_id)
        entries = [WriteBulkEntry(item_handle=handle, value=5) for handle in items]
        refused, good = await writer.write_bulk(server, entries)
        readvised = await writer.advise_item_bulk(server, items)
    (outcome,) = await outcomes(session, 1)

    assert (refused.was_successful, good.was_successful) == (False, True)
    assert refused.error_message
    assert [result.was_successful for result in readvised] == [False, True]
    assert outcome.item_handle == items[1]


# Reading


async def test_read_bulk_returns_a_value_for_each_tag_that_has_one(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant[INT].set(7, quality=64, timestamp=WHEN)
    server, (item,) = await subscribed(session, STRING)
    number, text, missing = await session.read_bulk(server, [INT, STRING, UNKNOWN])

    assert (number.value, number.quality, number.timestamp) == (7, 64, WHEN)
    assert (number.was_cached, text.was_cached) == (False, True)
    assert (text.value, text.item_handle) == ("Hello", item)
    assert [status.category for status in text.statuses] == [MxStatusCategory.OK]
    assert (missing.was_successful, missing.tag_address, missing.server_handle) == (False, UNKNOWN, server)
    assert [status.detail for status in missing.statuses] == [6]
    assert repr(number) == f"BulkReadResult({INT!r}, value=7, quality={number.quality!r})"
    assert repr(missing).startswith(f"BulkReadResult({UNKNOWN!r}, error_message=")
    assert [each.definition for each in gateway.sessions[0].items] == [STRING]


async def test_worker_waits_for_a_silent_tag_up_to_worker_timeout(gateway: SimulatedGateway, session: Session) -> None:
    server = await session.register("test")
    with gateway.faults.silent_tag(STRING):
        silent, good = await session.read_bulk(server, [STRING, INT], worker_timeout=0.05)

    assert (silent.was_successful, good.was_successful) == (False, True)
    assert "within 0.05 s" in silent.error_message
    with pytest.raises(MxGatewayConfigurationError, match="worker_timeout"):
        await session.read_bulk(server, [INT], worker_timeout=0)


# Writing


async def test_write_bulk_accepts_each_entry_and_confirms_by_write_complete(
    gateway: SimulatedGateway, session: Session
) -> None:
    server, (number, text) = await subscribed(session, INT, STRING)
    (not_advised,) = handles(await session.add_item_bulk(server, [DOUBLE]))
    results = await session.write_bulk(
        server,
        [
            WriteBulkEntry(item_handle=number, value=5),
            WriteBulkEntry(item_handle=not_advised, value=1.5),
            WriteBulkEntry(item_handle=text, value=6),
        ],
    )
    completed = await outcomes(session, 2)

    assert [result.was_successful for result in results] == [True, False, True]
    assert [result.item_handle for result in results] == [number, not_advised, text]
    assert (results[1].hresult, results[1].error_message) == (E_INVALIDARG, NOT_EXPECTED)
    assert {outcome.item_handle: outcome.succeeded for outcome in completed} == {number: True, text: False}
    assert gateway.plant[INT].value == 5
    assert commands(gateway)["WRITE_BULK"] == 1


async def test_write2_bulk_writes_values_with_timestamps_and_types(gateway: SimulatedGateway, session: Session) -> None:
    server, (number, real) = await subscribed(session, INT, DOUBLE)
    results = await session.write2_bulk(
        server,
        [
            Write2BulkEntry(item_handle=number, value=5, timestamp=WHEN, user_id=0),
            Write2BulkEntry(item_handle=real, value=2, timestamp=WHEN, data_type=MxDataType.DOUBLE),
        ],
    )
    completed = await outcomes(session, 2)

    assert all(result.was_successful for result in results)
    assert all(outcome.succeeded for outcome in completed)
    assert [gateway.plant[tag].value for tag in (INT, DOUBLE)] == [5, 2.0]
    assert {gateway.plant[tag].timestamp for tag in (INT, DOUBLE)} == {WHEN}


async def test_secured_bulk_writes_need_their_user_ids(gateway: SimulatedGateway, session: Session) -> None:
    server, (secured, verified) = await subscribed(session, SECURED, VERIFIED)
    operator = await session.authenticate_user(server, "operator", "operator-secret")
    supervisor = await session.authenticate_user(server, "supervisor", "supervisor-secret")
    results = await session.write_secured_bulk(
        server,
        [
            WriteSecuredBulkEntry(item_handle=secured, current_user_id=operator, verifier_user_id=0, value=5),
            WriteSecuredBulkEntry(item_handle=verified, current_user_id=operator, verifier_user_id=0, value=5),
        ],
    )
    with_times = await session.write_secured2_bulk(
        server,
        [
            WriteSecured2BulkEntry(
                item_handle=verified,
                current_user_id=operator,
                verifier_user_id=supervisor,
                value=6,
                timestamp=WHEN,
            )
        ],
    )
    completed = await outcomes(session, 3)

    assert all(result.was_successful for result in (*results, *with_times))
    assert [(outcome.item_handle, outcome.succeeded) for outcome in completed] == [
        (secured, True),
        (verified, False),
        (verified, True),
    ]
    assert completed[1].statuses[0].category is MxStatusCategory.SECURITY_ERROR
    assert (gateway.plant[SECURED].value, gateway.plant[VERIFIED].value) == (5, 6)
    assert gateway.plant[VERIFIED].timestamp == WHEN


async def test_write_array_elements_fills_the_other_elements_with_defaults(
    gateway: SimulatedGateway, session: Session
) -> None:
    server, items = await subscribed(session, f"{ARRAY}[]", "TestChildObject.TestStringArray[]")
    await session.write_array_elements(server, items[0], MxDataType.INTEGER, 5, {0: 7, 4: 9})
    await session.write_array_elements(server, items[1], MxDataType.STRING, 3, {1: "two"})
    completed = await outcomes(session, 2)

    assert all(outcome.succeeded for outcome in completed)
    assert gateway.plant[ARRAY].value == (7, 0, 0, 0, 9)
    assert gateway.plant["TestChildObject.TestStringArray"].value == ("", "two", "")


async def test_write_array_elements_raises_for_an_index_outside_the_array(
    gateway: SimulatedGateway, session: Session
) -> None:
    with pytest.raises(ValueError, match="4"):
        await session.write_array_elements(1, 2, MxDataType.INTEGER, 4, {4: 1})
    assert not commands(gateway)


@pytest.mark.parametrize("value", [2**64, object(), datetime(2026, 1, 1)], ids=["2**64", "object()", "naive time"])  # noqa: DTZ001 - the mistake
async def test_unsupported_value_stops_the_whole_bulk_before_anything_is_sent(
    gateway: SimulatedGateway, session: Session, value: Any
) -> None:
    good, bad = WriteBulkEntry(item_handle=1, value=1), WriteBulkEntry(item_handle=2, value=value)
    with pytest.raises((TypeError, ValueError)):
        await session.write_bulk(1, [good, bad])
    assert not commands(gateway)


# Rules for all bulk commands

Ask = Callable[[Session], Awaitable[Sequence[SubscribeResult] | Sequence[BulkReadResult] | Sequence[BulkWriteResult]]]

EMPTY: dict[str, Ask] = {
    "add_item_bulk": lambda session: session.add_item_bulk(1, []),
    "advise_item_bulk": lambda session: session.advise_item_bulk(1, []),
    "remove_item_bulk": lambda session: session.remove_item_bulk(1, []),
    "un_advise_item_bulk": lambda session: session.un_advise_item_bulk(1, []),
    "subscribe_bulk": lambda session: session.subscribe_bulk(1, []),
    "unsubscribe_bulk": lambda session: session.unsubscribe_bulk(1, []),
    "read_bulk": lambda session: session.read_bulk(1, []),
    "write_bulk": lambda session: session.write_bulk(1, []),
    "write2_bulk": lambda session: session.write2_bulk(1, []),
    "write_secured_bulk": lambda session: session.write_secured_bulk(1, []),
    "write_secured2_bulk": lambda session: session.write_secured2_bulk(1, []),
}


def test_every_bulk_command_is_tested() -> None:
    assert set(EMPTY) == {name for name in dir(Session) if name.endswith("_bulk") and not name.startswith("_")}


@pytest.mark.parametrize("name", EMPTY)
async def test_empty_sequence_returns_nothing_and_sends_nothing(
    gateway: SimulatedGateway, session: Session, name: str
) -> None:
    assert await EMPTY[name](session) == ()
    assert not commands(gateway)


ONE: dict[str, Ask] = {
    "add_item_bulk": lambda session: session.add_item_bulk(1, [INT]),
    "advise_item_bulk": lambda session: session.advise_item_bulk(1, [2]),
    "remove_item_bulk": lambda session: session.remove_item_bulk(1, [2]),
    "un_advise_item_bulk": lambda session: session.un_advise_item_bulk(1, [2]),
    "subscribe_bulk": lambda session: session.subscribe_bulk(1, [INT]),
    "unsubscribe_bulk": lambda session: session.unsubscribe_bulk(1, [2]),
    "read_bulk": lambda session: session.read_bulk(1, [INT]),
    "write_bulk": lambda session: session.write_bulk(1, [WriteBulkEntry(item_handle=2, value=1)]),
    "write2_bulk": lambda session: session.write2_bulk(1, [Write2BulkEntry(item_handle=2, value=1, timestamp=WHEN)]),
    "write_secured_bulk": lambda session: session.write_secured_bulk(
        1, [WriteSecuredBulkEntry(item_handle=2, value=1, current_user_id=1, verifier_user_id=0)]
    ),
    "write_secured2_bulk": lambda session: session.write_secured2_bulk(
        1, [WriteSecured2BulkEntry(item_handle=2, value=1, timestamp=WHEN, current_user_id=1, verifier_user_id=0)]
    ),
}


@pytest.mark.parametrize("count", [0, 2])
@pytest.mark.parametrize("name", ONE)
async def test_reply_with_wrong_number_of_results_raises(
    scripted: ScriptedGateway, scripted_session: Session, name: str, count: int
) -> None:
    def answer(reply: pb.MxCommandReply) -> None:
        arm = getattr(reply, name)
        arm.SetInParent()
        for _ in range(count):
            arm.results.add(was_successful=True)

    scripted.edit_reply = answer
    with pytest.raises(MxGatewayProtocolError, match=f"the reply has {count} results for 1 entries"):
        await ONE[name](scripted_session)


@pytest.mark.parametrize("name", ONE)
async def test_bulk_reply_without_payload_raises(scripted_session: Session, name: str) -> None:
    with pytest.raises(MxGatewayProtocolError, match=f"lacks its {name} payload"):
        await ONE[name](scripted_session)


@pytest.mark.parametrize("name", ["add_item_bulk", "subscribe_bulk", "read_bulk"])
async def test_single_str_instead_of_a_sequence_raises(gateway: SimulatedGateway, session: Session, name: str) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=f"invalid tag_addresses '{INT}': use a sequence"):
        await getattr(session, name)(1, INT)
    assert not commands(gateway)


@pytest.mark.parametrize("tag", [5, None, b"TestChildObject.TestInt"])
@pytest.mark.parametrize("name", ["add_item_bulk", "subscribe_bulk", "read_bulk"])
async def test_tag_name_that_is_not_a_str_raises(
    gateway: SimulatedGateway, session: Session, name: str, tag: object
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=re.escape(f"invalid tag name {tag!r}")):
        await getattr(session, name)(1, [INT, tag])
    assert not commands(gateway)


@pytest.mark.parametrize("handle", ["7", 1.5, 2**31, None])
@pytest.mark.parametrize("name", ["advise_item_bulk", "un_advise_item_bulk", "remove_item_bulk", "unsubscribe_bulk"])
async def test_invalid_item_handle_raises_before_anything_is_sent(
    gateway: SimulatedGateway, session: Session, name: str, handle: Any
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="invalid item_handles"):
        await getattr(session, name)(1, [1, handle])
    assert not commands(gateway)
