"""How many events a second, and what each costs: from a source that is not the bottleneck, and from a slow one."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC
from typing import Any, Final

from comparison import Comparison, Duels, Plan, at_least, at_most
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from plant import TAG
from processes import Figures, contestant, server, two_cores
from raw_session import RawSession
from streams import Tally, our_events, raw_events

from mxgateway import GatewayClient, MxEvent

_SECONDS: Final = 2.0
# grpc.aio has two modes, chosen by the scheduler. In the slow one an event costs more than twice what it costs in the
# fast one, in which it is when it is pinned to a core.
_SLOW: Final = 1.5
# Rounds with the same client differ by so much.
_NO_WORSE: Final = 0.95


async def raw(endpoint: str, seconds: float, number: int = 1, **_: object) -> Figures:
    """What a good engineer would write without us."""
    async with raw_events(endpoint, number) as streams:
        return await Tally().rate(streams, seconds)


async def ours(endpoint: str, api_key: str, seconds: float, number: int = 1) -> Figures:
    """The same through EventStream: each event is a view when it is counted."""
    async with our_events(endpoint, api_key, number) as streams:
        return await Tally().rate(streams, seconds)


async def raw_looked_at(endpoint: str, seconds: float, **_: object) -> Figures:
    """The same, and what an application asks of an event."""

    def look(event: pb.MxEvent) -> object:
        value = event.value.int32_value if event.value.WhichOneof("kind") == "int32_value" else None
        return event.item_handle, value, event.quality >= 192, event.source_timestamp.ToDatetime(UTC)

    async with raw_events(endpoint) as streams:
        return await Tally().rate(streams, seconds, look)


async def ours_looked_at(endpoint: str, api_key: str, seconds: float) -> Figures:
    """The same through the view."""

    def look(event: MxEvent) -> object:
        return event.item_handle, event.value, event.quality.is_good, event.timestamp

    async with our_events(endpoint, api_key) as streams:
        return await Tally().rate(streams, seconds, look)


async def raw_slow(endpoint: str, api_key: str, seconds: float) -> Figures:
    """The events of a session, as a good engineer would take them without us."""
    async with RawSession.open(endpoint, api_key, TAG) as session, session.events() as events:
        await session.advise()
        return await Tally().rate([events], seconds)


async def ours_slow(endpoint: str, api_key: str, seconds: float) -> Figures:
    """The same through Session."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.open_session() as session,
        session.stream_events() as events,
    ):
        server_handle = await session.register("benchmark")
        await session.advise(server_handle, await session.add_item(server_handle, TAG))
        return await Tally().rate([events], seconds)


def fast_source(plan: Plan) -> Iterator[Comparison]:
    """A source that is not the bottleneck."""
    seconds = plan.seconds(_SECONDS)
    cores = two_cores()
    pinned: Duels = ()
    if cores is not None:
        with server("fast_source", core=cores[0]) as source:
            pinned = _duels(plan, "raw", "ours", core=cores[1], seconds=seconds, **source.address)
            looked_at = _duels(
                plan, "raw_looked_at", "ours_looked_at", core=cores[1], seconds=seconds, **source.address
            )
        yield from _rows("events, each process pinned to a core, raw in its fast mode", pinned, 3)
        what = "the same, and item handle, value, quality and time of each event asked for"
        yield Comparison.of(what, "events/s", "per_second", looked_at, more_is_better=True)
    with server("fast_source") as source:
        free = _duels(plan, "raw", "ours", seconds=seconds, **source.address)
    for mode, duels in _by_mode(free, pinned).items():
        what = f"events, processes free to move, raw in its {mode} mode ({len(duels)} of {len(free)} rounds)"
        yield from _rows(what, duels, 6 if mode == "slow" else 3)


def slow_source(plan: Plan) -> Iterator[Comparison]:
    """A gateway in Python, slower than any of its clients, whose threads would fight with theirs for a core."""
    core, other_core = two_cores() or (None, None)
    with server("simulated_gateway", core=core, changing=True) as gateway:
        seconds = plan.seconds(_SECONDS)
        duels = _duels(plan, "raw_slow", "ours_slow", core=other_core, seconds=seconds, **gateway.address)
    what = "events from a gateway in Python, each process pinned to a core"
    yield Comparison.of(what, "events/s", "per_second", duels, at_least(_NO_WORSE), more_is_better=True)
    yield Comparison.of("", "CPU us an event", "cpu_us", duels)


def many_streams(plan: Plan) -> Iterator[Comparison]:
    """Several busy sessions in one process."""
    for number in (4, 16):
        with server("fast_source") as source:
            duels = _duels(plan, "raw", "ours", seconds=plan.seconds(_SECONDS), number=number, **source.address)
        what = f"{number} saturated streams in one process"
        yield Comparison.of(what, "events/s in all", "per_second", duels, at_least(1.5), more_is_better=True)
        yield Comparison.of("", "CPU us an event", "cpu_us", duels)


def _duels(plan: Plan, theirs: str, ours: str, **options: Any) -> Duels:
    return plan.duels(
        lambda: contestant("event_rates", theirs, **options), lambda: contestant("event_rates", ours, **options)
    )


def _rows(what: str, duels: Duels, times: float) -> Iterator[Comparison]:
    yield Comparison.of(what, "events/s", "per_second", duels, at_least(times), more_is_better=True)
    yield Comparison.of("", "CPU us an event", "cpu_us", duels, at_most(0.4))


def _by_mode(duels: Duels, pinned: Duels) -> dict[str, Duels]:
    """The rounds by raw's mode in them: by what an event cost it, beside what it costs when pinned."""
    fast = statistics.median(raw["cpu_us"] for raw, _ in pinned) if pinned else min(raw["cpu_us"] for raw, _ in duels)
    modes: dict[str, list[tuple[Figures, Figures]]] = {}
    for raw, ours in duels:
        modes.setdefault("slow" if raw["cpu_us"] > _SLOW * fast else "fast", []).append((raw, ours))
    return dict(modes)
