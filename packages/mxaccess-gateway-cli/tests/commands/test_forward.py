"""Forwarding tags to a broker from the command line."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cli_support.command_line import mxgw_py, start_process, succeed, wait_for_exit
from cli_support.metrics import free_port, get, until_answer
from cli_support.schemas import validate
from mxgateway.testing import SimulatedGateway
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.metrics.forwarding import ForwardMetrics
from support.mosquitto import Mosquitto, running
from support.nats import NatsServer, nats

INT, STRING = "TestChildObject.TestInt", "TestChildObject.TestString"
STREAM = ("--stream", "PLANT", "--subject-prefix", "plant")


@pytest.fixture
async def nats_server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A NATS server with JetStream."""
    server = NatsServer(tmp_path / "nats")
    await server.start()
    yield server
    await server.kill()


@pytest.mark.usefixtures("gateway")
async def test_changes_are_messages_and_a_summary_is_printed(nats_server: NatsServer) -> None:
    result = await succeed("forward", INT, STRING, "--to", nats_server.url, *STREAM, "--duration", "300ms", "--json")

    validate(result.record, "forwarding")
    assert (result.record["acknowledged"], result.record["spooled"], result.record["gaps"]) == (2, 0, 0)
    messages = await nats_server.messages("PLANT")
    assert sorted((message.subject, json.loads(message.data)["value"]) for message in messages) == [
        (f"plant.{INT}", 42),
        (f"plant.{STRING}", "Hello"),
    ]


@pytest.mark.usefixtures("gateway")
async def test_what_waits_in_memory_at_the_end_is_reported_as_lost_and_a_file_keeps_it(tmp_path: Path) -> None:
    away = ("forward", INT, "--to", "nats://127.0.0.1:1", "--duration", "300ms", "--drain", "10ms")
    result = await mxgw_py(*away)
    assert result.status == ExitStatus.TRANSPORT
    assert "1 record lost: the broker did not take them; --spool FILE would keep them" in result.stderr

    kept = await mxgw_py(*away, "--spool", tmp_path / "spool")
    assert kept.status == ExitStatus.GOOD
    assert f"in {tmp_path / 'spool'} still 1 record" in kept.stdout


@pytest.mark.usefixtures("gateway")
async def test_mqtt_gets_the_last_values_and_a_refused_topic_is_named(tmp_path: Path) -> None:
    acl = f"user plant\ntopic write plant/{INT.replace('.', '/')}\ntopic write plant/$state/#\ntopic read #\n"
    (tmp_path / "password").write_text("right\n")
    account = ("--broker-user", "plant", "--broker-password-file", tmp_path / "password", "--duration", "300ms")
    async with running(Mosquitto(tmp_path / "mosquitto", password="right", acl=acl)) as broker:
        to = ("--to", broker.url, "--subject-prefix", "plant", *account)
        result = await succeed("forward", INT, *to, "--retain", "--broker-client-id", "line2", "--json")
        refused = await mxgw_py("forward", STRING, *to, "--fail-fast")
        (tmp_path / "password").write_text("wrong")
        rejected = await mxgw_py("forward", INT, *to, "--fail-fast")

    validate(result.record, "forwarding")
    assert (result.record["stream"], result.record["acknowledged"]) == ("plant", 1)
    assert refused.status == rejected.status == ExitStatus.TRANSPORT
    topic = f"plant/{STRING.replace('.', '/')}"
    assert f"refuses a message with the topic {topic}: Not authorized" in refused.error
    assert "the broker refuses this client: Not authorized" in rejected.error


async def test_four_shards_with_one_command_line_have_each_tag_once(
    gateway: SimulatedGateway, nats_server: NatsServer
) -> None:
    tags = [tag.name for tag in gateway.plant if not tag.name.endswith("[]")][:12]
    command = ("forward", *tags, "--to", nats_server.url, *STREAM, "--duration", "200ms", "--json")
    shards = [await succeed(*command, "--shard", f"{index}/4") for index in range(1, 5)]

    streams = [f"PLANT-{index}-of-4" for index in range(1, 5)]
    assert [shard.record["stream"] for shard in shards] == streams
    assert sum(shard.record["acknowledged"] for shard in shards) == len(tags)
    # As the how-to says: one stream that has the messages of all.
    async with nats_server.client() as client:
        sources = [nats.js.api.StreamSource(name=stream) for stream in streams]
        await client.jetstream().add_stream(name="PLANT", sources=sources)
        subscription = await client.jetstream().pull_subscribe("plant.*.>", stream="PLANT")
        messages: list[Any] = []
        async with asyncio.timeout(5):
            while len(messages) < len(tags):
                fetched = await subscription.fetch(len(tags), timeout=5)
                messages += [message for message in fetched if not message.subject.endswith(".$lane")]
    assert sorted(json.loads(message.data)["tag"] for message in messages) == sorted(tags)
    assert all(message.subject.split(".")[1] in {stream[6:] for stream in streams} for message in messages)


@pytest.mark.usefixtures("gateway")
async def test_a_shard_without_tags_and_one_that_is_none_are_named() -> None:
    to = ("--to", "nats://127.0.0.1:1", "--duration", "10ms", "--drain", "10ms")
    empty = [await mxgw_py("forward", INT, *to, "--shard", f"{index}/2") for index in (1, 2)]
    (error,) = [result.error for result in empty if result.status == ExitStatus.USAGE]
    assert "/2 has none of the 1 tags" in error
    other = await mxgw_py("forward", INT, *to, "--shard", "3/2")
    assert "shard 3/2: the first number is 1 to the second" in other.error


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (("--to", "http://x"), ExitStatus.USAGE, "--to must begin with one of nats://, tls://, mqtt://"),
        (("--to", "mqtt://x", "--broker-credentials-file", "x"), ExitStatus.USAGE, "is for nats, not for mqtt"),
        (("--to", "nats://x", "--retain"), ExitStatus.USAGE, "--retain is for mqtt, not for nats"),
        (
            ("--to", "mqtt://x", "--broker-user", "u", "--broker-password-file", "/dev/null/x"),
            ExitStatus.USAGE,
            "cannot read /dev/null/x",
        ),
        (("--to", "kafka://x:9092"), ExitStatus.USAGE, "--to needs a topic: kafka://HOST:PORT/TOPIC"),
        (("--to", "kafka://x:9092/plant", "--batch", "2"), ExitStatus.USAGE, "--batch is not for kafka"),
        (("--to", "mqtt://127.0.0.1:1", "--fail-fast"), ExitStatus.TRANSPORT, "mqtt://127.0.0.1:1: Connection refused"),
        (("--to", "nats://x", "--metrics", "9464"), ExitStatus.USAGE, "use HOST:PORT, for example 127.0.0.1:9464"),
        (("--to", "nats://x", "--batch", "2", "--payload", "vtq"), ExitStatus.USAGE, "must be JSON, not vtq"),
        (("--to", "nats://x", "--spool", "/dev/null/spool"), ExitStatus.FAILED, "/dev/null/spool"),
    ],
)
@pytest.mark.usefixtures("gateway")
async def test_what_cannot_work_is_named(arguments: tuple[str, ...], status: ExitStatus, error: str) -> None:
    result = await mxgw_py("forward", INT, *arguments)

    assert result.status == status
    assert error in result.error


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal")
async def test_metrics_and_health_follow_the_broker_and_sigterm_ends_well(
    gateway: SimulatedGateway, nats_server: NatsServer, tmp_path: Path
) -> None:
    port = free_port()
    spool = ("--spool", str(tmp_path / "spool"), "--metrics", f"127.0.0.1:{port}")
    async with start_process("forward", INT, "--to", nats_server.url, *STREAM, *spool) as process:
        await until_answer(port, "/metrics", "mxgateway_forward_acknowledged_total 1.0")
        assert await get(port, "/healthz") == (200, "ok\n")
        await nats_server.kill()
        gateway.plant[INT].set(7)
        await until_answer(port, "/healthz", "the broker is away, records wait: 1")
        await nats_server.start()
        await until_answer(port, "/metrics", "mxgateway_forward_acknowledged_total 2.0")
        _, metrics = await get(port, "/metrics")
        process.send_signal(signal.SIGTERM)
        result = await wait_for_exit(process)

    assert result.status == ExitStatus.GOOD
    assert result.stdout.startswith("PLANT: 2 records acknowledged in ")
    assert "cannot deliver" in result.stderr
    assert all(f"# HELP {name.removesuffix('_total')}" in metrics for name in ForwardMetrics.descriptions)
    assert [json.loads(message.data)["value"] for message in await nats_server.messages("PLANT")] == [42, 7]
