"""Open a channel, wait for the gateway's first reply, and explain a failure."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway._support.validation import split_endpoint
from mxgateway._transport.channel import Channel
from mxgateway.errors import (
    MxGatewayAuthorizationError,
    MxGatewayCertificateError,
    MxGatewayCommandError,
    MxGatewayError,
    MxGatewayGalaxyUnavailableError,
    MxGatewayLimitError,
    MxGatewayProtocolError,
    MxGatewaySessionError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
)

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.client")

__all__ = ["connect_channel", "open_channel", "probe", "warn_about_plaintext"]

# Errors that prove that the gateway accepts the key: a Ping without a session, for example, is always refused.
_EXPECTED_REFUSALS: Final = (
    MxGatewayGalaxyUnavailableError,
    MxGatewaySessionError,
    MxGatewayCommandError,
    MxGatewayAuthorizationError,
    MxGatewayLimitError,
)


async def connect_channel(options: ClientOptions) -> Channel:
    """Open a channel to the endpoint of these options, and wait until its gateway has replied.

    Raises:
        MxGatewayError: see `GatewayClient.connect`. The hint says what to change.
    """
    warn_about_plaintext(options)
    channel = await open_channel(options)
    try:
        await probe(channel)
    except BaseException:
        await channel.close()
        raise
    return channel


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
    """Wait until the gateway has replied to a harmless call, and notice a server that serves only the Galaxy.

    The call is a Ping without a session, which every gateway refuses, but only after it has checked the API key. If the
    server lacks the gateway's own service, or if only the Galaxy is wanted, the call is a request to the Galaxy.

    Raises:
        MxGatewayError: the gateway did not reply within `connect_timeout`, or it does not accept the key. The hint says
            what to change.
    """
    services = channel.options.services
    failure = await _failure_of(_ask_galaxy(channel) if services == "galaxy" else _ask_gateway(channel))
    if services == "auto" and _is_unimplemented(failure):
        galaxy_failure = await _failure_of(_ask_galaxy(channel))
        if not _is_unimplemented(galaxy_failure):
            failure, channel.lacks_gateway = galaxy_failure, True
    if failure is not None:
        raise await _with_hint(channel.options, failure)
    if channel.lacks_gateway:
        _logger.info("%s serves only the Galaxy", channel.options.endpoint)


async def _ask_gateway(channel: Channel) -> None:
    request = pb.MxCommandRequest(client_correlation_id=channel.new_correlation_id())
    request.command.kind = pb.MX_COMMAND_KIND_PING
    request.command.ping.SetInParent()
    await channel.call(
        channel.gateway.Invoke, "connect", request, timeout=channel.options.connect_timeout, counted=False
    )


async def _ask_galaxy(channel: Channel) -> None:
    from mxgateway.galaxy.calls import request_version  # noqa: PLC0415 - most programs do not need it to connect

    await request_version(channel, "connect", channel.options.connect_timeout, counted=False)


async def _failure_of(call: Coroutine[Any, Any, None]) -> MxGatewayError | None:
    """Return the error of a call, or None if it succeeded or if its refusal proves that the server accepts the key."""
    try:
        await call
    except MxGatewayError as error:
        # An HTTP status comes from a proxy or another server, and proves nothing.
        return None if error.http_status is None and isinstance(error, _EXPECTED_REFUSALS) else error
    return None


def _is_unimplemented(failure: MxGatewayError | None) -> bool:
    status = None if failure is None or failure.http_status is not None else failure.grpc_status
    return status is not None and status.name == "UNIMPLEMENTED"


async def _with_hint(options: ClientOptions, failure: MxGatewayError) -> MxGatewayError:
    # The error for an HTTP status already says what to check.
    hint = None if failure.http_status is not None else await _hint(options, failure)
    return failure.with_hint(hint) if hint else failure


async def _hint(options: ClientOptions, failure: MxGatewayError) -> str | None:
    if isinstance(failure, MxGatewayProtocolError):
        what = "does not serve the Galaxy" if options.services == "galaxy" else "is not an MXAccess Gateway"
        return f"the endpoint {what}: check the port"
    # If the gateway itself has sent the status, nothing is wrong with the connection.
    if failure.sent_by_gateway or not isinstance(failure, (MxGatewayTransportError, MxGatewayTimeoutError)):
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
