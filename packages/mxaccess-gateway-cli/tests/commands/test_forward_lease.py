"""Two processes of `forward` with one lease: one works, and the other continues where it ends, whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli_support.command_line import mxgw_py, start_process, wait_for_exit
from cli_support.metrics import free_port, get
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from support.nats import NatsServer, nats
from support.tagging import INT, counting

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")

LEASE_SECONDS = 1.0


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server with a bucket whose leases last a second."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    async with server.client() as client:
        await client.jetstream().create_key_value(bucket="MXGATEWAY_LEASES", ttl=LEASE_SECONDS)
    yield server
    await server.kill()


async def until_said(process: asyncio.subprocess.Process, text: str) -> None:
    """Wait until a line on stderr contains a text."""
    assert process.stderr is not None
    async with asyncio.timeout(20):
        while text not in (line := (await process.stderr.readline()).decode()):
            assert line, f"the process ended without saying {text!r}"


async def stored(server: NatsServer) -> int:
    """Return how many messages the stream has."""
    async with server.client() as client:
        with contextlib.suppress(nats.js.errors.NotFoundError):
            count: int = (await client.jetstream().stream_info("PLANT")).state.messages
            return count
    return 0


async def wait_for_more(server: NatsServer, more: int) -> None:
    """Wait until the stream has so many messages more."""
    wanted = await stored(server) + more
    async with asyncio.timeout(20):
        while await stored(server) < wanted:  # noqa: ASYNC110 - there is nothing to await
            await asyncio.sleep(0.02)


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process normally."""
    process.send_signal(signal.SIGTERM)
    result = await wait_for_exit(process)
    assert result.status == ExitStatus.GOOD, result


async def records(server: NatsServer) -> list[dict[str, Any]]:
    """Return the records of the stream."""
    return [json.loads(message.data) for message in await server.messages("PLANT")]


async def end_sessions(gateway: SimulatedGateway) -> None:
    """Let the time pass for which the gateway keeps sessions without a stream."""
    await gateway.wait_for(lambda: not any(session.streams for session in gateway.sessions))
    gateway.clock.advance(31)
    await gateway.wait_for(lambda: not gateway.sessions)


def check(found: list[dict[str, Any]]) -> int:
    """Check that each value of the counter is there once and in order, but for reported gaps. Return how many."""
    last: int | None = None
    reported, is_gap = 0, False
    for record in found:
        if record["kind"] != "change":
            is_gap |= record["kind"] == "gap" or "were missed; the" in record["detail"]
            continue
        value = record["value"]
        if is_gap:
            reported += 1
            assert last is None or value >= last
        else:
            assert last is None or value == last + 1, f"{last} is followed by {record}"
        last, is_gap = value, False
    return reported


def arguments(server: NatsServer, *more: str) -> tuple[str, ...]:
    """Return the command line of both processes."""
    stream = ("--stream", "PLANT", "--subject-prefix", "plant")
    return ("forward", INT, "--to", server.url, *stream, "--lease", "line-2", *more)


async def test_the_second_process_continues_the_session_of_one_that_is_killed(
    gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    port = free_port()
    async with (
        start_process(*arguments(nats_server)) as first,
        counting(gateway, pause=0.01),
    ):
        await wait_for_more(nats_server, 20)
        async with start_process(*arguments(nats_server, "--metrics", f"127.0.0.1:{port}")) as second:
            await until_said(second, f"process {first.pid} holds it: this process waits for the lease line-2")
            status, state = await get(port, "/healthz")
            assert (status, "waits for the lease line-2, holder: " in state) == (200, True)
            assert "mxgateway_forward_waiting 1.0" in (await get(port, "/metrics"))[1]
            first.kill()
            await first.wait()
            killed = time.monotonic()
            await wait_for_more(nats_server, 20)
            seconds = time.monotonic() - killed
            assert await get(port, "/healthz") == (200, "ok\n")
            await end(second)
    await end_sessions(gateway)

    found = await records(nats_server)
    assert check(found) == 0
    assert len({record["sessionId"] for record in found if record["kind"] == "change"}) == 1
    assert not [record for record in found if record["kind"] in {"gap", "lost"}]
    # Twenty changes take 0.2 seconds.
    assert seconds < LEASE_SECONDS + 1.2


async def test_a_process_that_was_stopped_and_goes_on_doubles_nothing_and_waits_again(
    gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with start_process(*arguments(nats_server)) as first, counting(gateway, pause=0.01):
        await wait_for_more(nats_server, 20)
        async with start_process(*arguments(nats_server)) as second:
            await until_said(second, "this process waits for the lease line-2")
            first.send_signal(signal.SIGSTOP)
            await wait_for_more(nats_server, 20)
            first.send_signal(signal.SIGCONT)
            await until_said(first, f"process {second.pid} holds it: this process waits for the lease line-2")
            await wait_for_more(nats_server, 20)
            await end(second)
        # It leaves its session to the first one, which continues at once.
        await wait_for_more(nats_server, 20)
        await end(first)
    await end_sessions(gateway)

    found = await records(nats_server)
    assert check(found) == 1
    assert len({record["sessionId"] for record in found if record["kind"] == "change"}) == 2


@pytest.mark.usefixtures("gateway")
async def test_a_lease_needs_nats_and_a_name_that_it_accepts() -> None:
    other = await mxgw_py("forward", INT, "--to", "mqtt://x", "--lease", "line-2")
    assert (other.status, "--lease is for nats, not for mqtt" in other.error) == (ExitStatus.USAGE, True)
    invalid = await mxgw_py("forward", INT, "--to", "nats://x", "--lease", "a b")
    assert (invalid.status, "'a b' is not a lease" in invalid.error) == (ExitStatus.USAGE, True)


@pytest.mark.usefixtures("gateway")
async def test_without_nats_a_process_waits_for_its_lease_for_its_duration_or_fails_fast() -> None:
    to = ("--to", "nats://127.0.0.1:1", "--lease", "line-2")
    waited = await mxgw_py("forward", INT, *to, "--duration", "50ms")
    assert (waited.status, "this process waits for the lease line-2" in waited.error) == (ExitStatus.GOOD, True)
    failed = await mxgw_py("forward", INT, *to, "--fail-fast")
    assert (failed.status, "cannot use NATS" in failed.error) == (ExitStatus.TRANSPORT, True)


async def test_a_process_that_waits_for_its_lease_ends_normally(
    gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with start_process(*arguments(nats_server)) as first:
        await wait_for_more(nats_server, 2)
        async with start_process(*arguments(nats_server)) as second:
            await until_said(second, "this process waits for the lease line-2")
            second.send_signal(signal.SIGTERM)
            result = await wait_for_exit(second)
        await end(first)
    await end_sessions(gateway)

    assert result.status == ExitStatus.GOOD
    assert result.stdout.startswith("PLANT: 0 records acknowledged in ")


async def fault(
    chance: random.Random, processes: list[asyncio.subprocess.Process], server: NatsServer
) -> list[asyncio.subprocess.Process]:
    """Let something fail, and return the processes that must be started again."""
    victim = chance.choice(processes)
    match chance.choice(["kill", "end", "suspend", "nats", "all"]):
        case "kill":
            victim.kill()
            return [victim]
        case "end":
            victim.send_signal(signal.SIGTERM)
            return [victim]
        case "suspend":
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(chance.uniform(0.2, 3))
            victim.send_signal(signal.SIGCONT)
        case "nats":
            await server.kill()
            await asyncio.sleep(chance.uniform(0, 3))
            await server.start()
        case _:
            for process in processes:
                process.kill()
            return list(processes)
    return []


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1, 2])
async def test_whatever_fails_each_change_is_stored_once_or_reported_as_missing(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - reproducible, not secret
    # One of them with a file, so that what waits in it must not come back after the other one has continued.
    command_lines = [arguments(nats_server), arguments(nats_server, "--spool", str(tmp_path / "spool"))]
    async with contextlib.AsyncExitStack() as stack:
        processes = [await stack.enter_async_context(start_process(*each)) for each in command_lines]
        async with counting(gateway, pause=0.01):
            for _ in range(12):
                await wait_for_more(nats_server, 30)
                ended = await fault(chance, processes, nats_server)
                for index, process in enumerate(processes):
                    if process in ended:
                        await wait_for_exit(process)
                        processes[index] = await stack.enter_async_context(start_process(*command_lines[index]))
            await wait_for_more(nats_server, 30)
        last = gateway.plant[INT].value
        while (await records(nats_server))[-1].get("value") != last:  # noqa: ASYNC110 - there is nothing to await
            await asyncio.sleep(0.05)
        for process in processes:
            process.send_signal(signal.SIGTERM)
            # Interrupted, if it has only just begun.
            assert (await wait_for_exit(process)).status in {ExitStatus.GOOD, ExitStatus.INTERRUPTED}
    await end_sessions(gateway)

    check(await records(nats_server))
