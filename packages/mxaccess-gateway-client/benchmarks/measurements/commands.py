"""Measure the duration of a command with one in flight, with Session and with the stub."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from clients.raw_grpc import RawSession
from comparison import Comparison, Plan, Rival, at_most, ours_at_most
from processes import Figures, contestant, server
from servers.plant import TAG

from mxgateway import ClientOptions, GatewayClient
from mxgateway import sync as synchronous

_CALLS: Final = 2000
_WARM_UP_CALLS: Final = 100


async def raw(endpoint: str, api_key: str, calls: int) -> Figures:
    """Measure writes with the generated stub."""
    async with RawSession.open(endpoint, api_key, TAG) as session:
        await session.advise()
        return await _durations(session.write, calls)


async def ours(endpoint: str, api_key: str, calls: int) -> Figures:
    """Measure the same writes with Session."""
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


async def beyond_await(endpoint: str, api_key: str, calls: int) -> Figures:
    """Measure how much longer a call takes with `mxgateway.sync`, in turns with the same call by `await`."""
    options = ClientOptions(endpoint=endpoint, api_key=api_key, plaintext=True)
    awaited: list[float] = []
    blocking: list[float] = []
    async with GatewayClient.connect(options) as client, client.open_session() as session:
        with synchronous.GatewayClient.connect(options) as sync_client, sync_client.open_session() as sync_session:
            for number in range(_WARM_UP_CALLS + calls):
                began = time.perf_counter()
                await session.ping()
                between = time.perf_counter()
                sync_session.ping()
                if number >= _WARM_UP_CALLS:
                    awaited.append(between - began)
                    blocking.append(time.perf_counter() - between)
    return {"us": (statistics.median(blocking) - statistics.median(awaited)) * 1e6}


def measure(plan: Plan) -> Iterator[Comparison]:
    calls = plan.count(_CALLS)
    with server("simulated_gateway") as gateway:
        rounds = plan.run_rounds(
            lambda: contestant(__name__, "raw", calls=calls, **gateway.address),
            lambda: contestant(__name__, "ours", calls=calls, **gateway.address),
        )
        differences = [
            contestant(__name__, "beyond_await", calls=calls, **gateway.address)["us"] for _ in range(plan.rounds)
        ]
    yield Comparison.of("a command, one in flight: Write", "p50 us", "p50_us", rounds, at_most(1.15))
    yield Comparison(
        what="a call of mxgateway.sync, beyond the same call with await",
        unit="p50 us",
        rival=Rival.NONE,
        theirs=(),
        ours=tuple(differences),
        target=ours_at_most(120),
    )


async def _durations(call: Callable[[int], Awaitable[None]], count: int) -> Figures:
    durations: list[float] = []
    for number in range(_WARM_UP_CALLS + count):
        began = time.perf_counter()
        await call(number)
        durations.append(time.perf_counter() - began)
    return {"p50_us": statistics.median(durations[_WARM_UP_CALLS:]) * 1e6}
