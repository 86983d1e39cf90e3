"""Closing a session over a broken connection is retried while `close_timeout` allows it."""

from __future__ import annotations

import grpc
import pytest

from mxgateway import GatewayClient, MxGatewayTransportError, Session
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway


async def test_closing_a_session_is_tried_three_times(scripted: ScriptedGateway, scripted_session: Session) -> None:
    scripted.refusal = (grpc.StatusCode.UNAVAILABLE, "going away")

    with pytest.raises(MxGatewayTransportError, match="going away"):
        await scripted_session.close()

    assert len(scripted.requests("CloseSession")) == 3


@pytest.mark.parametrize(("close_timeout", "attempts"), [(0.09, 1), (0.35, 2)])
async def test_closing_raises_the_transport_error_when_no_retry_fits(
    scripted: ScriptedGateway, close_timeout: float, attempts: int
) -> None:
    scripted.refusal = (grpc.StatusCode.UNAVAILABLE, "going away")
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True, close_timeout=close_timeout) as client:
        with pytest.raises(MxGatewayTransportError, match="going away"):
            await client.attach_session("session-1").close()

    assert 1 <= len(scripted.requests("CloseSession")) <= attempts


async def test_closing_succeeds_when_a_retry_succeeds(gateway: SimulatedGateway, client: GatewayClient) -> None:
    session = await client.open_session()
    gateway.faults.refuse_next_calls(2, grpc.StatusCode.UNAVAILABLE, "going away", rpc="CloseSession")

    await session.close()

    assert session.closed
    assert not gateway.sessions
