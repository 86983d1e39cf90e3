"""Measure what many tags cost: to begin a watch, to come back after a lost session, and in memory."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from typing import Final

from comparison import Comparison, Plan, Rival, Rounds, at_most, ours_at_most
from processes import Figures, contestant, server
from sampling import resident_bytes
from servers.plant import tag_names

from mxgateway import GatewayClient, MxGatewayError, TagChange, TagWatch

_FEW: Final = 5_000
_MANY: Final = 50_000
# A linear cost would be 1: the rest is for caches that many tags no longer fit into.
_LINEAR: Final = 1.5


async def watch(endpoint: str, api_key: str, tags: int) -> Figures:
    """Return the CPU time per tag to begin and to come back, in microseconds, and the memory per tag in kilobytes."""
    names = tag_names(tags)
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.tags("benchmark", reconnect_delay=0.01) as tag_client,
    ):
        gc.collect()
        size, began, loop_began = resident_bytes(), time.process_time(), time.thread_time()
        async with tag_client.watch(*names, queue_size=2 * tags) as changes:
            await _all_values(changes, tags)
            begin_seconds, loop_seconds = time.process_time() - began, time.thread_time() - loop_began
            gc.collect()
            memory = resident_bytes() - size
            saved = tag_client.saved_session()
            assert saved is not None
            began = time.process_time()
            await _end_session(client, saved.session_id)
            await _all_values(changes, tags)
            return {
                "begin_us": begin_seconds / tags * 1e6,
                "begin_loop_us": loop_seconds / tags * 1e6,
                "recover_us": (time.process_time() - began) / tags * 1e6,
                "kilobytes": memory / tags / 1000,
            }
    raise AssertionError


def measure(plan: Plan) -> Iterator[Comparison]:
    few, many = plan.count(_FEW), plan.count(_MANY)
    with server("simulated_gateway", tags=many) as gateway:
        rounds: Rounds = plan.run_rounds(
            lambda: contestant(__name__, "watch", tags=few, **gateway.address),
            lambda: contestant(__name__, "watch", tags=many, **gateway.address),
        )
    for what, unit, key, limit in (
        (f"a watch of {many:,} tags begins", "CPU us per tag", "begin_us", 40),
        # The rest is gRPC's: a gateway in Python sends the first values one by one.
        ("of that in the event loop", "CPU us per tag", "begin_loop_us", None),
        ("it comes back after a lost session", "CPU us per tag", "recover_us", 50),
        ("what it takes", "kB per tag", "kilobytes", 1),
    ):
        ours = tuple(figures[key] for _, figures in rounds)
        target = None if limit is None else ours_at_most(limit)
        yield Comparison(what=what, unit=unit, rival=Rival.NONE, theirs=(), ours=ours, target=target)
    what = f"the same for {many:,} as for {few:,} tags: begin"
    for text, key in ((what, "begin_us"), ("come back", "recover_us")):
        yield Comparison.of(text, "CPU us per tag", key, rounds, at_most(_LINEAR), rival=Rival.FEW)


async def _all_values(changes: TagWatch, tags: int) -> None:
    seen = 0
    while seen < tags:
        seen += sum(isinstance(item, TagChange) for item in await changes.take(tags))


async def _end_session(client: GatewayClient, session_id: str) -> None:
    try:
        await client.attach_session(session_id).close()
    except MxGatewayError as error:
        raise AssertionError("the session could not be ended") from error
