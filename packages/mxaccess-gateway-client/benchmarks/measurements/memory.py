"""Measure how much memory grows during a million events, and while the reader stalls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Iterator
from typing import Any, Final

from clients.raw_grpc import raw_events
from clients.this_client import our_events
from comparison import Comparison, Plan, ours_below
from processes import Figures, contestant, server, two_cores
from sampling import can_measure_memory, resident_bytes

_EVENT_COUNT: Final = 1_000_000
_WARM_UP_EVENTS: Final = 50_000
_STALL_SECONDS: Final = 5.0
_MEGABYTE: Final = 1_000_000


async def raw(endpoint: str, events: int, stall: float, **_: object) -> Figures:
    """Measure a process that reads with raw grpc.aio."""
    async with raw_events(endpoint) as streams:
        return await _growth(streams[0], events, stall)


async def ours(endpoint: str, api_key: str, events: int, stall: float) -> Figures:
    """Measure a process that reads with EventStream."""
    async with our_events(endpoint, api_key) as streams:
        return await _growth(streams[0], events, stall)


def measure(plan: Plan) -> Iterator[Comparison]:
    if not can_measure_memory():
        return
    # Raw grpc.aio is several times slower when it is not pinned; its memory is the same.
    source_core, core = two_cores() or (None, None)
    options: dict[str, Any] = {"core": core, "events": plan.count(_EVENT_COUNT), "stall": plan.seconds(_STALL_SECONDS)}
    with server("fast_source", core=source_core) as source:
        rounds = plan.run_rounds(
            lambda: contestant(__name__, "raw", **options, **source.address),
            lambda: contestant(__name__, "ours", **options, **source.address),
        )
    yield Comparison.of("memory taken by a million events", "MB", "events_mb", rounds, ours_below(32))
    yield Comparison.of("memory taken while a consumer stalls for 5 s", "MB", "stall_mb", rounds, ours_below(32))


async def _growth(events: AsyncIterable[object], count: int, stall: float) -> Figures:
    """Return the largest growth of each phase, sampled every 10 ms."""
    iterator = aiter(events)
    largest = 0

    async def sample() -> None:
        nonlocal largest
        while True:
            largest = max(largest, resident_bytes())
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        sampler = group.create_task(sample())
        for _ in range(min(_WARM_UP_EVENTS, count)):
            await anext(iterator)
        before = largest = resident_bytes()
        for _ in range(count):
            await anext(iterator)
        during_events = largest - before
        before = largest = resident_bytes()
        await asyncio.sleep(stall)
        for _ in range(min(_WARM_UP_EVENTS, count)):
            await anext(iterator)
        during_stall = largest - before
        sampler.cancel()
    # Growth below a megabyte is random, and so would be ratios of it.
    return {"events_mb": max(during_events / _MEGABYTE, 1), "stall_mb": max(during_stall / _MEGABYTE, 1)}
