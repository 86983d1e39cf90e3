"""Commands: handles, items, advises, users, and the order in which commands run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import Limits, SimulatedGateway
from support.wire import Wire, connected, refused

if TYPE_CHECKING:
    from support.wire import WireSession

E_INVALIDARG = 0x80070057 - (1 << 32)
NOT_EXPECTED = "Value does not fall within the expected range."
GUID = "6f1d6c1e-6a52-4a30-9f2a-0d5b7f3f1a01"


def is_mxaccess_refusal(reply: pb.MxCommandReply, hresult: int = E_INVALIDARG) -> bool:
    return reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE and reply.hresult == hresult


async def test_reply_repeats_session_correlation_id_and_kind(session: WireSession) -> None:
    reply = await session.execute(pb.MX_COMMAND_KIND_REGISTER, client_name="me")
    assert reply.session_id == session.session_id
    assert reply.correlation_id == "test-1"
    assert reply.kind == pb.MX_COMMAND_KIND_REGISTER
    assert reply.HasField("hresult")
    assert reply.hresult == 0


async def test_handles_start_at_one_and_are_never_reused(session: WireSession) -> None:
    first, second = await session.register(), await session.register()
    assert (first, second) == (1, 2)
    handles = [await session.add_item(server, "TestChildObject.TestInt") for server in (first, second, first)]
    assert handles == [1, 2, 3]
    await session.execute(pb.MX_COMMAND_KIND_UNREGISTER, server_handle=second)
    assert await session.register() == 3


async def test_item_is_unknown_under_another_server_handle(session: WireSession) -> None:
    first, second = await session.register(), await session.register()
    item = await session.add_item(first, "TestChildObject.TestInt")
    reply = await session.reply(pb.MX_COMMAND_KIND_ADVISE, server_handle=second, item_handle=item)
    assert is_mxaccess_refusal(reply)


@pytest.mark.parametrize(
    "kind",
    [
        pb.MX_COMMAND_KIND_UNREGISTER,
        pb.MX_COMMAND_KIND_ADD_ITEM,
        pb.MX_COMMAND_KIND_ADD_ITEM2,
        pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM,
        pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL,
        pb.MX_COMMAND_KIND_AUTHENTICATE_USER,
        pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID,
        pb.MX_COMMAND_KIND_REMOVE_ITEM,
        pb.MX_COMMAND_KIND_ADVISE,
        pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY,
        pb.MX_COMMAND_KIND_UN_ADVISE,
        pb.MX_COMMAND_KIND_SUSPEND,
        pb.MX_COMMAND_KIND_ACTIVATE,
        pb.MX_COMMAND_KIND_WRITE,
        pb.MX_COMMAND_KIND_WRITE2,
        pb.MX_COMMAND_KIND_WRITE_SECURED,
        pb.MX_COMMAND_KIND_WRITE_SECURED2,
    ],
    ids=pb.MxCommandKind.Name,
)
async def test_unknown_handle_is_refused_by_mxaccess(session: WireSession, kind: pb.MxCommandKind.ValueType) -> None:
    reply = await session.reply(kind, server_handle=77)
    assert is_mxaccess_refusal(reply)
    assert reply.diagnostic_message == NOT_EXPECTED


async def test_removed_item_and_unregistered_server_are_unknown(session: WireSession) -> None:
    server, item = await session.advised("TestChildObject.TestInt")
    await session.execute(pb.MX_COMMAND_KIND_REMOVE_ITEM, server_handle=server, item_handle=item)
    assert is_mxaccess_refusal(await session.write((server, item), pb.MxValue(int32_value=1)))
    await session.execute(pb.MX_COMMAND_KIND_UNREGISTER, server_handle=server)
    reply = await session.reply(pb.MX_COMMAND_KIND_ADD_ITEM, server_handle=server, item_definition="A.B")
    assert is_mxaccess_refusal(reply)


async def test_un_advise_suspend_and_activate_require_an_advise(session: WireSession) -> None:
    server = await session.register()
    item = await session.add_item(server, "TestChildObject.TestInt")
    for kind in (pb.MX_COMMAND_KIND_UN_ADVISE, pb.MX_COMMAND_KIND_SUSPEND, pb.MX_COMMAND_KIND_ACTIVATE):
        assert is_mxaccess_refusal(await session.reply(kind, server_handle=server, item_handle=item))


async def test_suspend_and_activate_return_a_status(session: WireSession) -> None:
    server, item = await session.advised("TestChildObject.TestInt")
    suspended = await session.execute(pb.MX_COMMAND_KIND_SUSPEND, server_handle=server, item_handle=item)
    assert suspended.suspend.status.category == pb.MX_STATUS_CATEGORY_OK
    activated = await session.execute(pb.MX_COMMAND_KIND_ACTIVATE, server_handle=server, item_handle=item)
    assert activated.activate.status.category == pb.MX_STATUS_CATEGORY_OK


async def test_add_item2_resolves_an_item_in_its_context(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    for definition, context in (("TestIntArray", "TestChildObject"), ("TestChildObject.TestInt", "")):
        await session.execute(
            pb.MX_COMMAND_KIND_ADD_ITEM2, server_handle=server, item_definition=definition, item_context=context
        )
    definitions = [item.definition for item in gateway.sessions[0].items]
    assert definitions == ["TestChildObject.TestIntArray[]", "TestChildObject.TestInt"]


async def test_gateway_appends_brackets_to_bare_array_names(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    for definition in (
        "TestChildObject.TestStringArray",
        "testchildobject.teststringarray",
        "TestChildObject.TestStringArray[]",
        "TestChildObject.TestStringArray[2]",
        "TestChildObject.TestString",
        "NoSuchObject_999.NoSuchAttr",
    ):
        await session.add_item(server, definition)
    buffered = {"server_handle": server, "item_definition": "TestStringArray", "item_context": "TestChildObject"}
    await session.execute(pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM, **buffered)
    assert [item.definition for item in gateway.sessions[0].items] == [
        "TestChildObject.TestStringArray[]",
        "testchildobject.teststringarray[]",
        "TestChildObject.TestStringArray[]",
        "TestChildObject.TestStringArray[2]",
        "TestChildObject.TestString",
        "NoSuchObject_999.NoSuchAttr",
        "TestChildObject.TestStringArray[]",
    ]


async def test_user_is_authenticated_by_name_and_password(session: WireSession) -> None:
    server = await session.register()
    assert await session.authenticate(server, "OPERATOR", "operator-secret") == 1
    assert await session.authenticate(server, "supervisor", "supervisor-secret") == 2


@pytest.mark.parametrize(("user", "password"), [("operator", "wrong"), ("nobody", ""), ("", "")])
async def test_wrong_password_is_refused_with_a_status(session: WireSession, user: str, password: str) -> None:
    server = await session.register()
    reply = await session.reply(
        pb.MX_COMMAND_KIND_AUTHENTICATE_USER,
        server_handle=server,
        verify_user=user,
        verify_user_password=password,
    )
    assert is_mxaccess_refusal(reply, 0x80070005 - (1 << 32))
    assert [status.category for status in reply.statuses] == [pb.MX_STATUS_CATEGORY_SECURITY_ERROR]
    assert reply.diagnostic_message
    assert not reply.HasField("authenticate_user")


@pytest.mark.parametrize("guid", [GUID, GUID.upper(), f"{{{GUID}}}"])
async def test_user_is_found_by_guid(session: WireSession, guid: str) -> None:
    server = await session.register()
    reply = await session.execute(pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID, server_handle=server, user_id_guid=guid)
    assert reply.archestra_user_to_id.user_id == 1


@pytest.mark.parametrize("guid", ["", "operator", GUID[:-1] + "f"])
async def test_unknown_guid_is_refused(session: WireSession, guid: str) -> None:
    server = await session.register()
    reply = await session.reply(pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID, server_handle=server, user_id_guid=guid)
    assert is_mxaccess_refusal(reply)


async def test_update_interval_of_zero_is_refused(session: WireSession) -> None:
    server = await session.register()
    for milliseconds in (0, -1):
        reply = await session.reply(
            pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL,
            server_handle=server,
            update_interval_milliseconds=milliseconds,
        )
        assert is_mxaccess_refusal(reply)


async def test_request_without_a_command_is_an_invalid_argument(session: WireSession) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "command"):
        await session.send(None)


async def test_unparsable_request_is_an_invalid_argument(gateway: SimulatedGateway) -> None:
    async with grpc.aio.insecure_channel(gateway.endpoint) as channel:
        call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            "/mxaccess_gateway.v1.MxAccessGateway/Invoke"
        )
        with refused(grpc.StatusCode.UNAUTHENTICATED):
            await call(b"\xff\xff")
        with refused(grpc.StatusCode.INVALID_ARGUMENT, "mxaccess_gateway.v1.MxCommandRequest"):
            await call(b"\xff\xff", metadata=(("authorization", f"Bearer {gateway.api_key}"),))
        with refused(grpc.StatusCode.INVALID_ARGUMENT):
            # The session id is not valid UTF-8.
            invalid = pb.MxCommandRequest(session_id="?").SerializeToString().replace(b"?", b"\x80")
            await call(invalid, metadata=(("authorization", f"Bearer {gateway.api_key}"),))


async def test_long_details_reach_clients_that_accept_them(gateway: SimulatedGateway) -> None:
    details = "why not: " + "x" * 100_000
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.ABORTED, details)
    sizes = [("grpc.max_metadata_size", 1 << 20), ("grpc.absolute_max_metadata_size", 1 << 20)]
    async with grpc.aio.insecure_channel(gateway.endpoint, options=sizes) as channel:
        with refused(grpc.StatusCode.ABORTED, details):
            await Wire(channel, gateway.api_key).open_session()


async def test_kind_with_another_payload_is_an_invalid_request(session: WireSession) -> None:
    for command in (
        pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER, ping=pb.PingCommand()),
        pb.MxCommand(kind=pb.MX_COMMAND_KIND_REGISTER),
        pb.MxCommand(register=pb.RegisterCommand()),
        pb.MxCommand(kind=999),  # type: ignore[arg-type]  # as from a newer client
    ):
        reply = await session.send(command)
        assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_INVALID_REQUEST
        assert reply.protocol_status.message
        assert reply.WhichOneof("payload") is None


async def test_ping_returns_its_message(session: WireSession) -> None:
    assert (await session.execute(pb.MX_COMMAND_KIND_PING, message="hello")).diagnostic_message == "hello"


async def test_get_worker_info_returns_process_of_open_session(wire: Wire) -> None:
    opened = await wire.open_session_reply()
    info = (await wire.session(opened.session_id).execute(pb.MX_COMMAND_KIND_GET_WORKER_INFO)).worker_info
    assert info.worker_process_id == opened.worker_process_id
    assert info.worker_protocol_version == opened.worker_protocol_version


async def test_shutdown_worker_closes_the_session(gateway: SimulatedGateway, session: WireSession) -> None:
    await session.execute(pb.MX_COMMAND_KIND_SHUTDOWN_WORKER)
    await gateway.wait_for(lambda: not gateway.sessions)
    assert await session.state() == pb.SESSION_STATE_CLOSED


async def test_commands_of_one_session_run_one_at_a_time(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    with gateway.faults.held_commands(session.session_id):
        calls = [
            session.call(pb.MX_COMMAND_KIND_ADD_ITEM, server_handle=server, item_definition=f"Object.Attribute{number}")
            for number in range(20)
        ]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 20)
        assert not gateway.sessions[0].items
    replies = [await call for call in calls]
    items = {item.item_handle: item.definition for item in gateway.sessions[0].items}
    assert [reply.add_item.item_handle for reply in replies] == sorted(items)
    assert [items[reply.add_item.item_handle] for reply in replies] == [f"Object.Attribute{n}" for n in range(20)]


async def test_sessions_do_not_wait_for_each_other(gateway: SimulatedGateway, wire: Wire) -> None:
    slow, quick = await wire.open_session(), await wire.open_session()
    with gateway.faults.held_commands(slow.session_id):
        waiting = slow.call(pb.MX_COMMAND_KIND_PING)
        await quick.execute(pb.MX_COMMAND_KIND_PING)
        assert not waiting.done()
    await waiting


async def test_more_than_128_pending_commands_are_refused(gateway: SimulatedGateway, session: WireSession) -> None:
    with gateway.faults.held_commands(session.session_id):
        calls = [session.call(pb.MX_COMMAND_KIND_PING) for _ in range(128)]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 128)
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "128"):
            await session.execute(pb.MX_COMMAND_KIND_PING)
    for call in calls:
        assert (await call).protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
    await session.execute(pb.MX_COMMAND_KIND_PING)


async def test_command_slower_than_command_timeout_ends_with_timeout(gateway: SimulatedGateway, wire: Wire) -> None:
    session = await wire.open_session(command_timeout={"seconds": 5})
    server = await session.register()
    gateway.faults.delay_commands(7)
    call = session.call(pb.MX_COMMAND_KIND_ADD_ITEM, server_handle=server, item_definition="A.B")
    await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
    gateway.clock.advance(6)
    reply = await call
    assert reply.protocol_status.code == pb.PROTOCOL_STATUS_CODE_TIMEOUT
    assert not reply.HasField("hresult")
    assert not gateway.sessions[0].items
    gateway.clock.advance(7)
    await gateway.wait_for(lambda: [item.definition for item in gateway.sessions[0].items] == ["A.B"])


async def test_deadline_ends_the_call_but_not_the_command(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    with gateway.faults.held_commands(session.session_id):
        with refused(grpc.StatusCode.DEADLINE_EXCEEDED):
            await session.call(pb.MX_COMMAND_KIND_ADD_ITEM, 0.05, server_handle=server, item_definition="A.B")
        await gateway.wait_for(lambda: gateway.calls[-1].cancelled)
        assert await session.state() == pb.SESSION_STATE_READY
    await gateway.wait_for(lambda: gateway.sessions[0].items)


async def test_cancelled_call_is_recorded_but_its_command_runs(gateway: SimulatedGateway, session: WireSession) -> None:
    server = await session.register()
    with gateway.faults.held_commands(session.session_id):
        call = session.call(pb.MX_COMMAND_KIND_ADD_ITEM, server_handle=server, item_definition="A.B")
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 1)
        call.cancel()
        await gateway.wait_for(lambda: gateway.calls[-1].cancelled)
    await gateway.wait_for(lambda: gateway.sessions[0].items)


async def test_pending_commands_of_a_closed_session_end_worker_unavailable(
    gateway: SimulatedGateway, session: WireSession
) -> None:
    with gateway.faults.held_commands(session.session_id):
        calls = [session.call(pb.MX_COMMAND_KIND_PING) for _ in range(3)]
        await gateway.wait_for(lambda: gateway.sessions[0].pending_commands == 3)
        await session.close()
        replies = await asyncio.gather(*calls)
    assert {reply.protocol_status.code for reply in replies} == {pb.PROTOCOL_STATUS_CODE_WORKER_UNAVAILABLE}


async def test_refuse_next_calls(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, "gone for a moment", rpc="Invoke")
    await session.wire.open_session()
    for _ in range(2):
        with refused(grpc.StatusCode.UNAVAILABLE, "gone for a moment"):
            await session.execute(pb.MX_COMMAND_KIND_PING)
    await session.execute(pb.MX_COMMAND_KIND_PING)


async def test_delay_calls(gateway: SimulatedGateway, session: WireSession) -> None:
    gateway.faults.delay_calls(60)
    call = session.call(pb.MX_COMMAND_KIND_PING)
    await gateway.wait_for(lambda: gateway.calls[-1].rpc == "Invoke")
    assert gateway.calls[-1].running
    gateway.clock.advance(60)
    assert (await call).protocol_status.code == pb.PROTOCOL_STATUS_CODE_OK
    gateway.faults.delay_calls(0)
    await session.execute(pb.MX_COMMAND_KIND_PING)


async def test_message_over_16_mib_is_refused(session: WireSession) -> None:
    handles = await session.advised("TestChildObject.TestString")
    await session.write(handles, pb.MxValue(string_value="x" * (15 << 20)))
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "larger than max"):
        await session.write(handles, pb.MxValue(string_value="x" * (17 << 20)))


async def test_limits_can_be_set() -> None:
    limits = Limits(sessions=1, pending_commands=1, command_timeout=2.5)
    async with SimulatedGateway(limits=limits) as gateway, connected(gateway) as wire:
        reply = await wire.open_session_reply()
        assert (reply.default_command_timeout.seconds, reply.default_command_timeout.nanos) == (2, 500_000_000)
        with refused(grpc.StatusCode.RESOURCE_EXHAUSTED):
            await wire.open_session()
