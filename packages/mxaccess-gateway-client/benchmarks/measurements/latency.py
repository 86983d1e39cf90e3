"""Measure how long events take from the source to the event loop, at fixed rates."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterable, Callable, Iterator
from typing import Final, TypeVar

from clients.raw_grpc import raw_events
from clients.this_client import our_events
from comparison import Comparison, Plan, Rounds, at_most, ours_below
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from processes import Figures, contestant, server
from sampling import percentile, wait_until, warm_up

from mxgateway import MxEvent

_SECONDS: Final = 2.0

ItemT = TypeVar("ItemT")


async def raw(endpoint: str, seconds: float, **_: object) -> Figures:
    """Measure from the creation of an event to its arrival in the event loop with raw grpc.aio."""
    async with raw_events(endpoint) as streams:
        return await _latencies(streams[0], _created_at, seconds)


async def ours(endpoint: str, api_key: str, seconds: float) -> Figures:
    """Measure the same with EventStream."""

    def created_at(event: MxEvent) -> float:
        return _created_at(event.raw)

    async with our_events(endpoint, api_key) as streams:
        return await _latencies(streams[0], created_at, seconds)


def measure(plan: Plan) -> Iterator[Comparison]:
    rounds = _measure_rounds(plan, 1_000)
    yield Comparison.of("latency at 1,000 events/s", "p50 ms", "p50_ms", rounds, at_most(1.3))
    yield Comparison.of("", "p99 ms", "p99_ms", rounds)
    for rate in (20_000, 100_000):
        rounds = _measure_rounds(plan, rate)
        yield Comparison.of(f"latency at {rate:,} events/s", "p50 ms", "p50_ms", rounds)
        yield Comparison.of("", "p99 ms", "p99_ms", rounds, ours_below(10))
        yield Comparison.of("", "events/s delivered", "per_second", rounds, more_is_better=True)


def _measure_rounds(plan: Plan, rate: int) -> Rounds:
    seconds = plan.seconds(_SECONDS)
    with server("fast_source", rate=rate) as source:
        return plan.run_rounds(
            lambda: contestant(__name__, "raw", seconds=seconds, **source.address),
            lambda: contestant(__name__, "ours", seconds=seconds, **source.address),
        )


async def _latencies(events: AsyncIterable[ItemT], created_at: Callable[[ItemT], float], seconds: float) -> Figures:
    latencies: list[float] = []

    async def read() -> None:
        async for event in events:
            latencies.append(time.time() - created_at(event))  # noqa: PERF401 - the list is read while it grows

    async with asyncio.TaskGroup() as group:
        reader = group.create_task(read())
        await warm_up(lambda: latencies, seconds)
        latencies.clear()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        await wait_until(lambda: latencies)
        elapsed = time.perf_counter() - began
        reader.cancel()
    return {
        "p50_ms": percentile(latencies, 50) * 1000,
        "p99_ms": percentile(latencies, 99) * 1000,
        "per_second": len(latencies) / elapsed,
    }


def _created_at(event: pb.MxEvent) -> float:
    stamp = event.worker_timestamp
    return stamp.seconds + stamp.nanos / 1e9
