"""Commands for the Galaxy: browsing by level, listing all objects, deploys."""

from __future__ import annotations

import json
from typing import Any, cast

import grpc
import pytest

from cli_support.command_line import mxgw_py, read_line, start_process, succeed
from cli_support.schemas import schema_of, validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus


@pytest.mark.usefixtures("gateway")
async def test_pipe_gets_one_path_per_object() -> None:
    assert (await succeed("browse", "--depth", "2")).stdout.splitlines() == [
        "TestPlant",
        "TestPlant/TestArea",
        "TestPlant/TestArea2",
    ]


@pytest.mark.usefixtures("gateway")
async def test_browse_starts_at_given_object() -> None:
    by_name = await succeed("browse", "TestChildObject")
    by_path = await succeed("browse", "--contained-path", "TestPlant/TestArea/TestChildObject")

    assert by_name.stdout == by_path.stdout == "TestPump\n"


async def test_browse_requests_only_printed_levels(gateway: SimulatedGateway) -> None:
    await succeed("browse", "--depth", "2")

    # The top level, and the level below its only object. A request for one object reads the version of the copy.
    requests = [cast("Any", call.request) for call in gateway.calls if call.rpc == "BrowseChildren"]
    assert len([request for request in requests if request.page_size > 1]) == 2


@pytest.mark.usefixtures("gateway")
async def test_attributes_follow_path_of_object() -> None:
    lines = (await succeed("browse", "TestArea", "--attributes")).stdout.splitlines()

    assert lines[0] == "TestChildObject"
    assert "TestChildObject TestChildObject.TestInt Integer writable historized" in lines
    assert "TestChildObject TestChildObject.TestIntArray[] Integer[5] writable" in lines


@pytest.mark.usefixtures("gateway")
async def test_json_prints_one_record_per_object() -> None:
    records = (await succeed("browse", "TestArea", "--depth", "2", "--attributes", "--json")).records

    for record in records:
        validate(record, schema_of("browse"))
    itself, *below = records
    assert itself["tagName"] == "TestArea"
    assert [(record["tagName"], record["hasChildren"]) for record in below] == [
        ("TestChildObject", True),
        ("TestPump", False),
    ]
    assert below[1]["containedName"] == "Pump"


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("root", [["TestMachine_001"], ["--contained-path", "TestPlant/TestArea2/TestMachine_001"]])
async def test_attributes_of_named_object_are_printed(root: list[str]) -> None:
    lines = (await succeed("browse", *root, "--attributes")).stdout.splitlines()
    references = (await succeed("browse", *root, "--attributes", "-o", "value")).stdout.splitlines()

    assert [line.split()[:2] for line in lines] == [["TestMachine_001", reference] for reference in references]
    assert "TestMachine_001.TestChangingInt" in references


@pytest.mark.usefixtures("gateway")
async def test_page_size_does_not_change_output() -> None:
    whole = await succeed("galaxy-discover", "--json")
    paged = await succeed("galaxy-discover", "--json", "--page-size", "2")

    assert whole.stdout == paged.stdout
    for record in whole.records:
        validate(record, schema_of("galaxy-discover"))


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize(
    ("filters", "found"),
    [
        (["--tag-name-glob", "testmachine_00[12]"], []),
        (["--tag-name-glob", "testmachine_00?"], [f"TestMachine_00{number}" for number in range(1, 7)]),
        (["--template", "$Pump"], ["TestPump (Pump)"]),
        (["--template", "$TestChildObject", "--historized-only"], ["TestChildObject"]),
        (["TestArea", "--alarm-bearing-only"], ["TestChildObject"]),
        (["TestPlant", "--depth", "0"], ["TestPlant"]),
    ],
)
async def test_filters_are_combined(filters: list[str], found: list[str]) -> None:
    assert (await succeed("galaxy-discover", *filters)).stdout.splitlines() == found


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("command", ["browse", "galaxy-discover"])
async def test_unknown_object_fails_and_is_named(command: str) -> None:
    result = await mxgw_py(command, "NoSuchObject_999")

    assert result.status == ExitStatus.FAILED
    assert "NoSuchObject_999" in result.error


async def test_object_and_contained_path_contradict_each_other(gateway: SimulatedGateway) -> None:
    result = await mxgw_py("browse", "TestArea", "--contained-path", "TestPlant")

    assert result.status == ExitStatus.USAGE
    assert not gateway.calls


@pytest.mark.usefixtures("gateway")
async def test_last_deploy_time_is_printed() -> None:
    assert (await succeed("galaxy-last-deploy")).stdout == "2026-01-05T08:00:00.000Z\n"
    record = (await succeed("galaxy-last-deploy", "--json")).record
    validate(record, schema_of("galaxy-last-deploy"))
    assert record == {"present": True, "timeOfLastDeploy": "2026-01-05T08:00:00Z"}


async def test_unreachable_galaxy_database_fails(gateway: SimulatedGateway) -> None:
    up = (await succeed("galaxy-test-connection", "--json")).record
    with gateway.faults.galaxy_down():
        down = await mxgw_py("galaxy-test-connection", "--json")

    for record in (up, down.record):
        validate(record, schema_of("galaxy-test-connection"))
    assert (up["ok"], down.record["ok"]) == (True, False)
    assert down.status == ExitStatus.FAILED
    assert "cannot reach" in down.error_record["error"]


async def test_deploy_is_printed_as_it_happens(gateway: SimulatedGateway) -> None:
    async with start_process("galaxy-watch", "--json", "--count", "2") as process:
        present = json.loads(await read_line(process))
        gateway.plant.deploy()
        deployed = json.loads(await read_line(process))
        assert await process.wait() == ExitStatus.GOOD

    for record in (present, deployed):
        validate(record, schema_of("galaxy-watch"))
    assert int(deployed["sequence"]) == int(present["sequence"]) + 1
    assert deployed["objectCount"] > 0


@pytest.mark.usefixtures("gateway")
async def test_galaxy_watch_ends_after_duration() -> None:
    (line,) = (await succeed("galaxy-watch", "--duration", "0.3")).stdout.splitlines()

    assert "deployed 2026-01-05T08:00:00.000Z" in line


async def test_status_is_printed_as_far_as_the_gateway_reports_it(gateway: SimulatedGateway) -> None:
    current = await succeed("galaxy-status", "--json")
    with gateway.faults.galaxy_down():
        stale = await succeed("galaxy-status", "--json")
    with gateway.faults.galaxy_down(snapshot=False):
        empty = await succeed("galaxy-status", "--json")
        line = (await succeed("galaxy-status")).stdout

    for result in (current, stale, empty):
        validate(result.record, schema_of("galaxy-status"))
    assert current.record["timeOfLastDeploy"] == "2026-01-05T08:00:00Z"
    assert stale.record == {**current.record, "databaseReachable": False, "mayBeOutdated": True}
    assert empty.record == {"loaded": False, "databaseReachable": False, "mayBeOutdated": False}
    assert line == "the gateway has no copy of the Galaxy yet; the Galaxy's database is not reachable\n"


@pytest.mark.parametrize("command", ["browse", "galaxy-discover"])
async def test_objects_of_a_stale_copy_come_with_a_warning(gateway: SimulatedGateway, command: str) -> None:
    fresh = await succeed(command)
    with gateway.faults.galaxy_down():
        stale = await mxgw_py(command)

    assert (stale.status, stale.stdout) == (ExitStatus.GOOD, fresh.stdout)
    assert "warning: the Galaxy may have been deployed since" in stale.error


async def test_empty_cache_is_not_a_failed_connection(gateway: SimulatedGateway) -> None:
    with gateway.faults.galaxy_down(snapshot=False):
        result = await mxgw_py("browse", "--json")

    assert result.status == ExitStatus.FAILED
    error = result.error_record
    validate(error, "error")
    assert (error["type"], error["sentByGateway"]) == ("MxGatewayGalaxyUnavailableError", True)
    assert "the gateway has no copy of the Galaxy yet" in error["error"]


async def test_galaxy_is_browsed_where_only_the_galaxy_is_served(gateway: SimulatedGateway) -> None:
    async with SimulatedGateway(api_key=gateway.api_key, galaxy_only=True) as historian:
        browsed = await succeed("browse", "--endpoint", historian.endpoint)
        opened = await mxgw_py("open-session", "--endpoint", historian.endpoint)

    assert browsed.stdout == "TestPlant\n"
    assert opened.status == ExitStatus.TRANSPORT
    assert "this server has no MxAccessGateway service" in opened.error


async def test_stack_trace_of_the_gateway_is_one_line_and_complete_on_request(gateway: SimulatedGateway) -> None:
    trace = "InvalidOperationException: no license\n   at Gateway.Browse()\n   at Gateway.Main()"
    gateway.faults.refuse_next_calls(3, grpc.StatusCode.INTERNAL, trace, rpc="GetLastDeployTime")

    plain = await mxgw_py("galaxy-last-deploy")
    as_json = await mxgw_py("galaxy-last-deploy", "--json")
    debug = await mxgw_py("galaxy-last-deploy", "--debug")

    assert plain.status == as_json.status == ExitStatus.FAILED
    assert "the gateway failed with INTERNAL | InvalidOperationException: no license ... ->" in plain.error
    validate(as_json.error_record, "error")
    assert as_json.error_record["details"] == trace
    assert "   at Gateway.Main()" in debug.stderr.splitlines()
