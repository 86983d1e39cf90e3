"""The benchmarks print the figures that the gateway's other command lines print, and leave no session behind."""

from __future__ import annotations

import pytest

from cli_support.command_line import good, mxgw_py
from cli_support.schemas import fits
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

SHORT = ["--duration-seconds", "0.3"]
KEYS = [
    "language",
    "durationMs",
    "totalCalls",
    "successfulCalls",
    "failedCalls",
    "totalReadResults",
    "cachedReadResults",
    "callsPerSecond",
    "latencyMs",
]


@pytest.mark.usefixtures("gateway")
async def test_bulk_reads_have_the_figures_of_the_other_command_lines() -> None:
    record = (await good("bench-read-bulk", "--bulk-size", "4", *SHORT, "--json")).record

    fits(record, "read-bulk-figures")
    assert list(record) == KEYS
    assert list(record["latencyMs"]) == ["p50", "p95", "p99", "max", "mean"]
    assert record["language"] == "python"
    assert record["totalCalls"] == record["successfulCalls"] > 0
    assert record["totalReadResults"] == record["cachedReadResults"] == 4 * record["totalCalls"]
    latency = record["latencyMs"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert record["durationMs"] >= 300


async def test_a_bulk_larger_than_the_items_begins_with_the_first_again(gateway: SimulatedGateway) -> None:
    items = "TestChildObject.TestInt,TestChildObject.TestDouble"

    record = (await good("bench-read-bulk", "--items", items, "--bulk-size", "5", *SHORT, "--json")).record

    assert record["totalReadResults"] == 5 * record["totalCalls"]
    assert len([call for call in gateway.calls if call.rpc == "OpenSession"]) == 1


@pytest.mark.usefixtures("gateway")
async def test_a_pipe_gets_one_line() -> None:
    (line,) = (await good("bench-read-bulk", *SHORT)).stdout.splitlines()

    assert "calls/s of 6 tags" in line


async def test_calls_that_fail_for_a_passing_reason_are_counted(gateway: SimulatedGateway) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MXGATEWAY_TIMEOUT", "0.2")
        with gateway.faults.silent_tag("TestChildObject.TestInt"):
            result = await mxgw_py("bench-read-bulk", "--items", "TestChildObject.TestInt", *SHORT, "--json")

    fits(result.record, "read-bulk-figures")
    assert result.record["failedCalls"] + result.record["successfulCalls"] == result.record["totalCalls"]


@pytest.mark.usefixtures("gateway")
async def test_events_are_counted_by_family() -> None:
    record = (await good("bench-events", *SHORT, "--json")).record

    fits(record, "event-figures")
    assert record["totalEvents"] == 6
    assert record["eventsByFamily"] == {"MX_EVENT_FAMILY_ON_DATA_CHANGE": 6}


async def test_a_tag_that_can_t_be_advised_ends_it(gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    scopes = "session:open", "session:close", "invoke:read", "events:read"
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes, galaxy=("TestChildObject.*",)))

    result = await mxgw_py("bench-events", *SHORT)

    assert result.status == ExitStatus.MXACCESS
    assert "TestMachine_001.TestChangingInt" in result.error
