"""Each method of a session sends exactly its command and returns the result."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxDataType, MxGatewayProtocolError, Session
from support.bulk_command_cases import BULK_CASES
from support.command_cases import ITEM_CASES, WHEN, Case
from support.scripted_gateway import SESSION_ID, ScriptedGateway

CASES = ITEM_CASES | BULK_CASES
PROMISING = {name: case for name, case in CASES.items() if case.reply is not None}


def filled(payload: pb.MxCommandReply | None) -> Callable[[pb.MxCommandReply], None]:
    """Return a function that replaces the payload of a reply."""

    def edit(reply: pb.MxCommandReply) -> None:
        arm = reply.WhichOneof("payload")
        if arm is not None:
            reply.ClearField(arm)
        if payload is not None:
            reply.MergeFrom(payload)

    return edit


def test_every_command_of_a_session_is_tested() -> None:
    methods = {
        name
        for name, _ in inspect.getmembers(Session, inspect.iscoroutinefunction)
        if not name.startswith("_") and name not in {"close", "invoke"}
    }

    assert methods == set(CASES)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_method_sends_its_command_and_returns_the_result(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    scripted.edit_reply = filled(case.reply)

    result = await case.call(scripted_session)

    request = scripted.command()
    assert request.session_id == SESSION_ID
    assert request.command == case.command
    assert result == case.result


async def test_without_a_user_or_a_limit_no_user_writes_and_all_events_are_drained(
    scripted: ScriptedGateway, scripted_session: Session
) -> None:
    await scripted_session.write(12, 34, 5)
    await scripted_session.write2(12, 34, 5, WHEN)
    await scripted_session.write_array_elements(12, 34, MxDataType.INTEGER, 9, {7: 5})
    await scripted_session.drain_events()

    requests = [request for request in scripted.requests("Invoke") if isinstance(request, pb.MxCommandRequest)]
    write, write2, array, drain = (request.command for request in requests)
    assert (write.write.user_id, write2.write2.user_id, array.write.user_id) == (0, 0, 0)
    assert drain.drain_events.max_events == 0


@pytest.mark.parametrize("case", PROMISING.values(), ids=PROMISING)
async def test_ok_reply_without_payload_raises(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    scripted.edit_reply = filled(None)

    with pytest.raises(MxGatewayProtocolError, match=r"is OK but lacks its .* payload"):
        await case.call(scripted_session)


@pytest.mark.parametrize("case", PROMISING.values(), ids=PROMISING)
async def test_ok_reply_with_the_payload_of_another_command_raises(
    scripted: ScriptedGateway, scripted_session: Session, case: Case
) -> None:
    other = "register" if case is not CASES["register"] else "add_item"
    scripted.edit_reply = filled(CASES[other].reply)

    with pytest.raises(MxGatewayProtocolError, match=r"is OK but lacks its .* payload"):
        await case.call(scripted_session)
