"""Pytest fixtures and markers for tests of your own automation.

pytest loads this plugin automatically. The fixtures need pytest-asyncio. Override `mx_gateway_options` to change the
gateway, and `mx_plant` to change the plant behind it; or mark a test with `mx_plant`, `mx_fault` or `mx_script`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, cast

import pytest

from mxgateway.testing.pytest_markers import MARKERS, add_fixture, check_use, fail, marked_plant, marked_script

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mxgateway.client import GatewayClient
    from mxgateway.session import Session
    from mxgateway.tags.client import TagClient
    from mxgateway.testing.gateway import SimulatedGateway
    from mxgateway.testing.plant.plant import Plant
    from mxgateway.testing.scripts.script import Script

__all__ = ["mx_client", "mx_gateway", "mx_gateway_options", "mx_plant", "mx_session", "mx_tags"]

FunctionT = TypeVar("FunctionT", bound="Callable[..., AsyncIterator[object]]")

# Whether mx_plant returned the plant of the marker. A fixture of the user's own may have replaced it.
_HAS_MARKED_PLANT = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers."""
    for marker, meaning in MARKERS.items():
        config.addinivalue_line("markers", f"{marker}: {meaning}")


def pytest_itemcollected(item: pytest.Item) -> None:
    """Cause the faults of a test after all its fixtures have been set up, and end them before these are torn down."""
    add_fixture(item, _mx_faults.__name__)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Refuse a marker that has no effect."""
    check_use(item)


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
def mx_plant(request: pytest.FixtureRequest) -> Plant | None:
    """Return the plant behind `mx_gateway`: that of the marker `mx_plant`, or else None for the default.

    Override it to return `Plant.from_toml(...)` for all tests. A marker takes precedence.
    """
    item = cast("pytest.Item", request.node)
    item.stash[_HAS_MARKED_PLANT] = True
    return marked_plant(item)


@pytest.fixture
def mx_gateway_options() -> dict[str, Any]:
    """Return the keyword arguments of SimulatedGateway for `mx_gateway`. Override it to return your own."""
    return {}


@pytest.fixture
def _mx_asyncio(request: pytest.FixtureRequest) -> None:
    if not request.config.pluginmanager.hasplugin("asyncio"):
        pytest.fail("the mx_ fixtures need pytest-asyncio: pip install mxaccess-gateway-client[pytest]", pytrace=False)


@pytest.fixture
def _mx_script(request: pytest.FixtureRequest) -> Script | None:
    return marked_script(cast("pytest.Item", request.node))


@async_fixture
async def mx_gateway(
    request: pytest.FixtureRequest,
    _mx_asyncio: None,
    _mx_script: Script | None,
    mx_plant: Plant | None,
    mx_gateway_options: dict[str, Any],
) -> AsyncIterator[SimulatedGateway]:
    """Run a simulated gateway on loopback for one test."""
    # Imported here because every pytest run loads this plugin, and most of them do not use it.
    from mxgateway.testing.gateway import SimulatedGateway  # noqa: PLC0415

    item = cast("pytest.Item", request.node)
    plant = mx_plant if item.stash.get(_HAS_MARKED_PLANT, False) else marked_plant(item) or mx_plant
    options: dict[str, Any] = {"plant": plant, **mx_gateway_options}
    if _mx_script is not None and _mx_script.needs_breakable_network:
        options.setdefault("breakable_network", True)
    async with SimulatedGateway(**options) as gateway:
        yield gateway


@async_fixture
async def _mx_faults(
    request: pytest.FixtureRequest, mx_gateway: SimulatedGateway, _mx_script: Script | None
) -> AsyncIterator[None]:
    if _mx_script is None:
        yield
        return
    try:
        async with _mx_script.running(mx_gateway):
            yield
    except ValueError as error:
        fail(cast("pytest.Item", request.node), error)


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
