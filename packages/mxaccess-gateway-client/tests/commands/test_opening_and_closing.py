"""Sessions are opened by `await` or `async with`, and closed even if the event loop is busy."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest

from mxgateway import (
    GatewayClient,
    MxGatewayLimitError,
    MxGatewayTimeoutError,
    MxGatewayTransportError,
    MxGatewayUsageError,
)
from mxgateway.testing import Limits, SimulatedGateway
from support.scripted_gateway import SESSION_ID, ScriptedGateway


async def test_entering_twice_raises_and_leaves_no_session_open(
    gateway: SimulatedGateway, client: GatewayClient
) -> None:
    opening = client.open_session()

    async with opening as session:
        with pytest.raises(MxGatewayUsageError, match="already entered"):
            async with opening:
                pass
        await session.ping()

    assert not gateway.sessions


async def test_two_tasks_cannot_enter_the_same_object(gateway: SimulatedGateway, client: GatewayClient) -> None:
    opening = client.open_session()

    async def enter() -> None:
        async with opening:
            pass

    outcomes = await asyncio.gather(enter(), enter(), return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [type(None), MxGatewayUsageError]
    assert not gateway.sessions


async def test_object_can_be_entered_again_after_it_was_left(gateway: SimulatedGateway, client: GatewayClient) -> None:
    opening = client.open_session()

    async with opening as first:
        pass
    async with opening as second:
        pass

    assert first.session_id != second.session_id
    assert not gateway.sessions


async def test_object_can_be_entered_again_after_opening_failed() -> None:
    async with (
        SimulatedGateway(limits=Limits(sessions=1)) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
    ):
        opening = client.open_session()
        async with client.open_session():
            with pytest.raises(MxGatewayLimitError):
                await opening.__aenter__()

        async with opening as session:
            await session.ping()


async def test_each_await_opens_another_session(client: GatewayClient) -> None:
    opening = client.open_session()

    async with await opening as first, await opening as second:
        assert first.session_id != second.session_id


async def test_busy_event_loop_does_not_make_close_fail_as_misconfigured(scripted: ScriptedGateway) -> None:
    async with GatewayClient.connect(
        endpoint=scripted.endpoint, api_key="mxgw_test", plaintext=True, close_timeout=0.2
    ) as client:
        session = client.attach_session(SESSION_ID)
        scripted.refusal = (grpc.StatusCode.UNAVAILABLE, "the gateway restarts")

        # The event loop is blocked during the pause before the second attempt, until after close_timeout.
        asyncio.get_running_loop().call_later(0.05, time.sleep, 0.3)
        with pytest.raises((MxGatewayTransportError, MxGatewayTimeoutError)):
            await session.close()

        assert len(scripted.requests("CloseSession")) >= 1
