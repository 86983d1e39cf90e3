"""The timeout of a read replaces the timeout of the client, also if it is longer."""

from __future__ import annotations

import pytest

from mxgateway import GatewayClient, MxGatewayTimeoutError
from mxgateway.testing import SimulatedGateway
from support.tagging import INT


async def test_a_read_may_take_longer_than_the_timeout_of_the_client(gateway: SimulatedGateway) -> None:
    async with (
        GatewayClient.connect(
            endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True, timeout=0.3
        ) as client,
        client.tags("test") as tags,
    ):
        gateway.faults.delay_commands(0.8)
        with pytest.raises(MxGatewayTimeoutError):
            await tags.read(INT)
        (reading,) = await tags.read(INT, timeout=10)
        gateway.faults.delay_commands(0)

    assert reading.value == 42
