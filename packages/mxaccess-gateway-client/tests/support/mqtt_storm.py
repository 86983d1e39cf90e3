"""MqttStorm: a forwarder to an MQTT broker under random faults, and the check of what a subscriber received."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.forwarder_process import ForwarderProcess
from support.mosquitto import Mosquitto, Subscriber
from support.tagging import INT

# The value of the tag before the first change.
_FIRST = 1_000


class MqttStorm:
    """Counts a tag up while a forwarder, its broker, its gateway and the connections between them fail.

    Args:
        gateway: The gateway.
        broker: The broker, which runs.
        proxy: A proxy in front of the broker, for the forwarder.
        subscriber: It receives what the broker has.
        folder: The folder of the spool.
        seed: The seed of the faults.
    """

    def __init__(
        self,
        gateway: SimulatedGateway,
        broker: Mosquitto,
        proxy: FaultProxy,
        subscriber: Subscriber,
        folder: Path,
        seed: int,
    ) -> None:
        self._gateway = gateway
        self._broker = broker
        self._proxy = proxy
        self._forwarder = ForwarderProcess(gateway, folder, f"mqtt://{proxy.endpoint}", INT)
        self._subscriber = subscriber
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self.value = _FIRST
        self._faults: list[Callable[[], Awaitable[None]]] = [
            self._restart_broker,
            self._cut_broker,
            self._refuse_broker,
            self._kill_forwarder,
            self._terminate_forwarder,
            self._drop_gateway,
            self._restart_gateway,
            self._kill_worker,
        ]

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the forwarder and the counter."""
        self._gateway.plant[INT].set(self.value)
        await self._forwarder.start()
        counting = asyncio.create_task(self._count())
        try:
            yield
        finally:
            counting.cancel()
            await asyncio.wait([counting])
            await self._forwarder.end(signal.SIGKILL)

    async def rage(self, rounds: int) -> None:
        """Let each fault happen once a round, in random order."""
        for _ in range(rounds):
            faults = list(self._faults)
            self._random.shuffle(faults)
            for fault in faults:
                await asyncio.sleep(self._random.uniform(0, 0.1))
                await fault()

    async def settle(self) -> None:
        """Wait until the subscriber has a value that the tag got after the last fault."""
        last = self.value + 10
        try:
            async with asyncio.timeout(60):
                while self._latest() < last:  # noqa: ASYNC110 - there is nothing to await
                    await asyncio.sleep(0.02)
        except TimeoutError:
            latest = self._latest()
            errors = await self._forwarder.end(signal.SIGTERM)
            raise AssertionError(f"the subscriber has {latest}, not {last} yet: {errors}") from None

    def check(self) -> int:
        """Check that each value was received, in order, or is reported as missing where it belongs. Return how many.

        A message that was sent again is ignored: its id is known.
        """
        seen: set[str] = set()
        last: int | None = None
        is_gap = False
        count = 0
        for message in self._subscriber.messages:
            (_, identity), _ = message.properties["UserProperty"]
            if identity in seen:
                continue
            seen.add(identity)
            record = json.loads(message.payload)
            if record["kind"] != "change":
                is_gap |= record["kind"] == "gap" or "were missed" in record.get("detail", "")
                continue
            value = record["value"]
            count += 1
            if last is not None and value != last + 1:
                assert is_gap or (record["repeated"] and value == last), f"{last} is followed by {record}"
                assert value >= last, f"{last} is followed by an older value: {record}"
            last, is_gap = value, False
        return count

    def _latest(self) -> int:
        messages = self._subscriber.messages
        record: dict[str, Any] = json.loads(messages[-1].payload) if messages else {}
        value: int = record.get("value", 0)
        return value

    async def _count(self) -> None:
        while True:
            for _ in range(5):
                self.value += 1
                self._gateway.plant[INT].set(self.value)
            await asyncio.sleep(0.01)

    async def _restart_broker(self) -> None:
        await self._broker.stop()
        await asyncio.sleep(self._random.uniform(0, 0.3))
        await self._broker.start()

    async def _cut_broker(self) -> None:
        await self._proxy.reset_connections()

    async def _refuse_broker(self) -> None:
        await self._proxy.refuse()
        await self._proxy.reset_connections()
        await asyncio.sleep(self._random.uniform(0, 0.3))
        await self._proxy.accept()

    async def _kill_forwarder(self) -> None:
        await self._forwarder.end(signal.SIGKILL)
        await self._forwarder.start()

    async def _terminate_forwarder(self) -> None:
        await self._forwarder.end(signal.SIGTERM)
        await self._forwarder.start()

    async def _drop_gateway(self) -> None:
        await self._gateway.faults.drop_connections()

    async def _restart_gateway(self) -> None:
        await self._gateway.faults.restart()

    async def _kill_worker(self) -> None:
        for session in self._gateway.sessions:
            self._gateway.faults.kill_worker(session.session_id)
