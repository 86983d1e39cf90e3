"""Find out why a gateway cannot be reached, by resolving, connecting and handshaking without gRPC.

`look_up`, `reach` and `inspect_tls` are the steps before the first call; none of them sends the API key. If a step
fails, it raises an MxGatewayTransportError whose `hint` says what to change. The next steps are
`GatewayClient.connect`, which sends the key, and `open_session`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.tls.certificate import ShownCertificate, certificate_names, read_and_decode_certificate
from mxgateway._transport.tls.handshake import client_context, is_closed_by_server, open_tls, trusting_context
from mxgateway._transport.tls.trust import trust_by_fingerprint
from mxgateway.errors import ErrorFacts, MxGatewayTransportError

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions, FilePath

__all__ = ["GatewayCertificate", "TlsReport", "diagnose", "inspect_tls", "is_known_gateway", "look_up", "reach"]

_MAX_SECONDS = 3.0
_MAX_CONNECT_SECONDS = 1.5
# OpenSSL's error number; its error texts vary between versions.
_SELF_SIGNED = 18
_NO_HTTP2 = "the port speaks TLS but not HTTP/2, which gRPC needs: it may belong to a web server, check the port"
_NO_ANSWER = "the port accepts the connection but does not answer: check that it is the gateway's port"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCertificate:
    """The certificate that a gateway shows.

    Attributes:
        fingerprint: its SHA-256 fingerprint, 64 hex digits, as the option `certificate_fingerprint` accepts it.
        names: the DNS names and addresses that it is valid for.
        subject: the owner, `commonName=...` and so on.
        issuer: the issuer, in the same form.
        not_before: the start of its validity period, in UTC.
        not_after: the end of its validity period, in UTC.
    """

    fingerprint: str
    names: tuple[str, ...]
    subject: str
    issuer: str
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport:
    """The result of a TLS handshake with a gateway.

    Attributes:
        tls_version: the negotiated version, such as `TLSv1.3`.
        certificate: the certificate that the gateway showed.
        problem: why the options do not trust the certificate and what to change; None if they trust it.
        first_use: True if the gateway is unknown and the next connection would trust and remember it.
    """

    tls_version: str
    certificate: GatewayCertificate
    problem: str | None
    first_use: bool = False


async def look_up(options: ClientOptions) -> tuple[str, ...]:
    """Return the addresses of the endpoint's host; an address is returned as it is.

    Raises:
        MxGatewayTransportError: the name is unknown, or the name server does not answer within 3 seconds.
    """
    host, port = split_endpoint(options.endpoint)
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        problem = f"the name server does not answer for {host}: check the network"
    except OSError:
        problem = _unknown_name(host)
    else:
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    raise _error(options, f"{host} has no address", problem)


async def reach(options: ClientOptions) -> None:
    """Open a TCP connection to the endpoint and close it.

    Raises:
        MxGatewayTransportError: the connection failed or took longer than 1.5 seconds.
    """
    problem = await _tcp_problem(options)
    if problem is not None:
        raise _error(options, "the TCP connection failed", problem)


async def inspect_tls(options: ClientOptions) -> TlsReport | None:
    """Report the certificate that the gateway shows and whether the options trust it; None with `plaintext`.

    Raises:
        MxGatewayTransportError: the port does not speak TLS, or with `plaintext` it does.
        MxGatewayConfigurationError: a certificate file cannot be used.
    """
    try:
        async with asyncio.timeout(_MAX_SECONDS):
            if options.plaintext:
                problem = await _plaintext_problem(options)
            else:
                problem = await _verified_handshake(options, await _trusting_context(options))
                return _report(await read_and_decode_certificate(options), options, problem)
    except TimeoutError:
        problem = _NO_ANSWER
    except OSError as error:
        problem = _handshake_problem(error)
    if problem is None:
        return None
    summary = "the port does not accept plaintext" if options.plaintext else "the TLS handshake failed"
    raise _error(options, summary, problem)


def is_known_gateway(endpoint: str, known_gateways_file: FilePath) -> bool:
    """Return whether a gateway is in a `known_gateways_file`, under any spelling of its endpoint.

    Raises:
        MxGatewayConfigurationError: the file cannot be read or is invalid, or the endpoint is invalid.
    """
    from mxgateway._transport.tls.known_gateways import KnownGateways  # noqa: PLC0415 - most clients have no such file

    return bool(KnownGateways(known_gateways_file).fingerprints(endpoint, may_be_missing=False))


async def diagnose(options: ClientOptions, details: str) -> str | None:
    """Return one sentence on why connecting failed and what to change, or None if no reason is found.

    It opens up to a few connections and sends no key. It takes up to 3 seconds, but no longer than `connect_timeout`.

    Args:
        options: the options of the connection that failed.
        details: gRPC's error message.
    """
    try:
        async with asyncio.timeout(min(_MAX_SECONDS, options.connect_timeout)):
            return await _tcp_problem(options) or await _tls_problem(options, details)
    except TimeoutError:
        return _NO_ANSWER
    except OSError as error:
        return _handshake_problem(error)


async def _tcp_problem(options: ClientOptions) -> str | None:
    host, port = split_endpoint(options.endpoint)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _MAX_CONNECT_SECONDS)
    except TimeoutError:
        return f"{host} does not answer: check the address, the network and the firewall"
    except socket.gaierror:
        return _unknown_name(host)
    except ConnectionRefusedError:
        return f"nothing listens on port {port} of {host}: check the port (5000 plaintext, 5001 TLS) and the gateway"
    except OSError as error:
        return f"cannot connect to {options.endpoint}: {error.strerror or error}"
    writer.transport.abort()
    return None


async def _tls_problem(options: ClientOptions, details: str) -> str | None:
    if options.plaintext:
        return await _plaintext_problem(options)
    trust, context = trust_by_fingerprint(options), client_context(options)
    if trust is not None:
        shown = await read_and_decode_certificate(options)
        refusal = trust.refusal(options, shown.fingerprint)
        if refusal is not None:
            return f"{refusal.summary}; {refusal.hint}"
        context = trusting_context(options, shown.der)
    problem = await _verified_handshake(options, context)
    if problem is not None:
        return problem
    if "CERTIFICATE_VERIFY_FAILED" in details:
        if trust is not None:
            return "the gateway's certificate changed between two connections: several gateways may share this address"
        return (
            "this machine trusts the gateway's certificate, but gRPC uses its own default roots: set ca_file to its CA"
        )
    if not await is_closed_by_server(options, context):
        return None
    if options.client_certificate_file is None:
        return (
            "the server closes the connection after the TLS handshake: it may require a client certificate "
            "(client_certificate_file, client_key_file)"
        )
    return f"the server does not accept the client certificate in {options.client_certificate_file}"


async def _plaintext_problem(options: ClientOptions) -> str | None:
    try:
        async with open_tls(options, _without_verification()):
            return "the port speaks TLS: remove plaintext=True"
    except (ssl.SSLError, ConnectionError, EOFError):
        return None


async def _trusting_context(options: ClientOptions) -> ssl.SSLContext:
    """Return a context that trusts as the options do, without comparing the certificate with a fingerprint."""
    if trust_by_fingerprint(options) is None:
        return client_context(options)
    return trusting_context(options, (await read_and_decode_certificate(options)).der)


def _without_verification() -> ssl.SSLContext:
    """Return a context for finding out which protocol a port uses. No data is ever sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def _verified_handshake(options: ClientOptions, context: ssl.SSLContext) -> str | None:
    """Return why a TLS handshake fails, or None if it succeeds."""
    try:
        async with open_tls(options, context) as connection:
            return None if connection.selected_alpn_protocol() == "h2" else _NO_HTTP2
    except ssl.SSLCertVerificationError as error:
        return await _certificate_problem(options, error)
    except (ssl.SSLError, ConnectionError, EOFError) as error:
        return _handshake_problem(error)


def _handshake_problem(error: Exception) -> str:
    known = {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"}
    if not isinstance(error, ssl.SSLError):
        return (
            "the server closed the connection during the TLS handshake: it may be the plaintext port (plaintext=True) "
            "or belong to another program"
        )
    if error.reason in known:
        return "the port does not speak TLS: it may be the plaintext port (plaintext=True) or belong to another program"
    return f"the TLS handshake failed: {error.reason or error}"


async def _certificate_problem(options: ClientOptions, error: ssl.SSLCertVerificationError) -> str:
    reason = error.verify_message
    if "expired" in reason:
        return "the gateway's certificate has expired: install a new one on the gateway"
    if "not yet valid" in reason:
        return "the gateway's certificate is not yet valid: compare the clocks of both machines"
    if "mismatch" in reason or "not valid for" in reason:
        names = ", ".join(certificate_names((await read_and_decode_certificate(options)).fields)) or "no name"
        return f"the gateway's certificate is for {names}: use one of them in the endpoint or as server_name_override"
    if "purpose" in reason:
        return "the gateway's certificate is not for servers: install one with the extended key usage serverAuth"
    if "too weak" in reason:
        return f"the gateway's certificate is not secure ({reason}): install a new one on the gateway"
    if error.verify_code == _SELF_SIGNED and options.ca_file is None:
        return (
            "the gateway's certificate is self-signed: compare its fingerprint on the gateway and set it as "
            "certificate_fingerprint, or set ca_file to the certificate, or set trust_on_first_use to remember it"
        )
    if options.ca_file is None:
        return f"the gateway's certificate is not trusted ({reason}): set ca_file to its CA"
    return f"the gateway's certificate was not issued by the CA in {options.ca_file} ({reason})"


def _report(shown: ShownCertificate, options: ClientOptions, problem: str | None) -> TlsReport:
    trust = trust_by_fingerprint(options)
    refusal = None if trust is None else trust.refusal(options, shown.fingerprint)
    if refusal is not None:
        problem = f"{refusal.summary}; {refusal.hint}"
    return TlsReport(
        tls_version=shown.tls_version,
        certificate=GatewayCertificate(
            fingerprint=shown.fingerprint,
            names=tuple(certificate_names(shown.fields)),
            subject=_name(shown.fields.get("subject", ())),
            issuer=_name(shown.fields.get("issuer", ())),
            not_before=_utc(shown.fields.get("notBefore")),
            not_after=_utc(shown.fields.get("notAfter")),
        ),
        problem=problem,
        first_use=trust is not None and trust.first_use,
    )


def _name(parts: Any) -> str:
    return ", ".join(f"{key}={value}" for relative in parts for key, value in relative)


def _utc(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _unknown_name(host: str) -> str:
    return f"the name {host} is unknown: check the spelling and the name server"


def _error(options: ClientOptions, summary: str, hint: str) -> MxGatewayTransportError:
    return MxGatewayTransportError(summary, ErrorFacts(target=options.endpoint, hint=hint))
