"""TLS handshakes by the standard library, which explains failures that gRPC does not."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from typing import TYPE_CHECKING, Final

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.tls.pem_files import unusable_file

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator

    from mxgateway.options import ClientOptions

__all__ = ["client_context", "is_closed_by_server", "open_tls", "trusting_context"]

# OpenSSL's X509_V_FLAG_NO_CHECK_TIME; the ssl module has no name for it.
_NO_CHECK_TIME: Final = ssl.VerifyFlags(0x200000)

_FIRST_BYTE_SECONDS: Final = 1.0


def client_context(options: ClientOptions, only: str | None = None) -> ssl.SSLContext:
    """Return the standard library's equivalent of the TLS options.

    Args:
        options: the client's options.
        only: a certificate (PEM) to trust instead of all others.

    Raises:
        MxGatewayConfigurationError: a file cannot be used. The message names the option and the file.
    """
    try:
        context = ssl.create_default_context(cafile=None if only else options.ca_file, cadata=only)
    except (ssl.SSLError, OSError) as error:
        raise unusable_file("ca_file", options.ca_file, f"contains no usable certificate ({error})") from None
    # The same rules as gRPC's. The order matters: the complement of a flag drops every flag that has no name.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.set_alpn_protocols(["h2"])
    if options.client_certificate_file is not None and options.client_key_file is not None:
        _load_client_certificate(context, options.client_certificate_file, options.client_key_file)
    return context


def trusting_context(options: ClientOptions, der: bytes, *, check_dates: bool = True) -> ssl.SSLContext:
    """Return a context that trusts exactly this certificate.

    The certificate's name is compared only with `server_name_override`.

    Raises:
        MxGatewayConfigurationError: a file cannot be used. The message names the option and the file.
    """
    context = client_context(options, only=ssl.DER_cert_to_PEM_cert(der))
    context.check_hostname = options.server_name_override is not None
    if not check_dates:
        context.verify_flags |= _NO_CHECK_TIME
    return context


@contextlib.asynccontextmanager
async def open_tls(options: ClientOptions, context: ssl.SSLContext) -> AsyncGenerator[ssl.SSLObject]:
    """Open a TLS connection to the endpoint without gRPC, and yield the result of the handshake.

    Raises:
        ssl.SSLError: the handshake failed.
        OSError: the connection failed.
    """
    async with _connected(options, context) as (_, writer):
        connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
        yield connection


async def is_closed_by_server(options: ClientOptions, context: ssl.SSLContext) -> bool:
    """Return whether the server closes a TLS connection at once, as it does if it misses the client's certificate.

    The handshake itself does not show that: in TLS 1.3 it succeeds for the client before the server has checked the
    client's certificate. An HTTP/2 server that accepts the connection sends the first bytes.

    Raises:
        ssl.SSLError: the handshake failed.
        OSError: the connection failed.
    """
    async with _connected(options, context) as (reader, _):
        try:
            return not await asyncio.wait_for(reader.read(1), _FIRST_BYTE_SECONDS)
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
        # Without this callback the standard library would ask for the password on the terminal.
        raise unusable_file("client_key_file", key, "is encrypted, which gRPC does not support: decrypt it first")

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
        else f"and client_certificate_file cannot be used together ({reason})"
    )
    raise unusable_file("client_key_file", key, problem)
