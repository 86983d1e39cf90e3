"""Fixtures of the tests of forwarding."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.nats import NatsServer


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server with JetStream."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.kill()
