"""Taking from a stream until enough came or the time is over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable

__all__ = ["take"]

ItemT = TypeVar("ItemT")


async def take(
    stream: AsyncIterable[ItemT], use: Callable[[ItemT], None], *, at_most: int | None, seconds: float | None
) -> None:
    """Use each item of a stream until `at_most` came or `seconds` are over, or for ever.

    Raises:
        MxGatewayError: the stream was lost.
    """
    # A deadline that has passed is the end that was asked for; a TimeoutError of the library's is an error.
    deadline = asyncio.timeout(seconds)
    taken = 0
    try:
        async with deadline:
            async for item in stream:
                use(item)
                taken += 1
                if taken == at_most:
                    return
    except TimeoutError:
        if not deadline.expired():
            raise
