"""How long the other tasks of a program wait while one works on the events of a saturated stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Iterator
from typing import Final

from comparison import Comparison, Plan, ours_below
from processes import Figures, contestant, server
from streams import our_events, percentile, raw_events, until, warm_up

_SECONDS: Final = 3.0
_WORK: Final = 0.0005
_BEAT: Final = 0.002


async def raw(endpoint: str, seconds: float, **_: object) -> Figures:
    """A consumer of raw grpc.aio."""
    async with raw_events(endpoint) as streams:
        return await _lag(streams[0], seconds)


async def ours(endpoint: str, api_key: str, seconds: float) -> Figures:
    """A consumer of EventStream."""
    async with our_events(endpoint, api_key) as streams:
        return await _lag(streams[0], seconds)


def measure(plan: Plan) -> Iterator[Comparison]:
    seconds = plan.seconds(_SECONDS)
    with server("fast_source") as source:
        duels = plan.duels(
            lambda: contestant("loop_lag", "raw", seconds=seconds, **source.address),
            lambda: contestant("loop_lag", "ours", seconds=seconds, **source.address),
        )
    what = "other tasks' wait while a consumer works 500 us an event"
    yield Comparison.of(what, "p99 ms", "p99_ms", duels, ours_below(10))
    yield Comparison.of("", "events/s", "per_second", duels, more_is_better=True)


async def _lag(events: AsyncIterable[object], seconds: float) -> Figures:
    taken = 0

    async def work() -> None:
        nonlocal taken
        async for _ in events:
            until = time.perf_counter() + _WORK
            while time.perf_counter() < until:
                pass
            taken += 1

    loop = asyncio.get_running_loop()
    waits: list[float] = []
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(work())
        await warm_up(lambda: taken, seconds)
        began, before = loop.time(), taken
        while loop.time() < began + seconds:
            due = loop.time() + _BEAT
            await asyncio.sleep(_BEAT)
            waits.append(loop.time() - due)
        await until(lambda: taken > before)
        per_second = (taken - before) / (loop.time() - began)
        worker.cancel()
    return {"p99_ms": percentile(waits, 99) * 1000, "per_second": per_second}
