"""Certificates: files checked before anything connects, and the credentials made of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import grpc

from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayTransportError
from mxgateway.options import split_endpoint

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator

    from mxgateway.options import ClientOptions

__all__ = ["Credentials", "certificate_names", "client_context", "load_credentials", "open_tls"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a secure channel needs.

    Attributes:
        channel: the credentials for gRPC.
        server_name: the name to expect in the gateway's certificate, when it isn't the endpoint's host.
    """

    channel: grpc.ChannelCredentials
    server_name: str | None


async def load_credentials(options: ClientOptions) -> Credentials:
    """Read and check the certificate files, and the gateway's own certificate when it is pinned.

    Raises:
        MxGatewayConfigurationError: a file is missing, unreadable, empty or no PEM, or the client's key is encrypted
            or not the one of its certificate. The text names the option and the file.
        MxGatewayTransportError: a pinned gateway can't be reached, or shows another certificate.
    """
    roots = None if options.ca_file is None else _read_pem("ca_file", options.ca_file, "CERTIFICATE")
    certificate = key = None
    if options.client_certificate_file is not None and options.client_key_file is not None:
        certificate = _read_pem("client_certificate_file", options.client_certificate_file, "CERTIFICATE")
        key = _read_pem("client_key_file", options.client_key_file, "PRIVATE KEY")
    if roots is not None or certificate is not None:
        client_context(options)
    server_name = options.server_name_override
    if options.certificate_fingerprint is not None:
        roots, pinned_name = await _pinned_certificate(options, options.certificate_fingerprint)
        server_name = server_name or pinned_name
    return Credentials(
        channel=grpc.ssl_channel_credentials(root_certificates=roots, private_key=key, certificate_chain=certificate),
        server_name=server_name,
    )


def client_context(options: ClientOptions) -> ssl.SSLContext:
    """Give the standard library's view of the same TLS options, which explains what gRPC can't.

    Raises:
        MxGatewayConfigurationError: a file can't be used; the text names the option and the file.
    """
    try:
        context = ssl.create_default_context(cafile=options.ca_file)
    except (ssl.SSLError, OSError) as error:
        raise _unusable("ca_file", options.ca_file, f"holds no usable certificate ({error})") from None
    context.set_alpn_protocols(["h2"])
    if options.client_certificate_file is not None and options.client_key_file is not None:
        _load_client_certificate(context, options.client_certificate_file, options.client_key_file)
    return context


@contextlib.asynccontextmanager
async def open_tls(options: ClientOptions, context: ssl.SSLContext) -> AsyncGenerator[ssl.SSLObject]:
    """Make a TLS connection to the endpoint, beside gRPC, and give what the handshake found.

    Raises:
        ssl.SSLError: the handshake failed.
        OSError: there is no connection.
    """
    host, port = split_endpoint(options.endpoint)
    name = options.server_name_override or host
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    try:
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        yield connection
    finally:
        writer.transport.abort()


def _read_pem(option: str, path: str | os.PathLike[str], kind: str) -> bytes:
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        problem = "doesn't exist"
    except IsADirectoryError:
        problem = "is a directory"
    except OSError as error:
        problem = f"can't be read ({error.strerror or error})"
    else:
        if not content.strip():
            problem = "is empty"
        elif b"-----BEGIN " not in content:
            problem = "is no PEM file: PEM is text and begins with -----BEGIN"
        elif kind.encode() + b"-----" not in content:
            problem = f"holds no {kind}"
        else:
            return content
    raise _unusable(option, path, problem)


def _load_client_certificate(
    context: ssl.SSLContext, certificate: str | os.PathLike[str], key: str | os.PathLike[str]
) -> None:
    def refuse_password() -> str:
        # Without this the standard library would ask on the terminal.
        raise _unusable("client_key_file", key, "is encrypted, which gRPC can't use: decrypt it first")

    try:
        context.load_cert_chain(certificate, key, password=refuse_password)
    except ssl.SSLError as error:
        reason = error.reason or str(error)
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        return
    problem = (
        "is not the key of client_certificate_file"
        if reason == "KEY_VALUES_MISMATCH"
        else f"and client_certificate_file can't be used together ({reason})"
    )
    raise _unusable("client_key_file", key, problem)


def _unusable(option: str, path: object, problem: str) -> MxGatewayConfigurationError:
    return MxGatewayConfigurationError(f"{option} {path} {problem}")


async def _pinned_certificate(options: ClientOptions, fingerprint: str) -> tuple[bytes, str | None]:
    """Give the gateway's certificate as the only root to trust, and a name that stands in it.

    gRPC compares names whatever it trusts; the fingerprint has already said that this certificate is the right one.
    """
    context = client_context(options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    facts = ErrorFacts(method="connect", target=options.endpoint)
    problem: str | None = None
    shown: bytes | None = None
    try:
        async with asyncio.timeout(options.connect_timeout):
            async with open_tls(options, context) as connection:
                shown = connection.getpeercert(binary_form=True)
    except OSError as error:
        problem = str(error) or f"no answer within {options.connect_timeout:g} s"
    if shown is None:
        raise MxGatewayTransportError(f"the gateway showed no certificate to compare ({problem})", facts)
    actual = hashlib.sha256(shown).hexdigest()
    if actual != fingerprint.replace(":", "").lower():
        raise MxGatewayTransportError(
            f"the gateway's certificate is not the pinned one, its fingerprint is {actual}", facts
        ).with_hint("find out why it changed before you trust it: somebody may sit between you and the gateway")
    pem = ssl.DER_cert_to_PEM_cert(shown)
    return pem.encode(), await _certificate_name(options, pem)


async def _certificate_name(options: ClientOptions, pem: str) -> str | None:
    # The standard library decodes a certificate only when it has verified it.
    context = client_context(options)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem)
    try:
        async with asyncio.timeout(options.connect_timeout):
            async with open_tls(options, context) as connection:
                return next(iter(certificate_names(connection)), None)
    except OSError:
        # gRPC meets the same problem in a moment, and reports it with its reason.
        return None


def certificate_names(connection: ssl.SSLObject) -> list[str]:
    """The DNS names and addresses in the certificate of a verified connection."""
    certificate = connection.getpeercert() or {}
    entries = certificate.get("subjectAltName", ())
    return [str(entry[1]) for entry in entries if isinstance(entry, tuple) and entry[0] in {"DNS", "IP Address"}]
