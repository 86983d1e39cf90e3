"""What TagClient adds to the event stream that it stands on, and how it comes to many tags."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any, Final

from comparison import Comparison, Plan, Rival, at_least, ours_at_most
from plant import tag_names
from processes import Figures, contestant, server, two_cores
from streams import Tally, our_events

from mxgateway import GatewayClient, TagChange, TagClient

_SECONDS: Final = 2.0
_WATCHED: Final = 1000
_SUBSCRIBED: Final = 10_000
_HANDFUL: Final = 10


@asynccontextmanager
async def tag_client(endpoint: str, api_key: str) -> AsyncGenerator[TagClient]:
    """A TagClient of its own."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.tags("benchmark") as tags,
    ):
        yield tags


async def stream(endpoint: str, api_key: str, seconds: float, **_: object) -> Figures:
    """The events as EventStream brings them."""
    async with our_events(endpoint, api_key) as streams:
        return await Tally().rate(streams, seconds)


async def watch(endpoint: str, api_key: str, seconds: float, tags: int) -> Figures:
    """The same as changes of tags, in one watch of all of them."""
    async with tag_client(endpoint, api_key) as client, client.watch(*tag_names(tags)) as changes:
        return await Tally().rate([changes], seconds)


async def subscribe(endpoint: str, api_key: str, tags: int) -> Figures:
    """A watch of many tags, until the first value of each has come."""
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
    raise AssertionError(f"{len(missing)} tags have told nothing")


def measure(plan: Plan) -> Iterator[Comparison]:
    source_core, core = two_cores() or (None, None)
    options: dict[str, Any] = {"core": core, "seconds": plan.seconds(_SECONDS), "tags": plan.count(_WATCHED)}
    with server("fast_source", core=source_core, tags=options["tags"]) as source:
        duels = plan.duels(
            lambda: contestant("tag_client", "stream", **options, **source.address),
            lambda: contestant("tag_client", "watch", **options, **source.address),
        )
    what = f"changes of {options['tags']:,} tags in a watch"
    yield Comparison.of(what, "changes/s", "per_second", duels, at_least(0.5), rival=Rival.STREAM, more_is_better=True)
    yield Comparison.of("", "CPU us a change", "cpu_us", duels, rival=Rival.STREAM)
    yield from _subscribed(plan)


def _subscribed(plan: Plan) -> Iterator[Comparison]:
    count = plan.count(_SUBSCRIBED)
    seconds: list[float] = []
    round_trips: list[float] = []
    with server("simulated_gateway", tags=count) as gateway:
        for _ in range(plan.rounds):
            gateway.ask()
            seconds.append(contestant("tag_client", "subscribe", tags=count, **gateway.address)["seconds"])
            calls = gateway.ask()
            # Commands are in capitals; the first one, which every session begins with, is not for the tags.
            round_trips.append(sum(number for call, number in calls.items() if call.isupper() and call != "REGISTER"))
    what = f"{count:,} tags subscribed, a first value of each"
    yield Comparison(
        what=what,
        unit="round trips",
        rival=Rival.NONE,
        theirs=(),
        ours=tuple(round_trips),
        target=ours_at_most(_HANDFUL),
    )
    yield Comparison(what="", unit="s", rival=Rival.NONE, theirs=(), ours=tuple(seconds))
