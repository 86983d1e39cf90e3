"""What stands between this machine and a gateway: asked of the network beside gRPC, whose words differ by version.

`look_up`, `reach` and `inspect_tls` are the steps before the first call, one at a time; no key is sent. What is wrong
is an MxGatewayTransportError whose `hint` says what to change. After them come `GatewayClient.connect`, which shows the
key, and `open_session`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.tls.certificate import ShownCertificate, certificate_names, look_at_certificate
from mxgateway._transport.tls.handshake import client_context, hangs_up, open_tls, trusting_context
from mxgateway._transport.tls.trust import trust_by_fingerprint
from mxgateway.errors import ErrorFacts, MxGatewayTransportError

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

__all__ = ["GatewayCertificate", "TlsReport", "diagnose", "inspect_tls", "look_up", "reach"]

_PATIENCE = 3.0
# OpenSSL's number for it: its words differ by version.
_SELF_SIGNED = 18
_NO_HTTP2 = "the port speaks TLS, but not HTTP/2, which gRPC needs: is it a web server's?"
_SILENCE = "something accepts the connection and then says nothing: is this the gateway's port?"


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayCertificate:
    """The certificate that a gateway shows.

    Attributes:
        fingerprint: SHA-256 of it, 64 hex digits, as the option `certificate_fingerprint` takes it.
        names: the DNS names and addresses that it is for.
        subject: whom it was issued to, `commonName=...` and so on.
        issuer: who issued it, in the same form.
        not_before: when it begins to be valid, in UTC.
        not_after: when it ends to be valid, in UTC.
    """

    fingerprint: str
    names: tuple[str, ...]
    subject: str
    issuer: str
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReport:
    """What a TLS handshake with a gateway found.

    Attributes:
        tls_version: the version that both sides agreed on, such as `TLSv1.3`.
        certificate: what the gateway showed.
        problem: why these options don't trust it, and what to change; None when they do.
        first_use: whether the gateway isn't known, and the next connection would trust and remember it.
    """

    tls_version: str
    certificate: GatewayCertificate
    problem: str | None
    first_use: bool = False


async def look_up(options: ClientOptions) -> tuple[str, ...]:
    """Give the addresses that the endpoint's host name stands for; an address stands for itself.

    Raises:
        MxGatewayTransportError: the name is unknown, or the name server doesn't answer within 3 seconds.
    """
    host, port = split_endpoint(options.endpoint)
    try:
        async with asyncio.timeout(_PATIENCE):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        problem = f"the name server doesn't answer for {host}: check the network"
    except OSError:
        problem = _unknown_name(host)
    else:
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    raise _problem(options, f"{host} has no address", problem)


async def reach(options: ClientOptions) -> None:
    """Make a TCP connection to the endpoint and end it.

    Raises:
        MxGatewayTransportError: there is none within 1.5 seconds.
    """
    problem = await _tcp_problem(options)
    if problem is not None:
        raise _problem(options, "there is no TCP connection", problem)


async def inspect_tls(options: ClientOptions) -> TlsReport | None:
    """Look at the certificate that the gateway shows, and whether these options trust it; None with `plaintext`.

    Raises:
        MxGatewayTransportError: the port doesn't speak TLS; with `plaintext` it does.
        MxGatewayConfigurationError: a certificate file can't be used.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            if options.plaintext:
                problem = await _plaintext_problem(options)
            else:
                problem = await _verified_handshake(options, await _context(options))
                return _report(await look_at_certificate(options), options, problem)
    except TimeoutError:
        problem = _SILENCE
    except OSError as error:
        problem = _handshake_problem(error)
    if problem is None:
        return None
    raise _problem(options, "the port doesn't speak what was asked for", problem)


async def diagnose(options: ClientOptions, details: str) -> str | None:
    """Give one sentence on what to change so that a connection comes about, or None when nothing is found.

    It opens a connection or two of its own and sends no key. It takes up to 3 seconds, and no longer than
    `connect_timeout`. `details` is what gRPC said.
    """
    try:
        async with asyncio.timeout(min(_PATIENCE, options.connect_timeout)):
            return await _tcp_problem(options) or await _tls_problem(options, details)
    except TimeoutError:
        return _SILENCE
    except OSError as error:
        return _handshake_problem(error)


async def _tcp_problem(options: ClientOptions) -> str | None:
    host, port = split_endpoint(options.endpoint)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PATIENCE / 2)
    except TimeoutError:
        return f"no answer from {host}: check the address, the network and the firewall"
    except socket.gaierror:
        return _unknown_name(host)
    except ConnectionRefusedError:
        return f"nothing listens on port {port} of {host}: check the port (5000 plaintext, 5001 TLS) and the gateway"
    except OSError as error:
        return f"no connection to {options.endpoint}: {error.strerror or error}"
    writer.transport.abort()
    return None


async def _tls_problem(options: ClientOptions, details: str) -> str | None:
    if options.plaintext:
        return await _plaintext_problem(options)
    trust, context = trust_by_fingerprint(options), client_context(options)
    if trust is not None:
        shown = await look_at_certificate(options)
        refusal = trust.refusal(options, shown.fingerprint)
        if refusal is not None:
            return f"{refusal.summary}; {refusal.hint}"
        context = trusting_context(options, shown.der)
    problem = await _verified_handshake(options, context)
    if problem is not None:
        return problem
    if "CERTIFICATE_VERIFY_FAILED" in details:
        if trust is not None:
            return "the gateway's certificate changed in between: are there several gateways behind this address?"
        return (
            "this machine trusts the gateway's certificate, but gRPC has its own default roots: give its CA as ca_file"
        )
    if not await hangs_up(options, context):
        return None
    if options.client_certificate_file is None:
        return (
            "the other side ends the connection after the TLS handshake: it may ask for a client certificate "
            "(client_certificate_file, client_key_file)"
        )
    return f"the other side doesn't accept the client certificate in {options.client_certificate_file}"


async def _plaintext_problem(options: ClientOptions) -> str | None:
    try:
        async with open_tls(options, _without_verification()):
            return "the port speaks TLS: drop plaintext"
    except (ssl.SSLError, ConnectionError, EOFError):
        return None


async def _context(options: ClientOptions) -> ssl.SSLContext:
    """Give what trusts as these options do, whether or not the certificate is the right one."""
    if trust_by_fingerprint(options) is None:
        return client_context(options)
    return trusting_context(options, (await look_at_certificate(options)).der)


def _without_verification() -> ssl.SSLContext:
    """A context for looking at what a port speaks; nothing is ever sent over it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["h2"])
    return context


async def _verified_handshake(options: ClientOptions, context: ssl.SSLContext) -> str | None:
    """Give what is wrong with a TLS handshake, or None."""
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
            "the other side ended the TLS handshake: is it the plaintext port (plaintext=True), or another program's?"
        )
    if error.reason in known:
        return "the port doesn't speak TLS: is it the plaintext port (plaintext=True), or another program's?"
    return f"the TLS handshake failed: {error.reason or error}"


async def _certificate_problem(options: ClientOptions, error: ssl.SSLCertVerificationError) -> str:
    reason = error.verify_message
    if "expired" in reason:
        return "the gateway's certificate has expired: it needs a new one"
    if "not yet valid" in reason:
        return "the gateway's certificate is not valid yet: compare the clocks of both machines"
    if "mismatch" in reason or "not valid for" in reason:
        names = ", ".join(certificate_names((await look_at_certificate(options)).fields)) or "no name"
        return f"the gateway's certificate is for {names}: use one of them in the endpoint or as server_name_override"
    if "purpose" in reason:
        return "the gateway's certificate isn't one for servers: it needs one with the extended key usage serverAuth"
    if "too weak" in reason:
        return f"the gateway's certificate is not safe any more ({reason}): it needs a new one"
    if error.verify_code == _SELF_SIGNED and options.ca_file is None:
        return (
            "the gateway's certificate is self-signed: compare its fingerprint with the gateway's own and give it as "
            "certificate_fingerprint, or the certificate as ca_file"
        )
    if options.ca_file is None:
        return f"the gateway's certificate is not trusted ({reason}): give its CA as ca_file"
    return f"the gateway's certificate was not made by the CA in {options.ca_file} ({reason})"


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
            subject=_distinguished_name(shown.fields.get("subject", ())),
            issuer=_distinguished_name(shown.fields.get("issuer", ())),
            not_before=_moment(shown.fields.get("notBefore")),
            not_after=_moment(shown.fields.get("notAfter")),
        ),
        problem=problem,
        first_use=trust is not None and trust.first_use,
    )


def _distinguished_name(parts: Any) -> str:
    return ", ".join(f"{key}={value}" for relative in parts for key, value in relative)


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC)


def _unknown_name(host: str) -> str:
    return f"the name {host} is unknown: check the spelling and the name server"


def _problem(options: ClientOptions, summary: str, hint: str) -> MxGatewayTransportError:
    return MxGatewayTransportError(summary, ErrorFacts(target=options.endpoint, hint=hint))
