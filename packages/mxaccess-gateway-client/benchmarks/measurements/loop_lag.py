"""Measure how long other tasks wait while one task processes the events of a saturated stream."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Iterator
from typing import Final

from clients.raw_grpc import raw_events
from clients.this_client import our_events
from comparison import Comparison, Plan, ours_below
from processes import Figures, contestant, server
from sampling import percentile, wait_until, warm_up

_SECONDS: Final = 3.0
_WORK_SECONDS: Final = 0.0005
_SLEEP_SECONDS: Final = 0.002


async def raw(endpoint: str, seconds: float, **_: object) -> Figures:
    """Process events of raw grpc.aio."""
    async with raw_events(endpoint) as streams:
        return await _lag(streams[0], seconds)


async def ours(endpoint: str, api_key: str, seconds: float) -> Figures:
    """Process events of EventStream."""
    async with our_events(endpoint, api_key) as streams:
        return await _lag(streams[0], seconds)


def measure(plan: Plan) -> Iterator[Comparison]:
    seconds = plan.seconds(_SECONDS)
    with server("fast_source") as source:
        rounds = plan.run_rounds(
            lambda: contestant(__name__, "raw", seconds=seconds, **source.address),
            lambda: contestant(__name__, "ours", seconds=seconds, **source.address),
        )
    what = "delay of other tasks while a consumer takes 500 us per event"
    yield Comparison.of(what, "p99 ms", "p99_ms", rounds, ours_below(10))
    yield Comparison.of("", "events/s", "per_second", rounds, more_is_better=True)


async def _lag(events: AsyncIterable[object], seconds: float) -> Figures:
    processed = 0

    async def work() -> None:
        nonlocal processed
        async for _ in events:
            busy_until = time.perf_counter() + _WORK_SECONDS
            while time.perf_counter() < busy_until:
                pass
            processed += 1

    loop = asyncio.get_running_loop()
    waits: list[float] = []
    async with asyncio.TaskGroup() as group:
        worker = group.create_task(work())
        await warm_up(lambda: processed, seconds)
        began, before = loop.time(), processed
        while loop.time() < began + seconds:
            due = loop.time() + _SLEEP_SECONDS
            await asyncio.sleep(_SLEEP_SECONDS)
            waits.append(loop.time() - due)
        await wait_until(lambda: processed > before)
        per_second = (processed - before) / (loop.time() - began)
        worker.cancel()
    return {"p99_ms": percentile(waits, 99) * 1000, "per_second": per_second}
