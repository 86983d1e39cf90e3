"""The benchmarks: speed of bulk reads and of events, measured from this machine."""

from __future__ import annotations

import asyncio
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
from mxgateway_cli.jobs.consume import consume
from mxgateway_cli.output.progress import show_progress
from mxgateway_cli.output.records import enum_record
from mxgateway_cli.results.events import family_name

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    from mxgateway import GatewayClient, MxEvent, MxEventFamily, Session
    from mxgateway_cli.output.console import Output

__all__ = ["bench_events", "bench_read_bulk"]

_CLIENT_NAME: Final = "mxgw-py bench"
# Progress is updated rarely, so that it does not distort the measurement.
_EVENTS_PER_PROGRESS_UPDATE: Final = 256
# Errors of a busy gateway. Calls that fail for another reason would fail again.
_TEMPORARY_ERRORS: Final = (MxGatewayLimitError, MxGatewayTimeoutError)
# How long a tag may need after its advise until it can be read.
_SETTLING_SECONDS: Final = 1.0


@dataclass(slots=True)
class _Calls:
    """Counters of the calls of a benchmark.

    Attributes:
        latencies: Duration of each successful call, in milliseconds.
        failed: Number of failed calls.
        results: Number of results that the calls returned.
        cached: Number of these results that were cached.
    """

    latencies: list[float] = field(default_factory=list[float])
    failed: int = 0
    results: int = 0
    cached: int = 0

    def record(self, seconds: float) -> dict[str, Any]:
        """Return the figures of a benchmark that ran for this many seconds, as a JSON record."""
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
    """Read advised tags in bulk repeatedly for a number of seconds and print the figures.

    Raises:
        CommandFailure: No call succeeded, or a tag cannot be read or advised.
        MxGatewayError: A call failed, and the reason is not temporary.
    """
    calls = _Calls()
    async with _subscribed(client, tags) as (session, server_handle):
        start = time.perf_counter()
        with show_progress(output, "seconds", prints_results=False) as update:
            while (elapsed := time.perf_counter() - start) < seconds:
                update(round(elapsed), round(seconds))
                await _read(session, server_handle, tags, calls)
        elapsed = time.perf_counter() - start
    record = calls.record(elapsed)
    latency = record["latencyMs"]
    output.result(
        record,
        f"{record['totalCalls']} calls in {elapsed:.1f} s, {record['failedCalls']} failed: "
        f"{record['callsPerSecond']:g} calls/s of {len(tags)} tags, p50 {latency['p50']:g} ms, "
        f"p95 {latency['p95']:g} ms, p99 {latency['p99']:g} ms, max {latency['max']:g} ms",
        value="callsPerSecond",
    )
    if not calls.latencies:
        raise CommandFailure("no call succeeded", ExitStatus.FAILED)


async def bench_events(client: GatewayClient, tags: Sequence[str], output: Output, *, seconds: float) -> None:
    """Receive the events of advised tags as fast as possible for a number of seconds and print the figures.

    Raises:
        CommandFailure: A tag cannot be read or advised.
        MxGatewayError: The event stream was lost.
    """
    families: Counter[MxEventFamily] = Counter()
    most_pending = 0
    async with _subscribed(client, tags) as (session, _), session.stream_events() as stream:
        start, cpu_start = time.perf_counter(), time.process_time()
        with show_progress(output, "events", prints_results=False) as update:

            def count(event: MxEvent) -> None:
                nonlocal most_pending
                families[event.family] += 1
                most_pending = max(most_pending, stream.pending)
                if stream.delivered % _EVENTS_PER_PROGRESS_UPDATE == 0:
                    update(stream.delivered, None)

            await consume(stream, count, limit=None, seconds=seconds)
        elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        delivered = stream.delivered
    record = {
        "language": "python",
        "durationMs": round(elapsed * 1000, 3),
        "totalEvents": delivered,
        "eventsPerSecond": round(delivered / elapsed, 3),
        "eventsByFamily": {_family_record(family): number for family, number in families.items()},
        "mostPending": most_pending,
        "cpuMicrosecondsPerEvent": round(cpu * 1e6 / delivered, 3) if delivered else 0.0,
    }
    output.result(
        record,
        f"{delivered} events of {len(tags)} tags in {elapsed:.1f} s: {record['eventsPerSecond']:g} events/s, "
        f"{record['cpuMicrosecondsPerEvent']:g} us CPU time per event in this process, up to {most_pending} queued",
        value="eventsPerSecond",
    )


def _family_record(family: MxEventFamily) -> str | int:
    return enum_record("MX_EVENT_FAMILY", family, shown=family_name(family))


async def _read(session: Session, server_handle: int, tags: Sequence[str], calls: _Calls) -> None:
    start = time.perf_counter()
    try:
        results = await session.read_bulk(server_handle, tags)
    except _TEMPORARY_ERRORS:
        calls.failed += 1
        return
    calls.latencies.append((time.perf_counter() - start) * 1000)
    calls.results += len(results)
    calls.cached += sum(result.was_cached for result in results)


async def _check_readable(session: Session, server_handle: int, tags: Sequence[str]) -> None:
    """Read the tags, because MXAccess advises any name: an unknown tag would look like one that never changes."""
    end = time.monotonic() + _SETTLING_SECONDS
    while True:
        try:
            results = await session.read_bulk(server_handle, tags)
        except _TEMPORARY_ERRORS:
            # A busy gateway is what the benchmark measures.
            return
        failed = [result for result in results if not result.was_successful]
        if not failed:
            return
        if time.monotonic() > end:
            break
        await asyncio.sleep(_SETTLING_SECONDS / 5)
    reason = failed[0].error_message or "no reason given"
    raise CommandFailure(
        f"cannot read {len(failed)} of {len(tags)} tags; {failed[0].tag_address}: {reason}", ExitStatus.MXACCESS
    )


@asynccontextmanager
async def _subscribed(client: GatewayClient, tags: Sequence[str]) -> AsyncGenerator[tuple[Session, int]]:
    """Open a session in which the tags are advised, and close it afterwards.

    Raises:
        CommandFailure: A tag cannot be read or advised.
    """
    unique = tuple(dict.fromkeys(tags))
    async with client.open_session(client_session_name=_CLIENT_NAME) as session:
        server_handle = await session.register(_CLIENT_NAME)
        results = await session.subscribe_bulk(server_handle, unique)
        refused = [result for result in results if not result.was_successful]
        if refused:
            raise CommandFailure(
                f"cannot advise {len(refused)} tags; {refused[0].tag_address}: {refused[0].error_message}",
                ExitStatus.MXACCESS,
            )
        await _check_readable(session, server_handle, unique)
        yield session, server_handle


def _distribution(latencies: Sequence[float]) -> dict[str, float]:
    if not latencies:
        return dict.fromkeys(("p50", "p95", "p99", "max", "mean"), 0.0)
    ordered = sorted(latencies)

    def percentile(percent: int) -> float:
        """Return the nearest rank, which is a measured latency and not an interpolated one."""
        return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]

    figures = {"p50": percentile(50), "p95": percentile(95), "p99": percentile(99), "max": ordered[-1]}
    return {name: round(figure, 3) for name, figure in (figures | {"mean": statistics.fmean(ordered)}).items()}
