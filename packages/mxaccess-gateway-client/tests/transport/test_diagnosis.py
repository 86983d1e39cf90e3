"""Diagnosis reports step by step why a gateway cannot be reached, and what to change."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mxgateway import ClientOptions, GatewayClient, MxGatewayTransportError
from mxgateway.diagnosis import TlsReport, inspect_tls, look_up, reach
from mxgateway.testing import ServerTls, SimulatedGateway
from support.certificates import Certificates, Pair, write_certificate


async def _inspected(shown: Pair, **fields: object) -> TlsReport:
    async with SimulatedGateway(tls=shown.server()) as gateway:
        report = await inspect_tls(ClientOptions(endpoint=gateway.endpoint, **fields))  # type: ignore[arg-type]  # fields of the test
    assert report is not None
    return report


@pytest.fixture
async def silent_port() -> AsyncIterator[int]:
    """A port that accepts connections and sends nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_address_is_returned_as_it_is() -> None:
    assert await look_up(ClientOptions(endpoint="127.0.0.1:5001")) == ("127.0.0.1",)


async def test_unknown_name_raises() -> None:
    with pytest.raises(MxGatewayTransportError, match=r"nobody\.invalid is unknown: check the spelling"):
        await look_up(ClientOptions(endpoint="nobody.invalid:5001"))


async def test_listening_port_is_reached(gateway: SimulatedGateway) -> None:
    await reach(ClientOptions(endpoint=gateway.endpoint))


async def test_closed_port_names_the_usual_ports() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(MxGatewayTransportError, match=rf"nothing listens on port {port}.*5000 plaintext, 5001 TLS"):
        await reach(ClientOptions(endpoint=f"127.0.0.1:{port}"))


async def test_trusted_certificate_is_reported_in_full(certificates: Certificates) -> None:
    report = await _inspected(certificates.gateway, ca_file=certificates.ca)

    assert report.problem is None
    assert report.tls_version.startswith("TLSv1.")
    assert set(report.certificate.names) == {"127.0.0.1", "localhost"}
    assert report.certificate.fingerprint == certificates.gateway.fingerprint
    assert report.certificate.not_before is not None
    assert report.certificate.not_after is not None
    assert report.certificate.not_before < datetime.now(UTC) < report.certificate.not_after
    assert "organizationName=" in report.certificate.issuer


@pytest.mark.parametrize("trusted", ["root", "intermediate", "certificate"])
async def test_certificate_that_grpc_trusts_has_no_problem(tmp_path: Path, trusted: str) -> None:
    # None of them has a key identifier, which Python requires since 3.13, and the root is not always sent.
    root = write_certificate(tmp_path, common_name="root", is_ca=True)
    intermediate = write_certificate(tmp_path, common_name="intermediate", is_ca=True, by=root)
    shown = write_certificate(tmp_path, "127.0.0.1", by=intermediate)
    ca_file = {"root": root, "intermediate": intermediate, "certificate": shown}[trusted].certificate
    chain = shown.certificate.read_bytes() + intermediate.certificate.read_bytes()
    tls = ServerTls(certificate_chain=chain, private_key=shown.key)
    async with SimulatedGateway(tls=tls, ramp_interval=None) as gateway:
        options = ClientOptions(endpoint=gateway.endpoint, api_key=gateway.api_key, ca_file=ca_file)
        async with GatewayClient.connect(options):
            report = await inspect_tls(options)

    assert report is not None
    assert report.problem is None


async def test_untrusted_certificate_is_reported_too(certificates: Certificates) -> None:
    report = await _inspected(certificates.gateway)

    assert report.problem is not None
    assert "set ca_file to its CA" in report.problem
    assert report.certificate.fingerprint == certificates.gateway.fingerprint


async def test_expired_certificate_is_reported_with_its_end(certificates: Certificates) -> None:
    report = await _inspected(certificates.expired, ca_file=certificates.ca)

    assert report.problem == "the gateway's certificate has expired: install a new one on the gateway"
    assert report.certificate.not_after == datetime(2020, 1, 1, tzinfo=UTC)


async def test_certificate_for_other_name_reports_its_names(certificates: Certificates) -> None:
    report = await _inspected(certificates.named_otherwise, ca_file=certificates.ca)

    assert report.problem is not None
    assert "is for gateway.plant" in report.problem


async def test_pinned_certificate_of_any_issuer_is_trusted(certificates: Certificates) -> None:
    fingerprint = certificates.gateway.fingerprint

    assert (await _inspected(certificates.gateway, certificate_fingerprint=fingerprint)).problem is None


async def test_other_certificate_than_pinned_is_a_problem(certificates: Certificates) -> None:
    report = await _inspected(certificates.gateway, certificate_fingerprint="0" * 64)

    assert report.problem is not None
    assert certificates.gateway.fingerprint in report.problem


async def test_unknown_gateway_is_reported_as_first_use(certificates: Certificates, tmp_path: Path) -> None:
    known = tmp_path / "known_gateways"

    # An inspection remembers nothing, so the second result equals the first.
    for _ in range(2):
        report = await _inspected(certificates.gateway, known_gateways_file=known, trust_on_first_use=True)

        assert (report.problem, report.first_use) == (None, True)


async def test_expired_pinned_certificate_is_a_problem(certificates: Certificates) -> None:
    report = await _inspected(certificates.expired, certificate_fingerprint=certificates.expired.fingerprint)

    assert report.problem == "the gateway's certificate has expired: install a new one on the gateway"


async def test_tls_to_plaintext_port_reports_what_to_change(gateway: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayTransportError, match=r"plaintext port \(plaintext=True\)"):
        await inspect_tls(ClientOptions(endpoint=gateway.endpoint))


async def test_plaintext_to_tls_port_reports_what_to_change(certificates: Certificates) -> None:
    async with SimulatedGateway(tls=certificates.gateway.server()) as gateway:
        with pytest.raises(MxGatewayTransportError, match="the port speaks TLS: remove plaintext=True"):
            await inspect_tls(ClientOptions(endpoint=gateway.endpoint, plaintext=True))


async def test_plaintext_to_plaintext_port_reports_nothing(gateway: SimulatedGateway) -> None:
    assert await inspect_tls(ClientOptions(endpoint=gateway.endpoint, plaintext=True)) is None


async def test_silent_port_times_out(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxgateway.diagnosis._MAX_SECONDS", 0.1)

    async with asyncio.timeout(5):
        with pytest.raises(MxGatewayTransportError, match="does not answer: check that it is the gateway's port"):
            await inspect_tls(ClientOptions(endpoint=f"127.0.0.1:{silent_port}"))
