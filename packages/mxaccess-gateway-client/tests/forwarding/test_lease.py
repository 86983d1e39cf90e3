"""Of several processes with one lease, one works and the others wait."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mxgateway import MxGatewayConfigurationError, MxGatewayUsageError, TagClient
from mxgateway.forwarding import (
    BrokerUnavailableError,
    Forwarder,
    JetStreamLease,
    JetStreamOptions,
    JetStreamSink,
    LeaseLostError,
)
from mxgateway.recording import TagRecord
from mxgateway.testing import SimulatedGateway
from support.nats import NatsServer
from support.tagging import INT
from support.waiting import until


def options(server: NatsServer) -> JetStreamOptions:
    """Return options for the stream PLANT."""
    return JetStreamOptions(servers=[server.url], stream="PLANT", subject_prefix="plant", timeout=1)


def lease(server: NatsServer, name: str = "line-2") -> JetStreamLease:
    """Return a lease of two seconds: with less, a busy machine might lose it."""
    return JetStreamLease(options(server), name, seconds=2)


async def take_away(server: NatsServer) -> None:
    """Give the lease to a process of another computer."""
    async with server.client() as client:
        bucket = await client.jetstream().key_value("MXGATEWAY_LEASES")
        await bucket.put("line-2", b'{"holder": "pc-b, process 7"}')


async def close_sessions(gateway: SimulatedGateway) -> None:
    """Let the time pass for which the gateway keeps sessions without a stream."""
    await gateway.wait_for(lambda: not any(session.streams for session in gateway.sessions))
    gateway.clock.advance(31)
    await gateway.wait_for(lambda: not gateway.sessions)


@pytest.fixture
async def first(nats_server: NatsServer) -> AsyncIterator[JetStreamLease]:
    """A lease that is held."""
    async with lease(nats_server) as first:
        yield first


@pytest.fixture
async def waiting(first: JetStreamLease, nats_server: NatsServer) -> AsyncIterator[JetStreamLease]:
    """The same lease of another process, which waits for it."""
    waiting = lease(nats_server)
    acquiring = asyncio.create_task(waiting.acquire())
    await until(lambda: waiting.holder)
    assert first.held
    yield waiting
    acquiring.cancel()
    await asyncio.wait([acquiring])
    await waiting.release()


async def test_a_lease_is_held_by_one_and_the_other_says_once_that_it_waits(
    first: JetStreamLease, waiting: JetStreamLease, caplog: pytest.LogCaptureFixture
) -> None:
    # Longer than the lease lasts without being renewed, and than the other one looks at it.
    await asyncio.sleep(1.1 * first.seconds)
    assert first.held
    assert not first.lost
    assert not waiting.held
    assert first.holder == waiting.holder
    assert f"process {os.getpid()}" in (waiting.holder or "")
    messages = [each.getMessage() for each in (*caplog.get_records("setup"), *caplog.records)]
    assert messages.count(f"{first.holder} holds it: this process waits for the lease line-2") == 1
    with pytest.raises(MxGatewayUsageError, match="is acquired already"):
        await first.acquire()


async def test_a_released_lease_is_taken_over_at_once(first: JetStreamLease, waiting: JetStreamLease) -> None:
    await first.release()
    assert not first.held
    async with asyncio.timeout(0.6 * first.seconds):
        await waiting.wait_until_held()


async def test_leases_of_other_names_are_independent(first: JetStreamLease, nats_server: NatsServer) -> None:
    async with lease(nats_server, "line-3") as other:
        assert first.held
        assert other.held


async def test_a_lease_is_not_held_while_no_server_answers_and_held_again_afterwards(
    first: JetStreamLease, nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    await nats_server.kill()
    async with asyncio.timeout(first.seconds):
        await first.wait_until_not_held()
    assert not first.held
    await nats_server.start()
    async with asyncio.timeout(3):
        await first.wait_until_held()
    assert not first.lost
    assert "this process holds the lease line-2 again" in caplog.text


@pytest.mark.long
async def test_a_process_that_waits_leaves_the_lease_to_its_holder_after_no_server_answered(
    first: JetStreamLease, waiting: JetStreamLease, nats_server: NatsServer
) -> None:
    await nats_server.kill()
    async with asyncio.timeout(first.seconds):
        await first.wait_until_not_held()
    # The key ends meanwhile.
    await asyncio.sleep(first.seconds)
    await nats_server.start()
    async with asyncio.timeout(5):
        done = asyncio.create_task(first.wait_until_held()), asyncio.create_task(waiting.wait_until_held())
        await asyncio.wait(done, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.cancel()
    assert first.held
    assert not waiting.held
    # If the holder does not come back, the wait has an end.
    await nats_server.kill()
    await first.release()
    await nats_server.start()
    async with asyncio.timeout(10):
        await waiting.wait_until_held()


async def test_a_lease_that_another_process_has_acquired_meanwhile_is_lost(
    first: JetStreamLease, nats_server: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    # As if the first process had not been able to renew it for so long that the server has removed it.
    await take_away(nats_server)
    async with asyncio.timeout(first.seconds):
        await first.wait_until_lost()
    assert first.lost
    assert not first.held
    assert "the lease line-2 is lost: pc-b, process 7 holds it" in caplog.text


async def test_a_forwarder_delivers_nothing_without_its_lease_and_each_change_once(
    first: JetStreamLease, tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT, lease=first) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 1)
        await nats_server.kill()
        gateway.plant[INT].set(1)
        async with asyncio.timeout(first.seconds):
            await first.wait_until_not_held()
        await nats_server.start()
        gateway.plant[INT].set(2)
        await until(lambda: forwarder.statistics.acknowledged == 3)
        forwarder.stop()
        await running

    assert [json.loads(message.data)["value"] for message in await nats_server.messages("PLANT")] == [42, 1, 2]
    await close_sessions(gateway)


async def test_a_forwarder_that_loses_its_lease_ends_at_once_and_leaves_its_session(
    first: JetStreamLease, tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT, lease=first) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 1)
        (session,) = gateway.sessions
        await take_away(nats_server)
        with pytest.raises(LeaseLostError, match="the lease line-2 is lost: pc-b, process 7 holds it"):
            await running
        gateway.plant[INT].set(1)

    assert len(await nats_server.messages("PLANT")) == 1
    await gateway.wait_for(lambda: not any(each.streams for each in gateway.sessions))
    assert [each.session_id for each in gateway.sessions] == [session.session_id]
    await close_sessions(gateway)


class StuckSink:
    """A broker that acknowledges nothing, and makes an error of a cancellation, as nats-py does at some places."""

    def __init__(self) -> None:
        self.writing = asyncio.Event()

    async def open(self) -> datetime | None:
        """Return that there is no record."""
        return None

    async def write(self, records: Sequence[TagRecord]) -> None:
        """Wait for ever."""
        assert records
        self.writing.set()
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            raise BrokerUnavailableError("the broker is slow") from None

    async def close(self) -> None:
        """Do nothing."""


async def test_a_forwarder_that_loses_its_lease_while_it_delivers_the_rest_ends_at_once(
    first: JetStreamLease, tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    sink = StuckSink()
    async with Forwarder(tags, sink, INT, lease=first) as forwarder:
        running = asyncio.create_task(forwarder.run(drain_seconds=60))
        await sink.writing.wait()
        forwarder.stop()
        await gateway.wait_for(lambda: not any(session.streams for session in gateway.sessions))
        assert not running.done()
        await take_away(nats_server)
        async with asyncio.timeout(first.seconds):
            with pytest.raises(LeaseLostError):
                await running
    await close_sessions(gateway)


async def test_a_forwarder_ends_although_its_sink_swallows_the_cancellation(tags: TagClient) -> None:
    sink = StuckSink()
    async with Forwarder(tags, sink, INT) as forwarder, asyncio.timeout(5):
        running = asyncio.create_task(forwarder.run(drain_seconds=0.01))
        await sink.writing.wait()
        forwarder.stop()
        await running
        assert forwarder.spool.records == 1


async def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path) -> None:
    server = NatsServer(tmp_path / "nats", arguments=("--user", "plant", "--pass", "right"))
    await server.start()
    account: dict[str, Any] = {"servers": [server.url], "stream": "PLANT", "subject_prefix": "plant", "user": "plant"}
    async with JetStreamLease(JetStreamOptions(**account, password="right"), "line-2") as right:
        assert right.held
    wrong = JetStreamLease(JetStreamOptions(**account, password="marker"), "line-2")
    with pytest.raises(BrokerUnavailableError, match="Authorization Violation") as caught:
        await wrong.acquire(fail_fast=True)
    assert "marker" not in str(caught.value)
    await server.kill()


async def test_a_bucket_that_keeps_its_keys_for_long_is_refused(nats_server: NatsServer) -> None:
    async with nats_server.client() as client:
        await client.jetstream().create_key_value(bucket="MXGATEWAY_LEASES", ttl=60)
    with pytest.raises(MxGatewayConfigurationError, match="keeps its keys for 60 s: that must be 1 to 10 s"):
        await lease(nats_server).acquire()


@pytest.mark.parametrize(("name", "seconds", "text"), [("a b", 5, "is not a lease"), ("a", 11, "1 to 10 seconds")])
def test_an_invalid_lease_is_refused(name: str, seconds: float, text: str) -> None:
    unused = JetStreamOptions(servers=["nats://x"], stream="S", subject_prefix="p")
    with pytest.raises(MxGatewayConfigurationError, match=text):
        JetStreamLease(unused, name, seconds=seconds)
