"""A refused event stream is requested again only while the gateway may not have noticed that the last one closed."""

from __future__ import annotations

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    MxGatewayError,
    MxGatewaySessionError,
    MxGatewayStreamEndedError,
    MxGatewayTransportError,
    Session,
)
from support.scripted_gateway import ScriptedGateway
from support.waiting import until


async def test_a_stream_that_has_delivered_events_is_not_requested_again(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    scripted.events = [
        pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=sequence) for sequence in (1, 2)
    ]
    async with scripted_session.stream_events() as first:
        await anext(first)
    scripted.end_of_events = (grpc.StatusCode.FAILED_PRECONDITION, "the session is FAULTED")

    async with scripted_session.stream_events() as second:
        assert [(await anext(second)).sequence for _ in range(2)] == [1, 2]
        with pytest.raises(MxGatewaySessionError, match="FAULTED"):
            await anext(second)

    assert len(scripted.requests("StreamEvents")) == 2


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, MxGatewaySessionError),
        (grpc.StatusCode.UNAVAILABLE, MxGatewayTransportError),
        (grpc.StatusCode.OK, MxGatewayStreamEndedError),
    ],
)
async def test_a_stream_that_is_not_refused_is_not_requested_again(
    scripted: ScriptedGateway, scripted_session: Session, status: grpc.StatusCode, kind: type[MxGatewayError]
) -> None:
    async with scripted_session.stream_events():
        await until(lambda: bool(scripted.requests("StreamEvents")))
    scripted.end_of_events = (status, "that was all")

    with pytest.raises(kind):
        await anext(scripted_session.stream_events())

    assert len(scripted.requests("StreamEvents")) == 2
