"""TLS trusts what it is told to trust, nothing else, and every mistake says what to change."""

from __future__ import annotations

import shutil
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Unpack

import pytest
from certificates import Certificates, Pair

from mxgateway import (
    GatewayClient,
    MxGatewayConfigurationError,
    MxGatewayError,
    MxGatewayTransportError,
)
from mxgateway.options import ClientOptionsFields
from mxgateway.testing import SimulatedGateway


async def talk(gateway: SimulatedGateway, **fields: Unpack[ClientOptionsFields]) -> None:
    """Connect, open a session, ask it something."""
    fields["endpoint"], fields["api_key"] = gateway.endpoint, gateway.api_key
    async with GatewayClient.connect(**fields) as client, client.open_session() as session:
        await session.ping()
        async with session.stream_events():
            await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)


async def refusal(gateway: SimulatedGateway, **fields: Unpack[ClientOptionsFields]) -> MxGatewayError:
    """The error of a connection that must not come about."""
    with pytest.raises(MxGatewayError) as caught:
        await talk(gateway, **fields)
    assert not gateway.calls, "the key must not have been sent"
    assert "\n" not in str(caught.value)
    assert gateway.api_key not in str(caught.value)
    return caught.value


async def gateway_with(shown: Pair, client_ca: Path | None = None) -> AsyncIterator[SimulatedGateway]:
    """A gateway that shows this certificate."""
    async with SimulatedGateway(tls=shown.server(client_ca), ramp_interval=None) as gateway:
        yield gateway
        assert not gateway.sessions


@pytest.fixture
async def tls_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway with a certificate for 127.0.0.1 and localhost."""
    async for gateway in gateway_with(certificates.gateway):
        yield gateway


@pytest.fixture
async def named_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway with a certificate for gateway.plant."""
    async for gateway in gateway_with(certificates.named_otherwise):
        yield gateway


@pytest.fixture
async def expired_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway with a certificate of yesteryear."""
    async for gateway in gateway_with(certificates.expired):
        yield gateway


@pytest.fixture
async def strict_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway that wants to know its clients."""
    async for gateway in gateway_with(certificates.gateway, certificates.ca):
        yield gateway


@pytest.mark.parametrize("as_text", [True, False])
async def test_a_ca_file_is_trusted(tls_gateway: SimulatedGateway, certificates: Certificates, as_text: bool) -> None:
    await talk(tls_gateway, ca_file=str(certificates.ca) if as_text else certificates.ca)


async def test_a_self_signed_certificate_may_be_its_own_ca(
    tls_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(certificates.foreign_ca.read_bytes() + b"\n" + certificates.ca.read_bytes())

    await talk(tls_gateway, ca_file=bundle)


async def test_the_key_travels_over_tls_too(tls_gateway: SimulatedGateway, certificates: Certificates) -> None:
    await talk(tls_gateway, ca_file=certificates.ca)

    assert {call.authorised for call in tls_gateway.calls} == {True}


async def test_a_server_name_override_is_the_name_that_counts(
    named_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    await talk(named_gateway, ca_file=certificates.ca, server_name_override="gateway.plant")


async def test_a_certificate_for_another_name_is_refused_and_names_the_right_one(
    named_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(named_gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert "is for gateway.plant: use one of them in the endpoint or as server_name_override" in str(error)


async def test_a_foreign_ca_is_refused(tls_gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(tls_gateway, ca_file=certificates.foreign_ca)

    assert isinstance(error, MxGatewayTransportError)
    assert f"was not made by the CA in {certificates.foreign_ca}" in str(error)


async def test_the_default_roots_do_not_trust_a_plants_own_ca(tls_gateway: SimulatedGateway) -> None:
    error = await refusal(tls_gateway)

    assert isinstance(error, MxGatewayTransportError)
    assert "is not trusted" in str(error)
    assert "give its CA as ca_file" in str(error)


async def test_an_expired_certificate_is_refused(expired_gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(expired_gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert "has expired: it needs a new one" in str(error)


async def test_plaintext_to_a_tls_port_is_refused(tls_gateway: SimulatedGateway) -> None:
    error = await refusal(tls_gateway, plaintext=True)

    assert isinstance(error, MxGatewayTransportError)
    assert "the port speaks TLS: drop plaintext" in str(error)


async def test_tls_to_a_plaintext_port_is_refused_and_never_falls_back(gateway: SimulatedGateway) -> None:
    error = await refusal(gateway)

    assert isinstance(error, MxGatewayTransportError)
    assert "plaintext=True" in str(error)


async def test_a_client_certificate_is_shown(strict_gateway: SimulatedGateway, certificates: Certificates) -> None:
    await talk(
        strict_gateway,
        ca_file=certificates.ca,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.client.key,
    )


async def test_a_gateway_that_wants_a_client_certificate_says_so(
    strict_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(strict_gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert "client_certificate_file" in str(error)


@pytest.mark.parametrize("spelling", ["plain", "colons"])
async def test_a_pinned_certificate_is_trusted_whoever_made_it(
    tls_gateway: SimulatedGateway, certificates: Certificates, spelling: str
) -> None:
    digits = certificates.gateway.fingerprint
    if spelling == "colons":
        digits = ":".join(digits[index : index + 2] for index in range(0, 64, 2)).upper()

    await talk(tls_gateway, certificate_fingerprint=digits)


async def test_a_pinned_certificate_is_trusted_under_any_name(
    named_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    await talk(named_gateway, certificate_fingerprint=certificates.named_otherwise.fingerprint)


async def test_another_certificate_than_the_pinned_one_is_refused_and_its_fingerprint_shown(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(tls_gateway, certificate_fingerprint="ab" * 32)

    assert isinstance(error, MxGatewayTransportError)
    assert f"its fingerprint is {certificates.gateway.fingerprint}" in str(error)
    assert "somebody may sit between you and the gateway" in str(error)


async def test_a_pinned_certificate_of_a_port_without_tls_is_refused(gateway: SimulatedGateway) -> None:
    error = await refusal(gateway, certificate_fingerprint="ab" * 32)

    assert isinstance(error, MxGatewayTransportError)
    assert "showed no certificate" in str(error)


BAD_CA_FILES = {
    "missing": "doesn't exist",
    "directory": "is a directory",
    "empty": "is empty",
    "blank": "is empty",
    "binary": "is no PEM file",
    "text": "is no PEM file",
    "key": "holds no CERTIFICATE",
    "broken": "holds no usable certificate",
}


def bad_file(kind: str, folder: Path, certificates: Certificates) -> Path:
    """A file that is none of what is asked for."""
    path = folder / kind
    if kind == "directory":
        path.mkdir()
    elif kind == "key":
        shutil.copy(certificates.client.key, path)
    elif kind != "missing":
        pem = certificates.ca.read_bytes()
        content = {
            "empty": b"",
            "blank": b"\n \n",
            "binary": ssl.PEM_cert_to_DER_cert(pem.decode()),
            "text": b"see the other folder\n",
            "broken": pem[:60] + pem[160:],
        }
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(("kind", "words"), BAD_CA_FILES.items(), ids=BAD_CA_FILES)
async def test_a_ca_file_that_can_not_be_used_is_told_before_anything_connects(
    tls_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path, kind: str, words: str
) -> None:
    path = bad_file(kind, tmp_path, certificates)

    error = await refusal(tls_gateway, ca_file=path)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"ca_file {path} {words}")


@pytest.mark.parametrize("option", ["client_certificate_file", "client_key_file"])
@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "text"])
async def test_a_client_file_that_can_not_be_used_is_told_before_anything_connects(
    tls_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path, option: str, kind: str
) -> None:
    path = bad_file(kind, tmp_path, certificates)
    files: Any = {
        "client_certificate_file": certificates.client.certificate,
        "client_key_file": certificates.client.key,
        option: path,
    }

    error = await refusal(tls_gateway, ca_file=certificates.ca, **files)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"{option} {path} ")


async def test_the_key_of_another_certificate_is_told(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(
        tls_gateway,
        ca_file=certificates.ca,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.other_client.key,
    )

    assert isinstance(error, MxGatewayConfigurationError)
    assert "is not the key of client_certificate_file" in str(error)


async def test_an_encrypted_key_is_told_and_no_password_is_asked_for(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(
        tls_gateway,
        ca_file=certificates.ca,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.encrypted_key,
    )

    assert isinstance(error, MxGatewayConfigurationError)
    assert "is encrypted, which gRPC can't use: decrypt it first" in str(error)


async def test_certificate_and_key_may_stand_in_one_file(
    strict_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    both.write_bytes(certificates.client.key.read_bytes() + b"\n" + certificates.client.certificate.read_bytes())

    await talk(strict_gateway, ca_file=certificates.ca, client_certificate_file=both, client_key_file=both)
