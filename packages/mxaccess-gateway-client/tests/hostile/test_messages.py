"""Well-framed messages with hostile contents become a valid value or a typed error."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from google.protobuf.message import DecodeError, Message
from google.protobuf.timestamp_pb2 import Timestamp
from inspection import check_error, check_object
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxAccessError,
    MxEvent,
    MxGatewayError,
    MxGatewayEventLossError,
    MxGatewayProtocolError,
    Session,
    SessionState,
)
from support.hostile_http2 import Answer, after_connecting, framed, hostile_http2
from support.scripted_gateway import ScriptedGateway

UNKNOWN_NUMBERS = (-(2**31), -1, 4711, 2**31 - 1)
DEPTHS = (1, 5, 20, 30, 40, 1000, 50_000)
INVALID_TIME = Timestamp(seconds=2**63 - 1, nanos=-(2**31))


def set_all_enums(message: Message, number: int) -> None:
    """Set every enum field of a message and of its nested messages; repeated enums do not occur."""
    for field in message.DESCRIPTOR.fields:
        if field.enum_type is not None:
            setattr(message, field.name, number)
    for field, value in message.ListFields():
        if field.message_type is not None:
            for part in [value] if isinstance(value, Message) else value:
                set_all_enums(part, number)


def deep_value(depth: int) -> pb.MxValue:
    """Return a value nested in `depth` sparse arrays."""
    value = pb.MxValue(int32_value=5)
    for _ in range(depth):
        outer = pb.MxValue()
        outer.sparse_array_value.total_length = 1
        outer.sparse_array_value.elements.add(index=0).value.CopyFrom(value)
        value = outer
    return value


def deep_bytes(depth: int) -> bytes:
    """Encode a value nested in `depth` sparse arrays, without building messages, which cannot be that deep."""
    element = pb.MxSparseArray.DESCRIPTOR.fields_by_name["elements"].number
    inner = pb.MxSparseElement.DESCRIPTOR.fields_by_name["value"].number
    sparse = pb.MxValue.DESCRIPTOR.fields_by_name["sparse_array_value"].number
    size = 0
    heads: list[bytes] = []
    for level in range(3 * depth):
        head = varint((inner, element, sparse)[level % 3] << 3 | 2) + varint(size)
        heads.append(head)
        size += len(head)
    return b"".join(reversed(heads))


def varint(number: int) -> bytes:
    """Encode a number as protobuf does."""
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def in_event(value: bytes) -> bytes:
    """Encode an event with this encoded value."""
    number = pb.MxEvent.DESCRIPTOR.fields_by_name["value"].number
    return pb.MxEvent(worker_sequence=1).SerializeToString() + varint(number << 3 | 2) + varint(len(value)) + value


def can_be_read(depth: int) -> bool:
    """Return whether protobuf parses a value of this depth; older pure Python versions have no limit of their own."""
    try:
        pb.MxEvent.FromString(in_event(deep_bytes(depth)))
    except (DecodeError, RecursionError):
        return False
    return True


async def events_of(scripted: ScriptedGateway, session: Session, *events: pb.MxEvent) -> list[MxEvent]:
    """Send these events, and return what a stream delivers."""
    scripted.events = events
    async with session.stream_events() as stream:
        return [await anext(stream) for _ in events]


@pytest.mark.parametrize("number", UNKNOWN_NUMBERS)
async def test_unknown_enum_numbers_become_unrecognized_members(
    scripted: ScriptedGateway, scripted_session: Session, number: int
) -> None:
    event = pb.MxEvent(worker_sequence=1, value=pb.MxValue(array_value=pb.MxArray()))
    event.statuses.add()
    event.on_alarm_transition.current_value.sparse_array_value.total_length = 1
    set_all_enums(event, number)

    (seen,) = await events_of(scripted, scripted_session, event)

    check_object(seen)
    assert type(seen) is MxEvent
    assert (seen.family, seen.family.name) == (number, f"UNRECOGNIZED_{number}")
    assert [status.category for status in seen.statuses] == [number]
    assert not seen.statuses[0].failed


@pytest.mark.parametrize("number", UNKNOWN_NUMBERS)
async def test_reply_with_unknown_numbers_is_an_error_showing_them(
    scripted: ScriptedGateway, scripted_session: Session, number: int
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        kind = reply.kind
        reply.statuses.add()
        set_all_enums(reply, number)
        reply.kind = kind

    scripted.edit_reply = edit

    with pytest.raises(MxGatewayError) as caught:
        await scripted_session.get_state()

    check_error(caught.value)
    assert caught.value.protocol_status == number


async def test_unknown_session_state_is_returned(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.edit_reply = lambda reply: setattr(reply.session_state, "state", 4711)

    state = await scripted_session.get_state()

    assert isinstance(state, SessionState)
    assert int(state) == 4711


async def test_unknown_fields_and_bodies_are_ignored(scripted: ScriptedGateway, scripted_session: Session) -> None:
    unknown = varint(4711 << 3 | 2) + varint(5) + b"hello" + varint(4712 << 3) + varint(2**64 - 1)
    event = pb.MxEvent.FromString(pb.MxEvent(worker_sequence=1, item_handle=7).SerializeToString() + unknown)
    scripted.edit_reply = lambda reply: reply.MergeFromString(unknown)

    (seen,) = await events_of(scripted, scripted_session, event)

    assert (seen.item_handle, seen.raw.SerializeToString()) == (7, event.SerializeToString())
    assert await scripted_session.register("tests") == 1


@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if can_be_read(depth)])
async def test_deeply_nested_value_raises_value_error(depth: int) -> None:
    event = in_event(deep_value(depth).SerializeToString())
    async with (
        hostile_http2(after_connecting(Answer(body=framed(event), tail=None))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
        client.attach_session("session-1").stream_events() as events,
    ):
        seen = await anext(events)

        check_object(seen)
        if depth > 1:
            with pytest.raises(ValueError, match="element 0 of the sparse array is an array"):
                _ = seen.value


@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if not can_be_read(depth)])
async def test_value_nested_too_deep_for_protobuf_is_protocol_error(depth: int) -> None:
    event = in_event(deep_bytes(depth))
    field_number = pb.MxCommandReply.DESCRIPTOR.fields_by_name["return_value"].number
    value = deep_bytes(depth)
    reply = varint(field_number << 3 | 2) + varint(len(value)) + value
    for body, call in ((event, first_event), (reply, ping)):
        async with (
            hostile_http2(after_connecting(Answer(body=framed(body)))) as server,
            GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
        ):
            with pytest.raises(MxGatewayProtocolError):
                await call(client)


async def first_event(client: GatewayClient) -> object:
    async with client.attach_session("session-1").stream_events() as events:
        return await anext(events)


async def ping(client: GatewayClient) -> None:
    await client.attach_session("session-1").ping()


async def test_invalid_utf_8_is_protocol_error() -> None:
    event = in_event(pb.MxValue(string_value="good").SerializeToString().replace(b"good", b"\xff\xfe\xc3("))
    async with (
        hostile_http2(after_connecting(Answer(body=framed(event)))) as server,
        GatewayClient.connect(endpoint=server.endpoint, plaintext=True) as client,
    ):
        with pytest.raises(MxGatewayProtocolError):
            await first_event(client)


@pytest.mark.parametrize(
    "timestamp",
    [
        INVALID_TIME,
        Timestamp(seconds=253_402_300_800),
        Timestamp(seconds=-62_135_596_801),
        Timestamp(seconds=5, nanos=2**31 - 1),
        Timestamp(seconds=5, nanos=-5),
    ],
    ids=["invalid", "year 10000", "before year 1", "nanoseconds over a second", "negative nanoseconds"],
)
async def test_time_outside_datetime_raises_only_when_accessed(
    scripted: ScriptedGateway, scripted_session: Session, timestamp: Timestamp
) -> None:
    event = pb.MxEvent(
        worker_sequence=1,
        family=pb.MX_EVENT_FAMILY_ON_BUFFERED_DATA_CHANGE,
        value=pb.MxValue(timestamp_value=timestamp),
        source_timestamp=timestamp,
        worker_timestamp=timestamp,
        gateway_receive_timestamp=timestamp,
    )
    event.on_buffered_data_change.timestamp_values.timestamp_values.values.append(timestamp)
    following = pb.MxEvent(worker_sequence=2, item_handle=7)

    seen, next_one = await events_of(scripted, scripted_session, event, following)

    check_object(seen)
    assert next_one.item_handle == 7


@pytest.mark.parametrize("handle", [-(2**31), -1, 0, 2**31 - 1])
async def test_any_32_bit_handle_is_received_and_sent(
    scripted: ScriptedGateway, scripted_session: Session, handle: int
) -> None:
    scripted.edit_reply = lambda reply: setattr(reply.register, "server_handle", handle)

    assert await scripted_session.register("tests") == handle

    scripted.edit_reply = None
    await scripted_session.advise(handle, handle)
    request = scripted.requests("Invoke")[-1]
    assert isinstance(request, pb.MxCommandRequest)
    assert (request.command.advise.server_handle, request.command.advise.item_handle) == (handle, handle)


@pytest.mark.parametrize(
    ("sequences", "accepted"),
    [
        ((2**64 - 2, 2**64 - 1), 2),
        ((2**64 - 1, 0), 2),
        ((2**64 - 1, 1), 1),
        ((5, 5), 1),
        ((5, 4), 1),
        ((5, 7), 1),
        ((0, 0, 0, 3), 4),
        ((3, 0, 4), 3),
    ],
)
async def test_repeated_skipped_or_lower_sequence_is_event_loss(
    scripted: ScriptedGateway, scripted_session: Session, sequences: tuple[int, ...], accepted: int
) -> None:
    scripted.events = [pb.MxEvent(worker_sequence=sequence) for sequence in sequences]

    async with scripted_session.stream_events() as events:
        seen = [(await anext(events)).sequence for _ in range(accepted)]
        assert seen == list(sequences[:accepted])
        if accepted < len(sequences):
            with pytest.raises(MxGatewayEventLossError) as caught:
                await anext(events)
            check_error(caught.value)
        assert events.last_sequence == max(seen)


FAILED = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR)
# By the field that is huge.
HUGE_REFUSALS: dict[str, Callable[[pb.MxCommandReply], object]] = {
    "diagnostic message": lambda reply: setattr(reply, "diagnostic_message", "x" * (8 << 20)),
    "diagnostic message of less than 2 MiB": lambda reply: setattr(reply, "diagnostic_message", "x%5F_" * 400_000),
    "message": lambda reply: setattr(reply.protocol_status, "message", "word " * (2 << 20)),
    "statuses": lambda reply: reply.statuses.extend([FAILED] * 100_000),
    "status text": lambda reply: reply.statuses.add(category=FAILED.category, diagnostic_text="x" * (8 << 20)),
    "payload": lambda reply: reply.drain_events.events.extend([pb.MxEvent(session_id="x")] * 400_000),
    "session id": lambda reply: setattr(reply, "session_id", "x" * (8 << 20)),
}


@pytest.mark.parametrize(("name", "edit"), HUGE_REFUSALS.items(), ids=HUGE_REFUSALS)
async def test_refusal_of_many_megabytes_is_one_short_line(
    scripted: ScriptedGateway, scripted_session: Session, name: str, edit: Callable[[pb.MxCommandReply], object]
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        if name != "session id":
            reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        edit(reply)

    scripted.edit_reply = refuse
    began = time.monotonic()

    with pytest.raises((MxAccessError, MxGatewayProtocolError)) as caught:
        await scripted_session.ping()

    text = str(caught.value)
    assert len(text) < 25_000
    assert "\n" not in text
    assert time.monotonic() - began < 20


async def test_huge_events_are_received_and_have_short_reprs(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = [
        pb.MxEvent(worker_sequence=sequence, value=pb.MxValue(string_value="x" * (15 << 20))) for sequence in (1, 2, 3)
    ]
    async with scripted_session.stream_events() as events, asyncio.timeout(20):
        for _ in range(3):
            seen = await anext(events)
            assert len(repr(seen)) < 1000
