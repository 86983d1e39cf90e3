"""The benchmarks print the same figures as the gateway's other command lines, and leave no session open."""

from __future__ import annotations

import pytest

from cli_support.command_line import mxgw_py, succeed
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

SHORT = ["--duration", "0.3"]
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
async def test_bulk_read_figures_match_other_command_lines() -> None:
    record = (await succeed("bench-read-bulk", "--bulk-size", "4", *SHORT, "--json")).record

    validate(record, "read-bulk-figures")
    assert list(record) == KEYS
    assert list(record["latencyMs"]) == ["p50", "p95", "p99", "max", "mean"]
    assert record["language"] == "python"
    assert record["totalCalls"] == record["successfulCalls"] > 0
    assert record["totalReadResults"] == record["cachedReadResults"] == 4 * record["totalCalls"]
    latency = record["latencyMs"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert record["durationMs"] >= 300


async def test_bulk_size_above_item_count_repeats_items(gateway: SimulatedGateway) -> None:
    tags = ("TestChildObject.TestInt", "TestChildObject.TestDouble")

    record = (await succeed("bench-read-bulk", *tags, "--bulk-size", "5", *SHORT, "--json")).record

    assert record["totalReadResults"] == 5 * record["totalCalls"]
    assert len([call for call in gateway.calls if call.rpc == "OpenSession"]) == 1


@pytest.mark.usefixtures("gateway")
async def test_pipe_gets_one_line() -> None:
    (line,) = (await succeed("bench-read-bulk", *SHORT)).stdout.splitlines()

    assert "calls/s of 6 tags" in line


async def test_temporary_failures_are_counted(gateway: SimulatedGateway) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MXGATEWAY_TIMEOUT", "0.2")
        with gateway.faults.silent_tag("TestChildObject.TestInt"):
            result = await mxgw_py("bench-read-bulk", "TestChildObject.TestInt", *SHORT, "--json")

    validate(result.record, "read-bulk-figures")
    assert result.record["failedCalls"] + result.record["successfulCalls"] == result.record["totalCalls"]


@pytest.mark.usefixtures("gateway")
async def test_events_are_counted_by_family() -> None:
    record = (await succeed("bench-events", *SHORT, "--json")).record

    validate(record, "event-figures")
    assert record["totalEvents"] == 6
    assert record["eventsByFamily"] == {"MX_EVENT_FAMILY_ON_DATA_CHANGE": 6}


async def test_tag_that_cannot_be_advised_ends_benchmark(
    gateway: SimulatedGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    scopes = "session:open", "session:close", "invoke:read", "events:read"
    monkeypatch.setenv("MXGATEWAY_API_KEY", gateway.add_key(*scopes, galaxy=("TestChildObject.*",)))

    result = await mxgw_py("bench-events", *SHORT)

    assert result.status == ExitStatus.MXACCESS
    assert "TestMachine_001.TestChangingInt" in result.error


@pytest.mark.usefixtures("gateway")
@pytest.mark.parametrize("command", ["bench-read-bulk", "bench-events"])
async def test_unknown_tag_ends_benchmark_before_measuring(command: str) -> None:
    result = await mxgw_py(command, "TestChildObject.TestInt", "NoSuchObject_999.NoSuchAttr", *SHORT)

    assert result.status == ExitStatus.MXACCESS
    assert result.stdout == ""
    assert "cannot read 1 of 2 tags; NoSuchObject_999.NoSuchAttr: Invalid reference" in result.error
