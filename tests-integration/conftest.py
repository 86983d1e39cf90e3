"""The gateway that the environment names, and a session on it that is closed whatever happens."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from mxgateway import ClientOptions, GatewayClient, OpenSessionOptions, Session

PLAINTEXT_PORT = ":5000"


@pytest.fixture
def options() -> ClientOptions:
    """How to reach the gateway: MXGATEWAY_ENDPOINT, MXGATEWAY_API_KEY, MXGATEWAY_CA_FILE and the other fields' names.

    Plaintext is MXGATEWAY_PLAINTEXT, and without it what the port says by convention.
    """
    if os.environ.get("MXGATEWAY_INTEGRATION") != "1":
        pytest.skip("talks to a real gateway: set MXGATEWAY_INTEGRATION=1, MXGATEWAY_ENDPOINT and MXGATEWAY_API_KEY")
    if not os.environ.get("MXGATEWAY_PLAINTEXT") and os.environ.get("MXGATEWAY_ENDPOINT", "").endswith(PLAINTEXT_PORT):
        return ClientOptions.from_env(plaintext=True)
    return ClientOptions.from_env()


@pytest.fixture
def item_definition() -> str:
    """The item to talk about: MXGATEWAY_ITEM, by default the one that every test Galaxy has."""
    return os.environ.get("MXGATEWAY_ITEM") or "TestChildObject.TestInt"


@pytest.fixture
async def session(options: ClientOptions) -> AsyncIterator[Session]:
    """An open session."""
    async with GatewayClient.connect(options) as client:
        session = await client.open_session(OpenSessionOptions(client_session_name="integration tests"))
        try:
            yield session
        finally:
            await session.close()
