"""ForwardingStorm: a forwarder to a broker under random faults, and the check of what the broker got."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Protocol

from mxgateway.testing import SimulatedGateway
from support.faults.fault_proxy import FaultProxy
from support.forwarder_process import ForwarderProcess
from support.tagging import INT

# The value of the tag before the first change.
_FIRST = 1_000
_TICK_SECONDS = 0.01


class Broker(Protocol):
    """A broker that can be stopped, and started again with what it has stored."""

    async def start(self) -> None:
        """Start it."""
        ...

    async def stop(self) -> None:
        """Stop it."""
        ...


class Reader(Protocol):
    """What a consumer of the broker has."""

    async def latest(self) -> dict[str, Any] | None:
        """Return the last record."""
        ...

    async def records(self) -> Sequence[dict[str, Any]]:
        """Return all records in their order, those that were delivered again included."""
        ...


class ForwardingStorm:
    """Counts a tag up while a forwarder, its broker, its gateway and the connections between them fail.

    Args:
        gateway: The gateway.
        broker: The broker, which runs.
        proxy: A proxy in front of the broker, for the forwarder.
        forwarder: The forwarder, which uses the proxy.
        reader: It has what the broker has.
        seed: The seed of the faults.
        rate: Changes a second.
        pause: The longest time between two faults, in seconds.
    """

    def __init__(
        self,
        gateway: SimulatedGateway,
        broker: Broker,
        proxy: FaultProxy,
        forwarder: ForwarderProcess,
        reader: Reader,
        *,
        seed: int,
        rate: int = 500,
        pause: float = 0.1,
    ) -> None:
        self._gateway = gateway
        self._broker = broker
        self._proxy = proxy
        self._forwarder = forwarder
        self._reader = reader
        self._random = random.Random(seed)  # noqa: S311 - reproducible, not secret
        self._rate = rate
        self._pause = pause
        self.value = _FIRST
        self._faults: list[Callable[[], Awaitable[None]]] = [
            self._restart_broker,
            self._cut_broker,
            self._refuse_broker,
            self._kill_forwarder,
            self._terminate_forwarder,
            self._fill_disk,
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

    async def rage(self, rounds: int) -> int:
        """Let each fault happen once a round, in random order. Return how many that were."""
        for _ in range(rounds):
            faults = list(self._faults)
            self._random.shuffle(faults)
            for fault in faults:
                await asyncio.sleep(self._random.uniform(0, self._pause))
                await fault()
        return rounds * len(self._faults)

    async def settle(self) -> None:
        """Wait until the broker has a value that the tag got after the last fault."""
        last = self.value + 10
        latest: dict[str, Any] | None = None
        try:
            async with asyncio.timeout(60):
                while (latest := await self._reader.latest()) is None or latest.get("value", 0) < last:  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError:
            errors = await self._forwarder.end(signal.SIGTERM)
            raise AssertionError(f"the broker has {latest}, not {last} yet: {errors}") from None

    async def check(self, *, exactly_once: bool) -> int:
        """Check that each value is there, in order, or is reported as missing where it belongs. Return how many.

        A change that was delivered again is ignored unless `exactly_once` is true.
        """
        seen: set[tuple[object, ...]] = set()
        last: int | None = None
        is_gap = False
        count = 0
        for record in await self._reader.records():
            identity = tuple(record.get(name) for name in ("kind", "sessionId", "sequence", "receivedTime"))
            if identity in seen:
                # A gap may be told twice, but never a change.
                assert not (exactly_once and record["kind"] == "change"), f"stored twice: {record}"
                continue
            seen.add(identity)
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

    async def _count(self) -> None:
        loop = asyncio.get_running_loop()
        began, first = loop.time(), self.value
        while True:
            due = first + round((loop.time() - began) * self._rate)
            # A test that was held up must not send so much at once that the gateway's queue overflows.
            for _ in range(min(due - self.value, 2_000)):
                self.value += 1
                self._gateway.plant[INT].set(self.value)
            await asyncio.sleep(_TICK_SECONDS)

    async def _wait(self, seconds: float) -> None:
        await asyncio.sleep(self._random.uniform(0, seconds))

    async def _restart_broker(self) -> None:
        await self._broker.stop()
        await self._wait(0.3)
        await self._broker.start()

    async def _cut_broker(self) -> None:
        await self._proxy.reset_connections()

    async def _refuse_broker(self) -> None:
        # The spool becomes full meanwhile, if this takes long.
        await self._proxy.refuse()
        await self._proxy.reset_connections()
        await self._wait(0.6)
        await self._proxy.accept()

    async def _kill_forwarder(self) -> None:
        await self._forwarder.end(signal.SIGKILL)
        await self._forwarder.start()

    async def _terminate_forwarder(self) -> None:
        await self._forwarder.end(signal.SIGTERM)
        await self._forwarder.start()

    async def _fill_disk(self) -> None:
        with self._forwarder.full_disk():
            await self._wait(0.3)

    async def _drop_gateway(self) -> None:
        await self._gateway.faults.drop_connections()

    async def _restart_gateway(self) -> None:
        await self._gateway.faults.restart()

    async def _kill_worker(self) -> None:
        for session in self._gateway.sessions:
            self._gateway.faults.kill_worker(session.session_id)
