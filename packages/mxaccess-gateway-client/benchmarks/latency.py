"""How long an event takes from the source to the event loop of its consumer, at rates that a source keeps to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Final, TypeVar

from comparison import Comparison, Duels, Plan, at_most, ours_below
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from processes import Figures, contestant, server
from streams import our_events, percentile, raw_events, until, warm_up

from mxgateway import MxEvent

_SECONDS: Final = 2.0

ItemT = TypeVar("ItemT")


async def raw(endpoint: str, seconds: float, **_: object) -> Figures:
    """From the moment when the source makes an event to the one when the loop has it."""
    async with raw_events(endpoint) as streams:
        return await _latencies(streams[0], _made, seconds)


async def ours(endpoint: str, api_key: str, seconds: float) -> Figures:
    """The same through EventStream."""

    def made(event: MxEvent) -> float:
        return _made(event.raw)

    async with our_events(endpoint, api_key) as streams:
        return await _latencies(streams[0], made, seconds)


def measure(plan: Plan) -> Iterator[Comparison]:
    duels = _duels(plan, 1_000)
    yield Comparison.of("latency at 1,000 events/s", "p50 ms", "p50_ms", duels, at_most(1.3))
    yield Comparison.of("", "p99 ms", "p99_ms", duels)
    for rate in (20_000, 100_000):
        duels = _duels(plan, rate)
        yield Comparison.of(f"latency at {rate:,} events/s", "p50 ms", "p50_ms", duels)
        yield Comparison.of("", "p99 ms", "p99_ms", duels, ours_below(10))
        yield Comparison.of("", "events/s delivered", "per_second", duels, more_is_better=True)


def _duels(plan: Plan, rate: int) -> Duels:
    seconds = plan.seconds(_SECONDS)
    with server("fast_source", rate=rate) as source:
        return plan.duels(
            lambda: contestant("latency", "raw", seconds=seconds, **source.address),
            lambda: contestant("latency", "ours", seconds=seconds, **source.address),
        )


async def _latencies(events: AsyncIterable[ItemT], made: Callable[[ItemT], float], seconds: float) -> Figures:
    taken: list[float] = []

    async def take() -> None:
        async for event in events:
            taken.append(time.time() - made(event))  # noqa: PERF401 - one after the other, as they come

    async with asyncio.TaskGroup() as group:
        taker = group.create_task(take())
        await warm_up(lambda: taken, seconds)
        taken.clear()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        await until(lambda: taken)
        elapsed = time.perf_counter() - began
        taker.cancel()
    return {
        "p50_ms": percentile(taken, 50) * 1000,
        "p99_ms": percentile(taken, 99) * 1000,
        "per_second": len(taken) / elapsed,
    }


def _made(event: pb.MxEvent) -> float:
    stamp = event.worker_timestamp
    return stamp.seconds + stamp.nanos / 1e9
