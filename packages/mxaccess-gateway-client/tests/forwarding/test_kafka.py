"""Forwarding to Kafka, tried with the cluster for tests that librdkafka brings."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest

from mxgateway import MxGatewayConfigurationError, TagClient
from mxgateway.forwarding import BrokerUnavailableError, Forwarder, KafkaOptions, KafkaSink
from support.recording import LOST, change, write
from support.tagging import INT, STRING
from support.waiting import until

kafka: Any = import_module("confluent_kafka")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of a cluster with one broker, which lives as long as the client that made it."""
    owner = kafka.Producer({"bootstrap.servers": "x", "test.mock.num.brokers": 1, "log_level": 0})
    (broker,) = owner.list_topics(timeout=10).brokers.values()
    yield f"{broker.host}:{broker.port}"
    owner.flush(0)


def consume(cluster: str, count: int) -> list[Any]:
    """Return the first messages of the topic `plant`."""
    settings = {"bootstrap.servers": cluster, "group.id": "g", "auto.offset.reset": "earliest", "log_level": 0}
    consumer = kafka.Consumer(settings)
    try:
        partitions = consumer.list_topics("plant", timeout=10).topics["plant"].partitions
        consumer.assign([kafka.TopicPartition("plant", number, kafka.OFFSET_BEGINNING) for number in partitions])
        return list(consumer.consume(count, timeout=20))
    finally:
        consumer.close()


async def test_each_record_is_a_message_with_its_tag_as_the_key(tags: TagClient, cluster: str) -> None:
    sink = KafkaSink(KafkaOptions(servers=[cluster], topic="plant"))
    async with Forwarder(tags, sink, INT, STRING) as forwarder:
        running = asyncio.create_task(forwarder.run())
        await until(lambda: forwarder.statistics.acknowledged == 2)
        forwarder.stop()
        await running
    await write(sink, LOST)

    messages = await asyncio.to_thread(consume, cluster, 3)
    by_key = {message.key(): json.loads(message.value()) for message in messages}
    assert {key: record.get("value") for key, record in by_key.items()} == {
        INT.encode(): 42,
        STRING.encode(): "Hello",
        None: None,
    }
    headers = {message.key(): dict(message.headers()) for message in messages}
    record = by_key[INT.encode()]
    assert headers[INT.encode()]["mxgateway-id"] == f"{record['sessionId']}:{record['sequence']}".encode()
    assert headers[None]["mxgateway-kind"] == b"lost"


async def test_a_tag_keeps_its_order_over_several_writes(cluster: str) -> None:
    sink = KafkaSink(KafkaOptions(servers=[cluster], topic="plant"))
    await sink.open()
    await sink.write([change(number, number) for number in range(1000)])
    await sink.write([change(number, number) for number in range(1000, 2000)])
    await sink.close()

    messages = await asyncio.to_thread(consume, cluster, 2000)
    assert [json.loads(message.value())["value"] for message in messages] == list(range(2000))


async def test_a_cluster_that_is_away_is_unavailable_and_a_wrong_setting_is_named() -> None:
    away = KafkaOptions(servers=["127.0.0.1:1"], topic="plant", timeout=0.3)
    with pytest.raises(BrokerUnavailableError, match=r"the topic plant of Kafka at 127\.0\.0\.1:1: .*refused"):
        await KafkaSink(away).open()
    wrong = KafkaOptions(servers=["127.0.0.1:1"], topic="plant", tls=True, ca_file="missing.pem")
    with pytest.raises(MxGatewayConfigurationError, match=r"cannot read missing\.pem: No such file"):
        await KafkaSink(wrong).open()


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"servers": []}, "servers is empty"),
        ({"servers": ["localhost"]}, "must be host:port"),
        ({"servers": ["me:secret-word@x:9092"]}, "must not contain a password"),
        ({"topic": "a/b"}, "not a name that Kafka accepts"),
        ({"sasl_mechanism": "GSSAPI"}, ", ".join(MECHANISMS)),
        ({"password": "secret-word"}, "password needs user"),
        ({"key_file": "key.pem"}, "key_file needs certificate_file"),
        ({"timeout": 0}, "timeout must be positive"),
    ],
)
def test_invalid_options_are_refused(fields: dict[str, Any], text: str) -> None:
    valid: dict[str, Any] = {"servers": ["localhost:9092"], "topic": "plant"}
    with pytest.raises(MxGatewayConfigurationError, match=text) as caught:
        KafkaOptions(**valid | fields)
    assert "secret-word" not in str(caught.value)
