"""Why a connection failed: asked of the network beside gRPC, whose words differ from version to version."""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING

from mxgateway._tls import certificate_names, client_context, open_tls
from mxgateway.options import split_endpoint

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

__all__ = ["diagnose"]

_PATIENCE = 3.0


async def diagnose(options: ClientOptions, details: str) -> str | None:
    """Give one sentence on what to change so that a connection comes about, or None when nothing is found.

    It opens a connection or two of its own and sends no key. It takes up to 3 seconds. `details` is what gRPC said.
    """
    try:
        async with asyncio.timeout(_PATIENCE):
            return await _tcp_problem(options) or await _tls_problem(options, details)
    except TimeoutError:
        return "something accepts the connection and then says nothing: is this the gateway's port?"


async def _tcp_problem(options: ClientOptions) -> str | None:
    host, port = split_endpoint(options.endpoint)
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), _PATIENCE / 2)
    except TimeoutError:
        return f"no answer from {host}: check the address, the network and the firewall"
    except socket.gaierror:
        return f"the name {host} is unknown: check the spelling and the name server"
    except ConnectionRefusedError:
        return f"nothing listens on port {port} of {host}: check the port (5000 plaintext, 5001 TLS) and the gateway"
    except OSError as error:
        return f"no connection to {options.endpoint}: {error.strerror or error}"
    writer.transport.abort()
    return None


async def _tls_problem(options: ClientOptions, details: str) -> str | None:
    if options.plaintext:
        speaks_tls = await _verified_handshake(options, _without_verification())
        return "the port speaks TLS: drop plaintext" if speaks_tls is None else None
    context = client_context(options)
    if options.certificate_fingerprint is not None:
        context = _without_verification()
    problem = await _verified_handshake(options, context)
    if problem is None and "CERTIFICATE_VERIFY_FAILED" in details:
        return (
            "this machine trusts the gateway's certificate, but gRPC has its own default roots: give its CA as ca_file"
        )
    if problem is None and options.client_certificate_file is None:
        return (
            "TLS itself works: the gateway may ask for a client certificate (client_certificate_file, client_key_file)"
        )
    return problem


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
        async with open_tls(options, context):
            return None
    except ssl.SSLCertVerificationError as error:
        return await _certificate_problem(options, error)
    except ssl.SSLError as error:
        if error.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_MESSAGE"}:
            return "the port doesn't speak TLS: is it the plaintext port (plaintext=True), or another program's?"
        return f"the TLS handshake failed: {error.reason or error}"
    except (ConnectionError, EOFError):
        return (
            "the other side ended the TLS handshake: is it the plaintext port (plaintext=True), or another program's?"
        )


async def _certificate_problem(options: ClientOptions, error: ssl.SSLCertVerificationError) -> str:
    reason = error.verify_message
    if "expired" in reason:
        return "the gateway's certificate has expired: it needs a new one"
    if "not yet valid" in reason:
        return "the gateway's certificate is not valid yet: compare the clocks of both machines"
    if "mismatch" in reason or "not valid for" in reason:
        names = ", ".join(await _names(options)) or "no name"
        return f"the gateway's certificate is for {names}: use one of them in the endpoint or as server_name_override"
    if options.ca_file is None:
        return f"the gateway's certificate is not trusted ({reason}): give its CA as ca_file"
    return f"the gateway's certificate was not made by the CA in {options.ca_file} ({reason})"


async def _names(options: ClientOptions) -> list[str]:
    context = client_context(options)
    context.check_hostname = False
    try:
        async with open_tls(options, context) as connection:
            return certificate_names(connection)
    except OSError:
        return []
