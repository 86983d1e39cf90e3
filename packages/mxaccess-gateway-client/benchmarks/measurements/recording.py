"""Measure recording and forwarding, compared with the bare watch, and with nats-py's own publishing."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from clients.this_client import tag_client
from comparison import Comparison, Plan, Rival, Target, at_least, ours_at_least
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from processes import Figures, contestant, server, two_cores
from sampling import warm_up
from servers.plant import tag_names

from mxgateway.forwarding import Forwarder, JetStreamOptions, JetStreamSink
from mxgateway.recording import CsvSink, JsonLinesSink, ParquetSink, Recorder, RecordKind, SqliteSink, TagRecord

_SECONDS: Final = 3.0
_TAGS: Final = 1000
_WINDOW: Final = 1000
_RECORDS_PER_MESSAGE: Final = 500
_PACE: Final = 60_000
_SINKS: Final[dict[str, type[CsvSink | JsonLinesSink | SqliteSink | ParquetSink]]] = {
    "csv": CsvSink,
    "jsonl": JsonLinesSink,
    "sqlite": SqliteSink,
    "parquet": ParquetSink,
}


async def record(endpoint: str, api_key: str, seconds: float, tags: int, kind: str) -> Figures:
    """Return the rate at which changes become durable in a file."""
    with tempfile.TemporaryDirectory() as folder:
        sink = _SINKS[kind](Path(folder, f"values.{kind}"))
        async with tag_client(endpoint, api_key) as client, Recorder(client, sink, *tag_names(tags)) as recorder:
            running = asyncio.create_task(recorder.run())
            figures = await _rate(lambda: recorder.statistics.changes, seconds)
            running.cancel()
            await asyncio.wait([running])
            return figures


async def forward(endpoint: str, api_key: str, url: str, seconds: float, tags: int) -> Figures:
    """Return the rate at which JetStream acknowledges changes, 500 in a message."""
    options = JetStreamOptions(
        servers=[url], stream="PLANT", subject_prefix="plant", records_per_message=_RECORDS_PER_MESSAGE
    )
    async with (
        tag_client(endpoint, api_key) as client,
        Forwarder(client, JetStreamSink(options), *tag_names(tags)) as forwarder,
    ):
        running = asyncio.create_task(forwarder.run(drain_seconds=0.01))
        figures = await _rate(lambda: forwarder.statistics.acknowledged, seconds)
        running.cancel()
        await asyncio.wait([running])
        return figures


async def publish(url: str, windows: int) -> Figures:
    """Return the rate at which JetStream acknowledges records, one in a message."""
    options = JetStreamOptions(servers=[url], stream="SINGLE", subject_prefix="single")
    sink = JetStreamSink(options)
    await sink.open()
    # Another round must not publish the same records again.
    session_id = f"session-{time.time_ns()}"
    records = [_record(session_id, number + 1) for number in range(windows * _WINDOW)]
    began = time.perf_counter()
    for number in range(windows):
        await sink.write(records[number * _WINDOW : (number + 1) * _WINDOW])
    elapsed = time.perf_counter() - began
    await sink.close()
    return {"per_second": windows * _WINDOW / elapsed}


async def publish_with_nats(url: str, windows: int) -> Figures:
    """Return the rate of nats-py's publish_async with messages of the same size, in windows of 1,000."""
    nats: Any = import_module("nats")
    client = await nats.connect(url)
    jetstream = client.jetstream()
    await jetstream.add_stream(name="NATS", subjects=["nats.>"])
    content = b"x" * 250
    began = time.perf_counter()
    for _ in range(windows):
        for _ in range(_WINDOW):
            await jetstream.publish_async("nats.Benchmark.Tag00001", content)
        await jetstream.publish_async_completed()
    elapsed = time.perf_counter() - began
    await client.close()
    return {"per_second": windows * _WINDOW / elapsed}


def measure(plan: Plan) -> Iterator[Comparison]:
    """Measure files and JetStream."""
    source_core, core = two_cores() or (None, None)
    options: dict[str, Any] = {"core": core, "seconds": plan.seconds(_SECONDS), "tags": plan.count(_TAGS)}
    with server("fast_source", core=source_core, tags=options["tags"]) as source:
        kinds: dict[str, Target | None] = {"parquet": at_least(0.6)}
        if not plan.brief:
            kinds |= {"jsonl": None, "csv": None}
        for kind, target in kinds.items():
            fields = {"kind": kind, **options, **source.address}
            yield _compared_with_watch(plan, f"recorded to {kind}", "record", target, fields)
        with server("nats") as broker:
            what = f"forwarded to JetStream, {_RECORDS_PER_MESSAGE} in a message"
            fields = {**options, **source.address, **broker.address}
            yield _compared_with_watch(plan, what, "forward", at_least(0.6), fields)
    yield from _sqlite(plan, source_core, options)
    yield from _published(plan)


def _compared_with_watch(
    plan: Plan, what: str, function: str, target: Target | None, options: dict[str, Any]
) -> Comparison:
    watched = {name: options[name] for name in ("core", "seconds", "tags", "endpoint", "api_key")}
    rounds = plan.run_rounds(
        lambda: contestant("measurements.tags", "watch", **watched), lambda: contestant(__name__, function, **options)
    )
    what = f"changes of {options['tags']:,} tags {what}"
    return Comparison.of(what, "changes/s", "per_second", rounds, target, rival=Rival.WATCH, more_is_better=True)


def _sqlite(plan: Plan, source_core: int | None, options: dict[str, Any]) -> Iterator[Comparison]:
    # At the pace of a busy plant: a source without limits would let the client spend its time on dropping changes.
    rates: list[float] = []
    with server("fast_source", core=source_core, tags=options["tags"], rate=_PACE) as source:
        for _ in range(plan.rounds):
            figures = contestant(__name__, "record", kind="sqlite", **options, **source.address)
            rates.append(figures["per_second"])
    yield Comparison(
        what=f"changes recorded to sqlite, of {_PACE:,} a second",
        unit="changes/s",
        rival=Rival.NONE,
        theirs=(),
        ours=tuple(rates),
        target=ours_at_least(50_000),
        more_is_better=True,
    )


def _published(plan: Plan) -> Iterator[Comparison]:
    with server("nats") as broker:
        windows = plan.count(20)
        rounds = plan.run_rounds(
            lambda: contestant(__name__, "publish_with_nats", windows=windows, **broker.address),
            lambda: contestant(__name__, "publish", windows=windows, **broker.address),
        )
    what = "records published to JetStream, one in a message"
    yield Comparison.of(what, "records/s", "per_second", rounds, at_least(0.8), rival=Rival.NATS, more_is_better=True)


def _record(session_id: str, sequence: int) -> TagRecord:
    event = pb.MxEvent(session_id=session_id, worker_sequence=sequence, quality=192)
    event.value.data_type = pb.MX_DATA_TYPE_INTEGER
    event.value.int32_value = sequence
    event.source_timestamp.GetCurrentTime()
    event.gateway_receive_timestamp.GetCurrentTime()
    now = time.time_ns()
    return TagRecord(kind=RecordKind.CHANGE, received_nanoseconds=now, tag="Benchmark.Tag00001", event=event)


async def _rate(count: Any, seconds: float) -> Figures:
    await warm_up(count, seconds)
    before, began, cpu = count(), time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    done, elapsed, used = count() - before, time.perf_counter() - began, time.process_time() - cpu
    return {"per_second": done / elapsed, "cpu_us": used / max(done, 1) * 1e6}
