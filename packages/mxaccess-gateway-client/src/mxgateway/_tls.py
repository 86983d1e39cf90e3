"""Certificates: files checked before anything connects, and the credentials made of them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc

from mxgateway.errors import ErrorFacts, MxGatewayConfigurationError, MxGatewayTransportError
from mxgateway.options import split_endpoint

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Mapping

    from mxgateway.options import ClientOptions

__all__ = [
    "Credentials",
    "ShownCertificate",
    "certificate_names",
    "client_context",
    "load_credentials",
    "look_at_certificate",
    "open_tls",
]

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)


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
    problem: str | None = None
    shown: bytes | None = None
    try:
        async with asyncio.timeout(options.connect_timeout):
            shown = await _shown_certificate(options)
    except OSError as error:
        problem = str(error) or f"no answer within {options.connect_timeout:g} s"
    facts = ErrorFacts(method="connect", target=options.endpoint)
    if shown is None:
        raise MxGatewayTransportError(f"the gateway showed no certificate to compare ({problem})", facts)
    actual = hashlib.sha256(shown).hexdigest()
    if actual != fingerprint.replace(":", "").lower():
        raise MxGatewayTransportError(
            f"the gateway's certificate is not the pinned one, its fingerprint is {actual}", facts
        ).with_hint("find out why it changed before you trust it: somebody may sit between you and the gateway")
    return ssl.DER_cert_to_PEM_cert(shown).encode(), await _certificate_name(options, shown)


async def _certificate_name(options: ClientOptions, shown: bytes) -> str | None:
    try:
        async with asyncio.timeout(options.connect_timeout), open_tls(options, _trusting(options, shown)) as connection:
            return next(iter(certificate_names(connection.getpeercert() or {})), None)
    except OSError:
        # gRPC meets the same problem in a moment, and reports it with its reason.
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """The certificate that a gateway shows, trusted or not.

    Attributes:
        fingerprint: SHA-256, 64 hex digits.
        fields: what stands in it, in the form of `ssl.SSLSocket.getpeercert`.
        tls_version: the version that the handshake agreed on.
    """

    fingerprint: str
    fields: dict[str, Any]
    tls_version: str


async def look_at_certificate(options: ClientOptions) -> ShownCertificate:
    """Give the certificate that the gateway shows, whether it can be trusted or not.

    Raises:
        OSError: there is no connection, or no TLS; ssl.SSLError is one.
    """
    shown = await _shown_certificate(options)
    async with open_tls(options, _trusting(options, shown)) as connection:
        return ShownCertificate(
            fingerprint=hashlib.sha256(shown).hexdigest(),
            fields=dict(connection.getpeercert() or {}),
            tls_version=connection.version() or "",
        )


async def _shown_certificate(options: ClientOptions) -> bytes:
    context = client_context(options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with open_tls(options, context) as connection:
        return connection.getpeercert(binary_form=True) or b""


def _trusting(options: ClientOptions, shown: bytes) -> ssl.SSLContext:
    """A context that trusts exactly this certificate: the standard library decodes none that it has not verified."""
    context = client_context(options)
    context.check_hostname = False
    # In this order: the complement of a flag drops every flag that has no name.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN | _NO_CHECK_TIME
    context.load_verify_locations(cadata=ssl.DER_cert_to_PEM_cert(shown))
    return context


def certificate_names(fields: Mapping[str, Any]) -> list[str]:
    """The DNS names and addresses in a decoded certificate."""
    return [str(entry[1]) for entry in fields.get("subjectAltName", ()) if entry[0] in {"DNS", "IP Address"}]
