"""Calls work through a real nginx, and errors of nginx are distinguished from errors of the gateway."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayAuthorizationError,
    MxGatewayCertificateError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewayTransportError,
)
from mxgateway.testing import Limits, SimulatedGateway
from support.certificates import Certificates, write_certificate
from support.faults.fault_proxy import FaultProxy
from support.nginx import free_port, nginx_before, nginx_with

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "proxies.md"
LONG_TEXT = "x" * 2_000_000


async def test_calls_work_through_tls_proxy(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.open_session() as session,
    ):
        server = await session.register("test")
        results = await session.add_item_bulk(server, ["TestChildObject.TestInt"] * 1000)
        assert all(result.was_successful for result in results)
        assert [child.tag_name async for child in client.galaxy.browse_children()]
        assert await client.query_active_alarms().__anext__()


async def test_certificate_with_any_name_is_remembered(gateway: SimulatedGateway, tmp_path: Path) -> None:
    # nginx would refuse this name as the host of a request.
    shown = write_certificate(tmp_path, common_name="MXAccess Gateway")
    async with nginx_before(tmp_path, gateway.endpoint, shown=shown) as nginx:
        for _ in range(2):
            async with GatewayClient.connect(
                endpoint=nginx.endpoint,
                api_key=gateway.api_key,
                known_gateways_file=tmp_path / "known",
                trust_on_first_use=True,
            ) as client:
                assert client.certificate_fingerprint == shown.fingerprint


async def test_changed_certificate_is_refused(gateway: SimulatedGateway, tmp_path: Path) -> None:
    options = ClientOptions(
        endpoint=f"127.0.0.1:{free_port()}",
        api_key=gateway.api_key,
        known_gateways_file=tmp_path / "known",
        trust_on_first_use=True,
    )
    port = int(options.endpoint.rpartition(":")[2])
    old, new = write_certificate(tmp_path, "127.0.0.1"), write_certificate(tmp_path, "127.0.0.1")
    async with nginx_before(tmp_path, gateway.endpoint, shown=old, port=port), GatewayClient.connect(options):
        seen = len(gateway.calls)
    async with nginx_before(tmp_path, gateway.endpoint, shown=new, port=port):
        with pytest.raises(MxGatewayCertificateError) as caught:
            await GatewayClient.connect(options)

    assert (caught.value.trusted_fingerprints, caught.value.shown_fingerprint) == ((old.fingerprint,), new.fingerprint)
    assert len(gateway.calls) == seen


async def test_missing_client_certificate_is_reported(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    certificate_check = f"ssl_client_certificate {certificates.ca}; ssl_verify_client on;"
    async with nginx_before(tmp_path, gateway.endpoint, shown=certificates.gateway, server=certificate_check) as nginx:
        with pytest.raises(MxGatewayProtocolError, match="it may require a client certificate") as caught:
            await GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca)
        assert caught.value.http_status == 400

        async with GatewayClient.connect(
            endpoint=nginx.endpoint,
            api_key=gateway.api_key,
            ca_file=certificates.ca,
            client_certificate_file=certificates.client.certificate,
            client_key_file=certificates.client.key,
        ):
            pass


PAGES: dict[int, type[MxGatewayError]] = {
    301: MxGatewayProtocolError,
    400: MxGatewayProtocolError,
    401: MxGatewayAuthenticationError,
    403: MxGatewayAuthorizationError,
    404: MxGatewayProtocolError,
    405: MxGatewayProtocolError,
    413: MxGatewayLimitError,
    429: MxGatewayLimitError,
    431: MxGatewayLimitError,
    500: MxGatewayTransportError,
    502: MxGatewayTransportError,
    503: MxGatewayTransportError,
    504: MxGatewayTransportError,
}


async def test_error_page_of_proxy_is_reported_as_such(gateway: SimulatedGateway, tmp_path: Path) -> None:
    # The key selects the page.
    pages = " ".join(f'if ($http_authorization ~ "page-{status}") {{ return {status}; }}' for status in PAGES)
    async with nginx_before(tmp_path, gateway.endpoint, location=pages) as nginx:
        for status, kind in PAGES.items():
            with pytest.raises(MxGatewayError) as caught:
                await GatewayClient.connect(endpoint=nginx.endpoint, api_key=f"mxgw_1_page-{status}", plaintext=True)

            error = caught.value
            assert (type(error), error.http_status) == (kind, status)
            assert f"HTTP status {status} instead of an answer from a gateway" in str(error)
            assert error.hint is not None
    assert not gateway.calls


@pytest.mark.parametrize("status", [403, 502])
async def test_later_error_page_fails_calls_but_not_the_session(
    gateway: SimulatedGateway, tmp_path: Path, status: int
) -> None:
    page = tmp_path / "page"
    page_if_file_exists = f"set $page 0; if (-f {page}) {{ return {status}; }}"
    async with (
        nginx_before(tmp_path, gateway.endpoint, location=page_if_file_exists) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        await asyncio.to_thread(page.touch)
        with pytest.raises(PAGES[status]) as call_error:
            await session.ping()
        with pytest.raises((PAGES[status], MxGatewayTransportError)) as stream_error:
            await anext(session.stream_events())
        await asyncio.to_thread(page.unlink)
        await session.ping()

    assert call_error.value.http_status == status
    # gRPC doesn't always report the HTTP status of a response that ends a stream.
    assert stream_error.value.http_status in {status, None}
    assert stream_error.value.hint is not None


async def test_page_with_status_200_is_transport_error(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with nginx_before(tmp_path, gateway.endpoint, location="return 200 'welcome';") as nginx:
        with pytest.raises(MxGatewayTransportError, match="the server does not speak gRPC"):
            await GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True)


async def test_unreachable_gateway_behind_proxy_is_reported(tmp_path: Path) -> None:
    async with nginx_before(tmp_path, f"127.0.0.1:{free_port()}") as nginx:
        with pytest.raises(MxGatewayTransportError, match="the proxy cannot reach the gateway") as caught:
            await GatewayClient.connect(endpoint=nginx.endpoint, plaintext=True)
    assert caught.value.http_status == 502


async def test_key_too_long_for_proxy_is_not_shown(gateway: SimulatedGateway, tmp_path: Path) -> None:
    key = f"mxgw_1_{'very-secret' * 300}"
    async with nginx_before(tmp_path, gateway.endpoint, server="large_client_header_buffers 4 1k;") as nginx:
        with pytest.raises(MxGatewayTransportError) as caught:
            await GatewayClient.connect(endpoint=nginx.endpoint, api_key=key, plaintext=True)
    assert "very-secret" not in str(caught.value)


async def test_command_too_large_for_proxy_is_limit_error(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        # nginx limits request bodies to 1 MB by default.
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        server = await session.register("test")
        item = await session.add_item(server, "TestChildObject.TestString")
        await session.advise(server, item)
        with pytest.raises(MxGatewayLimitError, match="client_max_body_size") as caught:
            await session.write(server, item, LONG_TEXT)
        assert caught.value.http_status == 413

        await session.write(server, item, "short")


async def test_calls_run_once_when_proxy_closes_connections(tmp_path: Path) -> None:
    # nginx sends GOAWAY after 20 calls on a connection, and drops the calls that are already under way.
    tasks, calls, calls_per_connection = 8, 60, "keepalive_requests 20;"
    async with (
        SimulatedGateway(ramp_interval=None, limits=Limits(recorded_calls=10_000)) as gateway,
        nginx_before(tmp_path, gateway.endpoint, server=calls_per_connection) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        server = await session.register("test")

        async def add_items() -> list[int]:
            return [await session.add_item(server, "TestChildObject.TestInt") for _ in range(calls)]

        handles = await asyncio.gather(*(add_items() for _ in range(tasks)))

        # Exactly one handle for each call: no call was lost, and none was run twice.
        assert sorted(handle for added in handles for handle in added) == list(range(1, tasks * calls + 1))


async def test_calls_continue_during_proxy_reloads(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        reloaded = asyncio.Event()

        async def ping() -> int:
            for count in range(1, 100_000):
                await session.ping()
                if reloaded.is_set():
                    return count
            return 0

        pings = [asyncio.create_task(ping()) for _ in range(4)]
        for _ in range(3):
            await nginx.reload()
        reloaded.set()
        assert all(await asyncio.gather(*pings))


async def test_connection_closed_for_idleness_is_reopened(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with (
        nginx_before(tmp_path, gateway.endpoint, server="keepalive_timeout 100ms;") as nginx,
        FaultProxy(int(nginx.endpoint.rpartition(":")[2])) as proxy,
        GatewayClient.connect(endpoint=proxy.endpoint, api_key=gateway.api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        for _ in range(3):
            await session.ping()
            await proxy.wait_until(lambda: proxy.connections == 0)
        await session.ping()


async def test_nginx_configuration_of_documentation_works(
    gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    (block,) = re.findall(r"^```nginx\n(.*?)^```$", await asyncio.to_thread(PAGE.read_text), re.MULTILINE | re.DOTALL)
    port = free_port()
    for theirs, ours in {
        "listen 5001 ": f"listen 127.0.0.1:{port} ",
        "127.0.0.1:5000": gateway.endpoint,
        "/etc/nginx/gateway.crt": str(certificates.gateway.certificate),
        "/etc/nginx/gateway.key": str(certificates.gateway.key),
    }.items():
        assert theirs in block
        block = block.replace(theirs, ours)

    async with (
        nginx_with(tmp_path, block, port) as nginx,
        GatewayClient.connect(endpoint=nginx.endpoint, api_key=gateway.api_key, ca_file=certificates.ca) as client,
        client.tags("test") as tags,
    ):
        await tags.write("TestChildObject.TestString", LONG_TEXT)
        (reading,) = await tags.read("TestChildObject.TestString")
        assert reading.value == LONG_TEXT
