"""API keys: authentication, scopes, and access to parts of the Galaxy."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway.testing import Scope, SimulatedGateway
from support.wire import connected, refused

if TYPE_CHECKING:
    from support.wire import Wire, WireSession

_SCOPES = {
    Scope.INVOKE_READ: (
        pb.MX_COMMAND_KIND_REGISTER,
        pb.MX_COMMAND_KIND_UNREGISTER,
        pb.MX_COMMAND_KIND_ADD_ITEM,
        pb.MX_COMMAND_KIND_ADD_ITEM2,
        pb.MX_COMMAND_KIND_REMOVE_ITEM,
        pb.MX_COMMAND_KIND_ADVISE,
        pb.MX_COMMAND_KIND_UN_ADVISE,
        pb.MX_COMMAND_KIND_ADVISE_SUPERVISORY,
        pb.MX_COMMAND_KIND_ADD_BUFFERED_ITEM,
        pb.MX_COMMAND_KIND_SET_BUFFERED_UPDATE_INTERVAL,
        pb.MX_COMMAND_KIND_SUSPEND,
        pb.MX_COMMAND_KIND_ACTIVATE,
        pb.MX_COMMAND_KIND_ARCHESTRA_USER_TO_ID,
        pb.MX_COMMAND_KIND_PING,
        pb.MX_COMMAND_KIND_GET_SESSION_STATE,
        pb.MX_COMMAND_KIND_GET_WORKER_INFO,
        pb.MX_COMMAND_KIND_SHUTDOWN_WORKER,
        pb.MX_COMMAND_KIND_ADD_ITEM_BULK,
        pb.MX_COMMAND_KIND_ADVISE_ITEM_BULK,
        pb.MX_COMMAND_KIND_REMOVE_ITEM_BULK,
        pb.MX_COMMAND_KIND_UN_ADVISE_ITEM_BULK,
        pb.MX_COMMAND_KIND_SUBSCRIBE_BULK,
        pb.MX_COMMAND_KIND_UNSUBSCRIBE_BULK,
        pb.MX_COMMAND_KIND_READ_BULK,
        pb.MX_COMMAND_KIND_SUBSCRIBE_ALARMS,
        pb.MX_COMMAND_KIND_UNSUBSCRIBE_ALARMS,
    ),
    Scope.INVOKE_WRITE: (
        pb.MX_COMMAND_KIND_WRITE,
        pb.MX_COMMAND_KIND_WRITE2,
        pb.MX_COMMAND_KIND_WRITE_BULK,
        pb.MX_COMMAND_KIND_WRITE2_BULK,
        pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM,
        pb.MX_COMMAND_KIND_ACKNOWLEDGE_ALARM_BY_NAME,
    ),
    Scope.INVOKE_SECURE: (
        pb.MX_COMMAND_KIND_WRITE_SECURED,
        pb.MX_COMMAND_KIND_WRITE_SECURED2,
        pb.MX_COMMAND_KIND_WRITE_SECURED_BULK,
        pb.MX_COMMAND_KIND_WRITE_SECURED2_BULK,
        pb.MX_COMMAND_KIND_AUTHENTICATE_USER,
    ),
    Scope.EVENTS_READ: (pb.MX_COMMAND_KIND_DRAIN_EVENTS, pb.MX_COMMAND_KIND_QUERY_ACTIVE_ALARMS),
}
_KINDS_WITH_SCOPE = {kind for kinds in _SCOPES.values() for kind in kinds}
_KINDS = [(scope, kind) for scope, kinds in _SCOPES.items() for kind in kinds]


async def test_call_without_a_key_is_unauthenticated(gateway: SimulatedGateway) -> None:
    async with connected(gateway, without_key=True) as wire:
        with refused(grpc.StatusCode.UNAUTHENTICATED):
            await wire.open_session()


async def test_wrong_key_is_unauthenticated(gateway: SimulatedGateway) -> None:
    for wrong in ("mxgw_nobody_secret", gateway.api_key[:-1], gateway.api_key + "x", gateway.api_key.upper(), "secret"):
        async with connected(gateway, wrong) as wire:
            with refused(grpc.StatusCode.UNAUTHENTICATED):
                await wire.open_session()


async def test_stream_without_a_key_is_unauthenticated(gateway: SimulatedGateway, session: WireSession) -> None:
    async with connected(gateway, without_key=True) as wire, wire.session(session.session_id).events() as events:
        assert await events.end() is grpc.StatusCode.UNAUTHENTICATED


async def test_revoked_key_is_unauthenticated(gateway: SimulatedGateway) -> None:
    key = gateway.add_key("session:open")
    async with connected(gateway, key) as wire:
        await wire.open_session()
        gateway.revoke_key(key)
        with refused(grpc.StatusCode.UNAUTHENTICATED):
            await wire.open_session()


async def test_generated_key_has_all_scopes_and_an_awkward_secret(gateway: SimulatedGateway) -> None:
    prefix, key_id, secret = gateway.api_key.split("_", 2)
    assert prefix == "mxgw"
    assert key_id
    assert "_" in secret
    assert "-" in secret


async def test_gateway_accepts_the_given_key() -> None:
    key = "mxgw_me_with_a_long-secret"
    async with SimulatedGateway(api_key=key) as gateway, connected(gateway, key) as wire:
        assert gateway.api_key == key
        await wire.open_session()


async def test_invalid_key_and_unknown_scope_raise_at_once(gateway: SimulatedGateway) -> None:
    with pytest.raises(ValueError, match="mxgw_"):
        SimulatedGateway(api_key="secret")
    with pytest.raises(ValueError, match="invoke:all"):
        gateway.add_key("invoke:all")


async def test_open_session_requires_session_open(gateway: SimulatedGateway) -> None:
    everything_else = set(Scope) - {Scope.SESSION_OPEN}
    async with connected(gateway, gateway.add_key(*everything_else)) as wire:
        with refused(grpc.StatusCode.PERMISSION_DENIED, "session:open"):
            await wire.open_session()


async def test_close_session_requires_session_close(gateway: SimulatedGateway, session: WireSession) -> None:
    everything_else = set(Scope) - {Scope.SESSION_CLOSE}
    async with connected(gateway, gateway.add_key(*everything_else)) as wire:
        with refused(grpc.StatusCode.PERMISSION_DENIED, "session:close"):
            await wire.close_session(session.session_id)


async def test_stream_events_requires_events_read(gateway: SimulatedGateway, session: WireSession) -> None:
    everything_else = set(Scope) - {Scope.EVENTS_READ}
    async with (
        connected(gateway, gateway.add_key(*everything_else)) as wire,
        wire.session(session.session_id).events() as events,
    ):
        assert await events.end() is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(("scope", "kind"), _KINDS, ids=str)
async def test_command_requires_its_scope(
    gateway: SimulatedGateway, session: WireSession, scope: Scope, kind: pb.MxCommandKind.ValueType
) -> None:
    everything_else = set(Scope) - {scope}
    async with connected(gateway, gateway.add_key(*everything_else)) as wire:
        with refused(grpc.StatusCode.PERMISSION_DENIED, str(scope)):
            await wire.session(session.session_id).reply(kind)
    async with connected(gateway, gateway.add_key(scope)) as wire:
        reply = await wire.session(session.session_id).reply(kind)
        assert reply.kind == kind


def test_every_command_kind_has_a_scope() -> None:
    assert {pb.MX_COMMAND_KIND_UNSPECIFIED} | _KINDS_WITH_SCOPE == set(pb.MxCommandKind.values())


async def test_unknown_command_kind_requires_admin(gateway: SimulatedGateway, session: WireSession) -> None:
    for number in (0, 999, 4711):
        everything_else = set(Scope) - {Scope.ADMIN}
        async with connected(gateway, gateway.add_key(*everything_else)) as wire:
            with refused(grpc.StatusCode.PERMISSION_DENIED, "admin"):
                command = pb.MxCommand(kind=number)  # type: ignore[arg-type]  # as from a newer client
                await wire.session(session.session_id).send(command)


async def test_key_is_checked_before_the_session(gateway: SimulatedGateway) -> None:
    async with connected(gateway, gateway.add_key("session:open")) as wire:
        with refused(grpc.StatusCode.PERMISSION_DENIED):
            await wire.session("session-unknown").reply(pb.MX_COMMAND_KIND_PING)


async def test_key_can_be_limited_to_part_of_the_galaxy(gateway: SimulatedGateway, session: WireSession) -> None:
    key = gateway.add_key(*Scope, galaxy=("TestMachine_00?.*", "TestChildObject.TestInt"))
    server, foreign = await session.advised("TestChildObject.TestString")
    async with connected(gateway, key) as wire:
        limited = wire.session(session.session_id)
        await limited.advised("TestMachine_001.TestChangingInt", server)
        await limited.advised("testchildobject.testint", server)
        for definition in ("TestChildObject.TestString", "TestChildObject.TestIntArray", "TestPump.Speed"):
            with refused(grpc.StatusCode.PERMISSION_DENIED, definition):
                await limited.add_item(server, definition)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "TestString"):
            await limited.reply(pb.MX_COMMAND_KIND_UN_ADVISE, server_handle=server, item_handle=foreign)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "TestString"):
            await limited.write((server, foreign), pb.MxValue(string_value="mine"))


async def test_call_record_has_the_key_id_but_not_the_key(
    gateway: SimulatedGateway, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with refused(grpc.StatusCode.NOT_FOUND):
        await wire.close_session("session-unknown")
    (call,) = gateway.calls
    assert call.rpc == "CloseSession"
    assert call.request == pb.CloseSessionRequest(session_id="session-unknown")
    assert "authorization" in call.metadata_keys
    assert call.authorised
    assert call.status is grpc.StatusCode.NOT_FOUND
    assert call.key_id == gateway.api_key.split("_")[1]
    assert 0 < (call.deadline or 0) < 6
    assert gateway.api_key not in repr((call, gateway, gateway.sessions)) + caplog.text


async def test_refused_call_is_recorded_as_not_authorised(gateway: SimulatedGateway) -> None:
    async with connected(gateway, without_key=True) as wire:
        with refused(grpc.StatusCode.UNAUTHENTICATED):
            await wire.open_session(client_session_name="limited")
    (call,) = gateway.calls
    assert call.request == pb.OpenSessionRequest(client_session_name="limited")
    assert not call.authorised
    assert call.key_id is None
