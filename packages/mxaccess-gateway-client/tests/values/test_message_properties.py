"""Arbitrary messages: views, results and errors can be read completely and raise nothing unexpected."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from inspection import check_error, check_object, check_value
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ActiveAlarm,
    AlarmProviderStatus,
    BulkReadResult,
    BulkWriteResult,
    DeployEvent,
    ErrorFacts,
    GalaxyObject,
    MxDataType,
    MxEventFamily,
    MxStatus,
    MxStatusCategory,
    MxStatusSource,
    SubscribeResult,
    UnrecognizedAlarmMessage,
)
from mxgateway._transport.failures import error_from_grpc, error_from_reply, error_from_status
from mxgateway.events.views import to_event

_DEEPEST = 6
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: some.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: some.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_UINT32: some.integers(0, 2**32 - 1),
    FieldDescriptor.CPPTYPE_UINT64: some.integers(0, 2**64 - 1),
    # An enum of proto3 is open: any number is valid.
    FieldDescriptor.CPPTYPE_ENUM: some.integers(-3, 25) | some.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_BOOL: some.booleans(),
    FieldDescriptor.CPPTYPE_DOUBLE: some.floats(),
    FieldDescriptor.CPPTYPE_FLOAT: some.floats(width=32),
}
MANY = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@some.composite
def messages(draw: some.DrawFn, descriptor: Descriptor, depth: int = 0) -> Any:
    """Return a strategy for messages of a type, with limited depth."""
    message = GetMessageClass(descriptor)()
    names = [field.name for field in descriptor.fields if depth < _DEEPEST or field.message_type is None]
    for name in draw(some.lists(some.sampled_from(names), max_size=8, unique=True)) if names else ():
        _fill(draw, message, descriptor.fields_by_name[name], depth)
    return message


def _fill(draw: some.DrawFn, message: Message, field: FieldDescriptor, depth: int) -> None:
    target = getattr(message, field.name)
    if field.message_type is not None:
        parts = messages(field.message_type, depth + 1)
        if isinstance(target, Message):
            target.CopyFrom(draw(parts))
            target.SetInParent()
        else:
            target.extend(draw(some.lists(parts, max_size=3)))
        return
    if field.type == field.TYPE_STRING:
        values: some.SearchStrategy[Any] = some.text(some.characters(codec="utf-8"), max_size=20)
    elif field.type == field.TYPE_BYTES:
        values = some.binary(max_size=20)
    else:
        values = _INTEGERS[field.cpp_type]
    if isinstance(target, (bool, int, float, str, bytes)):
        setattr(message, field.name, draw(values))
    else:
        target.extend(draw(some.lists(values, max_size=5)))


def any_of(kind: type[Message]) -> some.SearchStrategy[Any]:
    """Return a strategy for messages of a class."""
    descriptor: Any = kind.DESCRIPTOR
    return messages(descriptor)


@settings(MANY, max_examples=200)
@given(any_of(pb.MxEvent), some.sampled_from([*MxEventFamily, 4711, -1]))
def test_any_event_can_be_read_completely(message: pb.MxEvent, family: int) -> None:
    message.family = pb.MxEventFamily.ValueType(family)

    check_object(to_event(message))


@MANY
@given(any_of(pb.MxValue))
def test_any_mx_value_is_read_or_raises_and_can_be_written_if_read(message: pb.MxValue) -> None:
    check_value(message)


VIEWS: dict[type[Message], Callable[[Any], object]] = {
    pb.ActiveAlarmSnapshot: ActiveAlarm,
    pb.AlarmProviderStatus: AlarmProviderStatus,
    pb.AlarmFeedMessage: UnrecognizedAlarmMessage,
    pb.BulkReadResult: BulkReadResult,
    pb.BulkWriteResult: BulkWriteResult.from_message,
    pb.SubscribeResult: SubscribeResult.from_message,
    pb.MxStatusProxy: MxStatus.from_message,
    galaxy_pb.DeployEvent: DeployEvent,
    galaxy_pb.GalaxyObject: GalaxyObject.from_message,
}


@pytest.mark.parametrize("kind", VIEWS, ids=lambda kind: kind.__name__)
def test_any_view_can_be_read_completely(kind: type[Message]) -> None:
    @MANY
    @given(any_of(kind))
    def look(message: Message) -> None:
        check_object(VIEWS[kind](message))

    look()


FAILURES = {int(category) for category in MxStatusCategory if category.name.endswith("_ERROR")}


@MANY
@given(any_of(pb.MxStatusProxy))
def test_status_failed_depends_only_on_the_category(message: pb.MxStatusProxy) -> None:
    status = MxStatus.from_message(message)

    assert status.failed == (message.category in FAILURES)
    assert (int(status.category), int(status.detected_by)) == (message.category, message.detected_by)


@pytest.mark.parametrize("enum", [MxDataType, MxEventFamily, MxStatusCategory, MxStatusSource])
@given(number=some.integers(-(2**31), 2**31 - 1))
def test_every_number_is_a_member_of_every_enum(enum: type[MxStatusCategory], number: int) -> None:
    member = enum(number)

    assert member == number
    assert enum(int(member)) == member
    assert member.words
    assert len(enum) < 30


@MANY
@given(any_of(pb.MxCommandReply))
def test_refusal_is_one_line_with_its_facts(message: pb.MxCommandReply) -> None:
    facts = ErrorFacts(method="Write", target="gateway:5000", session_id=message.session_id)
    status = pb.ProtocolStatus()
    status.CopyFrom(message.protocol_status)

    check_error(error_from_reply(message, facts))
    check_error(error_from_status(status, facts))


@MANY
@given(some.sampled_from(grpc.StatusCode), some.text(max_size=5000), some.booleans())
def test_failed_call_is_one_line_with_its_facts(status: grpc.StatusCode, text: str, in_session: bool) -> None:
    facts = ErrorFacts(method="Write", target="gateway:5000", session_id="session-1" if in_session else None)

    check_error(error_from_grpc(status, text, facts))
