"""Connecting waits for the gateway's first reply, and reports why none came."""

from __future__ import annotations

import asyncio
import logging
import socket
import time

import grpc
import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.scripted_gateway import Connection, ScriptedGateway, listening, serving


@pytest.fixture
def free_port() -> int:
    """Return a loopback port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    """Receive everything and send nothing."""
    await reader.read()


async def garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send something that is not HTTP/2."""
    writer.write(b"220 mail.plant ESMTP ready\r\n" * 10)
    await writer.drain()


async def http1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer like an HTTP/1.0 server."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept the connection and close it at once."""
    writer.close()


async def test_connect_can_be_awaited(gateway: SimulatedGateway) -> None:
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)

    assert client.endpoint == gateway.endpoint
    assert not client.closed
    await client.close()


async def test_connect_can_be_entered(gateway: SimulatedGateway) -> None:
    options = ClientOptions(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)

    async with GatewayClient.connect(options) as client:
        assert client.options is options

    assert client.closed


async def test_connect_sends_one_call_without_a_session(gateway: SimulatedGateway, client: GatewayClient) -> None:
    assert [call.rpc for call in gateway.calls] == ["Invoke"]
    assert gateway.calls[0].authorised
    assert not gateway.sessions
    assert client.options.plaintext


@pytest.mark.parametrize("scope", ["session:open", "events:read", "metadata:read", "invoke:write"])
async def test_key_with_any_scope_can_connect(gateway: SimulatedGateway, scope: str) -> None:
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.add_key(scope), plaintext=True):
        pass


async def test_full_gateway_can_be_connected_to(gateway: SimulatedGateway) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.RESOURCE_EXHAUSTED)

    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True):
        pass


async def test_connect_waits_for_the_first_reply(gateway: SimulatedGateway) -> None:
    gateway.faults.delay_calls(0.1)
    began = time.monotonic()

    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True):
        assert time.monotonic() - began >= 0.09
        gateway.faults.delay_calls(0)


async def test_closed_port_is_reported_at_once(free_port: int) -> None:
    began = time.monotonic()

    with pytest.raises(MxGatewayTransportError) as caught:
        await GatewayClient.connect(endpoint=f"127.0.0.1:{free_port}", plaintext=True)

    assert time.monotonic() - began < 3
    assert f"nothing listens on port {free_port} of 127.0.0.1: check the port" in str(caught.value)
    assert caught.value.method == "connect"


async def test_unknown_name_is_reported(free_port: int) -> None:
    with pytest.raises(MxGatewayTransportError, match=r"the name gateway\.invalid is unknown: check the spelling"):
        await GatewayClient.connect(endpoint=f"gateway.invalid:{free_port}", plaintext=True)


@pytest.mark.parametrize("talk", [garbage, http1, hang_up])
async def test_server_without_grpc_is_reported_soon(talk: Connection) -> None:
    began = time.monotonic()
    async with listening(talk) as endpoint:
        with pytest.raises((MxGatewayTransportError, MxGatewayProtocolError)) as caught:
            await GatewayClient.connect(endpoint=endpoint, plaintext=True, connect_timeout=2)

    assert time.monotonic() - began < 8
    assert endpoint in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_silent_port_fails_after_connect_timeout() -> None:
    began = time.monotonic()
    async with listening(silent) as endpoint:
        with pytest.raises((MxGatewayTimeoutError, MxGatewayTransportError)) as caught:
            await GatewayClient.connect(endpoint=endpoint, plaintext=True, connect_timeout=0.3)

    assert time.monotonic() - began < 2
    assert "accepts the connection but does not answer: check" in str(caught.value)


async def test_silent_tls_port_fails_after_connect_timeout() -> None:
    async with listening(silent) as endpoint:
        with pytest.raises(
            (MxGatewayTimeoutError, MxGatewayTransportError), match="accepts the connection but does not answer: check"
        ):
            await GatewayClient.connect(endpoint=endpoint, connect_timeout=0.3)


async def test_other_grpc_server_is_reported() -> None:
    async with serving(None) as endpoint:
        with pytest.raises(MxGatewayProtocolError, match="the endpoint is not an MXAccess Gateway"):
            await GatewayClient.connect(endpoint=endpoint, plaintext=True)


async def test_unknown_key_is_reported(gateway: SimulatedGateway) -> None:
    key = "mxgw_ffffffff_unknown"

    with pytest.raises(MxGatewayAuthenticationError, match="check that the API key is complete") as caught:
        await GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True)

    assert "unknown" not in str(caught.value).replace("gateway knows it", "")


async def test_missing_key_is_reported(gateway: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayAuthenticationError, match="the authorization metadata is missing"):
        await GatewayClient.connect(endpoint=gateway.endpoint, plaintext=True)


async def test_proxy_in_environment_is_ignored(
    gateway: SimulatedGateway, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "grpc_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port}")

    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True):
        pass


async def test_proxy_in_environment_is_used_on_request(
    gateway: SimulatedGateway, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port}")

    with pytest.raises(MxGatewayTransportError):
        await GatewayClient.connect(endpoint=gateway.endpoint, plaintext=True, use_http_proxy=True, connect_timeout=2)


async def test_ipv6_address_can_be_connected_to() -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    async with (
        SimulatedGateway(host="::1") as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session(),
    ):
        assert client.endpoint.startswith("[::1]:")


@pytest.mark.parametrize(
    ("endpoint", "warned"),
    [("127.0.0.1:1", False), ("[::1]:1", False), ("localhost:1", False), ("gateway.invalid:1", True)],
)
async def test_key_in_plaintext_to_other_machine_is_warned_about(
    caplog: pytest.LogCaptureFixture, endpoint: str, warned: bool
) -> None:
    with pytest.raises(MxGatewayTransportError):
        await GatewayClient.connect(endpoint=endpoint, api_key="mxgw_0a1b2c3d_secret", plaintext=True)

    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert bool(warnings) is warned
    assert all(f"is sent to {endpoint} in plaintext" in warning and "secret" not in warning for warning in warnings)


async def test_successful_use_logs_nothing_above_debug(client: GatewayClient, caplog: pytest.LogCaptureFixture) -> None:
    async with client.open_session() as session:
        await session.register("test")

    assert not [record for record in caplog.records if record.name.startswith("mxgateway")]


async def test_large_messages_pass_in_both_directions(
    scripted: ScriptedGateway, scripted_client: GatewayClient
) -> None:
    text = "x" * (10 * 1024 * 1024)
    scripted.edit_reply = lambda reply: setattr(reply.return_value, "string_value", text)
    session = scripted_client.attach_session("session-1")

    reply = await session.invoke(
        pb.MxCommand(kind=pb.MX_COMMAND_KIND_WRITE, write=pb.WriteCommand(value=pb.MxValue(string_value=text)))
    )

    assert reply.return_value.string_value == text
    assert scripted.command().command.write.value.string_value == text


async def test_too_large_reply_raises_limit_error(scripted: ScriptedGateway) -> None:
    scripted.edit_reply = lambda reply: setattr(reply.return_value, "string_value", "x" * 5000)
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, max_message_bytes=4096) as client:
        with pytest.raises(MxGatewayLimitError, match="larger than max"):
            await client.attach_session("session-1").ping()


async def test_too_large_request_is_not_sent(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, max_message_bytes=4096) as client:
        with pytest.raises(MxGatewayLimitError, match="max_message_bytes"):
            await client.attach_session("session-1").write(1, 2, "x" * 5000)

    assert not scripted.requests("Invoke")


async def test_client_reconnects_after_transport_error(gateway: SimulatedGateway, client: GatewayClient) -> None:
    await gateway.stop()
    with pytest.raises(MxGatewayTransportError):
        await client.open_session()

    await gateway.start()

    async with asyncio.timeout(10):
        while not await can_open_session(client):  # noqa: ASYNC110 - no event reports that the connection is back
            await asyncio.sleep(0.02)


async def can_open_session(client: GatewayClient) -> bool:
    """Return whether the gateway opens a session, and close it again."""
    try:
        async with client.open_session():
            return True
    except MxGatewayTransportError:
        return False


def test_connect_errors_have_one_base_class() -> None:
    async def connect() -> None:
        await GatewayClient.connect(endpoint="127.0.0.1:1", plaintext=True)

    with pytest.raises(MxGatewayError):
        asyncio.run(connect())


async def test_failed_connect_leaves_no_connection_open(gateway: SimulatedGateway) -> None:
    async with FaultProxy(int(gateway.endpoint.rpartition(":")[2])) as proxy:
        with pytest.raises(MxGatewayAuthenticationError):
            await GatewayClient.connect(endpoint=proxy.endpoint, api_key="mxgw_0a1b2c3d_wrong", plaintext=True)

        await proxy.wait_until(lambda: proxy.connections == 0)
