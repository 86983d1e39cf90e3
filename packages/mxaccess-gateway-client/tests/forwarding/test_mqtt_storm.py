"""Each change reaches an MQTT subscriber at least once, or a record says what is missing, whatever fails between."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.mosquitto import Mosquitto, running, subscriber
from support.mqtt_storm import MqttStorm
from support.waiting import until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")


async def _rage(folder: Path, seed: int, rounds: int) -> int:
    async with (
        SimulatedGateway(ramp_interval=None, breakable_network=True) as gateway,
        running(Mosquitto(folder / "mosquitto")) as broker,
        FaultProxy(broker.port) as proxy,
    ):
        with subscriber(broker) as received:
            await until(lambda: received.ready)
            storm = MqttStorm(gateway, broker, proxy, received, folder, seed)
            async with storm.running():
                await storm.rage(rounds)
                await storm.settle()
            return storm.check()


async def test_after_each_fault_a_subscriber_has_every_change_or_knows_what_is_missing(tmp_path: Path) -> None:
    assert await _rage(tmp_path, seed=1, rounds=1) > 100


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", range(1_000, 1_003))
async def test_after_a_hundred_faults_a_subscriber_has_every_change_or_knows_what_is_missing(
    tmp_path: Path, seed: int
) -> None:
    assert await _rage(tmp_path, seed, rounds=13) > 1_000
