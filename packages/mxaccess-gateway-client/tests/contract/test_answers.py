"""What a gateway sends beyond our contract is kept, and what it must send is noticed if missing."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import GatewayClient, MxAccessError
from mxgateway.contract import missing_fields, unknown_fields
from support.scripted_gateway import ScriptedGateway

# Field 4711 with the text "new", which no message of the contract has.
NEW_FIELD = b"\xba\xa6\x02\x03new"
OK = pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_OK)


async def test_reply_with_unknown_fields_succeeds_and_keeps_them(scripted: ScriptedGateway) -> None:
    scripted.open_reply.MergeFromString(NEW_FIELD)
    scripted.edit_reply = lambda reply: reply.protocol_status.MergeFromString(NEW_FIELD)
    seen: list[Message] = []
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True) as client:
        client.observe_replies(seen.append)
        async with client.open_session() as session:
            await session.ping()
            request = pb.MxCommandRequest(session_id=session.session_id)
            request.command.kind = pb.MX_COMMAND_KIND_PING
            reply = await client.invoke(request)

    assert [unknown_fields(message) for message in seen] == [
        ("OpenSessionReply = 4711",),
        ("ProtocolStatus = 4711",),
        ("ProtocolStatus = 4711",),
        (),
    ]
    assert reply.protocol_status.SerializeToString().endswith(NEW_FIELD)


async def test_refusal_keeps_the_unknown_fields_of_its_reply(scripted: ScriptedGateway) -> None:
    def refuse(reply: pb.MxCommandReply) -> None:
        reply.protocol_status.code = pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE
        reply.MergeFromString(NEW_FIELD)

    scripted.edit_reply = refuse
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True) as client:
        session = client.attach_session("session-1")
        with pytest.raises(MxAccessError) as caught:
            await session.ping()

    assert caught.value.reply is not None
    assert unknown_fields(caught.value.reply) == ("MxCommandReply = 4711",)


def test_unknown_fields_are_found_in_every_message_once() -> None:
    reply = pb.MxCommandReply(statuses=[pb.MxStatusProxy(), pb.MxStatusProxy()])
    for status in reply.statuses:
        status.MergeFromString(NEW_FIELD)
    reply.return_value.array_value.MergeFromString(NEW_FIELD)

    assert set(unknown_fields(reply)) == {"MxStatusProxy = 4711", "MxArray = 4711"}


@pytest.mark.parametrize(
    ("reply", "missing"),
    [
        (pb.OpenSessionReply(session_id="session-1", gateway_protocol_version=3, protocol_status=OK), ()),
        (pb.OpenSessionReply(gateway_protocol_version=3, protocol_status=OK), ("OpenSessionReply.session_id",)),
        (pb.CloseSessionReply(), ("CloseSessionReply.protocol_status.code",)),
        (
            pb.MxCommandReply(protocol_status=pb.ProtocolStatus()),
            ("MxCommandReply.kind", "MxCommandReply.protocol_status.code"),
        ),
        (pb.MxValue(), ()),
    ],
)
def test_fields_that_every_gateway_sets_are_required(reply: Message, missing: tuple[str, ...]) -> None:
    assert missing_fields(reply) == missing
