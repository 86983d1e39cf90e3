"""A random, seeded sequence of faults between a client and its gateway, and how each fault is injected."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from support.faults.checkers import ChangeChecker
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess

Fault: TypeAlias = "Callable[[FaultSchedule], Awaitable[None]]"

LARGEST_BURST: Final = 3000

# One fault in this many follows the previous one immediately, while the client is still recovering.
_IMMEDIATE_FAULT_RATIO: Final = 5
_FAULT_TIMEOUT_SECONDS: Final = 30.0


class FaultSchedule:
    """Injects faults one after the other, in an order and at times that the seed decides.

    Attributes:
        injected: how often each fault was injected, by its name.
        sessions_lost: how many sessions the gateway lost through these faults.
    """

    def __init__(self, seed: int, gateway: GatewayProcess, proxy: FaultProxy, checker: ChangeChecker) -> None:
        self._random: Final = random.Random(seed)  # noqa: S311 - the same seed must repeat the same run
        self._gateway: Final = gateway
        self._proxy: Final = proxy
        self._checker: Final = checker
        self.injected: Final = Counter[str]()
        self.sessions_lost = 0

    async def run(self, weights: Mapping[Fault, int], faults: int, changes: int) -> None:
        """Inject every kind of fault at least once, drawn by weight, while `changes` changes are received."""
        drawn = [*weights, *self._random.choices(list(weights), list(weights.values()), k=faults - len(weights))]
        self._random.shuffle(drawn)
        goal = self._checker.received + changes
        for number, fault in enumerate(drawn):
            if self._random.randrange(_IMMEDIATE_FAULT_RATIO):
                left = max(goal - self._checker.received, 0) // (len(drawn) - number)
                await self._checker.wait_for_changes(self._random.randint(1, 1 + 2 * left))
            self.injected[fault.__name__] += 1
            try:
                async with asyncio.timeout(_FAULT_TIMEOUT_SECONDS):
                    await fault(self)
            except (AssertionError, TimeoutError) as error:
                error.add_note(f"in fault {number} of {len(drawn)}: {fault.__name__}")
                raise
        await self._checker.wait_for_changes(max(goal - self._checker.received, 1))

    # The network

    async def reset_connections(self) -> None:
        await self._proxy.reset_connections()

    async def close_connections(self) -> None:
        await self._proxy.close_connections()

    async def break_inside_message(self) -> None:
        await self._checker.wait_for_changes(1)
        await self._proxy.break_after(self._random.randint(1, 2000), reset=self._random.random() < 0.5)

    async def reset_during_reconnect(self) -> None:
        await self._proxy.reset_connections()
        await self._proxy.wait_until(lambda: self._proxy.connections)
        await self._proxy.reset_connections()

    async def stall(self) -> None:
        with self._proxy.stalled():
            await asyncio.sleep(self._random.uniform(0, 0.03))

    async def stall_and_reset(self) -> None:
        with self._proxy.stalled():
            await asyncio.sleep(self._random.uniform(0, 0.03))
            await self._proxy.reset_connections()

    async def stall_until_detected(self) -> None:
        await self._checker.wait_for_changes(1)
        with self._proxy.stalled():
            await self._checker.wait_for_break()

    async def delay(self) -> None:
        with self._proxy.delayed(self._random.uniform(0.0005, 0.003)):
            await self._checker.wait_for_changes(self._random.randint(1, 300))

    async def split_packets(self) -> None:
        with self._proxy.split(self._random.randint(1, 40)):
            await self._checker.wait_for_changes(self._random.randint(1, 60))

    async def refuse_connections(self) -> None:
        await self._proxy.refuse()
        await self._proxy.reset_connections()
        await asyncio.sleep(self._random.uniform(0, 0.02))
        await self._proxy.accept()

    # The application

    async def time_out_read(self) -> None:
        self._checker.time_out_read()

    async def pause_reading(self) -> None:
        self._checker.pause_reading(self._random.uniform(0, 0.05))
        await self._checker.wait_for_changes(1)

    async def reopen_stream(self) -> None:
        self._checker.reopen_stream()
        await self._checker.wait_for_changes(1)

    # The gateway

    async def drop_connections(self) -> None:
        await self._gateway.run("drop_connections")

    async def refuse_streams(self) -> None:
        await self._gateway.run("refuse_streams", count=self._random.randint(1, 2))
        await self._proxy.reset_connections()

    async def delay_calls(self) -> None:
        await self._gateway.run("delay_calls", seconds=self._random.uniform(0, 0.02))
        await self._proxy.reset_connections()
        await self._checker.wait_for_changes(1)
        await self._gateway.run("delay_calls", seconds=0)

    async def age_out(self) -> None:
        await self._gateway.run("age_out")
        await self._proxy.reset_connections()

    async def burst_while_disconnected(self) -> None:
        await self._proxy.reset_connections()
        with self._proxy.stalled():
            await self._gateway.run("burst", changes=self._random.randint(1000, LARGEST_BURST))

    async def restart(self) -> None:
        self.sessions_lost += await self._gateway.run("restart")

    async def kill_workers(self) -> None:
        self.sessions_lost += await self._gateway.run("kill_workers")

    async def fault_sessions(self) -> None:
        self.sessions_lost += await self._gateway.run("fault_sessions")

    async def overflow(self) -> None:
        self.sessions_lost += await self._gateway.run("overflow")


NETWORK_FAULTS: Final[Mapping[Fault, int]] = {
    FaultSchedule.reset_connections: 20,
    FaultSchedule.close_connections: 12,
    FaultSchedule.break_inside_message: 20,
    FaultSchedule.reset_during_reconnect: 6,
    FaultSchedule.stall: 8,
    FaultSchedule.stall_and_reset: 8,
    FaultSchedule.stall_until_detected: 1,
    FaultSchedule.delay: 6,
    FaultSchedule.split_packets: 6,
    FaultSchedule.refuse_connections: 6,
    FaultSchedule.time_out_read: 6,
    FaultSchedule.pause_reading: 6,
}
"""Faults that lose neither a session nor an event, with their weights."""

ALL_FAULTS: Final[Mapping[Fault, int]] = {
    **NETWORK_FAULTS,
    FaultSchedule.drop_connections: 4,
    FaultSchedule.refuse_streams: 6,
    FaultSchedule.delay_calls: 4,
    FaultSchedule.age_out: 6,
    FaultSchedule.burst_while_disconnected: 6,
    FaultSchedule.restart: 4,
    FaultSchedule.kill_workers: 4,
    FaultSchedule.fault_sessions: 4,
    FaultSchedule.overflow: 4,
}
