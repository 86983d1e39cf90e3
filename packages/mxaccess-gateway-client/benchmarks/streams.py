"""The event streams that are compared, and how what they bring is counted."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, TypeVar

import grpc.aio
from mxaccess_gateway.v1 import mxaccess_gateway_pb2 as pb
from mxaccess_gateway.v1 import mxaccess_gateway_pb2_grpc as pb_grpc
from processes import Figures

from mxgateway import EventStream, GatewayClient

# Seconds after the first item.
_WARM_UP: Final = 0.5

ItemT = TypeVar("ItemT")


@asynccontextmanager
async def raw_events(endpoint: str, number: int = 1) -> AsyncGenerator[list[AsyncIterable[pb.MxEvent]]]:
    """Streams as a good engineer would open them without us."""
    async with grpc.aio.insecure_channel(endpoint) as channel:
        stub = pb_grpc.MxAccessGatewayStub(channel)
        calls = [stub.StreamEvents(pb.StreamEventsRequest(session_id="benchmark")) for _ in range(number)]
        try:
            yield list(calls)
        finally:
            for call in calls:
                call.cancel()


@asynccontextmanager
async def our_events(endpoint: str, api_key: str, number: int = 1) -> AsyncGenerator[list[EventStream]]:
    """The event streams of so many sessions."""
    async with (
        GatewayClient.connect(endpoint=endpoint, api_key=api_key, plaintext=True) as client,
        AsyncExitStack() as open_ones,
    ):
        sessions = [await open_ones.enter_async_context(client.open_session()) for _ in range(number)]
        yield [await open_ones.enter_async_context(session.stream_events()) for session in sessions]


class Tally:
    """Counts what streams bring.

    Attributes:
        taken: how many items have been taken so far.
    """

    def __init__(self) -> None:
        self.taken: int = 0

    async def rate(
        self, streams: Sequence[AsyncIterable[ItemT]], seconds: float, look: Callable[[ItemT], object] | None = None
    ) -> Figures:
        """Take from all streams at once, look at each item when told how, and give the rate and its price."""
        async with asyncio.TaskGroup() as group:
            takers = [group.create_task(self._take(stream, look)) for stream in streams]
            await warm_up(lambda: self.taken, seconds)
            taken, began, cpu = self.taken, time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            await until(lambda: self.taken > taken)
            taken, elapsed, cpu = self.taken - taken, time.perf_counter() - began, time.process_time() - cpu
            for taker in takers:
                taker.cancel()
        return {"per_second": taken / elapsed, "cpu_us": cpu / taken * 1e6}

    async def _take(self, stream: AsyncIterable[ItemT], look: Callable[[ItemT], object] | None) -> None:
        if look is None:
            async for _ in stream:
                self.taken += 1
        else:
            async for item in stream:
                look(item)
                self.taken += 1


async def warm_up(begun: Callable[[], object], seconds: float) -> None:
    """Wait until items come, and for a while longer; less of it before a short measurement."""
    await until(begun)
    await asyncio.sleep(min(_WARM_UP, seconds))


async def until(condition: Callable[[], object]) -> None:
    """Wait for what is true at once, but on a machine that is busy with other things."""
    while not condition():  # noqa: ASYNC110 - an event to wait for would cost something with each item
        await asyncio.sleep(0.01)


def percentile(taken: Sequence[float], percent: int) -> float:
    """What so many percent are at most."""
    return sorted(taken)[math.ceil(len(taken) * percent / 100) - 1]
