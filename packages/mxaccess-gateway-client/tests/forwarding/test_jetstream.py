"""Forwarding to NATS JetStream: every change once and in order, whatever breaks."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayConfigurationError, TagClient
from mxgateway.forwarding import (
    Forwarder,
    JetStreamOptions,
    JetStreamSink,
    Payload,
    Spool,
    StreamTakenError,
)
from mxgateway.testing import SimulatedGateway
from support.nats import NatsCluster, NatsServer
from support.recording import LOST, change
from support.tagging import INT, STRING
from support.waiting import until

STREAM = "PLANT"


def options(server: NatsServer, **fields: Any) -> JetStreamOptions:
    """Return options for the stream PLANT."""
    return JetStreamOptions(servers=[server.url], stream=STREAM, subject_prefix="plant", **fields)


async def published(server: NatsServer) -> list[tuple[str, Any]]:
    """Return the subject and the JSON of all records of the stream."""
    return [(message.subject, json.loads(message.data)) for message in await server.messages(STREAM)]


async def values(server: NatsServer) -> list[Any]:
    """Return the values of all changes of the stream, and the kinds of other records."""
    return [record.get("value", record["kind"]) for _, record in await published(server)]


async def test_each_change_is_a_message_with_the_subject_of_its_tag(
    tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT, STRING) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 2)
        gateway.plant[INT].set(7)
        await until(lambda: forwarder.statistics.acknowledged == 3)
        forwarder.stop()
        statistics = await running

    messages = await nats_server.messages(STREAM)
    assert [message.subject for message in messages] == [
        "plant.TestChildObject.TestInt",
        "plant.TestChildObject.TestString",
        "plant.TestChildObject.TestInt",
    ]
    record = json.loads(messages[2].data)
    assert (record["kind"], record["tag"], record["value"], record["quality"]) == ("change", INT, 7, 192)
    assert messages[2].headers["Nats-Msg-Id"] == f"{record['sessionId']}:{record['sequence']}"
    assert statistics.connected
    assert statistics.last_acknowledged is not None
    assert (statistics.failures, statistics.received.changes, forwarder.spool.records) == (0, 3, 0)


async def test_changes_wait_while_the_broker_is_away_and_arrive_once_and_in_order(
    tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 1)
        for number in range(100):
            gateway.plant[INT].set(number)
        await nats_server.kill()
        for number in range(100, 200):
            gateway.plant[INT].set(number)
        await until(lambda: forwarder.statistics.failures)
        assert not forwarder.statistics.connected
        await nats_server.start()
        await until(lambda: forwarder.statistics.acknowledged == 201)
        forwarder.stop()
        await running

    assert await values(nats_server) == [42, *range(200)]


async def test_messages_that_the_broker_has_acknowledged_and_lost_are_a_gap(
    tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 1)
        async with nats_server.client() as client:
            await client.jetstream().delete_stream(STREAM)
        await nats_server.kill()
        await nats_server.start()
        gateway.plant[INT].set(1)
        await until(lambda: forwarder.statistics.acknowledged == 2)
        forwarder.stop()
        await running

    gap, change_after = [record for _, record in await published(nats_server)]
    assert "the stream PLANT has lost" in gap["detail"]
    assert (gap["kind"], change_after["value"]) == ("gap", 1)


async def test_a_forwarder_begins_while_the_broker_is_away(
    tags: TagClient, gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    await nats_server.kill()
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.failures >= 2)
        gateway.plant[INT].set(7)
        await nats_server.start()
        await until(lambda: forwarder.statistics.acknowledged == 2)
        forwarder.stop()
        await running

    assert await values(nats_server) == [42, 7]


async def test_what_was_not_delivered_is_delivered_by_the_next_start(
    tags: TagClient, nats_server: NatsServer, tmp_path: Path
) -> None:
    await nats_server.kill()
    spool = tmp_path / "spool.sqlite"
    async with Forwarder(tags, JetStreamSink(options(nats_server)), INT, spool=Spool(spool)) as forwarder:
        running = asyncio.create_task(forwarder.run(drain_seconds=0.01))
        await until(lambda: forwarder.spool.records)
        forwarder.stop()
        await running

    await nats_server.start()
    async with Forwarder(tags, JetStreamSink(options(nats_server)), STRING, spool=Spool(spool)) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 3)
        forwarder.stop()
        await running

    assert await values(nats_server) == [42, "gap", "Hello"]
    assert "nothing was recorded from" in (await published(nats_server))[1][1]["detail"]
    assert (await published(nats_server))[1][0] == "plant.$status"


async def test_a_batch_whose_acknowledgement_was_lost_is_stored_once(nats_server: NatsServer) -> None:
    records = [change(number, number) for number in range(10)]
    for sent in (records[:6], records, records):
        sink = JetStreamSink(options(nats_server, duplicate_window=0.1))
        await sink.open()
        await asyncio.sleep(0.11 if sent is records else 0)
        await sink.write(sent)
        await sink.close()

    assert await values(nats_server) == list(range(10))


async def test_a_late_duplicate_is_refused_by_the_expected_sequence(nats_server: NatsServer) -> None:
    late, other = (JetStreamSink(options(nats_server)) for _ in range(2))
    await late.open()
    await other.open()
    await other.write([change(1, 1)])
    with pytest.raises(StreamTakenError, match="another program writes to the stream PLANT"):
        await late.write([change(2, 2)])
    await late.close()
    await other.close()

    assert await values(nats_server) == [1]


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_a_cluster_that_loses_its_leader_has_each_change_once_and_in_order(
    tags: TagClient, gateway: SimulatedGateway, tmp_path: Path
) -> None:
    async with NatsCluster(tmp_path) as cluster:
        servers = [server.url for server in cluster.servers]
        sink = JetStreamSink(
            JetStreamOptions(servers=servers, stream=STREAM, subject_prefix="plant", replicas=3, timeout=1)
        )
        async with Forwarder(tags, sink, INT) as forwarder:
            running = asyncio.create_task(forwarder.run())
            for number in range(200):
                gateway.plant[INT].set(number)
                await asyncio.sleep(0.001)
            await until(lambda: forwarder.statistics.acknowledged > 100)
            leader = await cluster.leader(STREAM)
            await leader.kill()
            for number in range(200, 400):
                gateway.plant[INT].set(number)
                await asyncio.sleep(0.001)
            # The other servers elect a new leader first.
            await until(lambda: forwarder.statistics.acknowledged == 401, 40)
            forwarder.stop()
            await running

        left = next(server for server in cluster.servers if server is not leader)
        assert await values(left) == [42, *range(400)]


async def test_several_records_travel_in_one_message_as_json_lines(nats_server: NatsServer) -> None:
    sink = JetStreamSink(options(nats_server, records_per_message=2))
    await sink.open()
    await sink.write([change(1, 1), change(2, 2), LOST])
    await sink.close()

    messages = await nats_server.messages(STREAM)
    assert [message.subject for message in messages] == ["plant.$batch"] * 2
    lines = [[json.loads(line) for line in message.data.splitlines()] for message in messages]
    assert [[record["kind"] for record in each] for each in lines] == [["change", "change"], ["lost"]]


async def test_payloads_are_the_gateways_event_or_value_time_and_quality(nats_server: NatsServer) -> None:
    for payload in (Payload.PROTOBUF, Payload.VTQ):
        sink = JetStreamSink(options(nats_server, payload=payload))
        await sink.open()
        await sink.write([change(7, 1 if payload is Payload.PROTOBUF else 2)])
        await sink.close()

    event, vtq = await nats_server.messages(STREAM)
    assert pb.MxEvent.FromString(event.data).value.int32_value == 7
    assert json.loads(vtq.data) == {"value": 7, "timestamp": "2026-01-02T03:04:05.678900Z", "quality": 192}


async def test_a_stream_with_other_subjects_is_a_configuration_error(tags: TagClient, nats_server: NatsServer) -> None:
    async with nats_server.client() as client:
        await client.jetstream().add_stream(name=STREAM, subjects=["other.>"])

    with pytest.raises(MxGatewayConfigurationError, match=r"has the subjects other\.>, not plant\.>"):
        async with Forwarder(tags, JetStreamSink(options(nats_server)), INT):
            pytest.fail("the forwarder began")


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"servers": []}, "servers is empty"),
        ({"servers": ["http://x"]}, "must begin with nats:// or tls://"),
        ({"servers": ["nats://me:secret-word@x"]}, "must not contain a password"),
        ({"stream": "a.b"}, "not a name that NATS accepts"),
        ({"subject_prefix": "a..b"}, "not a name that NATS accepts"),
        ({"records_per_message": 0}, "records_per_message must be at least 1"),
        ({"replicas": 0}, "replicas must be at least 1"),
        ({"records_per_message": 2, "payload": "vtq"}, "must be JSON"),
    ],
)
def test_invalid_options_are_refused(fields: dict[str, Any], text: str) -> None:
    valid: dict[str, Any] = {"servers": ["nats://x"], "stream": "S", "subject_prefix": "p"}
    with pytest.raises(MxGatewayConfigurationError, match=text) as caught:
        JetStreamOptions(**valid | fields)
    assert "secret-word" not in str(caught.value)


def test_a_password_is_not_shown() -> None:
    shown = repr(JetStreamOptions(servers=["nats://x"], stream="S", subject_prefix="p", user="u", password="marker"))
    assert "marker" not in shown
