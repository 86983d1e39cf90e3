"""A forwarder that is started again continues its session: nothing is missing, and nothing is stored twice."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from mxgateway.testing import SimulatedGateway
from support.forwarder_process import ForwarderProcess
from support.mosquitto import Mosquitto, Subscriber, running, subscriber
from support.nats import NatsServer
from support.tagging import INT, STRING, counting
from support.waiting import until


async def records(server: NatsServer) -> list[dict[str, Any]]:
    """Return the records of the stream."""
    return [json.loads(message.data) for message in await server.messages("PLANT")]


async def stored(server: NatsServer) -> int:
    """Return how many messages the stream has."""
    async with server.client() as client:
        count: int = (await client.jetstream().stream_info("PLANT")).state.messages
        return count


async def wait_for_more(server: NatsServer, more: int) -> None:
    """Wait until the stream has so many messages more."""
    wanted = await stored(server) + more
    async with asyncio.timeout(20):
        while await stored(server) < wanted:  # noqa: ASYNC110 - there is nothing to await
            await asyncio.sleep(0.02)


async def receive_more(received: Subscriber, more: int) -> None:
    """Wait until a subscriber has so many messages more."""
    wanted = len(received.messages) + more
    await until(lambda: len(received.messages) >= wanted)


async def end_sessions(gateway: SimulatedGateway) -> None:
    """Let the time pass for which the gateway keeps sessions without a stream."""
    await gateway.wait_for(lambda: not any(session.streams for session in gateway.sessions))
    gateway.clock.advance(31)
    await gateway.wait_for(lambda: not gateway.sessions)


def check_complete(found: list[dict[str, Any]]) -> None:
    """Check that the changes of the counter follow each other without a gap, and none is repeated."""
    values = [record["value"] for record in found if record["kind"] == "change" and record["tag"] == INT]
    assert values == [42, *range(1000, 1000 + len(values) - 1)]
    assert not [record for record in found if record["kind"] in {"gap", "lost"}]


@pytest.mark.parametrize("spool", ["spool", ""], ids=["with a spool file", "from the stream alone"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_after_a_restart_every_change_is_stored_once_and_none_is_missing(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path, spool: str, number: signal.Signals
) -> None:
    forwarder = ForwarderProcess(gateway, tmp_path, nats_server.url, INT, STRING, spool=spool)
    await forwarder.start()
    await until(lambda: gateway.sessions)
    await wait_for_more(nats_server, 1)
    async with counting(gateway, 1000):
        for _ in range(2):
            await wait_for_more(nats_server, 20)
            await forwarder.end(number)
            await forwarder.start()
        await wait_for_more(nats_server, 20)
    await forwarder.end(number)
    await end_sessions(gateway)

    found = await records(nats_server)
    check_complete(found)
    assert len({record["sessionId"] for record in found if record["kind"] == "change"}) == 1
    assert [record["detail"] for record in found if record["kind"] == "restored"] == ["no changes were missed"] * 2


async def test_after_a_kill_a_subscriber_of_mqtt_has_every_change(gateway: SimulatedGateway, tmp_path: Path) -> None:
    async with running(Mosquitto(tmp_path / "mosquitto")) as broker:
        with subscriber(broker) as received:
            await until(lambda: received.ready)
            forwarder = ForwarderProcess(gateway, tmp_path, broker.url, INT)
            await forwarder.start()
            await until(lambda: received.messages)
            async with counting(gateway, 1000):
                for _ in range(2):
                    await receive_more(received, 20)
                    await forwarder.end(signal.SIGKILL)
                    await forwarder.start()
                await receive_more(received, 20)
            await forwarder.end(signal.SIGTERM)
            await end_sessions(gateway)

            # At least once: a message that was sent again has the same id.
            by_id = {message.properties["UserProperty"][0][1]: message.payload for message in received.messages}
    check_complete([json.loads(payload) for payload in by_id.values()])


@pytest.mark.parametrize("spool", ["spool", ""], ids=["with a spool file", "from the stream alone"])
async def test_a_gap_record_says_what_is_missing_once_the_session_is_gone(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path, spool: str
) -> None:
    forwarder = ForwarderProcess(gateway, tmp_path, nats_server.url, INT, spool=spool)
    await forwarder.start()
    await wait_for_more(nats_server, 1)
    gateway.plant[INT].set(1)
    await wait_for_more(nats_server, 1)
    await forwarder.end(signal.SIGKILL)
    gateway.plant[INT].set(2)
    await end_sessions(gateway)
    await forwarder.start()
    await wait_for_more(nats_server, 1)
    await forwarder.end(signal.SIGTERM)
    await end_sessions(gateway)

    found = await records(nats_server)
    assert [record.get("value", record["kind"]) for record in found] == [42, 1, "gap", 2]
    begin = found[2]["detail"].removeprefix("nothing was recorded from ").split(" to ")[0]
    assert found[1]["receivedTime"][:19] <= begin[:19]


async def test_a_forwarder_that_finds_no_broker_reports_the_gap_when_it_is_back(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    forwarder = ForwarderProcess(gateway, tmp_path, nats_server.url, INT, spool="")
    await forwarder.start()
    await wait_for_more(nats_server, 1)
    await forwarder.end(signal.SIGKILL)
    await nats_server.kill()
    await forwarder.start()
    gateway.plant[INT].set(2)
    await nats_server.start()
    await wait_for_more(nats_server, 3)
    await forwarder.end(signal.SIGKILL)
    await end_sessions(gateway)

    assert [record.get("value", record["kind"]) for record in await records(nats_server)] == [42, "gap", 42, 2]


async def test_a_spool_that_another_forwarder_has_overtaken_is_discarded(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    first = ForwarderProcess(gateway, tmp_path, nats_server.url, INT, spool="first")
    second = ForwarderProcess(gateway, tmp_path, nats_server.url, INT, spool="second")
    await first.start()
    await wait_for_more(nats_server, 1)
    # It has a record that the broker never gets from it.
    await nats_server.kill()
    gateway.plant[INT].set(1)
    await until((tmp_path / "first-wal").exists)
    await first.end(signal.SIGTERM)
    await nats_server.start()
    await second.start()
    gateway.plant[INT].set(2)
    await wait_for_more(nats_server, 2)
    await second.end(signal.SIGKILL)
    await first.start()
    gateway.plant[INT].set(3)
    # The session comes first, as a message of its own.
    async with asyncio.timeout(20):
        while (await records(nats_server))[-1].get("value") != 3:  # noqa: ASYNC110 - there is nothing to await
            await asyncio.sleep(0.02)
    errors = await first.end(signal.SIGKILL)
    await end_sessions(gateway)

    found = [record["value"] for record in await records(nats_server) if record["kind"] == "change"]
    assert found == [42, 1, 2, 3]
    assert "Traceback" not in errors


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit the files of another process")
async def test_a_full_disk_loses_nothing_while_the_forwarder_lives(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    forwarder = ForwarderProcess(gateway, tmp_path, nats_server.url, INT)
    await forwarder.start()
    await wait_for_more(nats_server, 1)
    async with counting(gateway, 1000):
        with forwarder.full_disk():
            await wait_for_more(nats_server, 20)
            await nats_server.kill()
            await asyncio.sleep(0.1)
            await nats_server.start()
            await wait_for_more(nats_server, 20)
        await wait_for_more(nats_server, 20)
        # It continues where the file ends, which has everything again.
        said = await forwarder.end(signal.SIGKILL)
        await forwarder.start()
        await wait_for_more(nats_server, 20)
    await forwarder.end(signal.SIGTERM)
    await end_sessions(gateway)

    check_complete(await records(nats_server))
    assert said.count("records wait in memory: cannot write the spool") == 1
    assert said.count("spool can be written again") == 1
