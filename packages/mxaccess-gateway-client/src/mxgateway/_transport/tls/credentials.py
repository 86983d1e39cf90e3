"""The credentials of a secure channel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.tls.certificate import ShownCertificate, certificate_names, is_address
from mxgateway._transport.tls.handshake import client_context
from mxgateway._transport.tls.pem_files import read_pem
from mxgateway._transport.tls.trust import trust_by_fingerprint, trusted_certificate

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

__all__ = ["Credentials", "load_credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a secure channel needs.

    Attributes:
        channel: the credentials for gRPC.
        server_name: the name to expect in the gateway's certificate, if it is not the endpoint's host.
        authority: the host that calls name, if it is not `server_name`.
        fingerprint: SHA-256 of the only trusted certificate, 64 hex digits, if it is pinned or remembered.
    """

    channel: grpc.ChannelCredentials
    server_name: str | None
    authority: str | None
    fingerprint: str | None


async def load_credentials(options: ClientOptions) -> Credentials:
    """Read and check the certificate files and, if it is trusted by its fingerprint, the gateway's own certificate.

    Raises:
        MxGatewayConfigurationError: a file is missing, unreadable, empty or not a PEM file, the client's key is
            encrypted, or it does not belong to the client's certificate. The message names the option and the file.
        MxGatewayCertificateError: the gateway shows another certificate than the pinned or remembered one, or the
            gateway is unknown. The error has both fingerprints.
        MxGatewayTransportError: the gateway's certificate must be compared, but the gateway cannot be reached.
        MxGatewayTimeoutError: another process keeps `known_gateways_file` locked.
    """
    roots = None if options.ca_file is None else read_pem("ca_file", options.ca_file, "CERTIFICATE")
    certificate = key = None
    if options.client_certificate_file is not None and options.client_key_file is not None:
        certificate = read_pem("client_certificate_file", options.client_certificate_file, "CERTIFICATE")
        key = read_pem("client_key_file", options.client_key_file, "PRIVATE KEY")
    if roots is not None or certificate is not None:
        client_context(options)
    server_name, authority, fingerprint = options.server_name_override, None, None
    trust = trust_by_fingerprint(options)
    if trust is not None:
        shown = await trusted_certificate(options, trust)
        # The channel trusts only the certificate that was just compared. If the gateway shows another one when gRPC
        # connects, gRPC refuses it.
        roots, fingerprint = shown.pem, shown.fingerprint
        if server_name is None:
            server_name, authority = _name_to_compare(shown), _authority(options)
    return Credentials(
        channel=grpc.ssl_channel_credentials(root_certificates=roots, private_key=key, certificate_chain=certificate),
        server_name=server_name,
        authority=authority,
        fingerprint=fingerprint,
    )


def _name_to_compare(shown: ShownCertificate) -> str:
    """Return a name in the certificate, because gRPC compares the name even if it trusts only this certificate."""
    names = certificate_names(shown.fields)
    return next((name for name in names if not is_address(name)), names[0])


def _authority(options: ClientOptions) -> str | None:
    """Return the host that calls name instead of the name in the certificate, which may not be valid in a URL.

    gRPC accepts an authority other than the compared name only if it is the endpoint's host, and it does not recognize
    that host if it is an IPv6 address.
    """
    host, _ = split_endpoint(options.endpoint)
    return None if ":" in host else host
