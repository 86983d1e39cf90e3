"""Fixtures for the tests of the simulated gateway."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from mxgateway.testing import SimulatedGateway
from support.wire import SOON, Wire, WireSession, connected

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@pytest.fixture(autouse=True)
async def no_leftover_tasks() -> AsyncGenerator[None]:
    """Fail a test that leaves a task behind."""
    before = asyncio.all_tasks()
    yield
    new = [task for task in asyncio.all_tasks() - before if task is not asyncio.current_task()]
    # gRPC's own tasks may need a few more iterations of the event loop.
    leftover = (await asyncio.wait(new, timeout=SOON))[1] if new else set[object]()
    assert not leftover, leftover


@pytest.fixture
async def gateway(no_leftover_tasks: None) -> AsyncGenerator[SimulatedGateway]:  # noqa: ARG001 - it must be set up first
    """A gateway whose plant changes only when a test changes it."""
    async with SimulatedGateway(ramp_interval=None) as gateway:
        yield gateway


@pytest.fixture
async def wire(gateway: SimulatedGateway) -> AsyncGenerator[Wire]:
    """A connection to the gateway, with a key that has all scopes."""
    async with connected(gateway) as wire:
        yield wire


@pytest.fixture
async def session(wire: Wire) -> WireSession:
    """An open session."""
    return await wire.open_session()
