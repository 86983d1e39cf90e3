"""Pytest fixtures for tests of your own automation.

pytest loads this plugin automatically. The fixtures need pytest-asyncio. Override `mx_gateway_options` to change the
gateway, and `mx_plant` to change the plant behind it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mxgateway.client import GatewayClient
    from mxgateway.session import Session
    from mxgateway.tags.client import TagClient
    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.plant.plant import Plant

__all__ = ["mx_client", "mx_gateway", "mx_gateway_options", "mx_plant", "mx_session", "mx_tags"]

FunctionT = TypeVar("FunctionT", bound="Callable[..., AsyncIterator[object]]")


def async_fixture(function: FunctionT) -> FunctionT:
    """Turn an async generator into a fixture, of pytest-asyncio if it is installed.

    pytest loads this plugin wherever the library is installed, so it must also load without pytest-asyncio.
    """
    try:
        from pytest_asyncio import fixture  # noqa: PLC0415 - it may not be installed
    except ImportError:
        return cast("FunctionT", pytest.fixture(function))
    return cast("FunctionT", fixture(function))


@pytest.fixture
def mx_plant() -> Plant | None:
    """Return the plant behind `mx_gateway`; None for the default. Override it to return `Plant.from_toml(...)`."""
    return None


@pytest.fixture
def mx_gateway_options() -> dict[str, Any]:
    """Return the keyword arguments of SimulatedGateway for `mx_gateway`. Override it to return your own."""
    return {}


@pytest.fixture
def _mx_asyncio(request: pytest.FixtureRequest) -> None:
    if not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail("the mx_ fixtures need pytest-asyncio: pip install mxaccess-gateway-client[pytest]", pytrace=False)


@async_fixture
async def mx_gateway(
    _mx_asyncio: None, mx_plant: Plant | None, mx_gateway_options: dict[str, Any]
) -> AsyncIterator[SimulatedGateway]:
    """Run a simulated gateway on loopback for one test."""
    # Imported here because every pytest run loads this plugin, and most of them do not use it.
    from mxgateway.testing.gateway import SimulatedGateway  # noqa: PLC0415

    async with SimulatedGateway(plant=mx_plant, **mx_gateway_options) as gateway:
        yield gateway


@async_fixture
async def mx_client(mx_gateway: SimulatedGateway) -> AsyncIterator[GatewayClient]:
    """Connect a client to `mx_gateway`, with an API key that has all scopes."""
    from mxgateway.client import GatewayClient  # noqa: PLC0415

    async with GatewayClient.connect(
        endpoint=mx_gateway.endpoint, api_key=mx_gateway.api_key, plaintext=True
    ) as client:
        yield client


@async_fixture
async def mx_session(mx_client: GatewayClient) -> AsyncIterator[Session]:
    """Open a session of `mx_client`."""
    async with mx_client.open_session(client_session_name="pytest") as session:
        yield session


@async_fixture
async def mx_tags(mx_client: GatewayClient) -> AsyncIterator[TagClient]:
    """Open a TagClient of `mx_client`, with a short reconnect delay."""
    async with mx_client.tags("pytest", reconnect_delay=0.02) as tags:
        yield tags
