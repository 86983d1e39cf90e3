"""What a TagClient does beside asyncua, the OPC UA client in Python, each against a server of its own."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from typing import Final

from comparison import Comparison, Plan, Rival, at_most
from plant import tag_names
from processes import Figures, contestant, server, two_cores
from streams import Tally
from tag_access import TagAccess
from tag_client import tag_client

from mxgateway import TagReading

_TAGS: Final = 1000
_SECONDS: Final = 2.0
_CALLS: Final = 500


async def changes(endpoint: str, api_key: str, tags: int, seconds: float) -> Figures:
    """The changes of as many tags, in one watch."""
    async with tag_client(endpoint, api_key) as client, client.watch(*tag_names(tags)) as watch:
        return await Tally().rate([watch], seconds)


async def calls(endpoint: str, api_key: str, tags: int, times: int) -> Figures:
    """Reads and writes of as many tags; a write that isn't only handed over returns with MXAccess's outcome."""
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

        access = TagAccess(tags=tags, read=read, value=value, write=write, hand_over=hand_over, read_all=read_all)
        return await access.durations(times)


def measure(plan: Plan) -> Iterator[Comparison]:
    tags = plan.count(_TAGS)
    yield from _changes(plan, tags)
    times = plan.count(_CALLS)
    # As if the server had a machine of its own: free to move, its threads and the client's fight for a core.
    core, other_core = two_cores() or (None, None)
    with (
        server("opcua_server", core=core, nodes=tags) as opc_ua,
        server("simulated_gateway", core=core, tags=tags) as gateway,
    ):
        duels = plan.duels(
            lambda: contestant("asyncua_client", "calls", core=other_core, times=times, **opc_ua.address),
            lambda: contestant("opc_ua", "calls", core=other_core, tags=tags, times=times, **gateway.address),
        )
    for what, unit, key, target in (
        ("a read, one in flight", "p50 us", "read_us", None),
        ("a write and its outcome, one in flight", "p50 us", "write_us", None),
        (f"a read of {tags:,} tags at once", "ms", "read_all_ms", None),
        (f"{tags:,} reads asked for at the same time", "ms", "reads_ms", at_most(0.1)),
        ("the same, each awaited in a task of its own", "ms", "reads_in_tasks_ms", None),
        (f"{tags:,} writes at the same time, each until the server has taken it", "ms", "hand_overs_ms", at_most(0.1)),
        ("the same, ours until MXAccess has told the outcome of each", "ms", "writes_ms", None),
    ):
        yield Comparison.of(what, unit, key, duels, target, rival=Rival.ASYNCUA)


def _changes(plan: Plan, tags: int) -> Iterator[Comparison]:
    seconds = plan.seconds(_SECONDS)
    duels: list[tuple[Figures, Figures]] = []
    for _ in range(plan.rounds):
        # One server at a time: both would take all that the machine has.
        with server("opcua_server", nodes=tags, changing=True) as opc_ua:
            theirs = contestant("asyncua_client", "changes", seconds=seconds, **opc_ua.address)
        with server("fast_source", tags=tags) as source:
            duels.append((theirs, contestant("opc_ua", "changes", tags=tags, seconds=seconds, **source.address)))
    what = f"changes of {tags:,} tags: asyncua from its own server, ours from the fast source"
    yield Comparison.of(what, "changes/s", "per_second", duels, rival=Rival.ASYNCUA, more_is_better=True)
    yield Comparison.of("", "CPU us a change", "cpu_us", duels, rival=Rival.ASYNCUA)
