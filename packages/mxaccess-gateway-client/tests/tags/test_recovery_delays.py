"""Delays between the attempts of a recovery: random, so that clients do not retry in step, and never too long."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from mxgateway import GatewayClient
from mxgateway.testing import SimulatedGateway
from support.tagging import INT, REPLACED, following, following_change, lost

FIRST, LONGEST, ATTEMPTS = 0.01, 0.03, 8


async def test_delays_differ_and_never_exceed_the_longest(
    gateway: SimulatedGateway, client: GatewayClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    delays: list[float] = []
    sleep = asyncio.sleep

    async def record(seconds: float) -> None:
        task = asyncio.current_task()
        if task is not None and task.get_name() == "mxgateway tags" and seconds:
            delays.append(seconds)
        await sleep(seconds)

    async with (
        client.tags("test", reconnect_delay=FIRST, longest_reconnect_delay=LONGEST) as tags,
        tags.watch(INT) as watch,
    ):
        await following_change(watch)
        monkeypatch.setattr(asyncio, "sleep", record)
        gateway.faults.refuse_next_calls(ATTEMPTS, grpc.StatusCode.UNAVAILABLE, "starting", rpc="OpenSession")
        await gateway.faults.restart()
        await lost(watch)
        assert await following(watch) == REPLACED

    bounds = [FIRST, 2 * FIRST] + (ATTEMPTS - 1) * [LONGEST]
    assert len(set(delays)) == len(delays) == len(bounds)
    for delay, bound in zip(delays, bounds, strict=True):
        assert bound / 2 <= delay <= bound
