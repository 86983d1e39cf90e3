"""Every gRPC channel is created with the arguments on which promises of the client depend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
import pytest

from mxgateway import GatewayClient
from mxgateway.testing import SimulatedGateway

PROMISES = {
    # Otherwise a service configuration in DNS could request retries, and a write must never be repeated.
    "grpc.service_config_disable_resolution": 1,
    # Otherwise two clients in one process could share a connection.
    "grpc.use_local_subchannel_pool": 1,
    # Otherwise a proxy of the environment would see the API key.
    "grpc.enable_http_proxy": 0,
    # Otherwise a gateway that was restarted would not be noticed for up to two minutes.
    "grpc.max_reconnect_backoff_ms": 5000,
    "grpc.keepalive_time_ms": 7000,
    "grpc.keepalive_timeout_ms": 3000,
    "grpc.http2.ping_timeout_ms": 3000,
    "grpc.http2.max_pings_without_data": 0,
    "grpc.max_send_message_length": 65536,
    "grpc.max_receive_message_length": 65536,
}


async def test_every_channel_has_the_arguments(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    created: list[dict[str, Any]] = []

    def record(module: Any) -> None:
        create = module.insecure_channel

        def insecure_channel(target: str, options: Sequence[tuple[str, Any]], **more: Any) -> Any:
            created.append(dict(options))
            return create(target, options=options, **more)

        monkeypatch.setattr(module, "insecure_channel", insecure_channel)

    record(grpc)
    record(grpc.aio)
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint,
            api_key=gateway.api_key,
            plaintext=True,
            keepalive_time=7,
            keepalive_timeout=3,
            max_message_bytes=65536,
        ) as client,
        client.open_session() as session,
        session.stream_events(),
    ):
        pass

    assert created
    for arguments in created:
        assert {name: arguments.get(name) for name in PROMISES} == PROMISES
