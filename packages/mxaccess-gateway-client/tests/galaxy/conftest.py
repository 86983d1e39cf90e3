"""Fixtures of the tests of the Galaxy."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from mxgateway import (
    Galaxy,
    GatewayClient,
)
from support.scripted_galaxy import ScriptedGalaxy, scripted_galaxy


@pytest.fixture
async def scripted() -> AsyncIterator[ScriptedGalaxy]:
    async with scripted_galaxy() as galaxy:
        yield galaxy


@pytest.fixture
async def galaxy(scripted: ScriptedGalaxy) -> AsyncIterator[Galaxy]:
    async with GatewayClient.connect(endpoint=scripted.endpoint, plaintext=True) as client:
        yield client.galaxy
