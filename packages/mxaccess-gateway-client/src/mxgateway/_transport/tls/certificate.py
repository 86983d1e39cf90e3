"""The certificate that a gateway shows."""

from __future__ import annotations

import contextlib
import logging
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mxgateway._transport.tls.handshake import client_context, open_tls, trusting_context

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.tls")

__all__ = ["ShownCertificate", "certificate_names", "look_at_certificate"]


def is_address(name: str) -> bool:
    import ipaddress  # noqa: PLC0415 - as for hashlib

    with contextlib.suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownCertificate:
    """The certificate that a gateway shows, trusted or not.

    Attributes:
        der: the certificate itself.
        fields: what stands in it, in the form of `ssl.SSLSocket.getpeercert`; empty when it can't be verified even by
            itself.
        tls_version: the version that the handshake agreed on.
    """

    der: bytes
    fields: dict[str, Any]
    tls_version: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of it, 64 hex digits."""
        import hashlib  # noqa: PLC0415 - only who looks at a certificate needs it

        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> bytes:
        """The certificate as text."""
        return ssl.DER_cert_to_PEM_cert(self.der).encode()


async def look_at_certificate(options: ClientOptions) -> ShownCertificate:
    """Give the certificate that the gateway shows, whether it can be trusted or not. Nothing is sent over TLS.

    Raises:
        OSError: there is no connection, or no TLS; ssl.SSLError is one.
    """
    shown = await shown_certificate(options)
    with contextlib.suppress(ssl.SSLCertVerificationError):
        return await decode_certificate(options, shown, dates_count=False)
    return shown


async def shown_certificate(options: ClientOptions) -> ShownCertificate:
    context = client_context(options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with open_tls(options, context) as connection:
        der = connection.getpeercert(binary_form=True) or b""
        return ShownCertificate(der=der, fields={}, tls_version=connection.version() or "")


async def decode_certificate(options: ClientOptions, shown: ShownCertificate, *, dates_count: bool) -> ShownCertificate:
    """Give the same certificate with its fields: the standard library decodes none that it has not verified.

    Raises:
        ssl.SSLCertVerificationError: it can't be verified even by itself, or the gateway shows another one now.
    """
    context = trusting_context(options, shown.der, dates_count=dates_count)
    context.check_hostname = False
    async with open_tls(options, context) as connection:
        return replace(shown, fields=dict(connection.getpeercert() or {}))


def certificate_names(fields: Mapping[str, Any]) -> list[str]:
    """The DNS names and addresses in a decoded certificate; without any its common name, as gRPC has it."""
    names = [_name(*entry) for entry in fields.get("subjectAltName", ()) if entry[0] in {"DNS", "IP Address"}]
    if names or fields.get("subjectAltName"):
        return names
    return [str(value) for part in fields.get("subject", ()) for key, value in part if key == "commonName"]


def _name(kind: str, name: str) -> str:
    import ipaddress  # noqa: PLC0415

    # The standard library gives an IPv6 address in a spelling of its own.
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(name.strip())) if kind == "IP Address" else name
    return name
