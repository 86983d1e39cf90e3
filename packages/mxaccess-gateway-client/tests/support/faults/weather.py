"""A seeded random sequence of faults: what can happen between a client and its gateway, and how it is brought about."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

from support.faults.consumers import Consumer
from support.faults.fault_proxy import FaultProxy
from support.faults.gateway_process import GatewayProcess

Fault: TypeAlias = "Callable[[Weather], Awaitable[None]]"

# One fault in so many follows the one before at once, while the client still comes back.
_AT_ONCE: Final = 5
_PATIENCE: Final = 30.0
LARGEST_BURST: Final = 3000


class Weather:
    """Faults, one after the other, as the seed says; each begins somewhere in the middle of the changes."""

    def __init__(self, seed: int, gateway: GatewayProcess, proxy: FaultProxy, consumer: Consumer) -> None:
        self._random: Final = random.Random(seed)  # noqa: S311 - it must be the same again for the same seed
        self._gateway: Final = gateway
        self._proxy: Final = proxy
        self._consumer: Final = consumer
        self.happened: Final = Counter[str]()
        self.sessions_lost = 0

    async def storm(self, kinds: Mapping[Fault, int], faults: int, changes: int) -> None:
        """Bring about so many faults of these kinds, by their weights, while so many changes are taken."""
        drawn = [*kinds, *self._random.choices(list(kinds), list(kinds.values()), k=faults - len(kinds))]
        self._random.shuffle(drawn)
        goal = self._consumer.taken + changes
        for number, fault in enumerate(drawn):
            if self._random.randrange(_AT_ONCE):
                left = max(goal - self._consumer.taken, 0) // (len(drawn) - number)
                await self._consumer.progress(self._random.randint(1, 1 + 2 * left))
            self.happened[fault.__name__] += 1
            try:
                async with asyncio.timeout(_PATIENCE):
                    await fault(self)
            except (AssertionError, TimeoutError) as error:
                error.add_note(f"in fault {number} of {len(drawn)}: {fault.__name__}")
                raise
        await self._consumer.progress(max(goal - self._consumer.taken, 1))

    # The network

    async def cut(self) -> None:
        await self._proxy.cut()

    async def hang_up(self) -> None:
        await self._proxy.hang_up()

    async def break_in_a_message(self) -> None:
        await self._consumer.progress(1)
        await self._proxy.break_after(self._random.randint(1, 2000), reset=self._random.random() < 0.5)

    async def cut_while_it_comes_back(self) -> None:
        await self._proxy.cut()
        await self._proxy.wait_until(lambda: self._proxy.connections)
        await self._proxy.cut()

    async def stall(self) -> None:
        with self._proxy.stalled():
            await asyncio.sleep(self._random.uniform(0, 0.03))

    async def stall_and_cut(self) -> None:
        with self._proxy.stalled():
            await asyncio.sleep(self._random.uniform(0, 0.03))
            await self._proxy.cut()

    async def stall_until_it_is_noticed(self) -> None:
        await self._consumer.progress(1)
        with self._proxy.stalled():
            await self._consumer.break_noticed()

    async def delay(self) -> None:
        with self._proxy.delayed(self._random.uniform(0.0005, 0.003)):
            await self._consumer.progress(self._random.randint(1, 300))

    async def split(self) -> None:
        with self._proxy.split(self._random.randint(1, 40)):
            await self._consumer.progress(self._random.randint(1, 60))

    async def refuse_connections(self) -> None:
        await self._proxy.refuse()
        await self._proxy.cut()
        await asyncio.sleep(self._random.uniform(0, 0.02))
        await self._proxy.accept()

    # The application

    async def interrupt(self) -> None:
        self._consumer.interrupt()

    async def pause(self) -> None:
        self._consumer.pause(self._random.uniform(0, 0.05))
        await self._consumer.progress(1)

    async def leave(self) -> None:
        self._consumer.leave()
        await self._consumer.progress(1)

    # The gateway

    async def drop_connections(self) -> None:
        await self._gateway.do("drop_connections")

    async def refuse_streams(self) -> None:
        await self._gateway.do("refuse_streams", count=self._random.randint(1, 2))
        await self._proxy.cut()

    async def delay_calls(self) -> None:
        await self._gateway.do("delay_calls", seconds=self._random.uniform(0, 0.02))
        await self._proxy.cut()
        await self._consumer.progress(1)
        await self._gateway.do("delay_calls", seconds=0)

    async def age_out(self) -> None:
        await self._gateway.do("age_out")
        await self._proxy.cut()

    async def burst_while_away(self) -> None:
        await self._proxy.cut()
        with self._proxy.stalled():
            await self._gateway.do("burst", changes=self._random.randint(1000, LARGEST_BURST))

    async def restart(self) -> None:
        self.sessions_lost += await self._gateway.do("restart")

    async def kill_workers(self) -> None:
        self.sessions_lost += await self._gateway.do("kill_workers")

    async def fault_sessions(self) -> None:
        self.sessions_lost += await self._gateway.do("fault_sessions")

    async def overflow(self) -> None:
        self.sessions_lost += await self._gateway.do("overflow")


NETWORK: Final[Mapping[Fault, int]] = {
    Weather.cut: 20,
    Weather.hang_up: 12,
    Weather.break_in_a_message: 20,
    Weather.cut_while_it_comes_back: 6,
    Weather.stall: 8,
    Weather.stall_and_cut: 8,
    Weather.stall_until_it_is_noticed: 1,
    Weather.delay: 6,
    Weather.split: 6,
    Weather.refuse_connections: 6,
    Weather.interrupt: 6,
    Weather.pause: 6,
}
"""What loses neither a session nor an event."""

EVERYTHING: Final[Mapping[Fault, int]] = {
    **NETWORK,
    Weather.drop_connections: 4,
    Weather.refuse_streams: 6,
    Weather.delay_calls: 4,
    Weather.age_out: 6,
    Weather.burst_while_away: 6,
    Weather.restart: 4,
    Weather.kill_workers: 4,
    Weather.fault_sessions: 4,
    Weather.overflow: 4,
}
