"""How long reads and writes of tags take, whoever carries them out.

What is asked for at the same time is gathered as the client gives it; reads also each in a task of its own.
"""

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
        tags: how many there are.
        read: read one.
        value: the value in what a read brings.
        write: write one, which returns when it is as certain as it gets here.
        hand_over: write one, which returns when the server has taken it.
        read_all: read all with one call.
    """

    tags: int
    read: Callable[[int], Awaitable[Any]]
    value: Callable[[Any], object]
    write: Callable[[int, int], Awaitable[None]]
    hand_over: Callable[[int, int], Awaitable[None]]
    read_all: Callable[[], Awaitable[Sequence[object]]]

    async def durations(self, calls: int) -> Figures:
        """What each way to use them takes; single ones so many times.

        All have been written to before they are read: so a gateway has them advised, and answers from what it holds.
        """

        async def reads(_: int) -> None:
            answers = await asyncio.gather(*(self.read(number) for number in range(self.tags)))
            assert None not in [self.value(answer) for answer in answers]

        async def own_value(number: int) -> object:
            return self.value(await self.read(number))

        async def reads_in_tasks(_: int) -> None:
            assert None not in await asyncio.gather(*(own_value(number) for number in range(self.tags)))

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

        return {
            "writes_ms": await _median(writes, _TIMES) * 1e3,
            # What is not certain yet would hold up the next ones.
            "hand_overs_ms": await _median(hand_overs, _TIMES, settle=writes) * 1e3,
            "write_us": await _median(write, calls) * 1e6,
            "reads_ms": await _median(reads, _TIMES) * 1e3,
            "reads_in_tasks_ms": await _median(reads_in_tasks, _TIMES) * 1e3,
            "read_us": await _median(read, calls) * 1e6,
            "read_all_ms": await _median(read_all, _TIMES) * 1e3,
        }


async def _median(
    do: Callable[[int], Awaitable[None]], times: int, *, settle: Callable[[int], Awaitable[None]] | None = None
) -> float:
    """How long it takes, after a first part that isn't looked at; what settles it doesn't count."""
    taken: list[float] = []
    warm_up = 1 + times // 20
    for number in range(1, 1 + warm_up + times):
        began = time.perf_counter()
        await do(number)
        taken.append(time.perf_counter() - began)
        if settle is not None:
            await settle(number)
    return statistics.median(taken[warm_up:])
