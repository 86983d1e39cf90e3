"""The arguments of a gRPC channel, with the reason for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import grpc

if TYPE_CHECKING:
    from mxgateway._transport.tls.credentials import Credentials
    from mxgateway.options import ClientOptions

__all__ = ["channel_arguments"]

# Long status details travel in trailers. With grpcio's own limits of 8 to 16 KB they would hide the real status.
_MAX_METADATA_BYTES: Final = 1024 * 1024
# Per stream. A smaller window slows down several saturated streams.
_RECEIVE_WINDOW_BYTES: Final = 16 * 1024 * 1024
# In older versions of grpcio a window of fixed size has 64 KiB whatever the argument says, which is too little for a
# gateway that is far away.
_FIXED_WINDOWS_SINCE: Final = (1, 74)
_FIRST_RECONNECT_MILLISECONDS: Final = 200
_MAX_RECONNECT_MILLISECONDS: Final = 5000


def channel_arguments(options: ClientOptions, credentials: Credentials | None) -> list[tuple[str, Any]]:
    """Return the arguments of a channel; `credentials` are None for plaintext."""
    arguments: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", options.max_message_bytes),
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.absolute_max_metadata_size", _MAX_METADATA_BYTES),
        ("grpc.keepalive_time_ms", round(options.keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", round(options.keepalive_timeout * 1000)),
        # This is what ends a connection whose probe is not answered. Without it gRPC takes a minute.
        ("grpc.http2.ping_timeout_ms", round(options.keepalive_timeout * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        # gRPC's own delays after a failure grow to two minutes: too long for a gateway that was just restarted.
        ("grpc.initial_reconnect_backoff_ms", _FIRST_RECONNECT_MILLISECONDS),
        ("grpc.max_reconnect_backoff_ms", _MAX_RECONNECT_MILLISECONDS),
        ("grpc.enable_http_proxy", int(options.use_http_proxy)),
        # Two clients in one process must not share a connection: closing or breaking one must not affect the other.
        ("grpc.use_local_subchannel_pool", 1),
        # A gRPC service configuration from DNS could enable retries, and a write must never be repeated. Without such a
        # configuration gRPC sends again only requests that no gateway has seen: those that crossed the GOAWAY of a
        # server or a proxy.
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 1),
    ]
    if tuple(map(int, grpc.__version__.split(".")[:2])) >= _FIXED_WINDOWS_SINCE:
        # By default gRPC grows the window until a gateway can send over 100 MiB ahead of a slow reader.
        arguments += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", _RECEIVE_WINDOW_BYTES)]
    if credentials is not None and credentials.server_name is not None:
        arguments.append(("grpc.ssl_target_name_override", credentials.server_name))
    if credentials is not None and credentials.authority is not None:
        arguments.append(("grpc.default_authority", credentials.authority))
    return arguments
