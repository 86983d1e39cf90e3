"""`stream-events` prints the events of a session and reports a lost stream as an error."""

from __future__ import annotations

import asyncio

import grpc
import pytest

from cli_support.command_line import Result, mxgw_py, succeed
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

TAG = "TestChildObject.TestInt"


async def _change(gateway: SimulatedGateway, *values: int) -> None:
    for value in values:
        gateway.plant[TAG].set(value)


async def _started_stream(gateway: SimulatedGateway, *arguments: object) -> asyncio.Task[Result]:
    """Start a stream and wait until the gateway has a subscriber."""
    task = asyncio.create_task(mxgw_py("stream-events", *arguments))
    await gateway.wait_for(lambda: gateway.sessions[0].streams == 1)
    return task


@pytest.mark.usefixtures("advised_item")
async def test_stream_ends_after_max_events(gateway: SimulatedGateway) -> None:
    await _change(gateway, 1, 2, 3)

    records = (await succeed("stream-events", "--count", "3", "--json")).records

    assert [record["value"]["int32Value"] for record in records] == [42, 1, 2]
    assert [record["workerSequence"] for record in records] == ["1", "2", "3"]


async def test_stream_ends_after_duration_with_status_0(gateway: SimulatedGateway, session: Session) -> None:
    assert (await succeed("stream-events", "--duration", "0.2")).stdout == ""
    assert [view.session_id for view in gateway.sessions] == [session.session_id]


@pytest.mark.usefixtures("advised_item")
async def test_events_are_printed_as_they_arrive(gateway: SimulatedGateway) -> None:
    stream = await _started_stream(gateway, "--count", "2", "--json")
    await _change(gateway, 7)

    assert [record["value"]["int32Value"] for record in (await stream).records] == [42, 7]


@pytest.mark.usefixtures("advised_item")
async def test_stream_resumes_after_sequence(gateway: SimulatedGateway) -> None:
    await _change(gateway, 1, 2)
    first = await succeed("stream-events", "--count", "2", "--json")

    last = first.records[-1]["workerSequence"]
    second = await succeed("stream-events", "--after-sequence", last, "--count", "1", "--json")

    assert second.record["workerSequence"] == str(int(last) + 1)


@pytest.mark.usefixtures("advised_item")
async def test_lost_events_are_printed_with_warning(gateway: SimulatedGateway) -> None:
    await _change(gateway, 1, 2, 3)
    await succeed("stream-events", "--count", "4")
    (view,) = gateway.sessions
    gateway.faults.age_out_replay(view.session_id)

    result = await mxgw_py("stream-events", "--after-sequence", "1", "--count", "1", "--json")

    assert result.status == ExitStatus.GOOD
    assert result.record["replayGap"]["requestedAfterSequence"] == "1"
    assert "events were lost" in result.error_record["warning"]


@pytest.mark.usefixtures("gateway")
async def test_pipe_gets_one_line_per_event(advised_item: tuple[int, int]) -> None:
    await succeed("write", "--type", "int32", "--value", "5")

    lines = (await succeed("stream-events", "--count", "3")).stdout.splitlines()

    server_handle, item_handle = advised_item
    assert lines[0].startswith("1 ")
    assert lines[0].endswith(f"OnDataChange {server_handle}/{item_handle} good (192) 42")
    assert sorted(line.split()[2] for line in lines) == ["OnDataChange", "OnDataChange", "OnWriteComplete"]


async def test_control_characters_in_values_are_escaped(gateway: SimulatedGateway, session: Session) -> None:
    gateway.plant["TestChildObject.TestString"].set("a\x1b[2Jb\nc")
    server_handle = await session.register("tests")
    await session.advise(server_handle, await session.add_item(server_handle, "TestChildObject.TestString"))

    (line,) = (await succeed("stream-events", "--count", "1")).stdout.splitlines()

    assert line.isprintable()
    assert line.endswith(r" a\x1b[2Jb\nc")


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("kill_worker", ExitStatus.TRANSPORT),
        ("fault_session", ExitStatus.SESSION),
        ("overflow_events", ExitStatus.SESSION),
    ],
)
async def test_lost_stream_is_error(
    gateway: SimulatedGateway, session: Session, fault: str, status: ExitStatus
) -> None:
    stream = await _started_stream(gateway)

    getattr(gateway.faults, fault)(session.session_id)

    result = await stream
    assert result.status == status
    assert "StreamEvents" in result.error


async def test_closing_session_elsewhere_ends_stream_with_error(gateway: SimulatedGateway, session: Session) -> None:
    stream = await _started_stream(gateway)

    await session.close()

    result = await stream
    assert result.status == ExitStatus.SESSION
    assert session.session_id in result.error


@pytest.mark.usefixtures("session")
async def test_lost_connection_is_transport_error(gateway: SimulatedGateway) -> None:
    stream = await _started_stream(gateway)

    await gateway.faults.drop_connections()

    assert (await stream).status == ExitStatus.TRANSPORT


@pytest.mark.usefixtures("session")
async def test_second_subscriber_is_refused(gateway: SimulatedGateway) -> None:
    stream = await _started_stream(gateway, "--duration", "1")

    result = await mxgw_py("stream-events")

    assert result.status == ExitStatus.SESSION
    assert (await stream).status == ExitStatus.GOOD


@pytest.mark.usefixtures("session")
async def test_timeout_of_gateway_is_not_mistaken_for_duration(
    gateway: SimulatedGateway,
) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.DEADLINE_EXCEEDED, "too slow", rpc="StreamEvents")

    result = await mxgw_py("stream-events", "--duration", "20")

    assert result.status == ExitStatus.TIMED_OUT
    assert "too slow" in result.error


@pytest.mark.usefixtures("advised_item")
async def test_drained_events_are_printed_and_removed(gateway: SimulatedGateway) -> None:
    await _change(gateway, 1, 2)

    first = await succeed("drain-events", "--count", "1", "--json")
    rest = await succeed("drain-events", "--json")

    assert [record["value"]["int32Value"] for record in first.records + rest.records] == [42, 1, 2]
    assert (await succeed("drain-events")).stdout == ""


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    "arguments", [["--after-sequence", "-1"], ["--count", "0"], ["--duration", "0"], ["--duration", "soon"]]
)
async def test_invalid_limit_is_usage_error(arguments: list[str]) -> None:
    result = await mxgw_py("stream-events", *arguments)

    assert result.status == ExitStatus.USAGE
    assert arguments[1] in result.error
