"""Open a channel, wait for the gateway's first reply, and explain a failure."""

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

# Errors that prove that the gateway accepts the key: the probe itself, a Ping without a session, is always refused.
_EXPECTED_REFUSALS: Final = (
    MxGatewaySessionError,
    MxGatewayCommandError,
    MxGatewayAuthorizationError,
    MxGatewayLimitError,
)


async def open_channel(options: ClientOptions) -> Channel:
    """Open a channel, and add a hint to the error if the gateway cannot be reached.

    Raises:
        MxGatewayError: as `Channel.open` does.
    """
    try:
        return await Channel.open(options)
    except MxGatewayTransportError as error:
        failure = error
    if failure.hint is None and not isinstance(failure, MxGatewayCertificateError):
        hint = await _hint(options, failure)
        failure = failure.with_hint(hint) if hint else failure
    raise failure


async def probe(channel: Channel) -> None:
    """Wait until the gateway has replied to a harmless command.

    The command is a Ping without a session: every gateway refuses it, but only after it has checked the API key.

    Raises:
        MxGatewayError: the gateway did not reply within `connect_timeout`, or it does not accept the key. The hint says
            what to change.
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
    # An HTTP status comes from a proxy or another server instead of a gateway, and the error says so.
    if failure.http_status is None:
        if isinstance(failure, _EXPECTED_REFUSALS):
            return
        hint = await _hint(options, failure)
        failure = failure.with_hint(hint) if hint else failure
    raise failure


async def _hint(options: ClientOptions, failure: MxGatewayError) -> str | None:
    if isinstance(failure, MxGatewayProtocolError):
        return "the endpoint is not an MXAccess Gateway: check the port"
    if not isinstance(failure, (MxGatewayTransportError, MxGatewayTimeoutError)):
        return None
    from mxgateway.diagnosis import diagnose  # noqa: PLC0415 - needed only when connecting fails

    return await diagnose(options, failure.details or "")


def warn_about_plaintext(options: ClientOptions) -> None:
    """Log a warning if the API key leaves this machine unencrypted."""
    host, _ = split_endpoint(options.endpoint)
    if not options.plaintext or options.api_key is None or _is_loopback(host):
        return
    _logger.warning("the API key is sent to %s in plaintext: anyone on the network path can read it", options.endpoint)


def _is_loopback(host: str) -> bool:
    if host in {"localhost", "127.0.0.1", "::1"}:
        return True
    import ipaddress  # noqa: PLC0415 - not needed for the usual names of this machine

    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
