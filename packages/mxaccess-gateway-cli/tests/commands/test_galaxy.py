"""The Galaxy on the command line: browsed level by level, or told whole."""

from __future__ import annotations

import json

import pytest

from cli_support.command_line import first_line, good, mxgw_py, started
from cli_support.schemas import fits, schema_of
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


@pytest.mark.usefixtures("gateway")
async def test_a_pipe_gets_a_path_an_object_areas_first() -> None:
    assert (await good("browse", "--depth", "2")).stdout.splitlines() == [
        "TestPlant",
        "TestPlant/TestArea",
        "TestPlant/TestArea2",
    ]


@pytest.mark.usefixtures("gateway")
async def test_browsing_begins_where_it_is_told() -> None:
    by_name = await good("browse", "TestChildObject")
    by_path = await good("browse", "--contained-path", "TestPlant/TestArea/TestChildObject")

    assert by_name.stdout == by_path.stdout == "TestPump\n"


async def test_only_the_levels_that_are_printed_are_asked_for(gateway: SimulatedGateway) -> None:
    await good("browse", "--depth", "2")

    # The top, and what is below its only object.
    assert len([call for call in gateway.calls if call.rpc == "BrowseChildren"]) == 2


@pytest.mark.usefixtures("gateway")
async def test_attributes_stand_behind_their_objects_path() -> None:
    lines = (await good("browse", "TestArea", "--attributes")).stdout.splitlines()

    assert lines[0] == "TestChildObject"
    assert "TestChildObject TestChildObject.TestInt Integer writable historized" in lines
    assert "TestChildObject TestChildObject.TestIntArray[] Integer[5] writable" in lines


@pytest.mark.usefixtures("gateway")
async def test_json_gives_an_object_a_line() -> None:
    records = (await good("browse", "TestArea", "--depth", "2", "--attributes", "--json")).records

    for record in records:
        fits(record, schema_of("browse"))
    assert [(record["tagName"], record["hasChildren"]) for record in records] == [
        ("TestChildObject", True),
        ("TestPump", False),
    ]
    assert records[1]["containedName"] == "Pump"


@pytest.mark.usefixtures("gateway")
async def test_pages_never_show() -> None:
    whole = await good("galaxy-discover", "--json")
    paged = await good("galaxy-discover", "--json", "--page-size", "2")

    assert whole.stdout == paged.stdout
    for record in whole.records:
        fits(record, schema_of("galaxy-discover"))


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--tag-name-glob", "testmachine_00[12]"], []),
        (["--tag-name-glob", "testmachine_00?"], [f"TestMachine_00{number}" for number in range(1, 7)]),
        (["--template", "$Pump"], ["TestPump (Pump)"]),
        (["--template", "$TestChildObject", "--historized-only"], ["TestChildObject"]),
        (["TestArea", "--alarm-bearing-only"], ["TestChildObject"]),
        (["TestPlant", "--max-depth", "0"], ["TestPlant"]),
    ],
)
async def test_filters_leave_what_passes_all_of_them(filters: list[str], found: list[str]) -> None:
    assert (await good("galaxy-discover", *filters)).stdout.splitlines() == found


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("command", ["browse", "galaxy-discover"])
async def test_an_object_that_isn_t_there_is_a_failure_that_names_it(command: str) -> None:
    result = await mxgw_py(command, "NoSuchObject_999")

    assert result.status == ExitStatus.FAILED
    assert "NoSuchObject_999" in result.error


async def test_two_places_to_begin_at_contradict_each_other(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("browse", "TestArea", "--contained-path", "TestPlant")

    assert result.status == ExitStatus.USAGE
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_the_last_deploy_has_its_time() -> None:
    assert (await good("galaxy-last-deploy")).stdout == "2026-01-05T08:00:00.000Z\n"
    record = (await good("galaxy-last-deploy", "--json")).record
    fits(record, schema_of("galaxy-last-deploy"))
    assert record == {"present": True, "timeOfLastDeploy": "2026-01-05T08:00:00Z"}


async def test_a_database_that_is_down_is_a_failure(gateway: SimulatedGateway) -> None:
    up = (await good("galaxy-test-connection", "--json")).record
    with gateway.faults.galaxy_down():
        down = await mxgw_py("galaxy-test-connection", "--json")

    for record in (up, down.record):
        fits(record, schema_of("galaxy-test-connection"))
    assert (up["ok"], down.record["ok"]) == (True, False)
    assert down.status == ExitStatus.FAILED
    assert "cannot reach" in down.error_record["error"]


async def test_a_deploy_is_told_as_it_happens(gateway: SimulatedGateway) -> None:
    async with started("galaxy-watch", "--json", "--max-events", "2") as process:
        present = json.loads(await first_line(process))
        gateway.plant.deploy()
        deployed = json.loads(await first_line(process))
        assert await process.wait() == ExitStatus.GOOD

    for record in (present, deployed):
        fits(record, schema_of("galaxy-watch"))
    assert int(deployed["sequence"]) == int(present["sequence"]) + 1
    assert deployed["objectCount"] > 0


@pytest.mark.usefixtures("gateway")
async def test_watching_deploys_ends_after_its_duration() -> None:
    (line,) = (await good("galaxy-watch", "--duration", "0.3")).stdout.splitlines()

    assert "deployed 2026-01-05T08:00:00.000Z" in line
