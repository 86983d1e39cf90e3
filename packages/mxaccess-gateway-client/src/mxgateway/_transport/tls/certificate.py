"""The certificate that a gateway shows."""

from __future__ import annotations

import contextlib
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mxgateway._transport.tls.handshake import client_context, open_tls, trusting_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.options import ClientOptions

__all__ = [
    "ShownCertificate",
    "certificate_names",
    "decode_certificate",
    "is_address",
    "read_and_decode_certificate",
    "read_certificate",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """The certificate that a gateway shows, trusted or not.

    Attributes:
        der: the certificate itself.
        fields: its decoded fields, in the form of `ssl.SSLSocket.getpeercert`; empty if they were not decoded.
        tls_version: the TLS version of the handshake, such as `TLSv1.3`.
    """

    der: bytes
    fields: dict[str, Any]
    tls_version: str

    @property
    def fingerprint(self) -> str:
        """The certificate's SHA-256 fingerprint, 64 hex digits."""
        import hashlib  # noqa: PLC0415 - needed only when a certificate is looked at

        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> bytes:
        """The certificate in PEM format."""
        return ssl.DER_cert_to_PEM_cert(self.der).encode()


async def read_and_decode_certificate(options: ClientOptions) -> ShownCertificate:
    """Return the certificate that the gateway shows, trusted or not, with its fields if they can be decoded.

    No data is sent over the TLS connections.

    Raises:
        ssl.SSLError: a handshake failed.
        OSError: a connection failed.
    """
    shown = await read_certificate(options)
    with contextlib.suppress(ssl.SSLCertVerificationError):
        return await decode_certificate(options, shown, check_dates=False)
    return shown


async def read_certificate(options: ClientOptions) -> ShownCertificate:
    """Return the certificate that the gateway shows, trusted or not, without decoding its fields.

    Raises:
        ssl.SSLError: the handshake failed.
        OSError: the connection failed.
    """
    context = client_context(options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with open_tls(options, context) as connection:
        der = connection.getpeercert(binary_form=True) or b""
        return ShownCertificate(der=der, fields={}, tls_version=connection.version() or "")


async def decode_certificate(options: ClientOptions, shown: ShownCertificate, *, check_dates: bool) -> ShownCertificate:
    """Return the same certificate with its fields decoded.

    The standard library decodes a certificate only after it has verified it. So this makes a second connection that
    trusts just this certificate.

    Raises:
        ssl.SSLCertVerificationError: the certificate is invalid in itself, or the gateway shows another one now.
        OSError: the connection failed.
    """
    context = trusting_context(options, shown.der, check_dates=check_dates)
    context.check_hostname = False
    async with open_tls(options, context) as connection:
        return replace(shown, fields=dict(connection.getpeercert() or {}))


def certificate_names(fields: Mapping[str, Any]) -> list[str]:
    """Return the DNS names and addresses in a decoded certificate, or, as gRPC does, its common name without any."""
    names = [_name(*entry) for entry in fields.get("subjectAltName", ()) if entry[0] in {"DNS", "IP Address"}]
    if names or fields.get("subjectAltName"):
        return names
    return [str(value) for part in fields.get("subject", ()) for key, value in part if key == "commonName"]


def is_address(name: str) -> bool:
    """Return whether a name is an IP address."""
    import ipaddress  # noqa: PLC0415 - needed only when a certificate is looked at

    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


def _name(kind: str, name: str) -> str:
    import ipaddress  # noqa: PLC0415

    # The standard library writes an IPv6 address in a form of its own.
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name
    return name
