"""Open a channel, wait for the gateway's first answer, and explain a failure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.channel import Channel
from mxgateway.errors import (
    MxGatewayAuthorizationError,
    MxGatewayCertificateError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)

if TYPE_CHECKING:
    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.client")

__all__ = ["open_channel", "probe", "warn_about_plaintext"]

# What a gateway says to a key that it knows and to a question that means nothing.
_ANSWERS: Final = (MxGatewaySessionError, MxGatewayCommandError, MxGatewayAuthorizationError, MxGatewayLimitError)


async def open_channel(options: ClientOptions) -> Channel:
    try:
        return await Channel.open(options)
    except MxGatewayTransportError as error:
        failure = error
    if failure.hint is None and not isinstance(failure, MxGatewayCertificateError):
        hint = await _hint(options, failure)
        failure = failure.with_hint(hint) if hint else failure
    raise failure


async def probe(channel: Channel) -> None:
    """Ask the gateway something that touches no session, for the sake of any answer at all.

    A Ping for no session is refused by every gateway, after it has looked at the key.
    """
    options = channel.options
    request = pb.MxCommandRequest(client_correlation_id=channel.new_correlation_id())
    request.command.kind = pb.MX_COMMAND_KIND_PING
    request.command.ping.SetInParent()
    try:
        await channel.call(channel.gateway.Invoke, "connect", request, timeout=options.connect_timeout)
    except MxGatewayError as error:
        failure = error
    else:
        return
    # With an HTTP status something else than a gateway answered, and the error says so.
    if failure.http_status is None:
        if isinstance(failure, _ANSWERS):
            return
        hint = await _hint(options, failure)
        failure = failure.with_hint(hint) if hint else failure
    raise failure


async def _hint(options: ClientOptions, failure: MxGatewayError) -> str | None:
    if isinstance(failure, MxGatewayProtocolError):
        return "something else than an MXAccess Gateway answers there: check the port"
    if not isinstance(failure, (MxGatewayTransportError, MxGatewayTimeoutError)):
        return None
    from mxgateway.diagnosis import diagnose  # noqa: PLC0415 - only a connection that fails needs it

    return await diagnose(options, failure.details or "")


def warn_about_plaintext(options: ClientOptions) -> None:
    host, _ = split_endpoint(options.endpoint)
    if not options.plaintext or options.api_key is None or _is_loopback(host):
        return
    _logger.warning("the API key goes to %s in plaintext: everybody on the way can read it", options.endpoint)


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "127.0.0.1", "::1"}:
        return True
    import ipaddress  # noqa: PLC0415 - the usual names of this machine need none of it

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
