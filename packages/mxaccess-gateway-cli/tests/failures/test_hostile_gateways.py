"""Any answer of a server ends a command with one line on stderr, the right exit status and no traceback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from cli_support.command_line import Result, mxgw_py, start_process, wait_for_exit
from cli_support.gateways import API_KEY
from mxgateway_cli.exit_status import ExitStatus
from support.hostile_http2 import Answer, after_connecting, framed, hostile_http2, refused
from support.scripted_gateway import listening

NO_TIME = Timestamp(seconds=2**62)
FAILED = pb.MxStatusProxy(category=pb.MX_STATUS_CATEGORY_SECURITY_ERROR, diagnostic_text="no\x1b[31m\nway")


def answering(answer: Answer) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Return a server that gives this answer after the client has connected."""

    @asynccontextmanager
    async def serve() -> AsyncGenerator[str]:
        async with hostile_http2(after_connecting(answer)) as server:
            yield server.endpoint

    return serve


def sending(data: bytes) -> Callable[[], AbstractAsyncContextManager[str]]:
    """Return a server that sends these bytes and then only reads."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await reader.read()

    return lambda: listening(talk)


GATEWAYS: dict[str, tuple[Callable[[], AbstractAsyncContextManager[str]], tuple[ExitStatus, ...]]] = {
    "an ssh server": (sending(b"SSH-2.0-OpenSSH_9.6\r\n"), (ExitStatus.TRANSPORT, ExitStatus.TIMED_OUT)),
    "a silent server": (sending(b""), (ExitStatus.TRANSPORT, ExitStatus.TIMED_OUT)),
    "a web page": (
        answering(Answer(head=((b":status", b"404"), (b"content-type", b"text/html")), body=b"<html>", tail=())),
        (ExitStatus.TRANSPORT,),
    ),
    "an unreadable message": (answering(Answer(body=framed(b"\xff" * 50))), (ExitStatus.TRANSPORT,)),
    "no reply": (answering(Answer()), (ExitStatus.TRANSPORT, ExitStatus.SESSION)),
    "details that are not UTF-8": (answering(refused(5, b"\xff\xfe caf\xc3\xa9 %zz")), (ExitStatus.SESSION,)),
    "details of 100 KB": (answering(refused(5, b"%ff" * 100_000)), (ExitStatus.SESSION,)),
    "details with lines and colours": (answering(refused(5, b"a%0d%0ab%1b[31mc%00")), (ExitStatus.SESSION,)),
    "a message over the limit": (answering(Answer(body=framed(bytes(1 << 24) + b"x"))), (ExitStatus.SESSION,)),
    # Some versions of grpcio report the number, others UNKNOWN.
    "an unknown gRPC status": (answering(refused(99)), (ExitStatus.TRANSPORT, ExitStatus.FAILED)),
}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MXGATEWAY_API_KEY", API_KEY)
    monkeypatch.setenv("MXGATEWAY_PLAINTEXT", "1")
    monkeypatch.setenv("MXGATEWAY_SESSION_ID", "session-1")
    monkeypatch.setenv("MXGATEWAY_TIMEOUT", "1")


@pytest.mark.parametrize("command", ["ping", "stream-events"])
@pytest.mark.parametrize(("serve", "statuses"), GATEWAYS.values(), ids=GATEWAYS)
async def test_hostile_answer_ends_with_one_line_and_right_status(
    serve: Callable[[], AbstractAsyncContextManager[str]], statuses: tuple[ExitStatus, ...], command: str
) -> None:
    seconds = 0.3 if ExitStatus.TIMED_OUT in statuses else 10
    async with serve() as endpoint:
        result = await mxgw_py(command, "--endpoint", endpoint, "--timeout", seconds)

    assert_one_line(result, endpoint, statuses)


@pytest.mark.parametrize("name", ["a silent server", "a message over the limit"])
async def test_process_exits_after_hostile_answer(name: str) -> None:
    serve, statuses = GATEWAYS[name]
    async with serve() as endpoint, start_process("stream-events", "--endpoint", endpoint) as process:
        async with asyncio.timeout(30):
            result = await wait_for_exit(process)

    assert_one_line(result, endpoint, statuses)


def assert_one_line(result: Result, endpoint: str, statuses: tuple[ExitStatus, ...]) -> None:
    """Assert that a command failed with one of these statuses, and with one line that names the endpoint."""
    assert result.status in statuses, result
    assert result.stdout == ""
    assert result.error.startswith("mxgw-py: error: ")
    assert endpoint in result.error
    assert result.error.isprintable()
    assert len(result.error) < 3000


async def test_huge_refusal_is_one_line_and_one_object() -> None:
    reply = pb.MxCommandReply(
        protocol_status=pb.ProtocolStatus(code=pb.PROTOCOL_STATUS_CODE_MXACCESS_FAILURE, message="x" * 1_000_000),
        statuses=[FAILED] * 200_000,
    )
    async with hostile_http2(after_connecting(Answer(body=framed(reply)))) as server:
        text = await mxgw_py("ping", "--endpoint", server.endpoint, "--timeout", "30")
        as_json = await mxgw_py("ping", "--endpoint", server.endpoint, "--timeout", "30", "--json")

    assert (text.status, as_json.status) == (ExitStatus.MXACCESS, ExitStatus.MXACCESS)
    assert text.error.isprintable()
    assert len(text.error) < 10_000
    assert len(as_json.error_record["statuses"]) <= 1000


EVENTS = (
    pb.MxEvent(worker_sequence=1, family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, value=pb.MxValue(timestamp_value=NO_TIME)),
    pb.MxEvent(worker_sequence=2, family=pb.MxEventFamily.ValueType(4711), item_handle=-(2**31)),
    pb.MxEvent(worker_sequence=3, family=pb.MX_EVENT_FAMILY_ON_WRITE_COMPLETE, statuses=[FAILED]),
    pb.MxEvent(
        worker_sequence=4, family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, value=pb.MxValue(string_value="\x1b[2J\n" * 1000)
    ),
    pb.MxEvent(worker_sequence=5, family=pb.MX_EVENT_FAMILY_ON_DATA_CHANGE, source_timestamp=NO_TIME),
)


async def streamed(*arguments: str) -> Result:
    """Return the output of stream-events for the events, followed by a gap in the sequence."""
    body = b"".join(map(framed, (*EVENTS, pb.MxEvent(worker_sequence=7))))
    async with hostile_http2(after_connecting(Answer(body=body, tail=None))) as server:
        return await mxgw_py("stream-events", "--endpoint", server.endpoint, *arguments)


async def test_hostile_events_are_lines_and_missing_event_is_error() -> None:
    result = await streamed()

    assert result.status == ExitStatus.TRANSPORT
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["1", "2", "3", "4", "5"]
    assert all(line.isprintable() for line in result.stdout.splitlines())
    assert "gap (1 missing)" in result.error


async def test_event_that_json_cannot_represent_ends_stream() -> None:
    result = await streamed("--json")

    assert result.status == ExitStatus.FAILED
    assert "the event with workerSequence 1 cannot be printed as JSON" in result.error_record["error"]
    assert [json.loads(line) for line in result.stdout.splitlines()] == []
