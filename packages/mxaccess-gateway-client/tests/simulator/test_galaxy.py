"""The Galaxy repository: the object tree in pages, and deploy events."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from google.protobuf.wrappers_pb2 import Int32Value
from mxaccess_gateway.v1 import galaxy_repository_pb2 as galaxy_pb

from mxgateway.testing import Plant, PlantObject, Scope, SimulatedGateway
from support.wire import connected, refused, streaming

if TYPE_CHECKING:
    from support.wire import Wire

EVERYTHING = [
    "TestPlant",
    "TestArea",
    "TestChildObject",
    "TestPump",
    "TestArea2",
    *(f"TestMachine_00{number}" for number in range(1, 7)),
]
MACHINES = EVERYTHING[5:]


async def discover(wire: Wire, **fields: Any) -> galaxy_pb.DiscoverHierarchyReply:
    return await wire.galaxy.DiscoverHierarchy(galaxy_pb.DiscoverHierarchyRequest(**fields), metadata=wire.metadata)


async def browse(wire: Wire, **fields: Any) -> galaxy_pb.BrowseChildrenReply:
    return await wire.galaxy.BrowseChildren(galaxy_pb.BrowseChildrenRequest(**fields), metadata=wire.metadata)


async def discovered(wire: Wire, **fields: Any) -> list[str]:
    return [each.tag_name for each in (await discover(wire, **fields)).objects]


async def children(wire: Wire, **fields: Any) -> list[str]:
    return [each.tag_name for each in (await browse(wire, **fields)).children]


async def last_deploy(wire: Wire) -> galaxy_pb.GetLastDeployTimeReply:
    return await wire.galaxy.GetLastDeployTime(galaxy_pb.GetLastDeployTimeRequest(), metadata=wire.metadata)


async def connection_ok(wire: Wire) -> bool:
    return (await wire.galaxy.TestConnection(galaxy_pb.TestConnectionRequest(), metadata=wire.metadata)).ok


async def test_copy_is_served_while_the_database_is_down(gateway: SimulatedGateway, wire: Wire) -> None:
    assert await connection_ok(wire)
    before = (await browse(wire)).cache_sequence
    with gateway.faults.galaxy_down():
        gateway.plant.deploy()
        assert not await connection_ok(wire)
        assert await discovered(wire) == EVERYTHING
        assert (await browse(wire)).cache_sequence == before
        assert (await last_deploy(wire)).time_of_last_deploy.ToDatetime(UTC) == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert await connection_ok(wire)
    assert (await browse(wire)).cache_sequence == before + 1


async def test_deploys_are_noticed_when_the_database_is_up_again(gateway: SimulatedGateway, wire: Wire) -> None:
    request = galaxy_pb.WatchDeployEventsRequest()
    async with streaming(wire.galaxy.WatchDeployEvents(request, metadata=wire.metadata)) as stream:
        first = await stream.next()
        with gateway.faults.galaxy_down():
            gateway.plant.deploy()
        gateway.plant.deploy()
        later = [await stream.next() for _ in range(2)]
        assert [event.sequence for event in later] == [first.sequence + 1, first.sequence + 2]


async def test_cache_that_was_never_filled_is_unavailable(gateway: SimulatedGateway, wire: Wire) -> None:
    with gateway.faults.galaxy_down(snapshot=False):
        assert not await connection_ok(wire)
        for question in (discover, browse, last_deploy):
            with refused(grpc.StatusCode.UNAVAILABLE):
                await question(wire)
    assert await discovered(wire) == EVERYTHING


async def test_last_deploy_time_is_present_only_after_a_deploy(gateway: SimulatedGateway, wire: Wire) -> None:
    reply = await last_deploy(wire)
    assert reply.present
    assert reply.time_of_last_deploy.ToDatetime(UTC) == datetime(2026, 1, 5, 8, tzinfo=UTC)
    gateway.plant.last_deploy = None
    reply = await last_deploy(wire)
    assert (reply.present, reply.HasField("time_of_last_deploy")) == (False, False)


async def test_hierarchy_has_areas_first_then_by_name(wire: Wire) -> None:
    reply = await discover(wire)
    assert [each.tag_name for each in reply.objects] == EVERYTHING
    assert reply.total_object_count == len(EVERYTHING)
    assert reply.next_page_token == ""
    assert [bool(each.is_area) for each in reply.objects[:5]] == [True, True, False, False, True]


async def test_object_has_its_place_and_attributes(wire: Wire) -> None:
    objects = {each.tag_name: each for each in (await discover(wire)).objects}
    pump = objects["TestPump"]
    assert pump.parent_gobject_id == objects["TestChildObject"].gobject_id
    assert objects["TestPlant"].parent_gobject_id == 0
    assert (pump.contained_name, pump.browse_name) == ("Pump", "Pump")
    assert (objects["TestArea"].contained_name, objects["TestArea"].browse_name) == ("", "TestArea")
    assert (objects["TestArea"].category_id, pump.category_id) == (13, 10)
    assert list(pump.template_chain) == ["$Pump", "$UserDefined"]
    attributes = {each.attribute_name: each for each in objects["TestChildObject"].attributes}
    number, array = attributes["TestInt"], attributes["TestStringArray"]
    assert number.full_tag_reference == "TestChildObject.TestInt"
    assert (number.mx_data_type, number.data_type_name, number.is_array) == (2, "Integer", False)
    assert (number.security_classification, number.is_writable, number.is_historized) == (1, True, True)
    assert array.full_tag_reference == "TestChildObject.TestStringArray[]"
    assert (array.is_array, array.array_dimension, array.data_type_name) == (True, 3, "String")
    assert attributes["TestAlarmed"].is_alarm
    assert not attributes["TestReadOnly"].is_writable


async def test_attributes_can_be_left_out(wire: Wire) -> None:
    for wanted, there in ((None, True), (True, True), (False, False)):
        found = await discover(wire, root_tag_name="TestPump", include_attributes=wanted)
        assert bool(found.objects[0].attributes) is there
        listed = await browse(wire, parent_tag_name="TestChildObject", include_attributes=wanted)
        assert bool(listed.children[0].attributes) is there


@pytest.mark.parametrize(
    ("root", "found"),
    [
        ({"root_gobject_id": 0}, EVERYTHING),
        ({"root_gobject_id": 3}, ["TestArea2", *MACHINES]),
        ({"root_tag_name": "testchildobject"}, ["TestChildObject", "TestPump"]),
        ({"root_contained_path": "TestPlant/TestArea/TestChildObject/Pump"}, ["TestPump"]),
        ({"root_contained_path": "testplant.testarea.testchildobject.pump"}, ["TestPump"]),
    ],
    ids=str,
)
async def test_root_by_number_name_or_path(wire: Wire, root: dict[str, Any], found: list[str]) -> None:
    assert await discovered(wire, **root) == found


@pytest.mark.parametrize(
    "root",
    [
        {"root_gobject_id": 99},
        {"root_gobject_id": -1},
        {"root_tag_name": "NoSuchObject_999"},
        {"root_tag_name": ""},
        {"root_contained_path": "TestPlant/Pump"},
        {"root_contained_path": ""},
    ],
    ids=str,
)
async def test_unknown_root_or_parent_is_not_found(wire: Wire, root: dict[str, Any]) -> None:
    with refused(grpc.StatusCode.NOT_FOUND):
        await discover(wire, **root)
    with refused(grpc.StatusCode.NOT_FOUND):
        await browse(wire, **{name.replace("root", "parent"): value for name, value in root.items()})


@pytest.mark.parametrize(
    ("depth", "root", "found"),
    [
        (0, "TestArea", ["TestArea"]),
        (1, "TestArea", ["TestArea", "TestChildObject"]),
        (2, "TestArea", ["TestArea", "TestChildObject", "TestPump"]),
        (9, "TestArea", ["TestArea", "TestChildObject", "TestPump"]),
        (0, None, []),
        (1, None, ["TestPlant"]),
        (2, None, ["TestPlant", "TestArea", "TestArea2"]),
    ],
)
async def test_depth_counts_levels_below_the_root(wire: Wire, depth: int, root: str | None, found: list[str]) -> None:
    assert await discovered(wire, max_depth=Int32Value(value=depth), root_tag_name=root) == found


async def test_negative_depth_is_an_invalid_argument(wire: Wire) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "max_depth"):
        await discover(wire, max_depth=Int32Value(value=-1))


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"category_ids": [13]}, ["TestPlant", "TestArea", "TestArea2"]),
        ({"category_ids": [13, 10]}, EVERYTHING),
        ({"template_chain_contains": ["$testmachine"]}, MACHINES),
        ({"template_chain_contains": ["$UserDefined", "$Pump"]}, ["TestPump"]),
        ({"tag_name_glob": "testmachine_00?"}, MACHINES),
        ({"tag_name_glob": "*_001"}, ["TestMachine_001"]),
        ({"tag_name_glob": "Machine"}, []),
        ({"tag_name_glob": "Test[A-Z]*"}, []),
        ({"alarm_bearing_only": True}, ["TestChildObject", *MACHINES]),
        ({"historized_only": True}, ["TestChildObject", *MACHINES]),
        ({"historized_only": True, "tag_name_glob": "*3"}, ["TestMachine_003"]),
    ],
    ids=str,
)
async def test_all_filters_must_match_and_globs_match_whole_names(
    wire: Wire, wanted: dict[str, Any], found: list[str]
) -> None:
    assert await discovered(wire, **wanted) == found


async def test_pages_have_every_object_once(wire: Wire) -> None:
    found: list[str] = []
    token = ""
    for _ in range(3):
        reply = await discover(wire, page_size=4, page_token=token)
        assert reply.total_object_count == 11
        found += [each.tag_name for each in reply.objects]
        token = reply.next_page_token
    assert found == EVERYTHING
    assert token == ""


async def test_page_has_500_objects_by_default_and_at_most_5000() -> None:
    plant = Plant(objects=[PlantObject(gobject_id=n, tag_name=f"Object_{n:05}") for n in range(1, 6001)])
    async with SimulatedGateway(plant=plant) as gateway, connected(gateway) as wire:
        assert len(await discovered(wire)) == 500
        assert len(await discovered(wire, page_size=5001)) == 5000
        assert len(await children(wire)) == 500
        assert len(await children(wire, page_size=100_000)) == 5000


async def test_page_token_for_other_filters_is_an_invalid_argument(gateway: SimulatedGateway, wire: Wire) -> None:
    token = (await discover(wire, page_size=2)).next_page_token
    assert len(await discovered(wire, page_size=3, page_token=token)) == 3
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "filters"):
        await discover(wire, page_size=2, page_token=token, tag_name_glob="*")
    child_token = (await browse(wire, parent_tag_name="TestArea2", page_size=2)).next_page_token
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "filters"):
        await browse(wire, parent_tag_name="TestArea", page_size=2, page_token=child_token)
    gateway.plant.deploy()
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "deploy"):
        await discover(wire, page_size=2, page_token=token)


@pytest.mark.parametrize("token", ["x", "nonsense", "MSAy", "w6Q="])
async def test_invalid_page_token_is_an_invalid_argument(wire: Wire, token: str) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "page_token"):
        await discover(wire, page_token=token)


async def test_negative_page_size_is_an_invalid_argument(wire: Wire) -> None:
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "page_size"):
        await browse(wire, page_size=-1)


async def test_children_have_areas_first_then_by_name(wire: Wire) -> None:
    assert await children(wire) == ["TestPlant"]
    assert await children(wire, parent_tag_name="TestPlant") == ["TestArea", "TestArea2"]
    reply = await browse(wire, parent_tag_name="TestArea2")
    assert [each.tag_name for each in reply.children] == MACHINES
    assert reply.total_child_count == 6
    plant = Plant(
        objects=[
            PlantObject(gobject_id=1, tag_name="b"),
            PlantObject(gobject_id=2, tag_name="A"),
            PlantObject(gobject_id=3, tag_name="Z", is_area=True),
        ]
    )
    async with SimulatedGateway(plant=plant) as gateway, connected(gateway) as other:
        assert await children(other) == ["Z", "A", "b"]


async def test_child_has_children_applies_the_filters(wire: Wire) -> None:
    plain = await browse(wire, parent_tag_name="TestPlant")
    assert list(plain.child_has_children) == [True, True]
    areas_only = await browse(wire, parent_tag_name="TestPlant", category_ids=[13])
    assert list(areas_only.child_has_children) == [False, False]
    machines = await browse(wire, parent_tag_name="TestArea2", page_size=2)
    assert list(machines.child_has_children) == [False, False]


async def test_cache_sequence_rises_with_a_deploy(gateway: SimulatedGateway, wire: Wire) -> None:
    before = (await browse(wire)).cache_sequence
    gateway.plant.deploy()
    assert (await browse(wire)).cache_sequence == before + 1


async def test_deploys_are_streamed(gateway: SimulatedGateway, wire: Wire) -> None:
    request = galaxy_pb.WatchDeployEventsRequest()
    async with streaming(wire.galaxy.WatchDeployEvents(request, metadata=wire.metadata)) as stream:
        present = await stream.next()
        assert present.time_of_last_deploy.ToDatetime(UTC) == datetime(2026, 1, 5, 8, tzinfo=UTC)
        assert (present.object_count, present.attribute_count) == (11, len(gateway.plant))
        gateway.plant.deploy()
        deployed = await stream.next()
        assert deployed.sequence == present.sequence + 1
        assert deployed.time_of_last_deploy.seconds > present.time_of_last_deploy.seconds
        gateway.plant.deploy(missed=3)
        assert (await stream.next()).sequence == deployed.sequence + 4
    await gateway.wait_for(lambda: not gateway.plant.deploy_listeners)


async def test_unread_deploys_make_the_sequence_jump(gateway: SimulatedGateway, wire: Wire) -> None:
    request = galaxy_pb.WatchDeployEventsRequest()
    async with streaming(wire.galaxy.WatchDeployEvents(request, metadata=wire.metadata)) as stream:
        first = await stream.next()
        for _ in range(1000):
            gateway.plant.deploy()
        assert (await stream.next()).sequence > first.sequence + 1


async def test_galaxy_rpcs_require_metadata_read(gateway: SimulatedGateway) -> None:
    async with connected(gateway, gateway.add_key(*set(Scope) - {Scope.METADATA_READ})) as wire:
        with refused(grpc.StatusCode.PERMISSION_DENIED, "metadata:read"):
            await discover(wire)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "metadata:read"):
            await browse(wire)
        with refused(grpc.StatusCode.PERMISSION_DENIED, "metadata:read"):
            await last_deploy(wire)
        request = galaxy_pb.WatchDeployEventsRequest()
        async with streaming(wire.galaxy.WatchDeployEvents(request, metadata=wire.metadata)) as stream:
            assert await stream.end() is grpc.StatusCode.PERMISSION_DENIED


async def test_limited_key_sees_only_its_part_of_the_galaxy(gateway: SimulatedGateway) -> None:
    key = gateway.add_key(*Scope, galaxy=("TestMachine_001.*", "TestPump.Speed"))
    async with connected(gateway, key) as wire:
        reply = await discover(wire)
        assert {each.tag_name: [tag.attribute_name for tag in each.attributes] for each in reply.objects} == {
            "TestPlant": [],
            "TestArea": [],
            "TestChildObject": [],
            "TestPump": ["Speed"],
            "TestArea2": [],
            "TestMachine_001": ["TestChangingInt", "TestSine", "TestAlarm"],
        }
        with refused(grpc.StatusCode.NOT_FOUND):
            await discover(wire, root_tag_name="TestMachine_002")


@pytest.mark.parametrize(
    "objects",
    [
        [PlantObject(gobject_id=1, tag_name="A"), PlantObject(gobject_id=2, tag_name="a")],
        [PlantObject(gobject_id=1, tag_name="A"), PlantObject(gobject_id=1, tag_name="B")],
        [PlantObject(gobject_id=0, tag_name="A")],
        [PlantObject(gobject_id=1, tag_name="A", parent="B")],
        [PlantObject(gobject_id=1, tag_name="A", parent="B"), PlantObject(gobject_id=2, tag_name="B", parent="A")],
    ],
    ids=["name twice", "number twice", "no number", "no parent", "a circle"],
)
def test_objects_that_do_not_form_a_tree_are_refused(objects: list[PlantObject]) -> None:
    with pytest.raises(ValueError, match=r"A|a"):
        Plant(objects=objects)
