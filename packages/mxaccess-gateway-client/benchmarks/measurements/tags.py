"""Measure TagClient: the rate of changes compared with its event stream, and subscribing many tags."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, Final

from clients.this_client import our_events, tag_client
from comparison import Comparison, Plan, Rival, at_least, ours_at_most
from processes import Figures, contestant, server, two_cores
from sampling import ItemCounter
from servers.plant import tag_names

from mxgateway import TagChange

_SECONDS: Final = 2.0
_WATCHED_TAGS: Final = 1000
_SUBSCRIBED_TAGS: Final = 10_000
_MAX_ROUND_TRIPS: Final = 10


async def stream(endpoint: str, api_key: str, seconds: float, **_: object) -> Figures:
    """Return the rate of events from EventStream."""
    async with our_events(endpoint, api_key) as streams:
        return await ItemCounter().measure(streams, seconds)


async def watch(endpoint: str, api_key: str, seconds: float, tags: int) -> Figures:
    """Return the rate of the same events as tag changes in one watch."""
    async with tag_client(endpoint, api_key) as client, client.watch(*tag_names(tags)) as changes:
        return await ItemCounter().measure([changes], seconds)


async def subscribe(endpoint: str, api_key: str, tags: int) -> Figures:
    """Return the duration from watching tags to the first value of each."""
    names = tag_names(tags)
    async with tag_client(endpoint, api_key) as client:
        began = time.perf_counter()
        missing = set(names)
        async with client.watch(*names) as changes:
            async for change in changes:
                assert isinstance(change, TagChange)
                missing.discard(change.tag)
                if not missing:
                    return {"seconds": time.perf_counter() - began}
    raise AssertionError(f"{len(missing)} tags have no value")


def measure(plan: Plan) -> Iterator[Comparison]:
    source_core, core = two_cores() or (None, None)
    options: dict[str, Any] = {"core": core, "seconds": plan.seconds(_SECONDS), "tags": plan.count(_WATCHED_TAGS)}
    with server("fast_source", core=source_core, tags=options["tags"]) as source:
        rounds = plan.run_rounds(
            lambda: contestant(__name__, "stream", **options, **source.address),
            lambda: contestant(__name__, "watch", **options, **source.address),
        )
    what = f"changes of {options['tags']:,} tags in a watch"
    yield Comparison.of(what, "changes/s", "per_second", rounds, at_least(0.5), rival=Rival.STREAM, more_is_better=True)
    yield Comparison.of("", "CPU us per change", "cpu_us", rounds, rival=Rival.STREAM)
    yield from _subscribed(plan)


def _subscribed(plan: Plan) -> Iterator[Comparison]:
    count = plan.count(_SUBSCRIBED_TAGS)
    seconds: list[float] = []
    round_trips: list[float] = []
    with server("simulated_gateway", tags=count) as gateway:
        for _ in range(plan.rounds):
            gateway.calls_since_last_time()
            seconds.append(contestant(__name__, "subscribe", tags=count, **gateway.address)["seconds"])
            calls = gateway.calls_since_last_time()
            # Commands are in capitals. Every session begins with REGISTER, which is not counted.
            round_trips.append(sum(number for call, number in calls.items() if call.isupper() and call != "REGISTER"))
    what = f"{count:,} tags subscribed, a first value of each"
    yield Comparison(
        what=what,
        unit="round trips",
        rival=Rival.NONE,
        theirs=(),
        ours=tuple(round_trips),
        target=ours_at_most(_MAX_ROUND_TRIPS),
    )
    yield Comparison(what="", unit="s", rival=Rival.NONE, theirs=(), ours=tuple(seconds))
