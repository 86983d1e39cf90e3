"""`batch` answers each line, marks the end of each answer, and lets no line stand in the way of the next."""

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
from cli_support.schemas import fits
from mxgateway import Session
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus

MARK = "__MXGW_BATCH_EOR__"
INT, UNKNOWN = "TestChildObject.TestInt", "NoSuchObject_999.NoSuchAttr"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the batch reads; a test writes its lines with `_batch`."""
    text = io.StringIO()
    monkeypatch.setattr(sys, "stdin", text)
    return text


async def _batch(stdin: io.StringIO, *lines: str, options: tuple[str, ...] = ()) -> Result:
    stdin.write("\n".join(lines))
    stdin.seek(0)
    return await mxgw_py("batch", *options)


def _answers(result: Result) -> list[list[str]]:
    """The lines of each answer."""
    assert result.stdout.endswith(f"{MARK}\n")
    return [answer.splitlines() for answer in result.stdout.split(f"{MARK}\n")[:-1]]


@pytest.mark.usefixtures("gateway")
async def test_every_line_has_its_answer_and_its_mark(stdin: io.StringIO) -> None:
    result = await _batch(stdin, "version", f"read {INT}", "")

    version, reading = _answers(result)
    assert version[0].startswith("mxgw-py ")
    assert reading[0].startswith(INT)
    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


@pytest.mark.usefixtures("gateway")
async def test_an_empty_line_is_answered_too(stdin: io.StringIO) -> None:
    assert _answers(await _batch(stdin, "", "version"))[0] == []


@pytest.mark.usefixtures("gateway")
async def test_no_lines_are_no_answers(stdin: io.StringIO) -> None:
    assert (await _batch(stdin)).stdout == ""


async def test_all_lines_share_one_connection(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    await _batch(stdin, *[f"read {INT}"] * 3)

    assert len({call.peer for call in gateway.calls}) == 1


@pytest.mark.usefixtures("session")
async def test_a_session_goes_through_its_lines(stdin: io.StringIO) -> None:
    result = await _batch(
        stdin,
        "register --client-name batch",
        f"add-item --server-handle 1 --item {INT}",
        "advise --server-handle 1 --item-handle 1",
        "stream-events --max-events 1 --json",
    )

    registered, added, _, events = _answers(result)
    assert (registered, added) == (["1"], ["1"])
    fits(json.loads(events[0]), "event")


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize(
    ("line", "status", "text"),
    [
        ("nonsense", 2, "No such command"),
        ("read", 2, "TAG..."),
        ("advise --server-handle 1 --item-handle 1", 6, "Advise"),
        ("ping --session-id session-00000000000000000000000000000000", 5, "session-0000"),
        ("read 'unfinished", 2, "no closing quotation"),
        ("batch", 2, "batch cannot be used in a batch"),
        ("simulate", 2, "simulate cannot be used in a batch"),
    ],
)
async def test_a_line_that_fails_says_so_on_stdout_and_the_next_one_follows(
    stdin: io.StringIO, line: str, status: int, text: str
) -> None:
    result = await _batch(stdin, line, "version")

    failed, version = _answers(result)
    record = json.loads(failed[0])
    fits(record, "batch-error")
    assert (record["exitStatus"], record["type"]) == (status, "error")
    assert text in record["error"]
    assert version[0].startswith("mxgw-py ")
    assert (result.status, result.stderr) == (ExitStatus.GOOD, "")


async def test_failed_entries_are_a_result_and_no_error(session: Session, stdin: io.StringIO) -> None:
    await session.register("tests")

    result = await _batch(stdin, "advise-item-bulk --server-handle 1 --item-handles 4711 --json")

    ((line,),) = _answers(result)
    fits(json.loads(line), "bulk-subscription")
    assert "1 of 1 entries failed" in result.error


@pytest.mark.usefixtures("gateway")
async def test_the_options_of_the_batch_count_for_every_line(stdin: io.StringIO) -> None:
    ((line,),) = _answers(await _batch(stdin, f"read {INT}", options=("--json",)))

    fits(json.loads(line), "reading")


async def test_a_line_may_name_another_gateway(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    async with SimulatedGateway(api_key=gateway.api_key) as other:
        other.plant[INT].set(7)
        lines = [f"read {INT}", f"read {INT} --endpoint {other.endpoint}"]
        here, there = _answers(await _batch(stdin, *lines, options=("--endpoint", gateway.endpoint, "--plaintext")))

    assert (here[0].split()[-1], there[0].split()[-1]) == ("42", "7")


async def test_a_gateway_that_comes_back_is_found_again(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    gateway.faults.refuse_next_calls(1, grpc.StatusCode.UNAUTHENTICATED)

    failed, read = _answers(await _batch(stdin, f"read {INT}", f"read {INT}"))

    assert json.loads(failed[0])["exitStatus"] == ExitStatus.AUTHENTICATION
    assert read[0].startswith(INT)


async def test_no_key_is_shown_even_when_a_line_holds_it(gateway: SimulatedGateway, stdin: io.StringIO) -> None:
    result = await _batch(stdin, f"read --api-key={gateway.api_key}", f"session-state --session-id {gateway.api_key}")

    assert gateway.api_key not in result.stdout + result.stderr
    assert "marker" not in result.stdout + result.stderr


@pytest.mark.usefixtures("gateway")
async def test_what_contradicts_itself_is_said_at_once(stdin: io.StringIO) -> None:
    result = await _batch(stdin, "version", options=("--tls", "--plaintext"))

    assert result.status == ExitStatus.USAGE
    assert result.stdout == ""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM that a process could handle")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_ends_it_while_it_waits_and_while_it_works(
    gateway: SimulatedGateway, number: signal.Signals
) -> None:
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
        # Not communicate: that would close stdin, which ends it too.
        status = await process.wait()
        _, stderr = await process.communicate()

        assert status == ExitStatus.INTERRUPTED
        assert b"Traceback" not in stderr
        await gateway.wait_for(lambda: not gateway.sessions)
