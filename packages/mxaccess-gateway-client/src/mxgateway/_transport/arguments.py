"""The arguments of a gRPC channel, with the reason of each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import grpc

if TYPE_CHECKING:
    from mxgateway._transport.tls.credentials import Credentials
    from mxgateway.options import ClientOptions

_logger = logging.getLogger("mxgateway.channel")

__all__ = ["channel_arguments"]

# Long status details travel in trailers; above grpcio's own 8 to 16 KB the real status would be hidden.
_LARGEST_METADATA = 1024 * 1024
# Bytes of each stream: less would slow down many that are saturated.
_AHEAD = 16 * 1024 * 1024
# Before, a window that doesn't grow has 64 KiB whatever one asks for: too little for a gateway that is far away.
_FIXED_WINDOWS_SINCE = (1, 74)


def channel_arguments(options: ClientOptions, credentials: Credentials | None) -> list[tuple[str, Any]]:
    arguments: list[tuple[str, Any]] = [
        ("grpc.max_send_message_length", options.max_message_bytes),
        ("grpc.max_receive_message_length", options.max_message_bytes),
        ("grpc.max_metadata_size", _LARGEST_METADATA),
        ("grpc.absolute_max_metadata_size", _LARGEST_METADATA),
        ("grpc.keepalive_time_ms", round(options.keepalive_time * 1000)),
        ("grpc.keepalive_timeout_ms", round(options.keepalive_timeout * 1000)),
        # What really ends a connection whose probe stays unanswered: without it that takes gRPC a minute.
        ("grpc.http2.ping_timeout_ms", round(options.keepalive_timeout * 1000)),
        ("grpc.http2.max_pings_without_data", 0),
        # gRPC's own waits after a failure grow to two minutes: too long for a gateway that has just been restarted.
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 5000),
        ("grpc.enable_http_proxy", int(options.use_http_proxy)),
        # Two clients in one process must not share a connection: closing or breaking one is not the other's affair.
        ("grpc.use_local_subchannel_pool", 1),
        # A gRPC service configuration from DNS could ask for retries, and a write must never be repeated. Without one
        # gRPC sends again only what no gateway has seen: requests that crossed the GOAWAY of a server or a proxy.
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.enable_retries", 1),
    ]
    if tuple(map(int, grpc.__version__.split(".")[:2])) >= _FIXED_WINDOWS_SINCE:
        # Left to itself gRPC lets a gateway send over 100 MiB ahead of a slow reader.
        arguments += [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", _AHEAD)]
    if credentials is not None and credentials.server_name is not None:
        arguments.append(("grpc.ssl_target_name_override", credentials.server_name))
    if credentials is not None and credentials.authority is not None:
        arguments.append(("grpc.default_authority", credentials.authority))
    return arguments
