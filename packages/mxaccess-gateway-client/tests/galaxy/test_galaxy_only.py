"""The Galaxy is served without MxAccessGateway too, as by a Historian Gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from mxgateway import (
    ClientOptions,
    GatewayClient,
    MxGatewayAuthenticationError,
    MxGatewayConfigurationError,
    MxGatewayProtocolError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway
from support.scripted_gateway import ScriptedGateway, serving


@pytest.fixture
async def historian() -> AsyncIterator[SimulatedGateway]:
    """Return a server that has only the Galaxy."""
    async with SimulatedGateway(galaxy_only=True, ramp_interval=None) as gateway:
        yield gateway


def options_for(gateway: SimulatedGateway, services: str = "auto", api_key: str | None = None) -> ClientOptions:
    return ClientOptions(
        endpoint=gateway.endpoint,
        api_key=api_key or gateway.api_key,
        plaintext=True,
        services=services,  # type: ignore[arg-type]  # also from an environment variable
    )


@pytest.mark.parametrize("services", ["auto", "galaxy"])
async def test_galaxy_is_browsed_where_only_the_galaxy_is_served(historian: SimulatedGateway, services: str) -> None:
    async with GatewayClient.connect(options_for(historian, services)) as client:
        assert [each.tag_name async for each in client.galaxy.browse_children()] == ["TestPlant"]
        assert client.serves_only_galaxy is (services == "auto")


USES: dict[str, Callable[[GatewayClient], Awaitable[object]]] = {
    "open_session": lambda client: client.open_session().__aenter__(),
    "tags": lambda client: client.tags("test").__aenter__(),
    "attached session": lambda client: client.attach_session("session-1").ping(),
    "event stream": lambda client: anext(client.attach_session("session-1").stream_events()),
    "alarms": lambda client: anext(client.stream_alarms()),
    "active alarms": lambda client: anext(client.query_active_alarms()),
    "acknowledging": lambda client: client.acknowledge_alarm("Galaxy!Area.Tag"),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
async def test_everything_else_says_that_the_service_is_missing(
    historian: SimulatedGateway, use: Callable[[GatewayClient], Awaitable[object]]
) -> None:
    async with GatewayClient.connect(options_for(historian)) as client:
        with pytest.raises(MxGatewayProtocolError, match="this server has no MxAccessGateway service"):
            await use(client)


async def test_session_of_a_client_that_asked_only_for_the_galaxy(
    historian: SimulatedGateway, gateway: SimulatedGateway
) -> None:
    async with GatewayClient.connect(options_for(historian, "galaxy")) as client:
        with pytest.raises(MxGatewayProtocolError, match=r"OpenSession on .* no MxAccessGateway service"):
            await client.open_session()
    async with GatewayClient.connect(options_for(gateway, "galaxy")) as client, client.open_session() as session:
        await session.ping()


async def test_program_that_needs_sessions_can_require_them(historian: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayProtocolError, match="this server has no MxAccessGateway service"):
        await GatewayClient.connect(options_for(historian, "gateway"))


async def test_key_is_checked_where_only_the_galaxy_is_served(historian: SimulatedGateway) -> None:
    with pytest.raises(MxGatewayAuthenticationError):
        await GatewayClient.connect(options_for(historian, api_key="mxgw_ffffffff_unknown"))


async def test_empty_cache_does_not_prevent_connecting(historian: SimulatedGateway) -> None:
    with historian.faults.galaxy_down(snapshot=False):
        async with GatewayClient.connect(options_for(historian)) as client:
            assert client.serves_only_galaxy


async def test_gateway_without_galaxy_does_not_serve_it() -> None:
    async with serving(ScriptedGateway()) as endpoint:
        with pytest.raises(MxGatewayProtocolError, match="the endpoint does not serve the Galaxy: check the port"):
            await GatewayClient.connect(endpoint=endpoint, plaintext=True, services="galaxy")


async def test_closed_port_is_explained_to_a_galaxy_client(historian: SimulatedGateway) -> None:
    await historian.stop()
    with pytest.raises(MxGatewayTransportError, match="nothing listens on port"):
        await GatewayClient.connect(options_for(historian, "galaxy"))


def test_unknown_services_are_refused_with_the_known_ones() -> None:
    with pytest.raises(MxGatewayConfigurationError, match=r"invalid services 'all': use \"auto\" or"):
        ClientOptions.from_env({"MXGATEWAY_ENDPOINT": "gateway:5001", "MXGATEWAY_SERVICES": "all"})
