"""Measure events per second and CPU time per event, from a fast source and from a slow one."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from clients.raw_grpc import RawSession, raw_events
from clients.this_client import our_events
from comparison import Comparison, Plan, Rounds, at_least, at_most
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from processes import Figures, contestant, server, two_cores
from sampling import ItemCounter
from servers.plant import TAG

from mxgateway import GatewayClient, MxEvent

_SECONDS: Final = 2.0
# grpc.aio has two modes, depending on the scheduler. Pinned to a core it runs in the fast mode. In the slow mode an
# event costs more than twice as much CPU time. A round counts as slow above this multiple of the fast mode's CPU time.
_SLOW_MODE_RATIO: Final = 1.5
# Rounds of the same client differ by this much.
_MIN_RATIO: Final = 0.95


async def raw(endpoint: str, seconds: float, number: int = 1, **_: object) -> Figures:
    """Receive events with raw grpc.aio."""
    async with raw_events(endpoint, number) as streams:
        return await ItemCounter().measure(streams, seconds)


async def ours(endpoint: str, api_key: str, seconds: float, number: int = 1) -> Figures:
    """Receive events with EventStream, which wraps each in a view."""
    async with our_events(endpoint, api_key, number) as streams:
        return await ItemCounter().measure(streams, seconds)


async def raw_with_fields(endpoint: str, seconds: float, **_: object) -> Figures:
    """Receive events with raw grpc.aio, and read the fields that applications use."""

    def read_fields(event: pb.MxEvent) -> object:
        value = event.value.int32_value if event.value.WhichOneof("kind") == "int32_value" else None
        return event.item_handle, value, event.quality >= 192, event.source_timestamp.ToDatetime(UTC)

    async with raw_events(endpoint) as streams:
        return await ItemCounter().measure(streams, seconds, read_fields)


async def ours_with_fields(endpoint: str, api_key: str, seconds: float) -> Figures:
    """Receive events with EventStream, and read the same fields."""

    def read_fields(event: MxEvent) -> object:
        return event.item_handle, event.value, event.quality.is_good, event.timestamp

    async with our_events(endpoint, api_key) as streams:
        return await ItemCounter().measure(streams, seconds, read_fields)


async def raw_slow(endpoint: str, api_key: str, seconds: float) -> Figures:
    """Receive the events of one advised item with raw grpc.aio."""
    async with RawSession.open(endpoint, api_key, TAG) as session, session.events() as events:
        await session.advise()
        return await ItemCounter().measure([events], seconds)


async def ours_slow(endpoint: str, api_key: str, seconds: float) -> Figures:
    """Receive the same events with Session."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        server_handle = await session.register("benchmark")
        await session.advise(server_handle, await session.add_item(server_handle, TAG))
        return await ItemCounter().measure([events], seconds)


def fast_source(plan: Plan) -> Iterator[Comparison]:
    """Measure a source that is not the bottleneck."""
    seconds = plan.seconds(_SECONDS)
    cores = two_cores()
    pinned: Rounds = ()
    if cores is not None:
        with server("fast_source", core=cores[0]) as source:
            pinned = _measure_rounds(plan, "raw", "ours", core=cores[1], seconds=seconds, **source.address)
            with_fields = _measure_rounds(
                plan, "raw_with_fields", "ours_with_fields", core=cores[1], seconds=seconds, **source.address
            )
        yield from _rows("events, each process pinned to a core, raw in its fast mode", pinned, 3)
        what = "the same, reading item handle, value, quality and time of each event"
        yield Comparison.of(what, "events/s", "per_second", with_fields, more_is_better=True)
    with server("fast_source") as source:
        free = _measure_rounds(plan, "raw", "ours", seconds=seconds, **source.address)
    for mode, rounds in _by_mode(free, pinned).items():
        what = f"events, processes not pinned, raw in its {mode} mode ({len(rounds)} of {len(free)} rounds)"
        yield from _rows(what, rounds, 6 if mode == "slow" else 3)


def slow_source(plan: Plan) -> Iterator[Comparison]:
    """Measure a gateway in Python, which is slower than its clients. Pinning keeps them from competing for a core."""
    core, other_core = two_cores() or (None, None)
    with server("simulated_gateway", core=core, changing=True) as gateway:
        seconds = plan.seconds(_SECONDS)
        rounds = _measure_rounds(plan, "raw_slow", "ours_slow", core=other_core, seconds=seconds, **gateway.address)
    what = "events from a gateway in Python, each process pinned to a core"
    yield Comparison.of(what, "events/s", "per_second", rounds, at_least(_MIN_RATIO), more_is_better=True)
    yield Comparison.of("", "CPU us per event", "cpu_us", rounds)


def many_streams(plan: Plan) -> Iterator[Comparison]:
    """Measure several saturated streams in one process."""
    for number in (4, 16):
        with server("fast_source") as source:
            options = {"seconds": plan.seconds(_SECONDS), "number": number}
            rounds = _measure_rounds(plan, "raw", "ours", **options, **source.address)
        what = f"{number} saturated streams in one process"
        yield Comparison.of(what, "events/s in total", "per_second", rounds, at_least(1.5), more_is_better=True)
        yield Comparison.of("", "CPU us per event", "cpu_us", rounds)


def _measure_rounds(plan: Plan, theirs: str, ours: str, **options: Any) -> Rounds:
    return plan.run_rounds(
        lambda: contestant(__name__, theirs, **options), lambda: contestant(__name__, ours, **options)
    )


def _rows(what: str, rounds: Rounds, times: float) -> Iterator[Comparison]:
    yield Comparison.of(what, "events/s", "per_second", rounds, at_least(times), more_is_better=True)
    yield Comparison.of("", "CPU us per event", "cpu_us", rounds, at_most(0.4))


def _by_mode(rounds: Rounds, pinned: Rounds) -> dict[str, Rounds]:
    """Group rounds by the mode of raw grpc.aio, recognized by its CPU time per event compared with pinned rounds."""
    fast = statistics.median(raw["cpu_us"] for raw, _ in pinned) if pinned else min(raw["cpu_us"] for raw, _ in rounds)
    modes: dict[str, list[tuple[Figures, Figures]]] = {}
    for raw, ours in rounds:
        modes.setdefault("slow" if raw["cpu_us"] > _SLOW_MODE_RATIO * fast else "fast", []).append((raw, ours))
    return dict(modes)
