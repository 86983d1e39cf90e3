"""Measure the way from the plant to a subscriber of JetStream: how long it takes, and how its memory grows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any, Final

from clients.this_client import tag_client
from comparison import Comparison, Plan, Rival, ours_below
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from processes import Figures, contestant, server
from sampling import can_measure_memory, percentile, resident_bytes, wait_until, warm_up
from servers.plant import tag_names

from mxgateway.forwarding import Forwarder, JetStreamOptions, JetStreamSink, Payload

_SECONDS: Final = 5.0
_TAGS: Final = 1000
_PACE: Final = 5_000
_RECORDS: Final = 1_000_000
# By then every buffer is as full as it gets.
_WARM_UP_RECORDS: Final = 300_000
_MEGABYTE: Final = 1_000_000


async def latency(endpoint: str, api_key: str, url: str, seconds: float, tags: int) -> Figures:
    """Measure from the creation of a change to its arrival at a subscriber, in the process of the forwarder."""
    latencies: list[float] = []

    async def receive(message: Any) -> None:
        if message.headers["Mxgateway-Kind"] == "change":
            stamp = pb.MxEvent.FromString(message.data).worker_timestamp
            latencies.append(time.time() - stamp.seconds - stamp.nanos / 1e9)

    # The payload that has the time of creation. One change is one message.
    options = JetStreamOptions(
        servers=[url], stream="LATENCY", subject_prefix="latency", payload=Payload.PROTOBUF, records_per_message=1
    )
    nats: Any = import_module("nats")
    async with (
        tag_client(endpoint, api_key) as client,
        Forwarder(client, JetStreamSink(options), *tag_names(tags)) as forwarder,
    ):
        subscriber = await nats.connect(url)
        # All that the stream gets from now on.
        policy = nats.js.api.DeliverPolicy.NEW
        await subscriber.jetstream().subscribe("latency.>", cb=receive, ordered_consumer=True, deliver_policy=policy)
        running = asyncio.create_task(forwarder.run(drain_seconds=0.01))
        await warm_up(lambda: latencies, seconds)
        latencies.clear()
        began = time.perf_counter()
        await asyncio.sleep(seconds)
        await wait_until(lambda: latencies)
        elapsed = time.perf_counter() - began
        running.cancel()
        await asyncio.wait([running])
        await subscriber.close()
    return {
        "p50_ms": percentile(latencies, 50) * 1000,
        "p99_ms": percentile(latencies, 99) * 1000,
        "per_second": len(latencies) / elapsed,
    }


async def memory(endpoint: str, api_key: str, url: str, tags: int, warm_up_records: int, records: int) -> Figures:
    """Measure how much larger the process gets after it has warmed up, while it forwards as much as it can."""
    options = JetStreamOptions(servers=[url], stream="MEMORY", subject_prefix="memory", records_per_message=500)
    async with (
        tag_client(endpoint, api_key) as client,
        Forwarder(client, JetStreamSink(options), *tag_names(tags)) as forwarder,
    ):
        running = asyncio.create_task(forwarder.run(drain_seconds=0.01))
        before = await _largest_until(forwarder, warm_up_records)
        largest = await _largest_until(forwarder, warm_up_records + records)
        running.cancel()
        await asyncio.wait([running])
    # Growth below a megabyte is random.
    return {"growth_mb": max((largest - before) / _MEGABYTE, 1)}


def measure(plan: Plan) -> Iterator[Comparison]:
    tags = plan.count(_TAGS)
    rounds: list[Figures] = []
    with server("fast_source", tags=tags, rate=_PACE) as source:
        for _ in range(plan.rounds):
            # Another round must not find the stream of this one.
            with server("nats") as broker:
                address = {**source.address, **broker.address}
                rounds.append(contestant(__name__, "latency", seconds=plan.seconds(_SECONDS), tags=tags, **address))
    what = f"from the plant to a subscriber of JetStream, at {_PACE:,} changes/s"
    yield _alone(what, "p50 ms", "p50_ms", rounds)
    yield _alone("", "p99 ms", "p99_ms", rounds, limit=25)
    yield _alone("", "changes/s delivered", "per_second", rounds)
    if not can_measure_memory():
        return
    counts = {"warm_up_records": plan.count(_WARM_UP_RECORDS), "records": plan.count(_RECORDS)}
    rounds = []
    with server("fast_source", tags=tags) as source:
        for _ in range(plan.rounds):
            with server("nats") as broker:
                address = {**source.address, **broker.address}
                rounds.append(contestant(__name__, "memory", tags=tags, **counts, **address))
    yield _alone("memory taken by a million more records forwarded", "MB", "growth_mb", rounds, limit=32)


def _alone(what: str, unit: str, key: str, rounds: list[Figures], *, limit: float | None = None) -> Comparison:
    ours = tuple(figures[key] for figures in rounds)
    target = None if limit is None else ours_below(limit)
    return Comparison(what=what, unit=unit, rival=Rival.NONE, theirs=(), ours=ours, target=target)


async def _largest_until(forwarder: Forwarder, records: int) -> int:
    largest = 0
    while forwarder.statistics.acknowledged < records:
        largest = max(largest, resident_bytes())
        await asyncio.sleep(0.01)
    return largest
