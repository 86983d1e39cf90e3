"""`batch` prints a result and an end marker for each line, and continues after failed lines."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import sys

import grpc
import pytest

from cli_support.command_line import PROGRAM, Result, mxgw_py
from cli_support.schemas import validate
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

MARK = "__MXGW_BATCH_EOR__"
INT, UNKNOWN = "TestChildObject.TestInt", "NoSuchObject_999.NoSuchAttr"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """The stdin of the batch; `_batch` writes the lines."""
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdin", text)
    return text


async def _batch(stdin: io.StringIO, *lines: str, options: tuple[str, ...] = ()) -> Result:
    stdin.write("\n".join(lines))
    stdin.seek(0)
    return await mxgw_py("batch", *options)


def _answers(result: Result) -> list[list[str]]:
    """Return the lines of each result."""
    assert result.stdout.endswith(f"{MARK}\n")
    return [answer.splitlines() for answer in result.stdout.split(f"{MARK}\n")[:-1]]


@pytest.mark.usefixtures("gateway")
async def test_every_line_has_result_and_end_marker(stdin: io.StringIO) -> None:
    result = await _batch(stdin, "version", f"read {INT}", "")

    version, reading = _answers(result)
    assert version[0].startswith("mxgw-py ")
    assert reading[0].startswith(INT)
    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


@pytest.mark.usefixtures("gateway")
async def test_empty_line_has_empty_result(stdin: io.StringIO) -> None:
    assert _answers(await _batch(stdin, "", "version"))[0] == []


@pytest.mark.usefixtures("gateway")
async def test_comment_has_empty_result(stdin: io.StringIO) -> None:
    result = await _batch(stdin, "\ufeff# read the inlet", f"  # {INT}", f"read {INT}", "   ")

    assert [len(answer) for answer in _answers(result)] == [0, 0, 1, 0]
    assert result.stderr == ""


@pytest.mark.usefixtures("gateway")
async def test_empty_batch_prints_nothing(stdin: io.StringIO) -> None:
    assert (await _batch(stdin)).stdout == ""


async def test_lines_share_connection(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    await _batch(stdin, *[f"read {INT}"] * 3)

    assert len({call.peer for call in gateway.calls}) == 1


@pytest.mark.usefixtures("session")
async def test_lines_share_session(stdin: io.StringIO) -> None:
    result = await _batch(
        stdin,
        "register --client-name batch",
        f"add-item --server-handle 1 {INT}",
        "advise --server-handle 1 --item-handle 1",
        "stream-events --count 1 --json",
    )

    registered, added, _, events = _answers(result)
    assert (registered, added) == (["1"], ["1"])
    validate(json.loads(events[0]), "event")


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        ("raed", 2, "did you mean read?"),
        ("read", 2, "TAG..."),
        ("advise --server-handle 1 --item-handle 1", 6, "Advise"),
        ("ping --session-id session-00000000000000000000000000000000", 5, "session-0000"),
        ("read 'unfinished", 2, "no closing quotation"),
        ("batch", 2, "batch cannot be used in a batch"),
        ("simulate", 2, "simulate cannot be used in a batch"),
    ],
)
async def test_failed_line_prints_error_on_stdout_and_batch_continues(
    stdin: io.StringIO, line: str, status: int, text: str
) -> None:
    result = await _batch(stdin, line, "version")

    failed, version = _answers(result)
    record = json.loads(failed[0])
    validate(record, "batch-error")
    assert (record["exitStatus"], record["type"]) == (status, "error")
    assert text in record["error"]
    assert version[0].startswith("mxgw-py ")
    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


async def test_failed_entries_are_a_result_not_an_error(session: Session, stdin: io.StringIO) -> None:
    await session.register("tests")

    result = await _batch(stdin, "advise-item-bulk --server-handle 1 --item-handles 4711 --json")

    ((line,),) = _answers(result)
    validate(json.loads(line), "bulk-subscription")
    assert "1 of 1 entries failed" in result.error


@pytest.mark.usefixtures("gateway")
async def test_options_of_batch_apply_to_every_line(stdin: io.StringIO) -> None:
    ((line,),) = _answers(await _batch(stdin, f"read {INT}", options=("--json",)))

    validate(json.loads(line), "reading")


async def test_line_can_override_gateway_of_batch(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    async with SimulatedGateway(api_key=gateway.api_key) as other:
        other.plant[INT].set(7)
        lines = [f"read {INT}", f"read {INT} --endpoint {other.endpoint}"]
        here, there = _answers(await _batch(stdin, *lines, options=("--endpoint", gateway.endpoint, "--plaintext")))

    assert (here[0].split()[-1], there[0].split()[-1]) == ("42", "7")


async def test_batch_connects_again_after_failed_connection(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAUTHENTICATED)

    failed, read = _answers(await _batch(stdin, f"read {INT}", f"read {INT}"))

    assert json.loads(failed[0])["exitStatus"] == ExitStatus.AUTHENTICATION
    assert read[0].startswith(INT)


async def test_key_in_line_is_not_shown(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    result = await _batch(stdin, f"read --api-key={gateway.api_key}", f"session-state --session-id {gateway.api_key}")

    assert gateway.api_key not in result.stdout + result.stderr
    assert "marker" not in result.stdout + result.stderr


@pytest.mark.usefixtures("gateway")
async def test_contradictory_options_of_batch_are_refused_at_once(stdin: io.StringIO) -> None:
    result = await _batch(stdin, "version", options=("--tls", "--plaintext"))

    assert result.status == ExitStatus.USAGE
    assert result.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process could handle")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_signal_ends_waiting_and_working_batch(gateway: SimulatedGateway, number: signal.Signals) -> None:
    for line in ("version\n", f"watch {INT}\n"):
        process = await asyncio.create_subprocess_exec(
            *PROGRAM,
            "batch",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=dict(os.environ),
        )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(line.encode())
        await process.stdout.readline()
        process.send_signal(number)
        # communicate() would close stdin, which also ends the batch.
        status = await process.wait()
        _, stderr = await process.communicate()

        assert status == ExitStatus.INTERRUPTED
        assert b"Traceback" not in stderr
        await gateway.wait_for(lambda: not gateway.sessions)
