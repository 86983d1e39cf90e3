"""A server that does not speak HTTP/2 is soon reported in one line, on the first connection and on a later one."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayError,
    MxGatewayProtocolError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates
from support.scripted_gateway import Connection, ScriptedGateway, listening, serving

_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
_GOAWAY = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + struct.pack("!II", 0, 2)
_TLS_ALERT = bytes([21, 3, 3, 0, 2, 2, 40])


def sending(data: bytes, *, then_close: bool = False, after_input: bool = False) -> Connection:
    """Return a server that sends these bytes on every connection, and then nothing more."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if after_input:
            await reader.read(1)
        writer.write(data)
        await writer.drain()
        if then_close:
            writer.close()
        else:
            await reader.read()

    return talk


async def send_garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send garbage without end."""
    while True:
        writer.write(b"\x8fgarbage\x00" * 1000)
        await writer.drain()


OTHER_SERVERS = {
    "ssh server": sending(b"SSH-2.0-OpenSSH_9.6\r\n"),
    "mail server": sending(b"220 mail.plant ESMTP ready\r\n" * 10),
    "HTTP/1.1 server": sending(
        b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\n<html>",
        then_close=True,
        after_input=True,
    ),
    "HTTP/1.1 server with keep-alive": sending(
        b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", after_input=True
    ),
    "garbage": sending(bytes(range(256)) * 50),
    "endless garbage": send_garbage,
    "silence": sending(b""),
    "immediate close": sending(b"", then_close=True),
    "TLS alert": sending(_TLS_ALERT, then_close=True),
    "only a settings frame": sending(_SETTINGS),
    "settings, then GOAWAY": sending(_SETTINGS + _GOAWAY, then_close=True),
    "frame of maximum size": sending(_SETTINGS + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01"),
    "half a frame": sending(_SETTINGS[:5], then_close=True),
    "data for an unopened stream": sending(_SETTINGS + bytes([0, 0, 1, 0, 0, 0, 0, 0, 99, 65])),
    "invalid HPACK headers": sending(_SETTINGS + bytes([0, 0, 4, 1, 5, 0, 0, 0, 1]) + b"\xff" * 4),
}


@pytest.mark.parametrize("tls", [False, True], ids=["plaintext", "TLS"])
@pytest.mark.parametrize("talk", OTHER_SERVERS.values(), ids=OTHER_SERVERS)
async def test_connect_soon_reports_missing_gateway_in_one_line(talk: Connection, tls: bool) -> None:
    began = time.monotonic()
    async with listening(talk) as endpoint:
        with pytest.raises(MxGatewayError) as caught:
            await GatewayClient.connect(endpoint=endpoint, plaintext=not tls, connect_timeout=0.2)

    assert isinstance(caught.value, (MxGatewayTransportError, MxGatewayTimeoutError, MxGatewayProtocolError))
    assert time.monotonic() - began < 10
    assert endpoint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("talk", OTHER_SERVERS.values(), ids=OTHER_SERVERS)
async def test_calls_end_in_time_when_another_server_replaces_gateway(talk: Connection) -> None:
    async with client_of_replaced_gateway(talk) as client:
        session = client.attach_session("session-1")
        began = time.monotonic()

        for call in (session.ping, client.galaxy.test_connection, client.galaxy.last_deploy_time):
            with pytest.raises((MxGatewayTransportError, MxGatewayTimeoutError, MxGatewayProtocolError)):
                await call()
        # A stream has no timeout: a broken connection ends it, and keepalive detects a silent peer.
        with pytest.raises((MxGatewayTransportError, MxGatewayProtocolError, TimeoutError)):
            async with asyncio.timeout(0.1), session.stream_events() as events:
                await anext(events)

        assert time.monotonic() - began < 10


@asynccontextmanager
async def client_of_replaced_gateway(talk: Connection) -> AsyncGenerator[GatewayClient]:
    """Connect a client, and replace its gateway with another server on the same port."""
    async with serving(ScriptedGateway()) as endpoint:
        client = await GatewayClient.connect(endpoint=endpoint, plaintext=True, timeout=0.1)
    host, port = endpoint.rsplit(":", 1)
    async with listening(talk, host=host, port=int(port)):
        yield client
        await client.close()


async def test_plaintext_to_tls_port_is_reported(certificates: Certificates) -> None:
    async with SimulatedGateway(tls=certificates.gateway.server()) as gateway:
        with pytest.raises(MxGatewayTransportError, match="speaks TLS: remove plaintext=True"):
            await GatewayClient.connect(endpoint=gateway.endpoint, plaintext=True)


async def test_tls_to_plaintext_port_is_reported(gateway: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayTransportError, match="plaintext=True"):
        await GatewayClient.connect(endpoint=gateway.endpoint)


async def test_tls_server_without_http2_is_reported(certificates: Certificates) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.gateway.certificate, certificates.gateway.key)

    async def answer_http_1(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.read(1)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.read()
        writer.close()

    server = await asyncio.start_server(answer_http_1, "127.0.0.1", 0, ssl=context)
    endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server:
        with pytest.raises((MxGatewayTransportError, MxGatewayProtocolError, MxGatewayTimeoutError)) as caught:
            await GatewayClient.connect(endpoint=endpoint, ca_file=certificates.ca, connect_timeout=0.5)

    assert endpoint in str(caught.value)


async def test_resets_of_every_connection_are_soon_reported() -> None:
    async def reset(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()

    began = time.monotonic()
    async with listening(reset) as endpoint:
        with pytest.raises(MxGatewayTransportError):
            await GatewayClient.connect(endpoint=endpoint, plaintext=True, connect_timeout=0.5)

    assert time.monotonic() - began < 10
