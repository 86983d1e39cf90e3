"""Writes: accepted at once, with an outcome later."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import SimulatedGateway
from support.wire import connected, int32, outcome, sparse, written

if TYPE_CHECKING:
    from support.wire import Stream, WireSession

E_INVALIDARG = 0x80070057 - (1 << 32)
SECURITY_ERROR = pb.MX_STATUS_CATEGORY_SECURITY_ERROR
OPERATIONAL_ERROR = pb.MX_STATUS_CATEGORY_OPERATIONAL_ERROR

STRINGS = pb.MxValue(array_value=pb.MxArray(string_values=pb.StringArray(values=["a", "b", "c"])))
FIVE_STRINGS = pb.MxValue(array_value=pb.MxArray(string_values=pb.StringArray(values=["a"] * 5)))


async def test_outcome_of_a_write_is_an_event_of_its_item(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        await events.next()
        await session.write((server, item), int32(7))
        complete, changed = await events.receive(2)
    assert complete.family == pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE
    assert complete.WhichOneof("body") == "on_write_complete"
    assert (complete.server_handle, complete.item_handle) == (server, item)
    assert [(status.success, status.category) for status in complete.statuses] == [(1, pb.MX_STATUS_CATEGORY_OK)]
    assert (changed.value.int32_value, changed.quality) == (7, 192)
    assert gateway.plant["TestChildObject.TestInt"].value == 7


async def test_write_time_delays_the_outcome() -> None:
    async with SimulatedGateway(write_time=5, ramp_interval=None) as gateway, connected(gateway) as wire:
        session = await wire.open_session()
        async with session.events() as events:
            handles = await session.advised("TestChildObject.TestInt")
            await events.next()
            await session.write(handles, int32(7))
            assert gateway.plant["TestChildObject.TestInt"].value == 42
            gateway.clock.advance(5)
            assert (await events.next()).family == pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE


async def test_unadvised_item_refuses_writes(session: WireSession) -> None:
    server = await session.register()
    item = await session.add_item(server, "TestChildObject.TestInt")
    handles: dict[str, Any] = {"server_handle": server, "item_handle": item, "value": int32(1)}
    for kind in (
        pb.MX_COMMAND_KIND_WRITE,
        pb.MX_COMMAND_KIND_WRITE2,
        pb.MX_COMMAND_KIND_WRITE_SECURED,
        pb.MX_COMMAND_KIND_WRITE_SECURED2,
    ):
        reply = await session.reply(kind, **handles)
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        assert reply.hresult == E_INVALIDARG
        assert reply.diagnostic_message == "Value does not fall within the expected range."


@pytest.mark.parametrize(
    ("attribute", "value", "held"),
    [
        ("TestBool", pb.MxValue(bool_value=False), False),
        ("TestByte", int32(255), 255),
        ("TestShort", int32(-32768), -32768),
        ("TestInt", int32(-(1 << 31)), -(1 << 31)),
        ("TestInt", pb.MxValue(int64_value=7), 7),
        ("TestLong", pb.MxValue(int64_value=1 << 62), 1 << 62),
        ("TestLong", int32(7), 7),
        ("TestFloat", pb.MxValue(float_value=0.5), 0.5),
        ("TestFloat", pb.MxValue(double_value=0.1), 0.10000000149011612),
        ("TestDouble", pb.MxValue(double_value=0.1), 0.1),
        ("TestDouble", int32(3), 3.0),
        ("TestString", pb.MxValue(string_value="naïve ☃"), "naïve ☃"),
        ("TestTime", pb.MxValue(timestamp_value=Timestamp(seconds=1)), datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("TestStringArray", STRINGS, ("a", "b", "c")),
        ("TestIntArray[2]", int32(22), (1, 22, 3, 4, 5)),
        (
            "TestIntMatrix",
            pb.MxValue(
                array_value=pb.MxArray(int32_values=pb.Int32Array(values=[6, 5, 4, 3, 2, 1]), dimensions=[2, 3])
            ),
            (6, 5, 4, 3, 2, 1),
        ),
        ("TestTune", pb.MxValue(double_value=1.0), 1.0),
        ("TestFreeAccess", int32(1), 1),
    ],
)
async def test_valid_value_is_written(
    gateway: SimulatedGateway, session: WireSession, attribute: str, value: pb.MxValue, held: object
) -> None:
    assert await written(session, f"TestChildObject.{attribute}", value) == pb.MX_STATUS_CATEGORY_OK
    tag = gateway.plant[f"TestChildObject.{attribute.partition('[')[0]}"]
    assert tag.value == held
    assert tag.last_write is not None


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("TestBool", int32(1)),
        ("TestByte", int32(256)),
        ("TestByte", int32(-1)),
        ("TestShort", int32(32768)),
        ("TestInt", pb.MxValue(int64_value=1 << 31)),
        ("TestInt", pb.MxValue(double_value=1.0)),
        ("TestInt", pb.MxValue(bool_value=True)),
        ("TestInt", pb.MxValue(string_value="1")),
        ("TestInt", pb.MxValue(is_null=True)),
        ("TestInt", pb.MxValue()),
        ("TestInt", STRINGS),
        ("TestInt", sparse(1, _0=int32(1))),
        ("TestFloat", pb.MxValue(double_value=1e300)),
        ("TestString", int32(1)),
        ("TestTime", pb.MxValue(timestamp_value=Timestamp(seconds=1 << 60))),
        ("TestStringArray", pb.MxValue(string_value="a")),
        ("TestStringArray", pb.MxValue(array_value=pb.MxArray())),
        ("TestIntArray", FIVE_STRINGS),
        ("TestIntArray", sparse(5, _1=pb.MxValue(string_value="a"))),
        ("TestIntArray[1]", pb.MxValue(string_value="a")),
        ("TestIntMatrix", pb.MxValue(array_value=pb.MxArray(int32_values=pb.Int32Array(values=range(7))))),
        (
            "TestIntMatrix",
            pb.MxValue(array_value=pb.MxArray(int32_values=pb.Int32Array(values=range(6)), dimensions=[3, 2])),
        ),
    ],
)
async def test_value_of_a_wrong_type_is_accepted_and_refused_later(
    gateway: SimulatedGateway, session: WireSession, attribute: str, value: pb.MxValue
) -> None:
    tag = gateway.plant[f"TestChildObject.{attribute.partition('[')[0]}"]
    before = tag.reading
    assert await written(session, f"TestChildObject.{attribute}", value) == OPERATIONAL_ERROR
    assert tag.reading is before
    assert tag.last_write is None


async def test_write_to_unknown_tag_is_accepted_and_refused_later(session: WireSession) -> None:
    async with session.events() as events:
        handles = await session.advised("NoSuchObject_999.NoSuchAttr")
        await session.write(handles, int32(1))
        (status,) = (await outcome(events)).statuses
    assert (status.category, status.detail) == (pb.MX_STATUS_CATEGORY_CONFIGURATION_ERROR, 6)


async def test_write_can_have_several_statuses(gateway: SimulatedGateway, session: WireSession) -> None:
    statuses = [
        pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_COMMUNICATION_ERROR, detail=2),
        pb.MxStatusProxy(category=OPERATIONAL_ERROR),
    ]
    async with session.events() as events:
        handles = await session.advised("TestChildObject.TestInt")
        with gateway.faults.refused_writes("TestChildObject.TestInt", *statuses):
            await session.write(handles, int32(1))
            assert list((await outcome(events)).statuses) == statuses
        with gateway.faults.refused_writes("TestChildObject.TestInt"):
            await session.write(handles, int32(1))
            assert [each.category for each in (await outcome(events)).statuses] == [OPERATIONAL_ERROR]
        await session.write(handles, int32(1))
        assert (await outcome(events)).statuses[0].category == pb.MX_STATUS_CATEGORY_OK


async def test_write2_sets_the_timestamp(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        server, item = await session.advised("TestChildObject.TestInt")
        when = pb.MxValue(timestamp_value=Timestamp(seconds=1_600_000_000))
        command: dict[str, Any] = {"server_handle": server, "item_handle": item, "value": int32(1)}
        await session.execute(pb.MX_COMMAND_KIND_WRITE2, timestamp_value=when, **command)
        assert (await outcome(events)).statuses[0].category == pb.MX_STATUS_CATEGORY_OK
        assert (await events.next()).source_timestamp.seconds == 1_600_000_000
        await session.execute(pb.MX_COMMAND_KIND_WRITE2, timestamp_value=int32(1), **command)
        assert (await outcome(events)).statuses[0].category == OPERATIONAL_ERROR
    assert gateway.plant["TestChildObject.TestInt"].timestamp == datetime.fromtimestamp(1_600_000_000, UTC)


async def test_view_only_attribute_refuses_writes(session: WireSession) -> None:
    assert await written(session, "TestChildObject.TestReadOnly", int32(1)) == SECURITY_ERROR


@pytest.mark.parametrize("attribute", ["TestSecured", "TestVerified"])
async def test_secured_attribute_refuses_plain_writes(session: WireSession, attribute: str) -> None:
    assert await written(session, f"TestChildObject.{attribute}", int32(5)) == SECURITY_ERROR


async def test_user_of_plain_write_is_ignored_under_plain_advise(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    assert await written(session, "TestChildObject.TestInt", int32(1), user_id=4711) == pb.MX_STATUS_CATEGORY_OK
    last = gateway.plant["TestChildObject.TestInt"].last_write
    assert last is not None
    assert last.user is None


async def test_user_of_plain_write_is_checked_under_supervisory_advise(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    tag = gateway.plant["TestChildObject.TestTune"]
    value = pb.MxValue(double_value=2.0)
    async with session.events() as events:
        server = await session.register()
        item = await session.add_item(server, tag.name)
        await session.execute(pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY, server_handle=server, item_handle=item)
        assert gateway.sessions[0].items[0].supervisory

        async def category(user_id: int) -> pb.MxStatusCategory.ValueType:
            await session.write((server, item), value, user_id)
            return (await outcome(events)).statuses[0].category

        assert await category(1) == SECURITY_ERROR  # this session does not know the user yet
        guid = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"
        await session.execute(pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID, server_handle=server, user_id_guid=guid)
        assert await category(1) == SECURITY_ERROR  # the operator is not allowed to tune
        supervisor = await session.authenticate(server, "supervisor", "supervisor-secret")
        assert await category(supervisor) == pb.MX_STATUS_CATEGORY_OK
        assert tag.last_write
        assert tag.last_write.user
        assert tag.last_write.user.name == "supervisor"
        assert await category(0) == pb.MX_STATUS_CATEGORY_OK


async def test_supervisory_attribute_takes_plain_writes_only_under_a_supervisory_advise(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    tag = gateway.plant["TestChildObject.TestSupervisory"]
    assert await written(session, tag.name, int32(5)) == SECURITY_ERROR
    assert tag.value == 1
    async with session.events() as events:
        signers = Signers(session, events)
        await signers.advise(tag.name)
        assert await signers.category(signers.guest) == SECURITY_ERROR
        assert await signers.category(signers.operator) == pb.MX_STATUS_CATEGORY_OK
        server, item = signers.handles
        await session.execute(pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY, server_handle=server, item_handle=item)
        await session.write(signers.handles, int32(7))
        assert (await outcome(events)).statuses[0].category == pb.MX_STATUS_CATEGORY_OK
    assert tag.value == 7


class Signers:
    """A session with two authenticated users and one item."""

    def __init__(self, session: WireSession, events: Stream[pb.MxEvent]) -> None:
        self.session = session
        self.events = events
        self.handles = (0, 0)
        self.operator = self.supervisor = self.guest = 0

    async def advise(self, definition: str) -> None:
        self.handles = server, _ = await self.session.advised(definition)
        self.operator = await self.session.authenticate(server, "operator", "operator-secret")
        self.supervisor = await self.session.authenticate(server, "supervisor", "supervisor-secret")
        self.guest = await self.session.authenticate(server, "guest", "guest-secret")

    async def category(self, user_id: int, verifier_id: int = 0) -> pb.MxStatusCategory.ValueType:
        server, item = self.handles
        await self.session.execute(
            pb.MX_COMMAND_KIND_WRITE_SECURED,
            server_handle=server,
            item_handle=item,
            current_user_id=user_id,
            verifier_user_id=verifier_id,
            value=int32(5),
        )
        return (await outcome(self.events)).statuses[0].category


async def test_secured_write_requires_an_authenticated_authorised_user(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    async with session.events() as events:
        signers = Signers(session, events)
        await signers.advise("TestChildObject.TestSecured")
        assert await signers.category(0) == SECURITY_ERROR
        assert await signers.category(99) == SECURITY_ERROR
        assert await signers.category(signers.guest) == SECURITY_ERROR
        assert gateway.plant["TestChildObject.TestSecured"].last_write is None
        assert await signers.category(signers.operator) == pb.MX_STATUS_CATEGORY_OK
    assert gateway.plant["TestChildObject.TestSecured"].value == 5


async def test_guid_alone_does_not_authenticate(session: WireSession) -> None:
    async with session.events() as events:
        signers = Signers(session, events)
        signers.handles = await session.advised("TestChildObject.TestSecured")
        reply = await session.execute(
            pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID,
            server_handle=signers.handles[0],
            user_id_guid="6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01",
        )
        assert await signers.category(reply.archestra_user_to_id.user_id) == SECURITY_ERROR


async def test_verified_write_requires_another_user_who_may_verify(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    async with session.events() as events:
        signers = Signers(session, events)
        await signers.advise("TestChildObject.TestVerified")
        assert await signers.category(signers.operator) == SECURITY_ERROR
        assert await signers.category(signers.operator, signers.operator) == SECURITY_ERROR
        assert await signers.category(signers.operator, signers.guest) == SECURITY_ERROR
        assert await signers.category(signers.supervisor, signers.supervisor) == SECURITY_ERROR
        assert await signers.category(signers.operator, signers.supervisor) == pb.MX_STATUS_CATEGORY_OK
    last = gateway.plant["TestChildObject.TestVerified"].last_write
    assert last
    assert last.user
    assert last.verifier
    assert (last.user.name, last.verifier.name) == ("operator", "supervisor")


async def test_write_secured2_sets_the_timestamp(gateway: SimulatedGateway, session: WireSession) -> None:
    async with session.events() as events:
        signers = Signers(session, events)
        await signers.advise("TestChildObject.TestSecured")
        server, item = signers.handles
        await session.execute(
            pb.MX_COMMAND_KIND_WRITE_SECURED2,
            server_handle=server,
            item_handle=item,
            current_user_id=signers.operator,
            value=int32(6),
            timestamp_value=pb.MxValue(timestamp_value=Timestamp(seconds=60)),
        )
        assert (await outcome(events)).statuses[0].category == pb.MX_STATUS_CATEGORY_OK
    assert gateway.plant["TestChildObject.TestSecured"].timestamp == datetime(1970, 1, 1, 0, 1, tzinfo=UTC)


async def test_user_is_authenticated_only_in_that_session(session: WireSession) -> None:
    await session.authenticate(await session.register(), "operator", "operator-secret")
    other = await session.wire.open_session()
    async with other.events() as events:
        signers = Signers(other, events)
        signers.handles = await other.advised("TestChildObject.TestSecured")
        assert await signers.category(1) == SECURITY_ERROR
