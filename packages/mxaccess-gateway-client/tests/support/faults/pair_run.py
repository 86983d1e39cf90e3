"""PairRun: faults of a redundant pair while values flow, and the check of everything that a TagClient reported."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from mxgateway import (
    MxGatewayError,
    TagChange,
    TagClient,
    WatchGap,
    WatchItem,
    WatchLost,
    WatchRestored,
)
from mxgateway.testing import SimulatedGateway
from support.pairs import GatewayPair
from support.tagging import DOUBLE, INT

_TIMEOUT_SECONDS: Final = 30.0
_MAX_CHANGES_BETWEEN_FAULTS: Final = 60


class PairRun:
    """Watches a counter and writes numbers, while its gateways are stopped, cut and restarted in a seeded order.

    Attributes:
        received: how many changes were received.
        restored: how often the watch was restored, by endpoint and by whether the stream was resumed.
        gaps: how many values were missed in each reported gap.
        confirmed: the written numbers that were reported as confirmed.
        unconfirmed: the written numbers whose write raised an error.
    """

    def __init__(self, seed: int, pair: GatewayPair, tags: TagClient) -> None:
        self._random: Final = random.Random(seed)  # noqa: S311 - the same seed must repeat the same run
        self._pair: Final = pair
        self._tags: Final = tags
        self._value = -1
        self._endpoint = tags.endpoint
        self._lost_at: float | None = None
        self._gap_reported = False
        self._progressed = asyncio.Event()
        self.received = 0
        self.restored = Counter[tuple[str, bool]]()
        self.gaps: list[int] = []
        self.confirmed: list[int] = []
        self.unconfirmed: list[int] = []
        self._written: dict[SimulatedGateway, list[object]] = {pair.first: [], pair.second: []}

    async def run(self, faults: int) -> None:
        """Cause this many faults, and check every item of the watch and the outcome of every write."""
        for gateway in self._written:
            gateway.plant[DOUBLE].listen(partial(self._record_write, gateway))
        self._pair.set(INT, 0)
        tasks = [asyncio.create_task(work()) for work in (self._watch, self._count, self._write)]
        schedule = asyncio.create_task(self._cause_faults(faults))
        await asyncio.wait([schedule, *tasks], return_when=asyncio.FIRST_COMPLETED)
        # Only the schedule ends by itself; another task has failed.
        for task in (*tasks, schedule):
            if not task.done():
                task.cancel()
        results = await asyncio.gather(schedule, *tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result
        self._check_writes()

    def _record_write(self, gateway: SimulatedGateway) -> None:
        self._written[gateway].append(gateway.plant[DOUBLE].value)

    async def _count(self) -> None:
        for value in range(1, 10**9):
            self._pair.set(INT, value)
            await asyncio.sleep(0.001)

    async def _watch(self) -> None:
        async for item in self._tags.watch(INT, queue_size=10_000):
            self._check(item)
            self._progressed.set()

    async def _write(self) -> None:
        for number in range(1, 10**9):
            try:
                await self._tags.write(DOUBLE, float(number), timeout=2)
            except MxGatewayError:
                self.unconfirmed.append(number)
            else:
                self.confirmed.append(number)

    def _check(self, item: WatchItem) -> None:
        match item:
            case TagChange():
                self._check_change(item)
            case WatchLost():
                assert self._lost_at is None
                self._lost_at = time.time()
            case WatchRestored(resumed=True):
                # Only the session's own gateway has its events.
                assert item.endpoint == self._endpoint
                assert item.missed_since is None
                self._restore(item)
            case WatchRestored():
                assert item.missed_since is not None
                assert item.missed_since.timestamp() <= time.time()
                self._gap_reported = True
                self._restore(item)
            case WatchGap():
                self._gap_reported = True
            case _:
                raise AssertionError(f"unexpected item: {item}")

    def _restore(self, item: WatchRestored) -> None:
        assert self._lost_at is not None
        self._lost_at = None
        self._endpoint = item.endpoint
        self.restored[item.endpoint, item.resumed] += 1

    def _check_change(self, change: TagChange) -> None:
        value = change.value
        assert isinstance(value, int)
        assert self._lost_at is None, f"{change} was delivered while the watch was lost"
        if change.repeated:
            assert self._gap_reported, change
            assert value >= self._value, change
            self._gap_reported = False
        else:
            expected = value > self._value if self._gap_reported else value == self._value + 1
            assert expected or self.received == 0, f"{change} follows value {self._value}"
        if value > self._value + 1 and self.received:
            self.gaps.append(value - self._value - 1)
        self._value = value
        self.received += 1

    async def _cause_faults(self, count: int) -> None:
        kinds: list[Callable[[], Awaitable[None]]] = [
            self.stop_one_until_the_other_is_used,
            self.stop_one_for_a_moment,
            self.cut,
            self.restart,
            self.crash_worker,
            self.return_to_preferred,
        ]
        drawn = [*kinds, *self._random.choices(kinds, k=count - len(kinds))]
        self._random.shuffle(drawn)
        for fault in drawn:
            await self._wait_for_changes(self._random.randint(1, _MAX_CHANGES_BETWEEN_FAULTS))
            try:
                async with asyncio.timeout(_TIMEOUT_SECONDS):
                    await fault()
            except TimeoutError as error:
                error.add_note(f"in {fault.__name__}")
                raise
        await self._wait_for_changes(_MAX_CHANGES_BETWEEN_FAULTS)

    async def stop_one_until_the_other_is_used(self) -> None:
        gateway = self._in_use()
        endpoint = gateway.endpoint
        await gateway.stop()
        while self._endpoint == endpoint:
            await self._wait_for_changes(1)
        await gateway.start()

    async def stop_one_for_a_moment(self) -> None:
        gateway = self._random.choice([self._pair.first, self._pair.second])
        await gateway.stop()
        await asyncio.sleep(self._random.uniform(0, 0.2))
        await gateway.start()

    async def cut(self) -> None:
        await self._in_use().faults.drop_connections()

    async def restart(self) -> None:
        await self._in_use().faults.restart()

    async def crash_worker(self) -> None:
        gateway = self._in_use()
        for session in gateway.sessions:
            gateway.faults.kill_worker(session.session_id)

    async def return_to_preferred(self) -> None:
        try:
            await self._tags.return_to_preferred()
        except MxGatewayError:
            # gRPC may wait some seconds before it connects to a gateway again that was away.
            assert self._endpoint != self._pair.first.endpoint

    def _in_use(self) -> SimulatedGateway:
        return self._pair.first if self._endpoint == self._pair.first.endpoint else self._pair.second

    async def _wait_for_changes(self, count: int) -> None:
        goal = self.received + count
        try:
            async with asyncio.timeout(_TIMEOUT_SECONDS):
                while self.received < goal:
                    self._progressed.clear()
                    await self._progressed.wait()
        except TimeoutError:
            raise AssertionError(f"no progress after value {self._value} at {self._endpoint}") from None

    def _check_writes(self) -> None:
        written = [value for values in self._written.values() for value in values]
        assert len(written) == len(set(written)), "a write was repeated"
        assert set(self.confirmed) <= set(written), "a write that never happened was confirmed"
