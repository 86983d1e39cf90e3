"""Count received items, and measure their rate and CPU time."""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections.abc import AsyncIterable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

from processes import Figures

# After the first item.
_WARM_UP_SECONDS: Final = 0.5
_STATM: Final = Path("/proc/self/statm")

ItemT = TypeVar("ItemT")


class ItemCounter:
    """Counts the items that streams deliver.

    Attributes:
        received: How many items have been received so far.
    """

    def __init__(self) -> None:
        self.received: int = 0

    async def measure(
        self, streams: Sequence[AsyncIterable[ItemT]], seconds: float, use: Callable[[ItemT], object] | None = None
    ) -> Figures:
        """Read all streams concurrently, call `use` with each item, and return the rate and the CPU time per item."""
        async with asyncio.TaskGroup() as group:
            readers = [group.create_task(self._read(stream, use)) for stream in streams]
            await warm_up(lambda: self.received, seconds)
            received, began, cpu = self.received, time.perf_counter(), time.process_time()
            await asyncio.sleep(seconds)
            await wait_until(lambda: self.received > received)
            received = self.received - received
            elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
            for reader in readers:
                reader.cancel()
        return {"per_second": received / elapsed, "cpu_us": cpu / received * 1e6}

    async def _read(self, stream: AsyncIterable[ItemT], use: Callable[[ItemT], object] | None) -> None:
        if use is None:
            async for _ in stream:
                self.received += 1
        else:
            async for item in stream:
                use(item)
                self.received += 1


async def warm_up(has_items: Callable[[], object], seconds: float) -> None:
    """Wait for the first item, and then for half a second or the length of the measurement, whichever is shorter."""
    await wait_until(has_items)
    await asyncio.sleep(min(_WARM_UP_SECONDS, seconds))


async def wait_until(condition: Callable[[], object]) -> None:
    """Wait for a condition that is true at once, unless the machine is busy."""
    while not condition():  # noqa: ASYNC110 - setting an event for each item would cost time
        await asyncio.sleep(0.01)


def percentile(durations: Sequence[float], percent: int) -> float:
    """Return the duration that `percent` percent of the durations do not exceed."""
    return sorted(durations)[math.ceil(len(durations) * percent / 100) - 1]


def can_measure_memory() -> bool:
    """Return whether the system shows a process its current size, as only Linux does."""
    return _STATM.exists()


def resident_bytes() -> int:
    """Return the size of this process, or 0 if the system does not show it."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if can_measure_memory() else 0
