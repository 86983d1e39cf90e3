"""How much memory a process takes more for a million events, and while its consumer stalls."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterable, Iterator
from pathlib import Path
from typing import Any, Final

from comparison import Comparison, Plan, ours_below
from processes import Figures, contestant, server, two_cores
from streams import our_events, raw_events

_EVENTS: Final = 1_000_000
_WARM_UP: Final = 50_000
_STALL: Final = 5.0
_STATM: Final = Path("/proc/self/statm")
_MEGABYTE: Final = 1_000_000


async def raw(endpoint: str, events: int, stall: float, **_: object) -> Figures:
    """A process that reads with raw grpc.aio."""
    async with raw_events(endpoint) as streams:
        return await _growth(streams[0], events, stall)


async def ours(endpoint: str, api_key: str, events: int, stall: float) -> Figures:
    """A process that reads with EventStream."""
    async with our_events(endpoint, api_key) as streams:
        return await _growth(streams[0], events, stall)


def measure(plan: Plan) -> Iterator[Comparison]:
    if not _STATM.exists():
        # Only Linux tells a process at any moment how large it is.
        return
    # Raw is several times slower when it is free to move; what it takes of memory is the same.
    source_core, core = two_cores() or (None, None)
    options: dict[str, Any] = {"core": core, "events": plan.count(_EVENTS), "stall": plan.seconds(_STALL)}
    with server("fast_source", core=source_core) as source:
        duels = plan.duels(
            lambda: contestant("memory", "raw", **options, **source.address),
            lambda: contestant("memory", "ours", **options, **source.address),
        )
    yield Comparison.of("memory taken by a million events", "MB", "events_mb", duels, ours_below(32))
    yield Comparison.of("memory taken while a consumer stalls for 5 s", "MB", "stall_mb", duels, ours_below(32))


async def _growth(events: AsyncIterable[object], count: int, stall: float) -> Figures:
    """The largest growth in each part, looked at every 10 ms."""
    iterator = aiter(events)
    largest = 0

    async def watch() -> None:
        nonlocal largest
        while True:
            largest = max(largest, _resident())
            await asyncio.sleep(0.01)

    async with asyncio.TaskGroup() as group:
        watcher = group.create_task(watch())
        for _ in range(min(_WARM_UP, count)):
            await anext(iterator)
        before = largest = _resident()
        for _ in range(count):
            await anext(iterator)
        by_events = largest - before
        before = largest = _resident()
        await asyncio.sleep(stall)
        for _ in range(min(_WARM_UP, count)):
            await anext(iterator)
        by_stall = largest - before
        watcher.cancel()
    # What is less than a megabyte is chance, and ratios of it would be.
    return {"events_mb": max(by_events / _MEGABYTE, 1), "stall_mb": max(by_stall / _MEGABYTE, 1)}


def _resident() -> int:
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
