"""How fast a gateway answers from here, and how fast it tells events."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from mxgateway import MxGatewayLimitError, MxGatewayTimeoutError
from mxgateway_cli.errors import CommandFailure
from mxgateway_cli.exit_status import ExitStatus
from mxgateway_cli.jobs.take import take
from mxgateway_cli.output.progress import counting

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from mxgateway import GatewayClient, MxEvent, Session
    from mxgateway_cli.output.console import Output

__all__ = ["bench_events", "bench_read_bulk"]

_CLIENT_NAME: Final = "mxgw-py bench"
# Showing progress must not become what is measured.
_EVENTS_PER_COUNT: Final = 256
# A call may fail while the gateway is busy; anything else would fail the next time too.
_PASSING: Final = (MxGatewayLimitError, MxGatewayTimeoutError)


@dataclass(slots=True)
class _Calls:
    """The calls of a benchmark.

    Attributes:
        latencies: milliseconds of each call that succeeded.
        failed: how many failed.
        results: how many results the calls brought.
        cached: how many of them were cached.
    """

    latencies: list[float] = field(default_factory=list[float])
    failed: int = 0
    results: int = 0
    cached: int = 0

    def record(self, seconds: float) -> dict[str, Any]:
        """Give the figures of calls that took so long together."""
        succeeded = len(self.latencies)
        return {
            "language": "python",
            "durationMs": round(seconds * 1000, 3),
            "totalCalls": succeeded + self.failed,
            "successfulCalls": succeeded,
            "failedCalls": self.failed,
            "totalReadResults": self.results,
            "cachedReadResults": self.cached,
            "callsPerSecond": round(succeeded / seconds, 3),
            "latencyMs": _distribution(self.latencies),
        }


async def bench_read_bulk(client: GatewayClient, tags: Sequence[str], output: Output, *, seconds: float) -> None:
    """Read advised tags in bulk, again and again, and print how long it took.

    Raises:
        CommandFailure: no call succeeded.
        MxGatewayError: a call failed for a reason that doesn't pass.
    """
    calls = _Calls()
    async with _subscribed(client, tags) as (session, server_handle):
        began = time.perf_counter()
        with counting(output, "seconds", prints_meanwhile=False) as count:
            while (elapsed := time.perf_counter() - began) < seconds:
                count(round(elapsed), round(seconds))
                await _read(session, server_handle, tags, calls)
        elapsed = time.perf_counter() - began
    record = calls.record(elapsed)
    latency = record["latencyMs"]
    output.result(
        record,
        f"{record['totalCalls']} calls in {elapsed:.1f} s, {record['failedCalls']} failed: "
        f"{record['callsPerSecond']:g} calls/s of {len(tags)} tags, p50 {latency['p50']:g} ms, "
        f"p95 {latency['p95']:g} ms, p99 {latency['p99']:g} ms, max {latency['max']:g} ms",
    )
    if not calls.latencies:
        raise CommandFailure("no call succeeded", ExitStatus.FAILED)


async def bench_events(client: GatewayClient, tags: Sequence[str], output: Output, *, seconds: float) -> None:
    """Take the events of advised tags as fast as they come, and print how fast that was.

    Raises:
        MxGatewayError: the stream was lost.
    """
    families: Counter[str] = Counter()
    most_pending = 0
    async with _subscribed(client, tags) as (session, _), session.stream_events() as stream:
        began, cpu_began = time.perf_counter(), time.process_time()
        with counting(output, "events", prints_meanwhile=False) as count:

            def use(event: MxEvent) -> None:
                nonlocal most_pending
                families[event.family.name] += 1
                most_pending = max(most_pending, stream.pending)
                if stream.delivered % _EVENTS_PER_COUNT == 0:
                    count(stream.delivered, None)

            await take(stream, use, at_most=None, seconds=seconds)
        elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu_began
        delivered = stream.delivered
    record = {
        "language": "python",
        "durationMs": round(elapsed * 1000, 3),
        "totalEvents": delivered,
        "eventsPerSecond": round(delivered / elapsed, 3),
        "eventsByFamily": {f"MX_EVENT_FAMILY_{family}": number for family, number in families.items()},
        "mostPending": most_pending,
        "cpuMicrosecondsPerEvent": round(cpu * 1e6 / delivered, 3) if delivered else 0.0,
    }
    output.result(
        record,
        f"{delivered} events in {elapsed:.1f} s of {len(tags)} tags: {record['eventsPerSecond']:g} events/s, "
        f"{record['cpuMicrosecondsPerEvent']:g} us of this process's CPU each, at most {most_pending} waited",
    )


async def _read(session: Session, server_handle: int, tags: Sequence[str], calls: _Calls) -> None:
    began = time.perf_counter()
    try:
        results = await session.read_bulk(server_handle, tags)
    except _PASSING:
        calls.failed += 1
        return
    calls.latencies.append((time.perf_counter() - began) * 1000)
    calls.results += len(results)
    calls.cached += sum(result.was_cached for result in results)


@asynccontextmanager
async def _subscribed(client: GatewayClient, tags: Sequence[str]) -> AsyncGenerator[tuple[Session, int]]:
    """Give a session in which the tags are advised; closing it ends that."""
    async with client.open_session(client_session_name=_CLIENT_NAME) as session:
        server_handle = await session.register(_CLIENT_NAME)
        refused = [
            result
            for result in await session.subscribe_bulk(server_handle, tuple(dict.fromkeys(tags)))
            if not result.was_successful
        ]
        if refused:
            raise CommandFailure(
                f"{len(refused)} tags can't be advised; {refused[0].tag_address}: {refused[0].error_message}",
                ExitStatus.MXACCESS,
            )
        yield session, server_handle


def _distribution(latencies: Sequence[float]) -> dict[str, float]:
    if not latencies:
        return dict.fromkeys(("p50", "p95", "p99", "max", "mean"), 0.0)
    ordered = sorted(latencies)

    def percentile(percent: int) -> float:
        """The nearest rank: a latency that really was."""
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    figures = {"p50": percentile(50), "p95": percentile(95), "p99": percentile(99), "max": ordered[-1]}
    return {name: round(figure, 3) for name, figure in (figures | {"mean": statistics.fmean(ordered)}).items()}
