"""The connection to a NATS server, from the options of JetStream."""

from __future__ import annotations

import contextlib
import os
import ssl
from typing import TYPE_CHECKING, Any

from mxgateway._support.extras import import_extra
from mxgateway.errors import MxGatewayConfigurationError
from mxgateway.redaction import Secret

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mxgateway.forwarding.jetstream.options import JetStreamOptions

__all__ = ["connect_to_nats", "import_nats", "nats_reason"]


def import_nats() -> Any:
    """Return the module of nats-py.

    Raises:
        MxGatewayConfigurationError: It is not installed.
    """
    return import_extra("nats", extra="nats", purpose="NATS JetStream")


async def connect_to_nats(options: JetStreamOptions, report: Callable[..., Awaitable[None]]) -> Any:
    """Return a client that is connected. It does not connect again by itself.

    Args:
        options: The servers, and the account.
        report: Called with an error that nats-py does not raise, and without one when the connection is lost.

    Raises:
        MxGatewayConfigurationError: The file of the CA cannot be read.
        Exception: An OSError, or an error of nats-py: no server can be connected to.
    """
    settings: dict[str, Any] = {
        "servers": list(options.servers),
        # Who connects again has to look at the stream or the key first.
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": options.timeout,
        "name": "mxgateway",
        "error_cb": report,
        "disconnected_cb": report,
    }
    if options.user is not None:
        settings |= {"user": options.user, "password": _revealed(options.password)}
    if options.token is not None:
        settings["token"] = _revealed(options.token)
    if options.credentials_file is not None:
        settings["user_credentials"] = os.fspath(options.credentials_file)
    if any(server.startswith("tls://") for server in options.servers):
        try:
            settings["tls"] = ssl.create_default_context(cafile=options.ca_file)
        except OSError as error:
            raise MxGatewayConfigurationError(f"cannot read {options.ca_file}: {error}") from error
    client = import_nats().NATS()
    connected = False
    try:
        await client.connect(**settings)
        connected = True
    finally:
        if not connected:
            # A server that refuses the account would leave its socket open.
            with contextlib.suppress(Exception):
                await client.close()
    return client


def nats_reason(error: BaseException) -> str:
    """Return the reason of an error of nats-py in one line."""
    return getattr(error, "description", None) or " ".join(str(error).split()) or type(error).__name__


def _revealed(secret: str | None) -> str | None:
    return secret.reveal() if isinstance(secret, Secret) else secret
