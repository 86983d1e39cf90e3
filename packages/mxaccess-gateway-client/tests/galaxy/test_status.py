"""A client learns how current the gateway's copy of the Galaxy is, and whether the gateway has one at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import grpc
import pytest

from mxgateway import (
    Galaxy,
    GalaxyStatus,
    GatewayClient,
    MxGatewayError,
    MxGatewayGalaxyUnavailableError,
    MxGatewayTransportError,
)
from mxgateway.testing import SimulatedGateway

DEPLOYED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.fixture
def galaxy(client: GatewayClient) -> Galaxy:
    return client.galaxy


async def test_status_reports_the_copy_and_the_database(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    before = datetime.now(UTC)
    gateway.plant.deploy()

    status = await galaxy.status()

    objects = galaxy.browse_children()
    await anext(objects)
    assert (status.loaded, status.database_reachable, status.may_be_outdated) == (True, True, False)
    assert status.version == objects.version == gateway.plant.deploys
    assert status.deployed_at is not None
    assert status.observed_at is not None
    assert before <= status.deployed_at <= status.observed_at
    assert (status.object_count, status.attribute_count) == (11, len(gateway.plant))


async def test_stale_snapshot_is_served_and_reported(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    with gateway.faults.galaxy_down():
        gateway.plant.deploy()
        await gateway.faults.restart()
        status = await reconnected(galaxy.status)
        objects = [each.tag_name async for each in galaxy.discover()]

    assert (status.loaded, status.database_reachable, status.may_be_outdated) == (True, False, True)
    assert status.deployed_at == DEPLOYED, "the deploy that the gateway could not notice is not reported"
    assert len(objects) == status.object_count
    now = await galaxy.status()
    assert (now.may_be_outdated, now.version) == (False, status.version + 1)


async def reconnected(ask: Callable[[], Awaitable[GalaxyStatus]]) -> GalaxyStatus:
    """Return the answer as soon as the client has reconnected."""
    async with asyncio.timeout(10):
        while True:
            try:
                return await ask()
            except MxGatewayTransportError:
                await asyncio.sleep(0.02)


QUESTIONS: dict[str, Callable[[Galaxy], Awaitable[object]]] = {
    "browse_children": lambda galaxy: anext(galaxy.browse_children()),
    "discover": lambda galaxy: anext(galaxy.discover()),
    "last_deploy_time": lambda galaxy: galaxy.last_deploy_time(),
    "watch_deploys": lambda galaxy: anext(galaxy.watch_deploys()),
}


@pytest.mark.parametrize("ask", QUESTIONS.values(), ids=QUESTIONS)
async def test_empty_cache_differs_from_a_gateway_that_is_away(
    gateway: SimulatedGateway, galaxy: Galaxy, ask: Callable[[Galaxy], Awaitable[object]]
) -> None:
    with gateway.faults.galaxy_down(snapshot=False), pytest.raises(MxGatewayGalaxyUnavailableError) as empty:
        await ask(galaxy)
    await gateway.stop()
    with pytest.raises(MxGatewayTransportError) as away:
        await ask(galaxy)
    await gateway.start()

    assert empty.value.sent_by_gateway
    assert empty.value.grpc_status is away.value.grpc_status is grpc.StatusCode.UNAVAILABLE
    assert "the gateway has no copy of the Galaxy yet" in str(empty.value)
    assert "the connection" not in str(empty.value)
    assert type(away.value) is MxGatewayTransportError
    assert not away.value.sent_by_gateway


async def test_status_of_an_empty_cache_is_no_error(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    with gateway.faults.galaxy_down(snapshot=False):
        status = await galaxy.status()

    assert (status.loaded, status.database_reachable, status.may_be_outdated) == (False, False, False)
    assert (status.version, status.deployed_at, status.observed_at) == (0, None, None)


async def test_database_that_does_not_answer_in_time_is_reported_as_unknown(
    gateway: SimulatedGateway, galaxy: Galaxy
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.DEADLINE_EXCEEDED, rpc="TestConnection")

    status = await galaxy.status(timeout=5)

    assert (status.loaded, status.database_reachable, status.may_be_outdated) == (True, None, True)


async def test_wait_until_loaded_returns_when_the_cache_is_filled(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    with gateway.faults.galaxy_down(snapshot=False):
        waiting = asyncio.create_task(galaxy.wait_until_loaded(timeout=10))
        asked = sum(call.rpc == "BrowseChildren" for call in gateway.calls)
        await gateway.wait_for(lambda: sum(call.rpc == "BrowseChildren" for call in gateway.calls) > asked + 1)
        assert not waiting.done()

    await waiting
    assert await anext(galaxy.browse_children())


async def test_wait_until_loaded_gives_up(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    with gateway.faults.galaxy_down(snapshot=False), pytest.raises(MxGatewayGalaxyUnavailableError):
        await galaxy.wait_until_loaded(timeout=0.1)


async def test_wait_until_loaded_does_not_wait_for_a_gateway_that_is_away(
    gateway: SimulatedGateway, galaxy: Galaxy
) -> None:
    await gateway.stop()
    with pytest.raises(MxGatewayError) as caught:
        await galaxy.wait_until_loaded(timeout=60)
    await gateway.start()

    assert type(caught.value) is MxGatewayTransportError
