"""Fixtures: the gateway that the environment names, and a session that is always closed."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest

from mxgateway import ClientOptions, GatewayClient, OpenSessionOptions, Session

PLAINTEXT_PORT = ":5000"


@pytest.fixture
def options() -> ClientOptions:
    """The connection options from MXGATEWAY_ENDPOINT, MXGATEWAY_API_KEY, MXGATEWAY_CA_FILE and so on.

    Without MXGATEWAY_PLAINTEXT, plaintext is used for the port that is plaintext by convention.
    """
    if os.environ.get("MXGATEWAY_INTEGRATION") != "1":
        pytest.skip("needs a real gateway: set MXGATEWAY_INTEGRATION=1, MXGATEWAY_ENDPOINT and MXGATEWAY_API_KEY")
    if not os.environ.get("MXGATEWAY_PLAINTEXT") and os.environ.get("MXGATEWAY_ENDPOINT", "").endswith(PLAINTEXT_PORT):
        return ClientOptions.from_env(plaintext=True)
    return ClientOptions.from_env()


@pytest.fixture
def item_definition() -> str:
    """The item to use: MXGATEWAY_ITEM, by default one that every test Galaxy has."""
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
