"""Certificates: files checked before anything connects, and the credentials made of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import grpc

from mxgateway._option_files import read_option_file, unusable_file
from mxgateway.errors import ErrorFacts, MxGatewayCertificateError, MxGatewayTransportError
from mxgateway.options import normal_fingerprint, split_endpoint

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Mapping

    from mxgateway.options import ClientOptions

__all__ = [
    "Credentials",
    "ShownCertificate",
    "Trust",
    "certificate_names",
    "client_context",
    "hangs_up",
    "load_credentials",
    "look_at_certificate",
    "open_tls",
    "trust_by_fingerprint",
    "trusting_context",
]

_logger = logging.getLogger("mxgateway.tls")

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)

_FIRST_WORD: Final = 1.0


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
    roots = None if options.ca_file is None else _read_pem("ca_file", options.ca_file, "CERTIFICATE")
    certificate = key = None
    if options.client_certificate_file is not None and options.client_key_file is not None:
        certificate = _read_pem("client_certificate_file", options.client_certificate_file, "CERTIFICATE")
        key = _read_pem("client_key_file", options.client_key_file, "PRIVATE KEY")
    if roots is not None or certificate is not None:
        client_context(options)
    server_name, authority, fingerprint = options.server_name_override, None, None
    trust = trust_by_fingerprint(options)
    if trust is not None:
        shown = await _trusted_certificate(options, trust)
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


def client_context(options: ClientOptions, only: str | None = None) -> ssl.SSLContext:
    """Give the standard library's view of the same TLS options, which explains what gRPC can't.

    It trusts `only` that certificate (PEM) when one is given.

    Raises:
        MxGatewayConfigurationError: a file can't be used; the text names the option and the file.
    """
    try:
        context = ssl.create_default_context(cafile=None if only else options.ca_file, cadata=only)
    except (ssl.SSLError, OSError) as error:
        raise unusable_file("ca_file", options.ca_file, f"holds no usable certificate ({error})") from None
    # As gRPC has it, and in this order: the complement of a flag drops every flag that has no name.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
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
    async with _connected(options, context) as (_, writer):
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        yield connection


async def hangs_up(options: ClientOptions, context: ssl.SSLContext) -> bool:
    """Whether the other side ends a TLS connection at once, as one does that misses the client's certificate.

    The handshake is no sign of that: in TLS 1.3 the client is done with it before the server has seen the certificate.
    A server of HTTP/2 speaks first.

    Raises:
        ssl.SSLError: the handshake failed.
        OSError: there is no connection.
    """
    async with _connected(options, context) as (reader, _):
        try:
            return not await asyncio.wait_for(reader.read(1), _FIRST_WORD)
        except TimeoutError:
            return False
        except OSError:
            return True


@contextlib.asynccontextmanager
async def _connected(
    options: ClientOptions, context: ssl.SSLContext
) -> AsyncGenerator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    host, port = split_endpoint(options.endpoint)
    name = options.server_name_override or host
    reader, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def _read_pem(option: str, path: str | os.PathLike[str], kind: str) -> bytes:
    content = read_option_file(option, path)
    if not content.strip():
        problem = "is empty"
    elif b"-----BEGIN " not in content:
        problem = "is no PEM file: PEM is text and begins with -----BEGIN"
    elif kind.encode() + b"-----" not in content:
        problem = f"holds no {kind}"
    else:
        return content
    raise unusable_file(option, path, problem)


def _load_client_certificate(
    context: ssl.SSLContext, certificate: str | os.PathLike[str], key: str | os.PathLike[str]
) -> None:
    def refuse_password() -> str:
        # Without this the standard library would ask on the terminal.
        raise unusable_file("client_key_file", key, "is encrypted, which gRPC can't use: decrypt it first")

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
    raise unusable_file("client_key_file", key, problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Which certificates are to be trusted by their fingerprint.

    Attributes:
        fingerprints: SHA-256, 64 hex digits each.
        where: where they stand.
        first_use: whether the gateway has none yet, and the first that it shows is to be trusted.
    """

    fingerprints: tuple[str, ...]
    where: str
    first_use: bool

    def refusal(self, options: ClientOptions, fingerprint: str) -> MxGatewayCertificateError | None:
        """Give the error for a certificate that is not to be trusted, or None when it is."""
        facts = ErrorFacts(
            method="connect",
            target=options.endpoint,
            trusted_fingerprints=self.fingerprints,
            shown_fingerprint=fingerprint,
        )
        if self.first_use or fingerprint in self.fingerprints:
            return None
        if not self.fingerprints:
            return MxGatewayCertificateError(
                f"the gateway isn't in {self.where}, its certificate's SHA-256 fingerprint is {fingerprint}", facts
            ).with_hint("compare it with the gateway's own, then add it there, or set trust_on_first_use")
        return MxGatewayCertificateError(
            f"the gateway's certificate is not the trusted one: its SHA-256 fingerprint is {fingerprint}, "
            f"in {self.where} stands {' and '.join(self.fingerprints)}",
            facts,
        ).with_hint(
            "somebody may sit between you and the gateway: find out why it changed; only if the gateway has a new "
            "certificate, put the new fingerprint there"
        )


def trust_by_fingerprint(options: ClientOptions) -> Trust | None:
    """Give the certificates that the options trust by their fingerprint; None when they trust in another way.

    Raises:
        MxGatewayConfigurationError: `known_gateways_file` can't be read or understood.
    """
    if options.certificate_fingerprint is not None:
        pinned = normal_fingerprint(options.certificate_fingerprint) or ""
        return Trust(fingerprints=(pinned,), where="certificate_fingerprint", first_use=False)
    if options.known_gateways_file is None:
        return None
    from mxgateway._known_gateways import KnownGateways  # noqa: PLC0415 - most have no such file

    known = KnownGateways(options.known_gateways_file)
    fingerprints = known.fingerprints(options.endpoint, may_be_missing=options.trust_on_first_use)
    return Trust(
        fingerprints=fingerprints,
        where=f"known_gateways_file {options.known_gateways_file}",
        first_use=options.trust_on_first_use and not fingerprints,
    )


async def _trusted_certificate(options: ClientOptions, trust: Trust) -> ShownCertificate:
    """Give the certificate that the gateway shows, when it is one to trust; on first use write it down."""
    shown, problem = await _look_for_use(options)
    facts = ErrorFacts(method="connect", target=options.endpoint)
    if shown is None:
        raise MxGatewayTransportError(f"the gateway showed no certificate to compare ({problem})", facts)
    refusal = trust.refusal(options, shown.fingerprint)
    if refusal is not None:
        raise refusal
    if problem is None and not certificate_names(shown.fields):
        problem = "it has no name, which gRPC insists on"
    if problem is not None:
        facts = replace(facts, trusted_fingerprints=trust.fingerprints, shown_fingerprint=shown.fingerprint)
        raise MxGatewayCertificateError(f"the gateway's certificate can't be used: {problem}", facts).with_hint(
            "give the gateway a certificate that is valid now, for servers, with the host's name and a strong key"
        )
    if trust.first_use and options.known_gateways_file is not None:
        from mxgateway._known_gateways import KnownGateways  # noqa: PLC0415

        known = await KnownGateways(options.known_gateways_file).remember(options.endpoint, shown.fingerprint)
        # Another process may have been quicker, and have met another gateway.
        refusal = replace(trust, fingerprints=known, first_use=False).refusal(options, shown.fingerprint)
        if refusal is not None:
            raise refusal
        _logger.warning(
            "%s is trusted on first use and remembered in %s: a certificate for %s with the SHA-256 fingerprint %s; "
            "compare it with the gateway's own",
            options.endpoint,
            options.known_gateways_file,
            ", ".join(certificate_names(shown.fields)) or "no name",
            shown.fingerprint,
        )
    return shown


async def _look_for_use(options: ClientOptions) -> tuple[ShownCertificate | None, str | None]:
    """Give the certificate that the gateway shows, and why nobody could use it; only the why when it shows none."""
    shown: ShownCertificate | None = None
    try:
        async with asyncio.timeout(options.connect_timeout):
            shown = await _shown_certificate(options)
            return await _decoded(options, shown, dates_count=True), None
    except ssl.SSLCertVerificationError as error:
        return shown, error.verify_message
    except TimeoutError:
        return shown, f"no answer within {options.connect_timeout:g} s"
    except OSError as error:
        return shown, str(error) or "the other side ended the connection"


def _name_to_compare(shown: ShownCertificate) -> str:
    """Give a name that stands in the certificate: gRPC compares names, whatever else it trusts."""
    names = certificate_names(shown.fields)
    return next((name for name in names if not _is_address(name)), names[0])


def _authority(options: ClientOptions) -> str | None:
    """Give what calls name as their host, so that it isn't the name in the certificate, which may be none for a URL.

    gRPC lets it be another one than the name only where it is the endpoint's host, and fails to see that of `[::1]`.
    """
    host, _ = split_endpoint(options.endpoint)
    return None if ":" in host else host


def _is_address(name: str) -> bool:
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
    shown = await _shown_certificate(options)
    with contextlib.suppress(ssl.SSLCertVerificationError):
        return await _decoded(options, shown, dates_count=False)
    return shown


async def _shown_certificate(options: ClientOptions) -> ShownCertificate:
    context = client_context(options)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    async with open_tls(options, context) as connection:
        der = connection.getpeercert(binary_form=True) or b""
        return ShownCertificate(der=der, fields={}, tls_version=connection.version() or "")


async def _decoded(options: ClientOptions, shown: ShownCertificate, *, dates_count: bool) -> ShownCertificate:
    """Give the same certificate with its fields: the standard library decodes none that it has not verified.

    Raises:
        ssl.SSLCertVerificationError: it can't be verified even by itself, or the gateway shows another one now.
    """
    context = trusting_context(options, shown.der, dates_count=dates_count)
    context.check_hostname = False
    async with open_tls(options, context) as connection:
        return replace(shown, fields=dict(connection.getpeercert() or {}))


def trusting_context(options: ClientOptions, der: bytes, *, dates_count: bool = True) -> ssl.SSLContext:
    """Give a context that trusts exactly this certificate, under any name but another than `server_name_override`."""
    context = client_context(options, only=ssl.DER_cert_to_PEM_cert(der))
    context.check_hostname = options.server_name_override is not None
    if not dates_count:
        context.verify_flags |= _NO_CHECK_TIME
    return context


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
