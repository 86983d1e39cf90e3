"""What the tests of the simulated gateway share."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mxgateway.testing import SimulatedGateway
from support.wire import SOON, Wire, WireSession, connected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture(autouse=True)
async def nothing_left_over() -> AsyncGenerator[None]:
    """Fail a test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    new = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    # gRPC's own tasks may have a few turns of the loop to go.
    left_over = (await asyncio.wait(new, timeout=SOON))[1] if new else set[object]()
    assert not left_over, left_over


@pytest.fixture
async def gateway(nothing_left_over: None) -> AsyncGenerator[SimulatedGateway]:  # noqa: ARG001 - it comes first
    """A gateway whose plant stands still unless a test moves it."""
    async with SimulatedGateway(ramp_interval=None) as gateway:
        yield gateway


@pytest.fixture
async def wire(gateway: SimulatedGateway) -> AsyncGenerator[Wire]:
    """A connection to it with its own key."""
    async with connected(gateway) as wire:
        yield wire


@pytest.fixture
async def session(wire: Wire) -> WireSession:
    """An open session."""
    return await wire.open_session()
