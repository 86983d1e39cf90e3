"""Durations of reads and writes of tags, for any client."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from processes import Figures

_TIMES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TagAccess:
    """What a client can do with its tags, each by its number.

    Attributes:
        tags: The number of tags.
        read: Reads one tag.
        value: Returns the value of a reading.
        write: Writes one tag, and returns when its outcome is as certain as it gets with this client.
        hand_over: Writes one tag, and returns when the server has accepted it.
        read_all: Reads all tags with one call.
        write_all: Writes all tags, and returns when each outcome is as certain as it gets with this client.
    """

    tags: int
    read: Callable[[int], Awaitable[Any]]
    value: Callable[[Any], object]
    write: Callable[[int, int], Awaitable[None]]
    hand_over: Callable[[int, int], Awaitable[None]]
    read_all: Callable[[], Awaitable[Sequence[object]]]
    write_all: Callable[[int], Awaitable[None]]

    async def durations(self, calls: int) -> Figures:
        """Return the duration of each operation; single ones are measured `calls` times.

        All tags are written to before they are read: a gateway then has them advised, and replies from its cache.
        """

        async def reads(_: int) -> None:
            answers = await asyncio.gather(*(self.read(number) for number in range(self.tags)))
            assert None not in [self.value(answer) for answer in answers]

        async def writes(value: int) -> None:
            await asyncio.gather(*(self.write(number, value) for number in range(self.tags)))

        async def hand_overs(value: int) -> None:
            await asyncio.gather(*(self.hand_over(number, value) for number in range(self.tags)))

        async def read_all(_: int) -> None:
            assert len(await self.read_all()) == self.tags

        async def read(_: int) -> None:
            self.value(await self.read(0))

        async def write(value: int) -> None:
            await self.write(0, value)

        write_all_seconds, write_all_cpu_seconds = await _medians(self.write_all, _TIMES)
        return {
            "write_all_ms": write_all_seconds * 1e3,
            "write_all_cpu_ms": write_all_cpu_seconds * 1e3,
            "writes_ms": await _median(writes, _TIMES) * 1e3,
            # Writes whose outcome is missing would hold up the next ones.
            "hand_overs_ms": await _median(hand_overs, _TIMES, settle=writes) * 1e3,
            "write_us": await _median(write, calls) * 1e6,
            "reads_ms": await _median(reads, _TIMES) * 1e3,
            "read_us": await _median(read, calls) * 1e6,
            "read_all_ms": await _median(read_all, _TIMES) * 1e3,
        }


async def _median(
    do: Callable[[int], Awaitable[None]], times: int, *, settle: Callable[[int], Awaitable[None]] | None = None
) -> float:
    """Return the median duration in seconds after a warm-up. The time of `settle` is not counted."""
    seconds, _ = await _medians(do, times, settle=settle)
    return seconds


async def _medians(
    do: Callable[[int], Awaitable[None]], times: int, *, settle: Callable[[int], Awaitable[None]] | None = None
) -> tuple[float, float]:
    """Return the median duration and the median CPU time of this process, both in seconds."""
    taken: list[float] = []
    used: list[float] = []
    warm_up = 1 + times // 20
    for number in range(1, 1 + warm_up + times):
        began, used_before = time.perf_counter(), time.process_time()
        await do(number)
        taken.append(time.perf_counter() - began)
        used.append(time.process_time() - used_before)
        if settle is not None:
            await settle(number)
    return statistics.median(taken[warm_up:]), statistics.median(used[warm_up:])
