"""Forwarding to an MQTT broker: every change at least once and in order, whatever breaks."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb

from mxgateway import MxGatewayConfigurationError, TagClient
from mxgateway.forwarding import BrokerUnavailableError, Forwarder, MqttOptions, MqttSink, Payload
from mxgateway.testing import SimulatedGateway
from support.certificates import Pair
from support.mosquitto import Mosquitto, running, subscriber
from support.recording import LOST, change, write
from support.tagging import INT
from support.waiting import until


@pytest.fixture
async def mosquitto(tmp_path: Path) -> AsyncIterator[Mosquitto]:
    """A broker without TLS and without users."""
    async with running(Mosquitto(tmp_path / "mosquitto")) as broker:
        yield broker


def options(broker: Mosquitto, **fields: Any) -> MqttOptions:
    """Return options for this broker."""
    return MqttOptions(servers=[broker.url], topic_prefix="plant", **fields)


async def test_changes_wait_while_the_broker_is_away_and_arrive_in_order(
    tags: TagClient, gateway: SimulatedGateway, mosquitto: Mosquitto
) -> None:
    with subscriber(mosquitto) as received:
        await until(lambda: received.ready)
        async with Forwarder(tags, MqttSink(options(mosquitto)), INT) as forwarder:
            running_forwarder = asyncio.create_task(forwarder.run())
            await until(lambda: forwarder.statistics.acknowledged == 1)
            for number in range(1000, 1100):
                gateway.plant[INT].set(number)
            await mosquitto.stop()
            for number in range(1100, 1200):
                gateway.plant[INT].set(number)
            await until(lambda: forwarder.statistics.failures)
            assert not forwarder.statistics.connected
            await mosquitto.start()
            await until(lambda: forwarder.statistics.acknowledged == 201)
            forwarder.stop()
            await running_forwarder
        await until(lambda: received.messages and json.loads(received.messages[-1].payload)["value"] == 1199)

    values = [json.loads(message.payload)["value"] for message in received.messages]
    assert list(dict.fromkeys(values)) == [42, *range(1000, 1200)]
    first, record = received.messages[0], json.loads(received.messages[0].payload)
    assert (first.topic, first.properties["ContentType"]) == ("plant/TestChildObject/TestInt", "application/json")
    identity = f"{record['sessionId']}:{record['sequence']}"
    assert first.properties["UserProperty"] == [("mxgateway-id", identity), ("mxgateway-kind", "change")]


async def test_the_broker_keeps_the_last_value_of_each_topic_and_the_state_of_the_client(mosquitto: Mosquitto) -> None:
    sink = MqttSink(options(mosquitto, retain=True, client_id="line 2", message_expiry=60))
    await sink.open()
    await sink.write([change(1, 1), change(2, 2, "C.D"), change(3, 3), LOST])
    with subscriber(mosquitto) as received:
        await until(lambda: len(received.messages) == 4)
        await sink.close()
        await until(lambda: len(received.messages) == 5)

    last = {message.topic: message.payload for message in received.messages[:4]}
    assert [json.loads(last[topic])["value"] for topic in ("plant/A/B", "plant/C/D")] == [3, 2]
    assert json.loads(last["plant/$status"])["kind"] == "lost"
    assert [m.payload for m in received.messages if m.topic == "plant/$state/line 2"] == [b"online", b"offline"]
    assert all(m.properties["MessageExpiryInterval"] <= 60 for m in received.messages if m.topic == "plant/A/B")


async def test_payloads_and_batches(mosquitto: Mosquitto) -> None:
    with subscriber(mosquitto) as received:
        await until(lambda: received.ready)
        for payload in (Payload.PROTOBUF, Payload.VTQ):
            await write(MqttSink(options(mosquitto, payload=payload)), change(7))
        await write(MqttSink(options(mosquitto, records_per_message=2)), change(1, 1), change(2, 2), LOST)
        await until(lambda: len(received.messages) == 4)

    event, vtq, *batches = received.messages
    assert pb.MxEvent.FromString(event.payload).value.int32_value == 7
    assert event.properties["ContentType"] == "application/x-protobuf"
    assert json.loads(vtq.payload) == {"value": 7, "timestamp": "2026-01-02T03:04:05.678900Z", "quality": 192}
    assert [message.topic for message in batches] == ["plant/$batch"] * 2
    kinds = [[json.loads(line)["kind"] for line in message.payload.splitlines()] for message in batches]
    assert kinds == [["change", "change"], ["lost"]]


async def test_a_message_that_the_broker_refuses_is_not_delivered_and_the_next_write_begins_with_it(
    tmp_path: Path,
) -> None:
    acl = "user plant\ntopic readwrite plant/A/#\n"
    broker = Mosquitto(tmp_path / "mosquitto", password="right", acl=acl, settings="max_packet_size 2000")
    async with running(broker):
        with pytest.raises(BrokerUnavailableError, match="the broker refuses this client: Not authorized"):
            await MqttSink(options(broker, user="plant", password="wrong")).open()
        sink = MqttSink(options(broker, user="plant", password="right"))
        await sink.open()
        records = [change(1, 1), change(2, 2, "C.D")]
        for _ in range(2):
            refused = "refuses a message with the topic plant/C/D: Not authorized"
            with pytest.raises(BrokerUnavailableError, match=refused):
                await sink.write(records)
            await sink.open()
        await sink.write([change("x" * 500)])
        with pytest.raises(BrokerUnavailableError, match="larger than the broker accepts"):
            await sink.write([change("x" * 5000)])
        await sink.close()


async def test_a_message_without_subscribers_is_a_warning(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        await write(MqttSink(options(mosquitto)), change(1, 1), change(2, 2))
    assert [record.getMessage() for record in caplog.records] == [
        "no client subscribes to plant/A/B: the broker does not keep these messages"
    ]


async def test_tls_with_its_own_ca_and_a_client_certificate(tmp_path: Path) -> None:
    ca = trustme.CA()
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "server", "client")}
    ca.cert_pem.write_to_path(files["ca"])
    ca.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(files["server"])
    ca.issue_cert("plant@example.org").private_key_and_cert_chain_pem.write_to_path(files["client"])
    shown = Pair(certificate=files["server"], key=files["server"])
    async with running(Mosquitto(tmp_path / "mosquitto", shown=shown, client_ca=files["ca"])) as broker:
        await write(MqttSink(options(broker, ca_file=files["ca"], certificate_file=files["client"])), change(1))
        for fields, text in (({}, "certificate"), ({"ca_file": files["ca"]}, "connection was lost|certificate")):
            with pytest.raises(BrokerUnavailableError, match=text):
                await MqttSink(options(broker, **fields)).open()


async def test_fail_fast_raises_if_the_broker_is_away(tags: TagClient) -> None:
    away = MqttOptions(servers=["mqtt://127.0.0.1:1"], topic_prefix="plant")
    async with Forwarder(tags, MqttSink(away), INT, fail_fast=True) as forwarder:
        with pytest.raises(BrokerUnavailableError, match=r"cannot use the broker mqtt://127\.0\.0\.1:1: .*refused"):
            await forwarder.run(drain_seconds=0.01)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"servers": []}, "servers is empty"),
        ({"servers": ["nats://x"]}, "must begin with mqtt:// or mqtts://"),
        ({"servers": ["mqtt://x:port"]}, "is not a URL"),
        ({"servers": ["mqtt://x/topic"]}, "must be a host and a port"),
        ({"servers": ["mqtt://me:secret-word@x"]}, "must not contain a password"),
        ({"topic_prefix": "plant/#"}, "not a topic that MQTT accepts"),
        ({"topic_prefix": "$SYS/plant"}, "not a topic that MQTT accepts"),
        ({"client_id": "a/b"}, "must not be empty or contain"),
        ({"records_per_message": 0}, "at least 1"),
        ({"records_per_message": 2, "payload": "vtq"}, "must be JSON"),
        ({"records_per_message": 2, "retain": True}, "retain needs a message for each record"),
        ({"message_expiry": 0.5}, "at least 1 second"),
        ({"max_in_flight": 0}, "max_in_flight must be 1 to"),
        ({"key_file": "key.pem"}, "key_file needs certificate_file"),
        ({"password": "secret-word"}, "password needs user"),
        ({"timeout": 0}, "timeout must be positive"),
    ],
)
def test_invalid_options_are_refused(fields: dict[str, Any], text: str) -> None:
    valid: dict[str, Any] = {"servers": ["mqtt://x"], "topic_prefix": "p"}
    with pytest.raises(MxGatewayConfigurationError, match=text) as caught:
        MqttOptions(**valid | fields)
    assert "secret-word" not in str(caught.value)


def test_a_password_is_not_shown_and_a_missing_file_is_named() -> None:
    secret = MqttOptions(servers=["mqtts://x"], topic_prefix="p", user="u", password="marker", ca_file="missing.pem")
    assert "marker" not in repr(secret)
    with pytest.raises(MxGatewayConfigurationError, match=r"cannot read the CA missing\.pem"):
        secret.tls_context()
