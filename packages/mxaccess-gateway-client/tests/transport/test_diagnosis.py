"""What stands between this machine and a gateway is told step by step, with what to change."""

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
    """A port that accepts connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


async def test_an_address_stands_for_itself() -> None:
    assert await look_up(ClientOptions(endpoint="127.0.0.1:5001")) == ("127.0.0.1",)


async def test_an_unknown_name_says_so() -> None:
    with pytest.raises(MxGatewayTransportError, match=r"nobody\.invalid is unknown: check the spelling"):
        await look_up(ClientOptions(endpoint="nobody.invalid:5001"))


async def test_a_port_where_something_listens_is_reached(gateway: SimulatedGateway) -> None:
    await reach(ClientOptions(endpoint=gateway.endpoint))


async def test_a_port_where_nothing_listens_names_the_usual_ones() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    with pytest.raises(MxGatewayTransportError, match=rf"nothing listens on port {port}.*5000 plaintext, 5001 TLS"):
        await reach(ClientOptions(endpoint=f"127.0.0.1:{port}"))


async def test_a_trusted_certificate_comes_with_its_names_dates_and_fingerprint(certificates: Certificates) -> None:
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
async def test_what_grpc_trusts_is_no_problem(tmp_path: Path, trusted: str) -> None:
    # None of them has a key identifier, which Python from 3.13 on wants, and the root isn't always there.
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


async def test_a_certificate_that_is_not_trusted_is_shown_all_the_same(certificates: Certificates) -> None:
    report = await _inspected(certificates.gateway)

    assert report.problem is not None
    assert "set ca_file to its CA" in report.problem
    assert report.certificate.fingerprint == certificates.gateway.fingerprint


async def test_an_expired_certificate_is_shown_with_its_end(certificates: Certificates) -> None:
    report = await _inspected(certificates.expired, ca_file=certificates.ca)

    assert report.problem == "the gateway's certificate has expired: install a new one on the gateway"
    assert report.certificate.not_after == datetime(2020, 1, 1, tzinfo=UTC)


async def test_a_certificate_for_another_name_says_for_which(certificates: Certificates) -> None:
    report = await _inspected(certificates.named_otherwise, ca_file=certificates.ca)

    assert report.problem is not None
    assert "is for gateway.plant" in report.problem


async def test_a_pinned_certificate_is_trusted_whoever_made_it(certificates: Certificates) -> None:
    fingerprint = certificates.gateway.fingerprint

    assert (await _inspected(certificates.gateway, certificate_fingerprint=fingerprint)).problem is None


async def test_another_certificate_than_the_pinned_one_is_a_problem(certificates: Certificates) -> None:
    report = await _inspected(certificates.gateway, certificate_fingerprint="0" * 64)

    assert report.problem is not None
    assert certificates.gateway.fingerprint in report.problem


async def test_a_gateway_that_is_not_known_says_that_it_would_be_trusted(
    certificates: Certificates, tmp_path: Path
) -> None:
    known = tmp_path / "known_gateways"

    # A look remembers nothing, so that the second is like the first.
    for _ in range(2):
        report = await _inspected(certificates.gateway, known_gateways_file=known, trust_on_first_use=True)

        assert (report.problem, report.first_use) == (None, True)


async def test_a_pinned_certificate_that_has_expired_is_a_problem_all_the_same(certificates: Certificates) -> None:
    report = await _inspected(certificates.expired, certificate_fingerprint=certificates.expired.fingerprint)

    assert report.problem == "the gateway's certificate has expired: install a new one on the gateway"


async def test_a_port_without_tls_says_how_to_go_on(gateway: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayTransportError, match=r"plaintext port \(plaintext=True\)"):
        await inspect_tls(ClientOptions(endpoint=gateway.endpoint))


async def test_plaintext_to_a_port_with_tls_says_how_to_go_on(certificates: Certificates) -> None:
    async with SimulatedGateway(tls=certificates.gateway.server()) as gateway:
        with pytest.raises(MxGatewayTransportError, match="the port speaks TLS: remove plaintext=True"):
            await inspect_tls(ClientOptions(endpoint=gateway.endpoint, plaintext=True))


async def test_plaintext_to_a_port_without_tls_has_nothing_to_report(gateway: SimulatedGateway) -> None:
    assert await inspect_tls(ClientOptions(endpoint=gateway.endpoint, plaintext=True)) is None


async def test_a_port_that_says_nothing_is_given_up(silent_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mxgateway.diagnosis._MAX_SECONDS", 0.1)

    async with asyncio.timeout(5):
        with pytest.raises(MxGatewayTransportError, match="does not answer: check that it is the gateway's port"):
            await inspect_tls(ClientOptions(endpoint=f"127.0.0.1:{silent_port}"))
