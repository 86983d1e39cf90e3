"""The Galaxy: browsing and discovering its objects, and watching its deploys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from mxgateway import (
    Galaxy,
    GalaxyAttribute,
    GalaxyObject,
    GalaxyObjects,
    GalaxyPlace,
    GatewayClient,
    MxGatewayAuthorizationError,
    MxGatewayEventLossError,
    MxGatewayGalaxyChangedError,
    MxGatewayNotFoundError,
    MxGatewaySessionError,
    MxGatewayUsageError,
)
from mxgateway.testing import Plant, PlantObject, SimulatedGateway

DEPLOYED = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)


@pytest.fixture
def galaxy(client: GatewayClient) -> Galaxy:
    return client.galaxy


@pytest.fixture
async def large_gateway() -> AsyncIterator[SimulatedGateway]:
    """Return a gateway whose Galaxy has one area with 1,234 objects."""
    area = PlantObject(gobject_id=1, tag_name="Hall", is_area=True)
    machines = (PlantObject(gobject_id=number, tag_name=f"M_{number:04}", parent="Hall") for number in range(2, 1236))
    async with SimulatedGateway(plant=Plant(objects=[area, *machines]), ramp_interval=None) as gateway:
        yield gateway


@pytest.fixture
async def large_galaxy(large_gateway: SimulatedGateway) -> AsyncIterator[Galaxy]:
    async with GatewayClient.connect(
        endpoint=large_gateway.endpoint, api_key=large_gateway.api_key, plaintext=True
    ) as client:
        yield client.galaxy


async def names(objects: GalaxyObjects) -> list[str]:
    """Return the tag names of objects."""
    return [each.tag_name async for each in objects]


async def test_tree_is_browsed_level_by_level(galaxy: Galaxy) -> None:
    (plant,) = [each async for each in galaxy.browse_children()]
    areas = [each async for each in galaxy.browse_children(plant)]
    machines = [each async for each in galaxy.browse_children(areas[1])]

    assert (plant.tag_name, plant.is_area, plant.parent_gobject_id, plant.has_children) == ("TestPlant", True, 0, True)
    assert [each.tag_name for each in areas] == ["TestArea", "TestArea2"]
    assert {each.parent_gobject_id for each in areas} == {plant.gobject_id}
    assert [each.tag_name for each in machines] == [f"TestMachine_00{number}" for number in range(1, 7)]
    assert {each.has_children for each in machines} == {False}
    assert await names(galaxy.browse_children(machines[0])) == []


@pytest.mark.parametrize("by", ["number", "name", "object", "path", "path with dots"])
async def test_parent_can_be_an_id_a_name_an_object_or_a_path(galaxy: Galaxy, by: str) -> None:
    (parent,) = [each async for each in galaxy.discover("TestChildObject", max_depth=0)]

    if by.startswith("path"):
        path = "TestPlant/TestArea/TestChildObject".replace("/", "." if by.endswith("dots") else "/")
        children, found = galaxy.browse_children(contained_path=path), galaxy.discover(contained_path=path)
    else:
        places: dict[str, GalaxyPlace] = {"number": parent.gobject_id, "name": "testchildobject", "object": parent}
        place = places[by]
        children, found = galaxy.browse_children(place), galaxy.discover(place)

    (pump,) = [each async for each in children]
    assert (pump.tag_name, pump.contained_name, pump.browse_name) == ("TestPump", "Pump", "Pump")
    assert "TestPump" in await names(found)


async def test_object_has_templates_and_attributes_unless_omitted(galaxy: Galaxy) -> None:
    (child,) = [each async for each in galaxy.discover(tag_name_glob="TestChildObject")]
    (bare,) = [each async for each in galaxy.discover(tag_name_glob="TestChildObject", include_attributes=False)]

    assert child.template_chain == ("$TestChildObject", "$UserDefined")
    attributes = {attribute.attribute_name: attribute for attribute in child.attributes}
    assert attributes["TestInt"] == GalaxyAttribute(
        attribute_name="TestInt",
        full_tag_reference="TestChildObject.TestInt",
        mx_data_type=2,
        data_type_name="Integer",
        security_classification=attributes["TestInt"].security_classification,
        is_writable=True,
        is_historized=True,
    )
    assert attributes["TestStringArray"].full_tag_reference == "TestChildObject.TestStringArray[]"
    assert (attributes["TestStringArray"].is_array, attributes["TestStringArray"].array_dimension) == (True, 3)
    assert not attributes["TestReadOnly"].is_writable
    assert attributes["TestAlarmed"].is_alarm
    assert bare.attributes == ()
    assert hash(child) != hash(bare)


async def test_full_tag_reference_can_be_added_as_an_item(client: GatewayClient, galaxy: Galaxy) -> None:
    (machine,) = [each async for each in galaxy.discover("TestMachine_001")]

    async with client.open_session() as session:
        server = await session.register("galaxy")
        for attribute in machine.attributes:
            assert await session.add_item(server, attribute.full_tag_reference) > 0


async def test_objects_must_match_all_filters(galaxy: Galaxy) -> None:
    areas = ["TestPlant", "TestArea", "TestArea2"]

    assert await names(galaxy.discover(category_ids=[13])) == areas
    assert await names(galaxy.discover(tag_name_glob="testMACHINE_00?", historized_only=True)) == [
        f"TestMachine_00{number}" for number in range(1, 7)
    ]
    assert await names(galaxy.discover(template_chain_contains=["$Pump"])) == ["TestPump"]
    assert await names(galaxy.discover(template_chain_contains=["$Pump", "$TestMachine"])) == []
    assert "TestPump" not in await names(galaxy.discover(alarm_bearing_only=True))
    assert await names(galaxy.browse_children("TestPlant", tag_name_glob="*2")) == ["TestArea2"]


async def test_max_depth_limits_a_discovery(galaxy: Galaxy) -> None:
    everything = await names(galaxy.discover())

    assert len(everything) == len(set(everything)) == 11
    assert await names(galaxy.discover(max_depth=1)) == ["TestPlant"]
    assert set(await names(galaxy.discover("TestPlant", max_depth=1))) == {"TestPlant", "TestArea", "TestArea2"}


@pytest.mark.parametrize("page_size", [1, 2, 10, 11, 12])
async def test_small_pages_yield_the_same_objects_as_one_page(galaxy: Galaxy, page_size: int) -> None:
    everything = [each async for each in galaxy.discover()]
    areas = [each async for each in galaxy.browse_children("TestPlant")]

    assert [each async for each in galaxy.discover(page_size=page_size)] == everything
    assert [each async for each in galaxy.browse_children("TestPlant", page_size=page_size)] == areas


@pytest.mark.parametrize("page_size", [100, 1233, 1234, 5000])
async def test_paging_is_transparent(large_galaxy: Galaxy, page_size: int) -> None:
    expected = [f"M_{number:04}" for number in range(2, 1236)]

    children = large_galaxy.browse_children("Hall", page_size=page_size)
    found = large_galaxy.discover("Hall", page_size=page_size)

    assert await names(children) == expected
    assert await names(found) == ["Hall", *expected]
    assert (children.delivered, children.total) == (1234, 1234)
    assert (found.delivered, found.total) == (1235, 1235)


async def test_pages_are_requested_only_as_needed(large_gateway: SimulatedGateway, large_galaxy: Galaxy) -> None:
    async for each in large_galaxy.browse_children("Hall", page_size=10):
        if each.tag_name == "M_0015":
            break

    assert [call.rpc for call in large_gateway.calls].count("BrowseChildren") == 2


@pytest.mark.parametrize("way", ["browse_children", "discover"])
async def test_deploy_between_two_pages_raises(large_gateway: SimulatedGateway, large_galaxy: Galaxy, way: str) -> None:
    objects: GalaxyObjects = getattr(large_galaxy, way)("Hall", page_size=100)
    await anext(objects)
    large_gateway.plant.deploy()

    with pytest.raises(MxGatewayGalaxyChangedError):
        await names(objects)

    assert objects.delivered == 100
    again: GalaxyObjects = getattr(large_galaxy, way)("Hall", page_size=100)
    assert len(await names(again)) >= 1234


@pytest.mark.parametrize("way", ["browse_children", "discover"])
async def test_deploy_during_the_last_page_does_not_raise(gateway: SimulatedGateway, galaxy: Galaxy, way: str) -> None:
    objects: GalaxyObjects = getattr(galaxy, way)("TestArea2")
    first = await anext(objects)
    gateway.plant.deploy()

    assert len([first, *[each async for each in objects]]) >= 6


@pytest.mark.parametrize("place", ["NoSuchObject_999", 4711, GalaxyObject(gobject_id=4711, tag_name="Gone")])
async def test_unknown_place_raises_not_found_error(galaxy: Galaxy, place: GalaxyPlace) -> None:
    for objects in (galaxy.browse_children(place), galaxy.discover(place)):
        with pytest.raises(MxGatewayNotFoundError) as caught:
            await anext(objects)

        assert not isinstance(caught.value, MxGatewaySessionError)
        assert "session" not in str(caught.value)
    with pytest.raises(MxGatewayNotFoundError):
        await anext(galaxy.browse_children(contained_path="TestPlant/NoSuchObject"))


async def test_galaxy_needs_its_scope_but_no_session(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    assert await galaxy.test_connection()
    await names(galaxy.discover())
    assert "OpenSession" not in {call.rpc for call in gateway.calls}

    key = gateway.add_key("invoke:read")
    async with GatewayClient.connect(endpoint=gateway.endpoint, api_key=key, plaintext=True) as client:
        other = client.galaxy
        for question in (
            other.test_connection(),
            other.last_deploy_time(),
            anext(other.browse_children()),
            anext(other.discover()),
            anext(other.watch_deploys()),
        ):
            with pytest.raises(MxGatewayAuthorizationError):
                await question


async def test_connection_test_reports_a_database_that_is_down(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    with gateway.faults.galaxy_down():
        assert await galaxy.test_connection() is False
        assert await names(galaxy.browse_children()) == ["TestPlant"]

    assert await galaxy.test_connection() is True


async def test_last_deploy_has_a_time(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    assert await galaxy.last_deploy_time() == DEPLOYED

    gateway.plant.deploy()
    deployed = await galaxy.last_deploy_time()
    assert deployed is not None
    assert deployed > DEPLOYED


async def test_galaxy_without_a_deploy_has_no_deploy_time() -> None:
    async with (
        SimulatedGateway(plant=Plant()) as gateway,
        GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True) as client,
    ):
        assert await client.galaxy.last_deploy_time() is None
        assert await names(client.galaxy.discover()) == []


async def test_watch_begins_with_the_current_state_then_every_deploy(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    async with galaxy.watch_deploys() as watch:
        present = await anext(watch)
        gateway.plant.deploy()
        gateway.plant.deploy()
        first, second = await anext(watch), await anext(watch)

    assert (present.time_of_last_deploy, present.object_count) == (DEPLOYED, 11)
    assert present.attribute_count > 11
    assert (first.sequence, second.sequence) == (present.sequence + 1, present.sequence + 2)
    assert second.time_of_last_deploy is not None
    assert second.time_of_last_deploy > DEPLOYED
    assert [each async for each in watch] == [], "it was closed from this side"


async def test_missed_deploys_raise_and_a_new_watch_continues(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    watch = galaxy.watch_deploys(DEPLOYED)
    await anext(watch)
    gateway.plant.deploy(missed=2)

    with pytest.raises(MxGatewayEventLossError, match=r"gap \(2 missing\)"):
        await anext(watch)
    await gateway.wait_for(lambda: not [call for call in gateway.calls if call.running])

    async with galaxy.watch_deploys() as again:
        assert (await anext(again)).sequence == 4


async def test_cancelling_a_wait_for_a_deploy_loses_nothing(gateway: SimulatedGateway, galaxy: Galaxy) -> None:
    async with galaxy.watch_deploys() as watch:
        present = await anext(watch)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await anext(watch)
        gateway.plant.deploy()

        assert (await anext(watch)).sequence == present.sequence + 1


async def test_galaxy_calls_of_a_closed_client_raise(gateway: SimulatedGateway) -> None:
    client = await GatewayClient.connect(endpoint=gateway.endpoint, api_key=gateway.api_key, plaintext=True)
    galaxy = client.galaxy
    objects = galaxy.discover(page_size=2)
    await anext(objects)
    await client.close()

    with pytest.raises(MxGatewayUsageError, match="closed"):
        await names(objects)
    with pytest.raises(MxGatewayUsageError, match="closed"):
        await galaxy.test_connection()
