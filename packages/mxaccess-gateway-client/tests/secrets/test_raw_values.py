"""A key that the gateway echoes in raw bytes is redacted, wherever a value can hold them."""

from __future__ import annotations

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import Session
from support.scripted_gateway import ScriptedGateway

# The key of `scripted_client`.
ECHO = b"the key is mxgw_0a1b2c3d_marker_secret-with_both-kinds_ !"
REDACTED = b"the key is *** !"
VALUES = {
    "raw value": pb.MxValue(raw_value=ECHO),
    "raw array": pb.MxValue(array_value=pb.MxArray(raw_values=pb.RawArray(values=[b"\xff\x00", ECHO, b""]))),
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_key_in_raw_bytes_of_a_reading_is_redacted(
    scripted: ScriptedGateway, scripted_session: Session, value: pb.MxValue
) -> None:
    def edit(reply: pb.MxCommandReply) -> None:
        reply.read_bulk.results.add(tag_address="A.B", was_successful=True).value.CopyFrom(value)

    scripted.edit_reply = edit

    (result,) = await scripted_session.read_bulk(1, ["A.B"])

    assert result.value == (REDACTED if isinstance(result.value, bytes) else [b"\xff\x00", REDACTED, b""])


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
async def test_key_in_raw_bytes_of_an_event_is_redacted(
    scripted: ScriptedGateway, scripted_session: Session, value: pb.MxValue
) -> None:
    scripted.events = [pb.MxEvent(family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, worker_sequence=1, value=value)]

    async with scripted_session.stream_events() as stream:
        event = await anext(stream)

    assert b"mxgw" not in event.raw.SerializeToString()
    assert event.value == (REDACTED if isinstance(event.value, bytes) else [b"\xff\x00", REDACTED, b""])
