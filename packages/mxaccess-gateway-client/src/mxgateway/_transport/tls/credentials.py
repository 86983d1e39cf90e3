"""The credentials of a secure channel."""

from __future__ import annotations

import logging
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

_logger = logging.getLogger("mxgateway.tls")

__all__ = ["Credentials", "load_credentials"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a secure channel needs.

    Attributes:
        channel: the credentials for gRPC.
        server_name: the name to expect in the gateway's certificate, when it isn't the endpoint's host.
        authority: what calls name as their host, when it is not to be `server_name`.
        fingerprint: SHA-256 of the only certificate that is trusted, 64 hex digits, when it is pinned or remembered.
    """

    channel: grpc.ChannelCredentials
    server_name: str | None
    authority: str | None
    fingerprint: str | None


async def load_credentials(options: ClientOptions) -> Credentials:
    """Read and check the certificate files, and the gateway's own certificate when its fingerprint is to be trusted.

    Raises:
        MxGatewayConfigurationError: a file is missing, unreadable, empty or no PEM, or the client's key is encrypted
            or not the one of its certificate. The text names the option and the file.
        MxGatewayCertificateError: the gateway shows another certificate than the one that is pinned or remembered, or
            isn't known; both fingerprints are in the error.
        MxGatewayTransportError: a gateway whose certificate is to be looked at can't be reached.
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
        # The connection is verified against what was looked at, and nothing else: whoever shows another certificate
        # between the look and the connection is refused.
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
    """Give a name that stands in the certificate: gRPC compares names, whatever else it trusts."""
    names = certificate_names(shown.fields)
    return next((name for name in names if not is_address(name)), names[0])


def _authority(options: ClientOptions) -> str | None:
    """Give what calls name as their host, so that it isn't the name in the certificate, which may be none for a URL.

    gRPC lets it be another one than the name only where it is the endpoint's host, and fails to see that of `[::1]`.
    """
    host, _ = split_endpoint(options.endpoint)
    return None if ":" in host else host
