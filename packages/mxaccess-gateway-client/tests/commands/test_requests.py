"""Every request has a session, a correlation id and a deadline, and only its own reply is accepted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    GatewayClient,
    MxGatewayConfigurationError,
    MxGatewayProtocolError,
    Session,
    SessionInfo,
)
from support.scripted_gateway import SESSION_ID, ScriptedGateway

REGISTER = pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER, register=pb.RegisterCommand(client_name="test"))


async def test_session_is_opened_with_the_given_options(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    await scripted_client.open_session(client_session_name="name", command_timeout=1.5, requested_backend="backend")

    (request,) = scripted.requests("OpenSession")
    assert isinstance(request, pb.OpenSessionRequest)
    assert request.client_session_name == "name"
    assert request.command_timeout == Duration(seconds=1, nanos=500_000_000)
    assert request.requested_backend == "backend"


async def test_session_without_options_leaves_the_choice_to_the_gateway(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    await scripted_client.open_session()

    (request,) = scripted.requests("OpenSession")
    assert isinstance(request, pb.OpenSessionRequest)
    assert not request.HasField("command_timeout")
    assert (request.client_session_name, request.requested_backend) == ("", "")


async def test_session_info_has_the_facts_of_the_reply(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    scripted.open_reply.MergeFrom(
        pb.OpenSessionReply(
            worker_process_id=4711,
            worker_protocol_version=2,
            capabilities=["unary-acknowledge-alarm"],
            default_command_timeout=Duration(seconds=30),
        )
    )

    session = await scripted_client.open_session()

    assert session.session_id == SESSION_ID
    assert session.info == SessionInfo(
        session_id=SESSION_ID,
        backend_name="scripted",
        worker_process_id=4711,
        worker_protocol_version=2,
        gateway_protocol_version=3,
        capabilities=("unary-acknowledge-alarm",),
        default_command_timeout=30.0,
    )


async def test_correlation_ids_are_unique_and_not_empty(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    async with GatewayClient.connect(scripted_client.options) as other_client:
        sessions = [await client.open_session() for client in (scripted_client, other_client)]
        await asyncio.gather(*(session.ping() for session in sessions for _ in range(20)))
        await scripted_client.invoke(pb.MxCommandRequest(session_id=SESSION_ID))

    requests: list[Any] = [call.request for call in scripted.received]
    ids = [request.client_correlation_id for request in requests]
    assert len(ids) == 46
    assert all(ids)
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("timeout", "expected"), [(None, 30.0), (7.0, 7.0)])
async def test_every_command_has_its_deadline(
    scripted: ScriptedGateway, scripted_session: Session, timeout: float | None, expected: float
) -> None:
    await scripted_session.ping(timeout=timeout)

    left = scripted.received[-1].seconds_left
    assert left is not None
    assert abs(left - expected) < 2


async def test_timeout_of_the_client_is_the_default_deadline(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(
        endpoint=scripted.endpoint, plaintext=True, timeout=100, connect_timeout=50, close_timeout=20
    ) as client:
        session = await client.open_session()
        await session.ping()
        await session.close()

    expected = {"connect": 50.0, "OpenSession": 100.0, "Invoke": 100.0, "CloseSession": 20.0}
    for name, call in zip(expected, scripted.received, strict=True):
        assert call.seconds_left is not None
        assert abs(call.seconds_left - expected[name]) < 2


async def test_stream_has_no_deadline(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.events = [pb.MxEvent(worker_sequence=1)]
    async with scripted_session.stream_events() as stream:
        await anext(stream)

    assert scripted.received[-1].rpc == "StreamEvents"
    seconds_left = scripted.received[-1].seconds_left
    assert seconds_left is None or seconds_left > 1e6


@pytest.mark.parametrize("timeout", [0, -1, float("nan"), float("inf")])
async def test_invalid_timeout_raises_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session, timeout: float
) -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"^timeout .* is not a positive number of seconds"):
        await scripted_session.ping(timeout=timeout)

    assert not scripted.requests("Invoke")


@pytest.mark.parametrize("handle", [None, "1", 1.5, 2**31, -(2**31) - 1, object()])
@pytest.mark.parametrize("position", ["server_handle", "item_handle"])
async def test_invalid_handle_raises_before_anything_is_sent(
    scripted: ScriptedGateway, scripted_session: Session, position: str, handle: Any
) -> None:
    handles = {"server_handle": 1, "item_handle": 2, position: handle}

    with pytest.raises(MxGatewayConfigurationError, match=rf"invalid {position} "):
        await scripted_session.advise(**handles)

    assert not scripted.requests("Invoke")


async def test_raw_command_gets_session_and_correlation_id(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    reply = await scripted_session.invoke(REGISTER)

    request = scripted.command()
    assert request.session_id == SESSION_ID
    assert request.client_correlation_id
    assert request.command == REGISTER
    assert reply.register.server_handle == 1


async def test_raw_request_is_sent_unchanged_and_its_reply_is_not_checked(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE

    scripted.edit_reply = refuse
    request = pb.MxCommandRequest(session_id=SESSION_ID, client_correlation_id="mine", command=REGISTER)

    reply = await scripted_client.invoke(request)

    assert scripted.command() == request
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE


async def test_raw_request_without_correlation_id_is_copied_and_gets_one(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    request = pb.MxCommandRequest(session_id=SESSION_ID)

    await scripted_client.invoke(request)

    assert scripted.command().client_correlation_id
    assert request == pb.MxCommandRequest(session_id=SESSION_ID)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("kind", pb.MX_COMMAND_KIND_ADVISE, "the reply is for another request, Advise"),
        ("session_id", "session-other", "the reply is for another request, session session-other"),
        ("correlation_id", "other", "the reply is for another request, correlation id other"),
    ],
)
async def test_reply_to_another_request_raises(
    scripted: ScriptedGateway, scripted_session: Session, field: str, value: Any, words: str
) -> None:
    scripted.edit_reply = lambda reply: setattr(reply, field, value)

    with pytest.raises(MxGatewayProtocolError, match=words):
        await scripted_session.register("test")


async def test_reply_without_ids_is_accepted(scripted: ScriptedGateway, scripted_session: Session) -> None:
    def forget(reply: pb.MxCommandReply) -> None:
        for field in ("kind", "session_id", "correlation_id"):
            reply.ClearField(field)

    scripted.edit_reply = forget

    assert await scripted_session.register("test") == 1


def unlike(message: Message, name: str, value: object) -> None:
    """Set an enum field to an unknown number."""
    setattr(message, name, value)


async def test_unknown_enum_numbers_in_a_reply_are_accepted(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    def from_the_future(reply: pb.MxCommandReply) -> None:
        unlike(reply.suspend.status, "category", 977)
        unlike(reply.suspend.status, "detected_by", 978)

    scripted.edit_reply = from_the_future

    status = await scripted_session.suspend(1, 2)

    assert (status.category.name, status.detected_by.name) == ("UNRECOGNIZED_977", "UNRECOGNIZED_978")
    assert not status.failed
