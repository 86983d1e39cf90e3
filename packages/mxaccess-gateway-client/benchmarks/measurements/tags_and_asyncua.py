"""Compare TagClient with asyncua, the OPC UA client in Python, each against its own server."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from typing import Final

from clients.tag_access import TagAccess
from clients.this_client import tag_client
from comparison import Comparison, Plan, Rival, at_most
from processes import Figures, contestant, server, two_cores
from sampling import ItemCounter
from servers.plant import tag_names

from mxgateway import TagReading, WriteState

_TAGS: Final = 1000
_SECONDS: Final = 2.0
_CALLS: Final = 500


async def changes(endpoint: str, api_key: str, tags: int, seconds: float) -> Figures:
    """Return the rate of changes of all tags in one watch."""
    async with tag_client(endpoint, api_key) as client, client.watch(*tag_names(tags)) as watch:
        return await ItemCounter().measure([watch], seconds)


async def calls(endpoint: str, api_key: str, tags: int, times: int) -> Figures:
    """Return the durations of reads and writes. Unless it is only handed over, a write returns with its outcome."""
    names = tag_names(tags)
    async with tag_client(endpoint, api_key) as client:

        def read(number: int) -> Awaitable[tuple[TagReading, ...]]:
            return client.read(names[number])

        def value(readings: tuple[TagReading, ...]) -> object:
            return readings[0].value

        def write(number: int, value: int) -> Awaitable[None]:
            return client.write(names[number], value)

        def hand_over(number: int, value: int) -> Awaitable[None]:
            return client.write(names[number], value, confirm=False)

        async def read_all() -> Sequence[object]:
            return [reading.value for reading in await client.read(*names)]

        async def write_all(value: int) -> None:
            outcomes = await client.write_many(dict.fromkeys(names, value))
            assert all(outcome.state is WriteState.CONFIRMED for outcome in outcomes)

        access = TagAccess(
            tags=tags,
            read=read,
            value=value,
            write=write,
            hand_over=hand_over,
            read_all=read_all,
            write_all=write_all,
        )
        return await access.durations(times)


def measure(plan: Plan) -> Iterator[Comparison]:
    tags = plan.count(_TAGS)
    yield from _changes(plan, tags)
    times = plan.count(_CALLS)
    # As if the server had its own machine: otherwise its threads and the client's compete for a core.
    core, other_core = two_cores() or (None, None)
    with (
        server("opcua_server", core=core, nodes=tags) as opc_ua,
        server("simulated_gateway", core=core, tags=tags) as gateway,
    ):
        rounds = plan.run_rounds(
            lambda: contestant("clients.asyncua_client", "calls", core=other_core, times=times, **opc_ua.address),
            lambda: contestant(__name__, "calls", core=other_core, tags=tags, times=times, **gateway.address),
        )
    for what, unit, key, target in (
        ("a read, one in flight", "p50 us", "read_us", None),
        ("a write and its outcome, one in flight", "p50 us", "write_us", None),
        (f"one read of {tags:,} tags", "ms", "read_all_ms", at_most(0.2)),
        (f"{tags:,} gathered reads", "ms", "reads_ms", at_most(0.2)),
        (f"{tags:,} gathered writes, each until the server has accepted it", "ms", "hand_overs_ms", None),
        ("the same, ours until MXAccess has confirmed each", "ms", "writes_ms", None),
        (f"`write_many` of {tags:,} tags until each outcome is known", "ms", "write_all_ms", at_most(1 / 1.2)),
        ("", "CPU ms of the client", "write_all_cpu_ms", None),
    ):
        yield Comparison.of(what, unit, key, rounds, target, rival=Rival.ASYNCUA)


def _changes(plan: Plan, tags: int) -> Iterator[Comparison]:
    seconds = plan.seconds(_SECONDS)
    rounds: list[tuple[Figures, Figures]] = []
    for _ in range(plan.rounds):
        # One server at a time: both together would use the whole machine.
        with server("opcua_server", nodes=tags, changing=True) as opc_ua:
            theirs = contestant("clients.asyncua_client", "changes", seconds=seconds, **opc_ua.address)
        with server("fast_source", tags=tags) as source:
            rounds.append((theirs, contestant(__name__, "changes", tags=tags, seconds=seconds, **source.address)))
    what = f"changes of {tags:,} tags: asyncua from its own server, ours from the fast source"
    yield Comparison.of(what, "changes/s", "per_second", rounds, rival=Rival.ASYNCUA, more_is_better=True)
    yield Comparison.of("", "CPU us per change", "cpu_us", rounds, rival=Rival.ASYNCUA)
