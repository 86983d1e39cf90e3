"""Whatever fails between plant and broker, each change is there, or a record says what is missing."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.forwarder_process import ForwarderProcess
from support.forwarding_storm import ForwardingStorm
from support.mosquitto import Mosquitto, Subscriber, running, subscriber
from support.nats import NatsServer
from support.tagging import INT
from support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")

# The spool holds the records of about half a second.
_SPOOL_LIMIT = 50_000


class MqttReader:
    """What a subscriber to an MQTT broker has received."""

    def __init__(self, received: Subscriber) -> None:
        self._received = received

    async def latest(self) -> dict[str, Any] | None:
        messages = self._received.messages
        return json.loads(messages[-1].payload) if messages else None

    async def records(self) -> list[dict[str, Any]]:
        return [json.loads(message.payload) for message in self._received.messages]


class StreamReader:
    """What a stream of JetStream has."""

    def __init__(self, server: NatsServer) -> None:
        self._server = server

    async def latest(self) -> dict[str, Any] | None:
        lines = await self._server.last_message("PLANT")
        return json.loads(lines.splitlines()[-1]) if lines else None

    async def records(self) -> list[dict[str, Any]]:
        messages = await self._server.messages("PLANT")
        return [json.loads(line) for message in messages for line in message.data.splitlines()]


async def _rage_mqtt(folder: Path, seed: int, rounds: int) -> int:
    async with (
        SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway,
        running(Mosquitto(folder / "mosquitto")) as broker,
        FaultProxy(broker.port) as proxy,
    ):
        with subscriber(broker) as received:
            await until(lambda: received.ready)
            forwarder = ForwarderProcess(gateway, folder, f"mqtt://{proxy.endpoint}", INT, spool_limit=_SPOOL_LIMIT)
            storm = ForwardingStorm(gateway, broker, proxy, forwarder, MqttReader(received), seed=seed)
            async with storm.running():
                await storm.rage(rounds)
                await storm.settle()
            return await storm.check(exactly_once=False)


async def _rage_nats(folder: Path, seed: int, rounds: int, *, rate: int = 500, pause: float = 0.1) -> int:
    server = NatsServer(folder / "nats")
    await server.start()
    async with (
        SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway,
        FaultProxy(server.port) as proxy,
    ):
        forwarder = ForwarderProcess(
            gateway,
            folder,
            f"nats://{proxy.endpoint}",
            INT,
            # Each second seed without a file, and each third with many records in a message.
            spool="" if seed % 2 else "spool",
            spool_limit=_SPOOL_LIMIT * rate // 500,
            batch=50 if seed % 3 == 0 else 1,
        )
        storm = ForwardingStorm(
            gateway, server, proxy, forwarder, StreamReader(server), seed=seed, rate=rate, pause=pause
        )
        try:
            async with storm.running():
                await storm.rage(rounds)
                await storm.settle()
            return await storm.check(exactly_once=True)
        finally:
            await server.kill()


@pytest.mark.timeout(180)
async def test_after_each_fault_a_subscriber_has_every_change_or_knows_what_is_missing(tmp_path: Path) -> None:
    assert await _rage_mqtt(tmp_path, seed=1, rounds=1) > 50


@pytest.mark.timeout(180)
@pytest.mark.parametrize("seed", [2, 3])
async def test_after_each_fault_a_stream_has_every_change_once_or_says_what_is_missing(
    tmp_path: Path, seed: int
) -> None:
    assert await _rage_nats(tmp_path, seed, rounds=1) > 50


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1_000, 1_003))
async def test_after_a_hundred_faults_a_subscriber_has_every_change_or_knows_what_is_missing(
    tmp_path: Path, seed: int
) -> None:
    assert await _rage_mqtt(tmp_path, seed, rounds=12) > 1_000


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1_000, 1_006))
async def test_after_a_hundred_faults_a_stream_has_every_change_once_or_says_what_is_missing(
    tmp_path: Path, seed: int
) -> None:
    # A million changes in all seeds together.
    assert await _rage_nats(tmp_path, seed, rounds=12, rate=4_000, pause=0.8) > 50_000
