"""TLS trusts exactly what the options say, and every error says what to change."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.x509.oid import ExtendedKeyUsageOID

from mxgateway import GatewayClient, MxGatewayConfigurationError, MxGatewayError, MxGatewayTransportError
from mxgateway.testing import SimulatedGateway
from support.certificates import Certificates, write_certificate
from support.secure_gateways import gateway_with, refusal, talk


@pytest.fixture
async def tls_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway with a certificate for 127.0.0.1 and localhost."""
    async with gateway_with(certificates.gateway) as gateway:
        yield gateway


@pytest.fixture
async def named_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway with a certificate for gateway.plant."""
    async with gateway_with(certificates.named_otherwise) as gateway:
        yield gateway


@pytest.fixture
async def strict_gateway(certificates: Certificates) -> AsyncIterator[SimulatedGateway]:
    """A gateway that requires a client certificate."""
    async with gateway_with(certificates.gateway, certificates.ca) as gateway:
        yield gateway


@pytest.mark.parametrize("as_text", [True, False])
async def test_ca_file_is_trusted(tls_gateway: SimulatedGateway, certificates: Certificates, as_text: bool) -> None:
    await talk(tls_gateway, ca_file=str(certificates.ca) if as_text else certificates.ca)


async def test_ca_file_may_contain_several_cas(
    tls_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.write_bytes(certificates.foreign_ca.read_bytes() + b"\n" + certificates.ca.read_bytes())

    await talk(tls_gateway, ca_file=bundle)


async def test_key_is_sent_over_tls(tls_gateway: SimulatedGateway, certificates: Certificates) -> None:
    await talk(tls_gateway, ca_file=certificates.ca)

    assert {call.authorised for call in tls_gateway.calls} == {True}


async def test_server_name_override_is_compared(named_gateway: SimulatedGateway, certificates: Certificates) -> None:
    await talk(named_gateway, ca_file=certificates.ca, server_name_override="gateway.plant")


async def test_certificate_for_other_name_is_refused_with_its_names(
    named_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(named_gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert "is for gateway.plant: use one of them in the endpoint or as server_name_override" in str(error)


async def test_foreign_ca_is_refused(tls_gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(tls_gateway, ca_file=certificates.foreign_ca)

    assert isinstance(error, MxGatewayTransportError)
    assert f"was not issued by the CA in {certificates.foreign_ca}" in str(error)


async def test_default_roots_do_not_trust_own_ca(tls_gateway: SimulatedGateway) -> None:
    error = await refusal(tls_gateway)

    assert isinstance(error, MxGatewayTransportError)
    assert "is not trusted" in str(error)
    assert "set ca_file to its CA" in str(error)


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("expired", "has expired: install a new one"),
        ("not_yet_valid", "is not yet valid: compare the clocks of both machines"),
    ],
)
async def test_certificate_outside_its_validity_is_refused(certificates: Certificates, pair: str, words: str) -> None:
    async with gateway_with(getattr(certificates, pair)) as gateway:
        error = await refusal(gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert words in str(error)


async def test_certificate_that_is_not_for_servers_is_refused(tmp_path: Path) -> None:
    ca = write_certificate(tmp_path, common_name="ca", is_ca=True)
    shown = write_certificate(tmp_path, "127.0.0.1", usage=ExtendedKeyUsageOID.CLIENT_AUTH, by=ca)
    async with gateway_with(shown) as gateway:
        error = await refusal(gateway, ca_file=ca.certificate)

    assert isinstance(error, MxGatewayTransportError)
    assert "is not for servers" in str(error)


async def test_name_override_missing_in_certificate_is_refused(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(tls_gateway, ca_file=certificates.ca, server_name_override="gateway.plant")

    assert isinstance(error, MxGatewayTransportError)
    assert "is for 127.0.0.1, localhost: use one of them" in str(error)


@pytest.mark.parametrize("protocols", [[], ["http/1.1"]])
async def test_web_server_is_reported(certificates: Certificates, protocols: list[str]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.gateway.certificate, certificates.gateway.key)
    if protocols:
        context.set_alpn_protocols(protocols)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        endpoint = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        with pytest.raises(MxGatewayTransportError, match="speaks TLS but not HTTP/2, which gRPC needs"):
            await GatewayClient.connect(endpoint=endpoint, ca_file=certificates.ca)


@pytest.mark.parametrize("is_ca", [None, False, True])
async def test_self_signed_certificate_can_be_the_ca_file(tmp_path: Path, is_ca: bool | None) -> None:
    shown = write_certificate(tmp_path, "127.0.0.1", is_ca=is_ca)
    async with gateway_with(shown) as gateway:
        await talk(gateway, ca_file=shown.certificate)


async def test_untrusted_self_signed_certificate_is_reported(tmp_path: Path) -> None:
    async with gateway_with(write_certificate(tmp_path, "127.0.0.1")) as gateway:
        error = await refusal(gateway)

    assert isinstance(error, MxGatewayTransportError)
    assert "is self-signed: compare its fingerprint on the gateway" in str(error)


async def test_plaintext_to_tls_port_is_refused(tls_gateway: SimulatedGateway) -> None:
    error = await refusal(tls_gateway, plaintext=True)

    assert isinstance(error, MxGatewayTransportError)
    assert "the port speaks TLS: remove plaintext=True" in str(error)


async def test_tls_to_plaintext_port_never_falls_back(gateway: SimulatedGateway) -> None:
    error = await refusal(gateway)

    assert isinstance(error, MxGatewayTransportError)
    assert "plaintext=True" in str(error)


async def test_client_certificate_is_sent(strict_gateway: SimulatedGateway, certificates: Certificates) -> None:
    await talk(
        strict_gateway,
        ca_file=certificates.ca,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.client.key,
    )


async def test_required_client_certificate_is_reported(
    strict_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(strict_gateway, ca_file=certificates.ca)

    assert isinstance(error, MxGatewayTransportError)
    assert "it may require a client certificate (client_certificate_file, client_key_file)" in str(error)


async def test_silent_tls_server_is_not_said_to_require_a_client_certificate(
    certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mxgateway._transport.tls.handshake._FIRST_BYTE_SECONDS", 0.05)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.gateway.certificate, certificates.gateway.key)
    context.set_alpn_protocols(["h2"])
    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0, ssl=context)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MxGatewayError) as caught:
            await GatewayClient.connect(endpoint=f"127.0.0.1:{port}", ca_file=certificates.ca, connect_timeout=0.3)
        for writer in writers:
            writer.transport.abort()

    assert "client certificate" not in str(caught.value)


async def test_client_certificate_of_other_ca_is_refused_and_named(
    strict_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    shown = certificates.foreign_client

    error = await refusal(
        strict_gateway,
        ca_file=certificates.ca,
        client_certificate_file=shown.certificate,
        client_key_file=shown.key,
    )

    assert isinstance(error, MxGatewayTransportError)
    assert f"does not accept the client certificate in {shown.certificate}" in str(error)


BAD_CA_FILES = {
    "missing": "does not exist",
    "directory": "is a directory",
    "empty": "is empty",
    "blank": "is empty",
    "binary": "is not a PEM file",
    "text": "is not a PEM file",
    "key": "contains no CERTIFICATE",
    "broken": "contains no usable certificate",
}


def bad_file(kind: str, folder: Path, certificates: Certificates) -> Path:
    """Return a file that its option cannot use."""
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
async def test_unusable_ca_file_is_refused_before_connecting(
    tls_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path, kind: str, words: str
) -> None:
    path = bad_file(kind, tmp_path, certificates)

    error = await refusal(tls_gateway, ca_file=path)

    assert isinstance(error, MxGatewayConfigurationError)
    assert str(error).startswith(f"ca_file {path} {words}")


@pytest.mark.parametrize("option", ["client_certificate_file", "client_key_file"])
@pytest.mark.parametrize("kind", ["missing", "directory", "empty", "text"])
async def test_unusable_client_file_is_refused_before_connecting(
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


async def test_key_of_other_certificate_is_refused(tls_gateway: SimulatedGateway, certificates: Certificates) -> None:
    error = await refusal(
        tls_gateway,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.other_client.key,
    )

    assert isinstance(error, MxGatewayConfigurationError)
    assert "is not the key of client_certificate_file" in str(error)


async def test_encrypted_key_is_refused_without_password_prompt(
    tls_gateway: SimulatedGateway, certificates: Certificates
) -> None:
    error = await refusal(
        tls_gateway,
        ca_file=certificates.ca,
        client_certificate_file=certificates.client.certificate,
        client_key_file=certificates.encrypted_key,
    )

    assert isinstance(error, MxGatewayConfigurationError)
    assert "is encrypted, which gRPC does not support: decrypt it first" in str(error)


async def test_certificate_and_key_may_be_in_one_file(
    strict_gateway: SimulatedGateway, certificates: Certificates, tmp_path: Path
) -> None:
    both = tmp_path / "both"
    both.write_bytes(certificates.client.key.read_bytes() + b"\n" + certificates.client.certificate.read_bytes())

    await talk(strict_gateway, ca_file=certificates.ca, client_certificate_file=both, client_key_file=both)


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        # The variable for gRPC's default roots, and the one for Python's ssl module.
        ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "connected"),
        ("SSL_CERT_FILE", "gRPC uses its own default roots: set ca_file to its CA"),
    ],
)
async def test_default_roots_are_those_of_grpc(
    tls_gateway: SimulatedGateway, certificates: Certificates, variable: str, said: str
) -> None:
    program = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", CONNECT, tls_gateway.endpoint, tls_gateway.api_key),
        stdout=asyncio.subprocess.PIPE,
        env=os.environ | {variable: str(certificates.ca)},
    )
    stdout, _ = await program.communicate()

    assert said in stdout.decode()


CONNECT = """
import asyncio, sys
from mxgateway import GatewayClient, MxGatewayError

async def main():
    try:
        async with GatewayClient.connect(endpoint=sys.argv[1], api_key=sys.argv[2]):
            print("connected")
    except MxGatewayError as error:
        print(error)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows a file's mode does not prevent reading")
def test_unreadable_file_is_refused_before_connecting(certificates: Certificates, tmp_path: Path) -> None:
    locked = tmp_path / "locked.crt"
    shutil.copy(certificates.ca, locked)
    locked.chmod(0)

    # The superuser can read every file, so the client runs in a process that switches to the user nobody.
    program: list[str | Path] = [sys.executable, "-c", CONNECT_AS_NOBODY, tmp_path / "missing.crt", locked]
    said = subprocess.run(program, capture_output=True, text=True, check=True, cwd=tmp_path)

    assert said.stdout.splitlines() == [
        f"ca_file {tmp_path / 'missing.crt'} does not exist",
        "ca_file locked.crt cannot be read (Permission denied)",
    ]


CONNECT_AS_NOBODY = """
import asyncio, os, sys
from mxgateway import GatewayClient, MxGatewayConfigurationError

async def connect(ca_file):
    try:
        await GatewayClient.connect(endpoint="127.0.0.1:1", ca_file=ca_file)
    except MxGatewayConfigurationError as error:
        print(error)

# The user nobody may not be able to read Python's own files, so the first call imports them.
asyncio.run(connect(sys.argv[1]))
if os.geteuid() == 0:
    os.chown(".", 65534, -1)
    os.setuid(65534)
asyncio.run(connect(os.path.basename(sys.argv[2])))
"""
