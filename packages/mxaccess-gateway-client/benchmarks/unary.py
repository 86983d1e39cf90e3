"""What a command costs with one in flight, through Session and by the stub."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from comparison import Comparison, Plan, at_most
from plant import TAG
from processes import Figures, contestant, server
from raw_session import RawSession

from mxgateway import GatewayClient

_CALLS: Final = 2000
_WARM_UP: Final = 100


async def raw(endpoint: str, api_key: str, calls: int) -> Figures:
    """A write by the stub, as complete as it must be."""
    async with RawSession.open(endpoint, api_key, TAG) as session:
        await session.advise()
        return await _durations(session.write, calls)


async def ours(endpoint: str, api_key: str, calls: int) -> Figures:
    """The same through Session."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        client.open_session() as session,
    ):
        server_handle = await session.register("benchmark")
        item_handle = await session.add_item(server_handle, TAG)
        await session.advise(server_handle, item_handle)

        async def write(number: int) -> None:
            await session.write(server_handle, item_handle, number)

        return await _durations(write, calls)


def measure(plan: Plan) -> Iterator[Comparison]:
    calls = plan.count(_CALLS)
    with server("simulated_gateway") as gateway:
        duels = plan.duels(
            lambda: contestant("unary", "raw", calls=calls, **gateway.address),
            lambda: contestant("unary", "ours", calls=calls, **gateway.address),
        )
    yield Comparison.of("a command, one in flight: Write", "p50 us", "p50_us", duels, at_most(1.15))


async def _durations(call: Callable[[int], Awaitable[None]], count: int) -> Figures:
    taken: list[float] = []
    for number in range(_WARM_UP + count):
        began = time.perf_counter()
        await call(number)
        taken.append(time.perf_counter() - began)
    return {"p50_us": statistics.median(taken[_WARM_UP:]) * 1e6}
