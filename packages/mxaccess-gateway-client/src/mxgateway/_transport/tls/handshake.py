"""TLS handshakes with the standard library, which explain what gRPC cannot."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.tls.pem_files import unusable_file

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator

    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.tls")

__all__ = ["client_context", "hangs_up", "open_tls", "trusting_context"]

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME, which the ssl module has no name for.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)

_FIRST_WORD: Final = 1.0


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


def trusting_context(options: ClientOptions, der: bytes, *, dates_count: bool = True) -> ssl.SSLContext:
    """Give a context that trusts exactly this certificate, under any name but another than `server_name_override`."""
    context = client_context(options, only=ssl.DER_cert_to_PEM_cert(der))
    context.check_hostname = options.server_name_override is not None
    if not dates_count:
        context.verify_flags |= _NO_CHECK_TIME
    return context
