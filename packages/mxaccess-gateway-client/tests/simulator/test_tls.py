"""TLS: the certificate of the gateway, and client certificates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import grpc
import grpc.aio
import pytest
import trustme

from mxgateway.testing import ServerTls, SimulatedGateway
from support.wire import Wire, connected, refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def certificate(authority: trustme.CA) -> trustme.LeafCert:
    return authority.issue_cert("localhost", "127.0.0.1")


def server_tls(certificate: trustme.LeafCert, client_ca: bytes | None = None) -> ServerTls:
    return ServerTls(
        certificate_chain=b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
        private_key=certificate.private_key_pem.bytes(),
        client_ca=client_ca,
    )


async def opens_a_session(gateway: SimulatedGateway, credentials: grpc.ChannelCredentials) -> None:
    async with grpc.aio.secure_channel(gateway.endpoint, credentials) as channel:
        await Wire(channel, gateway.api_key).open_session()


async def test_gateway_serves_tls(authority: trustme.CA, certificate: trustme.LeafCert) -> None:
    async with SimulatedGateway(tls=server_tls(certificate)) as gateway:
        await opens_a_session(gateway, grpc.ssl_channel_credentials(authority.cert_pem.bytes()))


async def test_tls_certificates_can_be_files(
    authority: trustme.CA, certificate: trustme.LeafCert, tmp_path: Path
) -> None:
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    certificate.cert_chain_pems[0].write_to_path(str(chain))
    certificate.private_key_pem.write_to_path(str(key))
    async with SimulatedGateway(tls=ServerTls(certificate_chain=chain, private_key=str(key))) as gateway:
        await opens_a_session(gateway, grpc.ssl_channel_credentials(authority.cert_pem.bytes()))


async def test_unknown_ca_is_not_trusted(certificate: trustme.LeafCert) -> None:
    async with SimulatedGateway(tls=server_tls(certificate)) as gateway:
        with refused(grpc.StatusCode.UNAVAILABLE):
            await opens_a_session(gateway, grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes()))


async def test_plaintext_client_is_refused(certificate: trustme.LeafCert) -> None:
    async with SimulatedGateway(tls=server_tls(certificate)) as gateway, connected(gateway) as wire:
        with refused(grpc.StatusCode.UNAVAILABLE):
            await wire.open_session()


async def test_client_certificate_can_be_required(authority: trustme.CA, certificate: trustme.LeafCert) -> None:
    root = authority.cert_pem.bytes()
    client = authority.issue_cert("client")
    async with SimulatedGateway(tls=server_tls(certificate, client_ca=root)) as gateway:
        await opens_a_session(
            gateway,
            grpc.ssl_channel_credentials(
                root, client.private_key_pem.bytes(), b"".join(blob.bytes() for blob in client.cert_chain_pems)
            ),
        )
        with refused(grpc.StatusCode.UNAVAILABLE):
            await opens_a_session(gateway, grpc.ssl_channel_credentials(root))


def test_repr_does_not_show_the_private_key(certificate: trustme.LeafCert) -> None:
    assert "PRIVATE KEY" not in repr(server_tls(certificate))
