"""Trust by fingerprint, pinned or remembered: a certificate of any shape, and no other."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayCertificateError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates, Pair, write_certificate
from support.secure_gateways import KnownFile, Switch, gateway_with, port_of, refusal, talk

OTHER = "ab" * 32


@pytest.fixture(params=["pinned", "known", "first use"])
def trust(request: pytest.FixtureRequest, known: KnownFile) -> Any:
    """Return options that trust a gateway's certificate by its fingerprint, once for each way to do so."""

    def options(gateway: SimulatedGateway, shown: Pair) -> dict[str, Any]:
        if request.param == "pinned":
            return {"certificate_fingerprint": shown.fingerprint}
        if request.param == "known":
            known.write(f"{gateway.endpoint} {shown.fingerprint}\n")
        return {"known_gateways_file": known.path, "trust_on_first_use": request.param == "first use"}

    return options


CERTIFICATES: dict[str, dict[str, Any]] = {
    "for this host": {"names": ["127.0.0.1"]},
    "for this host, no CA": {"names": ["127.0.0.1"], "is_ca": False},
    "for this host, a CA itself": {"names": ["127.0.0.1"], "is_ca": True},
    "of the .NET development tools": {"names": ["localhost"], "usage": ExtendedKeyUsageOID.SERVER_AUTH},
    "for another host": {"names": ["gateway.plant"]},
    "for many hosts": {"names": ["*.plant.example"]},
    "for another address": {"names": ["10.1.2.3"]},
    "for an IPv6 address": {"names": ["fe80::7"]},
    "with nothing but a common name": {"names": [], "common_name": "gateway"},
    "with spaces in its common name": {"names": [], "common_name": "MXAccess Gateway"},
}


@pytest.mark.parametrize("trust", ["pinned"], indirect=True)
@pytest.mark.parametrize("kind", CERTIFICATES)
async def test_self_signed_certificate_is_trusted_under_any_name(trust: Any, tmp_path: Path, kind: str) -> None:
    fields = dict(CERTIFICATES[kind])
    shown = write_certificate(tmp_path, *fields.pop("names"), **fields)

    async with gateway_with(shown) as gateway:
        await talk(gateway, **trust(gateway, shown))


async def test_certificate_of_unknown_ca_is_trusted(trust: Any, certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        await talk(gateway, **trust(gateway, certificates.gateway))


async def test_client_certificate_is_used_with_fingerprint(trust: Any, certificates: Certificates) -> None:
    shown = certificates.named_otherwise
    async with gateway_with(shown, certificates.ca) as gateway:
        client: dict[str, Any] = {
            "client_certificate_file": certificates.client.certificate,
            "client_key_file": certificates.client.key,
        }
        await talk(gateway, **trust(gateway, shown), **client)


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"begins": timedelta(days=-9), "ends": timedelta(days=-8)}, "has expired"),
    "not yet valid": ({"begins": timedelta(days=8)}, "not yet valid"),
    "for clients": ({"usage": ExtendedKeyUsageOID.CLIENT_AUTH}, "unsuitable certificate purpose"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
async def test_unusable_certificate_is_refused_and_not_remembered(
    trust: Any, known: KnownFile, tmp_path: Path, kind: str
) -> None:
    fields, words = UNUSABLE[kind]
    shown = write_certificate(tmp_path, "127.0.0.1", **fields)
    async with gateway_with(shown) as gateway:
        options = trust(gateway, shown)
        before = known.exists

        error = await refusal(gateway, **options)

    assert isinstance(error, MxGatewayCertificateError)
    assert "the gateway's certificate cannot be used" in str(error)
    assert words in str(error)
    assert known.exists == before


async def test_certificate_without_a_name_is_refused_with_a_hint(trust: Any, tmp_path: Path) -> None:
    shown = write_certificate(tmp_path, common_name="")
    async with gateway_with(shown) as gateway:
        error = await refusal(gateway, **trust(gateway, shown))

    assert isinstance(error, MxGatewayCertificateError)
    assert "it has no name, which gRPC requires -> install a certificate on the gateway" in str(error)


async def test_name_override_must_match_the_certificate(trust: Any, certificates: Certificates) -> None:
    shown = certificates.named_otherwise
    async with gateway_with(shown) as gateway:
        await talk(gateway, **trust(gateway, shown), server_name_override="gateway.plant")
        error = await refusal(gateway, **trust(gateway, shown), server_name_override="other.plant")

    assert "is for gateway.plant: use one of them in the endpoint or as server_name_override" in str(error)


@pytest.mark.parametrize("spelling", ["plain", "colons"])
async def test_fingerprint_can_be_pinned_with_or_without_colons(
    foreign_gateway: SimulatedGateway, certificates: Certificates, spelling: str
) -> None:
    digits = certificates.gateway.fingerprint
    if spelling == "colons":
        digits = ":".join(digits[index : index + 2] for index in range(0, 64, 2)).upper()

    await talk(foreign_gateway, certificate_fingerprint=digits)


async def test_client_has_the_fingerprint_that_it_trusts(
    foreign_gateway: SimulatedGateway, certificates: Certificates, known: KnownFile
) -> None:
    by_ca = ClientOptions(endpoint=foreign_gateway.endpoint, api_key=foreign_gateway.api_key, ca_file=certificates.ca)
    remembered = replace(by_ca, ca_file=None, known_gateways_file=known.path, trust_on_first_use=True)
    async with GatewayClient.connect(remembered) as client:
        assert client.certificate_fingerprint == certificates.gateway.fingerprint
    async with GatewayClient.connect(by_ca) as client:
        assert client.certificate_fingerprint is None


async def test_other_certificate_than_pinned_is_refused_with_both_fingerprints(
    foreign_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(foreign_gateway, certificate_fingerprint=OTHER.upper())

    assert isinstance(error, MxGatewayCertificateError)
    assert (error.trusted_fingerprints, error.shown_fingerprint) == ((OTHER,), certificates.gateway.fingerprint)
    assert certificates.gateway.fingerprint in str(error)
    assert OTHER in str(error)
    assert "this may be an attack" in str(error)


async def test_port_without_tls_is_refused(trust: Any, gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(gateway, **trust(gateway, certificates.gateway))

    assert isinstance(error, MxGatewayTransportError)
    assert "showed no certificate" in str(error)
    assert "may be the plaintext port (plaintext=True)" in str(error)


async def test_closed_port_is_reported(trust: Any, certificates: Certificates) -> None:
    async with gateway_with(certificates.gateway) as gateway:
        options = trust(gateway, certificates.gateway)
    with pytest.raises(MxGatewayTransportError, match="nothing listens on port"):
        await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, **options)


async def test_certificate_changed_after_comparison_is_refused(
    trust: Any, certificates: Certificates, known: KnownFile, tmp_path: Path
) -> None:
    impostor = write_certificate(tmp_path, "127.0.0.1", "localhost")
    async with (
        gateway_with(certificates.gateway) as gateway,
        gateway_with(impostor) as other,
        # The client fetches the certificate in two connections. The later ones are forwarded to the impostor.
        Switch(port_of(gateway), looks=2, then=port_of(other)) as switch,
    ):
        options = trust(gateway, certificates.gateway)
        if known.exists:
            known.write(f"{switch.endpoint} {certificates.gateway.fingerprint}\n")
        error = await refusal(other, endpoint=switch.endpoint, **options)

        assert switch.made > 2
        assert not gateway.calls
    assert isinstance(error, MxGatewayTransportError)
    assert (
        f"the gateway's certificate is not the trusted one: its SHA-256 fingerprint is {impostor.fingerprint}"
        in str(error)
    )


async def test_certificate_changed_after_connecting_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    new = write_certificate(tmp_path, "127.0.0.1")
    async with gateway_with(certificates.gateway) as gateway:
        client = await GatewayClient.connect(
            endpoint=gateway.endpoint,
            api_key=gateway.api_key,
            certificate_fingerprint=certificates.gateway.fingerprint,
        )
    async with gateway_with(new, port=port_of(gateway)) as gateway:
        with pytest.raises(MxGatewayTransportError, match=r"certificate is not trusted, it may be a new one"):
            await client.open_session()
        await client.close()
        assert not gateway.calls
