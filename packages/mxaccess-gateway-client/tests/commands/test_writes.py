"""Writes are accepted first; a WriteComplete event of the item reports the outcome."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    DataChange,
    EventStream,
    GatewayClient,
    MxAccessError,
    MxDataType,
    MxGatewayAuthorizationError,
    MxGatewayConfigurationError,
    MxGatewayWorkerError,
    MxStatusCategory,
    Session,
    WriteComplete,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway

OBJECT = "TestChildObject"
WHEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


async def advised(session: Session, attribute: str) -> int:
    """Advise an attribute of the test object and return its item handle."""
    server = await session.register("test")
    item = await session.add_item(server, f"{OBJECT}.{attribute}")
    await session.advise(server, item)
    return item


async def outcome(stream: EventStream) -> WriteComplete:
    """Wait for the next outcome of a write and return it."""
    async for event in stream:
        if isinstance(event, WriteComplete):
            return event
    raise AssertionError("the stream ended without an outcome")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("TestBool", False),
        ("TestInt", -5),
        ("TestLong", 2**40),
        ("TestDouble", 2.5),
        ("TestString", "Füllstand"),
        ("TestTime", WHEN),
        ("TestIntArray", [9, 8, 7, 6, 5]),
        ("TestStringArray", ["a", "", "c"]),
        ("TestBoolArray", [False, True, False]),
        ("TestDoubleArray", [0.5, 1.5, 2.5]),
        ("TestTimeArray", [WHEN, WHEN]),
        ("TestIntMatrix", [[6, 5, 4], [3, 2, 1]]),
    ],
)
async def test_written_value_is_read_back_unchanged(session: Session, attribute: str, value: Any) -> None:
    item = await advised(session, attribute)
    async with session.stream_events() as stream:
        await anext(stream)

        await session.write(1, item, value)

        assert (await outcome(stream)).succeeded
        async for event in stream:
            if isinstance(event, DataChange):
                assert event.value == value
                break


async def test_value_that_was_read_can_be_written(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestIntMatrix")
    async with session.stream_events() as stream:
        change = await anext(stream)
        await session.write(1, item, change.value)
        assert (await outcome(stream)).succeeded

    assert gateway.plant[f"{OBJECT}.TestIntMatrix"].value == (1, 2, 3, 4, 5, 6)


async def test_write_complete_of_a_refused_write_says_why(session: Session) -> None:
    item = await advised(session, "TestReadOnly")
    async with session.stream_events() as stream:
        await session.write(1, item, 5)

        refused = await outcome(stream)

    assert not refused.succeeded
    assert refused.item_handle == item
    assert refused.statuses[0].category is MxStatusCategory.SECURITY_ERROR
    assert "security error" in repr(refused)


async def test_refused_write_has_every_status(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestInt")
    statuses = [
        pb.MxStatusProxy(success=-1, category=pb.MX_STATUS_CATEGORY_OK),
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR, detail=1, diagnostic_text="too hot"),
    ]
    with gateway.faults.refused_writes(f"{OBJECT}.TestInt", *statuses):
        async with session.stream_events() as stream:
            await session.write(1, item, 5)
            refused = await outcome(stream)

    assert not refused.succeeded
    assert [status.category.name for status in refused.statuses] == ["OK", "OPERATIONAL_ERROR"]
    assert refused.statuses[1].detail_text == "request timed out"
    assert refused.statuses[1].diagnostic_text == "too hot"


async def test_plant_can_be_told_to_refuse_a_write(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestInt")
    with gateway.faults.refused_writes(f"{OBJECT}.TestInt"):
        async with session.stream_events() as stream:
            await session.write(1, item, 5)
            refused = await outcome(stream)

    assert not refused.succeeded
    assert refused.statuses[0].diagnostic_text


async def test_value_of_the_wrong_type_is_accepted_and_refused_later(session: Session) -> None:
    item = await advised(session, "TestInt")
    async with session.stream_events() as stream:
        await session.write(1, item, "five")

        assert not (await outcome(stream)).succeeded


async def test_data_type_forces_the_type_of_the_attribute(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestDouble")
    async with session.stream_events() as stream:
        await session.write(1, item, 5, data_type=MxDataType.DOUBLE)
        assert (await outcome(stream)).succeeded

    assert gateway.plant[f"{OBJECT}.TestDouble"].value == 5.0


async def test_write_to_an_item_that_is_not_advised_raises(session: Session) -> None:
    server = await session.register("test")
    item = await session.add_item(server, f"{OBJECT}.TestInt")

    with pytest.raises(MxAccessError, match="Value does not fall within the expected range") as caught:
        await session.write(server, item, 5)

    assert caught.value.hresult == 0x80070057 - 2**32
    assert "0x80070057" in str(caught.value)


async def test_write2_sets_value_and_timestamp(session: Session) -> None:
    item = await advised(session, "TestInt")
    async with session.stream_events() as stream:
        await anext(stream)
        await session.write2(1, item, 5, WHEN)
        assert (await outcome(stream)).succeeded
        change = await anext(stream)

    assert (change.value, change.timestamp) == (5, WHEN)


async def test_naive_timestamp_raises_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        await scripted_session.write2(1, 2, 5, datetime(2026, 1, 2))  # noqa: DTZ001 - the point

    assert not scripted.requests("Invoke")


@pytest.mark.parametrize("value", [2**63, [], [1, "a"], object(), {"a": 1}])
async def test_unsupported_value_raises_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session, value: Any
) -> None:
    with pytest.raises((ValueError, TypeError)):
        await scripted_session.write(1, 2, value)

    assert not scripted.requests("Invoke")


async def test_secured_attribute_accepts_only_secured_writes(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestSecured")
    user = await session.authenticate_user(1, "operator", "operator-secret")
    async with session.stream_events() as stream:
        await session.write(1, item, 5)
        assert not (await outcome(stream)).succeeded

        await session.write_secured(1, item, user, 0, 6)
        assert (await outcome(stream)).succeeded

    assert gateway.plant[f"{OBJECT}.TestSecured"].value == 6


async def test_verified_attribute_needs_two_users(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestVerified")
    operator = await session.authenticate_user(1, "operator", "operator-secret")
    supervisor = await session.authenticate_user(1, "supervisor", "supervisor-secret")
    async with session.stream_events() as stream:
        await session.write_secured2(1, item, operator, 0, 6, WHEN)
        assert not (await outcome(stream)).succeeded

        await session.write_secured2(1, item, operator, supervisor, 7, WHEN)
        assert (await outcome(stream)).succeeded

    assert gateway.plant[f"{OBJECT}.TestVerified"].timestamp == WHEN


async def test_wrong_password_raises_mx_access_error(session: Session) -> None:
    server = await session.register("test")

    with pytest.raises(MxAccessError, match="password is wrong") as caught:
        await session.authenticate_user(server, "operator", "wrong-password")

    assert caught.value.hresult == 0x80070005 - 2**32
    assert "wrong-password" not in str(caught.value)


@pytest.mark.parametrize("password", [None, b"secret", "secret\ud800"], ids=["None", "bytes", "lone surrogate"])
async def test_invalid_password_is_refused_without_showing_it(scripted_session: Session, password: Any) -> None:
    with pytest.raises(MxGatewayConfigurationError, match="invalid verify_user_password") as caught:
        await scripted_session.authenticate_user(12, "operator", password)

    assert "secret" not in f"{caught.value!r} {caught.value}"
    assert caught.value.__context__ is None


async def test_sparse_array_fills_the_other_elements_with_defaults(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestIntArray")
    async with session.stream_events() as stream:
        await session.write_array_elements(1, item, MxDataType.INTEGER, 5, {0: 7, 4: 9})
        assert (await outcome(stream)).succeeded

    assert gateway.plant[f"{OBJECT}.TestIntArray"].value == (7, 0, 0, 0, 9)


async def test_outcomes_of_writes_to_one_item_arrive_in_order(session: Session) -> None:
    item = await advised(session, "TestInt")
    async with session.stream_events() as stream:
        await session.write(1, item, 1)
        await session.write(1, item, "two")
        await session.write(1, item, 3)

        outcomes = [(await outcome(stream)).succeeded for _ in range(3)]

    assert outcomes == [True, False, True]


async def test_key_without_the_scope_cannot_write(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open", "session:close", "invoke:read")
    async with (
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client,
        client.open_session() as session,
    ):
        item = await advised(session, "TestInt")
        with pytest.raises(MxGatewayAuthorizationError, match="invoke:write") as caught:
            await session.write(1, item, 5)

    assert caught.value.method == "Write"
    assert key not in str(caught.value)


async def test_write_is_not_repeated_when_the_worker_dies(gateway: SimulatedGateway, session: Session) -> None:
    item = await advised(session, "TestInt")
    with gateway.faults.held_commands(session.session_id):
        write = asyncio.create_task(session.write(1, item, 5))
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
        gateway.faults.kill_worker(session.session_id)
        with pytest.raises(MxGatewayWorkerError):
            await write

    writes = [
        call
        for call in gateway.calls
        if isinstance(call.request, pb.MxCommandRequest) and call.request.command.kind == pb.MX_COMMAND_KIND_WRITE
    ]
    assert len(writes) == 1


@pytest.mark.parametrize(
    ("hresult", "statuses", "succeeded"),
    [
        (None, [], True),
        (0, [], True),
        (1, [], True),
        (-1, [], False),
        (0, [pb.MxStatusProxy(success=0)], True),
        (0, [pb.MxStatusProxy(success=0, category=pb.MX_STATUS_CATEGORY_WARNING)], True),
        (0, [pb.MxStatusProxy(success=-1, category=pb.MX_STATUS_CATEGORY_OTHER_ERROR)], False),
    ],
)
async def test_write_succeeded_unless_category_or_hresult_reports_failure(
    scripted: ScriptedGateway,
    scripted_session: Session,
    hresult: int | None,
    statuses: list[pb.MxStatusProxy],
    succeeded: bool,
) -> None:
    event = pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE, worker_sequence=1, statuses=statuses)
    if hresult is not None:
        event.hresult = hresult
    scripted.events = [event]

    async with scripted_session.stream_events() as stream:
        assert (await outcome(stream)).succeeded is succeeded


@pytest.mark.parametrize(
    "contradiction",
    [
        pb.MxCommandReply(hresult=-2147024809),
        pb.MxCommandReply(statuses=[pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR)]),
    ],
)
async def test_ok_reply_that_reports_a_failure_raises(
    scripted: ScriptedGateway, scripted_session: Session, contradiction: pb.MxCommandReply
) -> None:
    scripted.edit_reply = lambda reply: reply.MergeFrom(contradiction)

    with pytest.raises(MxAccessError) as caught:
        await scripted_session.write(1, 2, 5)
    assert ("advise_supervisory" in str(caught.value)) == bool(contradiction.statuses)


@pytest.mark.parametrize(
    "harmless",
    [
        pb.MxCommandReply(hresult=0),
        pb.MxCommandReply(hresult=1),
        pb.MxCommandReply(statuses=[pb.MxStatusProxy(success=0)]),
        pb.MxCommandReply(statuses=[pb.MxStatusProxy(success=-1, category=pb.MX_STATUS_CATEGORY_OK)]),
        pb.MxCommandReply(statuses=[pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_PENDING)]),
    ],
)
async def test_ok_reply_without_a_failure_does_not_raise(
    scripted: ScriptedGateway, scripted_session: Session, harmless: pb.MxCommandReply
) -> None:
    scripted.edit_reply = lambda reply: reply.MergeFrom(harmless)

    await scripted_session.write(1, 2, 5)
